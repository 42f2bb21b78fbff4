"""From the feature matrix to the space that is clustered, as one scikit-learn pipeline.

The fitted pipeline holds all that was learned, so that next month's matrix can be put into the same space.
"""

from collections.abc import Sequence

from sklearn.pipeline import Pipeline

from dfu_clustering.config.clustering import SpaceSettings
from dfu_clustering.config.warehouse_names import KnownAttribute
from dfu_clustering.features.attributes import clustered_attributes
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES
from dfu_clustering.preprocessing.attribute_encoding import AttributeEncoder
from dfu_clustering.preprocessing.learner import Blocks, Learner
from dfu_clustering.preprocessing.shape import (
    LEVEL_COLUMNS,
    SEASON_PLANE,
    SHAPE_SOURCES,
    NoiseDiscount,
    ShapeColumns,
)
from dfu_clustering.preprocessing.transformers import (
    BlockWeight,
    ClippedRobustScaler,
    LowVarianceFilter,
    MatrixColumns,
    MedianImputer,
    PrincipalComponents,
    SeasonPlane,
    StandardScaling,
    Winsorizer,
)

NUMERIC_FEATURES = tuple(feature.name for feature in TIME_SERIES_FEATURES if feature.name != "demand_class")


def build_preprocessing(settings: SpaceSettings) -> Pipeline:
    """Return the unfitted pipeline from a feature matrix to a float64 (n_dfus, n_columns) array.

    Steps: ``matrix`` takes the columns that are used; ``space`` holds the block ``time_series`` (transforms,
    imputation by the median, winsorising, low-variance filter, scaling and, for feature_set "shape", the plane of
    the season and the discount of noise) and, where their weight is above 0, the blocks ``item_attributes`` and
    ``dfu_attributes``; ``components`` is the optional PCA of all columns.

    Fitting or applying it raises DataError where the matrix lacks a column or holds something else than finite numbers
    in a numeric one, and fitting it also where no time-series column varies among several DFUs.
    """
    names = SHAPE_SOURCES if settings.feature_set == "shape" else NUMERIC_FEATURES
    weights = settings.attributes.model_dump()
    used = [(f"{table}_attributes", block, weights[table]) for table, block in clustered_attributes(settings).items()]
    numeric = [*names, *(name for _, block, _ in used for name in _names(block, "numeric"))]
    categorical = [name for _, block, _ in used for name in _names(block, "categorical")]
    blocks = [("time_series", _time_series_block(settings), list(names))]
    blocks += [
        (title, _attribute_block(block, weight, settings), [attribute.name for attribute in block])
        for title, block, weight in used
    ]
    return Pipeline(
        [("matrix", MatrixColumns(numeric, categorical)), ("space", Blocks(blocks)), *_components(settings)]
    )


def column_names(pipeline: Pipeline) -> tuple[str, ...]:
    """Return the names of the columns that a fitted preprocessing pipeline makes."""
    return tuple(pipeline.get_feature_names_out().tolist())


def matrix_columns(pipeline: Pipeline) -> tuple[str, ...]:
    """Return the columns of a feature matrix that a preprocessing pipeline takes."""
    return tuple(pipeline.named_steps["matrix"].get_feature_names_out().tolist())


def _time_series_block(settings: SpaceSettings) -> Pipeline | NoiseDiscount:
    quantiles = settings.winsorize_quantiles
    steps = [
        ("imputation", MedianImputer()),
        ("winsorising", Winsorizer(quantiles.low, quantiles.high)),
        ("low_variance", LowVarianceFilter(settings.min_variance)),
        ("scaling", _scaler(settings)),
    ]
    if settings.feature_set == "all":
        return Pipeline(steps)
    parts = Blocks(
        [
            ("levels", Pipeline(steps), LEVEL_COLUMNS),
            ("season", SeasonPlane(settings.min_variance), SEASON_PLANE),
        ]
    )
    block = Pipeline([("columns", ShapeColumns()), ("parts", parts)])
    return NoiseDiscount(block) if settings.discount_noise else block


def _attribute_block(attributes: Sequence[KnownAttribute], weight: float, settings: SpaceSettings) -> Pipeline:
    """Return the pipeline of one block; its numeric and frequency columns are scaled, its one-hot columns stay 0/1."""
    numeric, categorical = _names(attributes, "numeric"), _names(attributes, "categorical")
    encoding = AttributeEncoder(numeric, categorical, settings.max_categories, _scaler(settings))
    constants = LowVarianceFilter(0.0, may_drop_all=True)
    return Pipeline([("encoding", encoding), ("constants", constants), ("weight", BlockWeight(weight))])


def _components(settings: SpaceSettings) -> list[tuple[str, PrincipalComponents]]:
    if not settings.use_pca:
        return []
    return [("components", PrincipalComponents(settings.pca_explained_variance))]


def _scaler(settings: SpaceSettings) -> Learner:
    robust = settings.feature_set == "shape" or settings.feature_scaling == "robust"
    return ClippedRobustScaler() if robust else StandardScaling()


def _names(attributes: Sequence[KnownAttribute], kind: str) -> list[str]:
    return [attribute.name for attribute in attributes if attribute.kind == kind]
