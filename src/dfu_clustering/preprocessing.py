"""From the feature matrix to the space that is clustered, as one scikit-learn pipeline.

The fitted pipeline holds all that was learnt, so that next month's matrix can be put into the same space.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from dfu_clustering.config import ClusteringConfig
from dfu_clustering.features import DFU_ATTRIBUTES, ITEM_ATTRIBUTES, TIME_SERIES_FEATURES, Attribute
from dfu_clustering.shape import SHAPE_COLUMNS, SHAPE_SOURCES, NoiseDiscount, shape_columns
from dfu_clustering.transformers import (
    NULL,
    BlockWeight,
    ClippedRobustScaler,
    FrequencyEncoder,
    LowVarianceFilter,
    MatrixColumns,
    MedianImputer,
    PrincipalComponents,
    Winsorizer,
)

# settings that make the clustered space; where one changed, distances in the space of before mean nothing
SPACE_SETTINGS = (
    *("min_months_history", "time_window_months", "feature_set", "discount_noise", "feature_scaling"),
    *("winsorize_quantiles", "min_variance", "attributes", "max_categories", "use_pca", "pca_explained_variance"),
)

NUMERIC_FEATURES = tuple(feature.name for feature in TIME_SERIES_FEATURES if feature.name != "demand_class")


def build_preprocessing(config: ClusteringConfig) -> Pipeline:
    """Return the unfitted pipeline from a feature matrix to a float64 (n_dfus, n_columns) array.

    Steps: ``matrix`` takes the columns that are used; ``space`` holds the block ``time_series`` (transforms,
    imputation by the median, winsorising, low-variance filter, scaling and, for feature_set "shape", the discount of
    noise) and, where their weight is above 0, the blocks ``item_attributes`` and ``dfu_attributes``; ``components`` is
    the optional PCA of all columns.

    Fitting or applying it raises DataError where the matrix lacks a column or holds something else than finite numbers
    in a numeric one, and fitting it also where no time-series column varies among several DFUs.
    """
    names = SHAPE_SOURCES if config.feature_set == "shape" else NUMERIC_FEATURES
    attributes = (
        ("item_attributes", ITEM_ATTRIBUTES, config.attributes.item),
        ("dfu_attributes", DFU_ATTRIBUTES, config.attributes.dfu),
    )
    used = [block for block in attributes if block[2] > 0]
    numeric = [*names, *(name for _, block, _ in used for name in _names(block, "numeric"))]
    categorical = [name for _, block, _ in used for name in _names(block, "categorical")]
    blocks = [("time_series", _time_series_block(config), list(names))]
    blocks += [
        (title, _attribute_block(block, weight, config), [attribute.name for attribute in block])
        for title, block, weight in used
    ]
    space = ColumnTransformer(blocks, verbose_feature_names_out=False)
    return Pipeline([("matrix", MatrixColumns(numeric, categorical)), ("space", space), *_components(config)])


def space_settings(config: ClusteringConfig) -> dict[str, Any]:
    """Return the settings that make the clustered space, as JSON values."""
    return config.model_dump(mode="json", include=set(SPACE_SETTINGS))


def column_names(pipeline: Pipeline) -> tuple[str, ...]:
    """Return the names of the columns that a fitted preprocessing pipeline makes."""
    return tuple(pipeline.get_feature_names_out().tolist())


def matrix_columns(pipeline: Pipeline) -> tuple[str, ...]:
    """Return the columns of a feature matrix that a preprocessing pipeline takes."""
    return tuple(pipeline.named_steps["matrix"].get_feature_names_out().tolist())


def _time_series_block(config: ClusteringConfig) -> Pipeline | NoiseDiscount:
    # pickled pipelines name both functions by this module: they stay importable from here
    shape = FunctionTransformer(shape_columns, feature_names_out=_shape_names)
    quantiles = config.winsorize_quantiles
    block = Pipeline(
        [
            ("transforms", shape if config.feature_set == "shape" else "passthrough"),
            ("imputation", MedianImputer()),
            ("winsorising", Winsorizer(quantiles.low, quantiles.high)),
            ("low_variance", LowVarianceFilter(config.min_variance)),
            ("scaling", _scaler(config)),
        ]
    )
    return NoiseDiscount(block) if config.feature_set == "shape" and config.discount_noise else block


def _attribute_block(attributes: Sequence[Attribute], weight: float, config: ClusteringConfig) -> Pipeline:
    """Return the pipeline of one block; its numeric and frequency columns are scaled, its one-hot columns stay 0/1."""
    numbers = Pipeline([("imputation", MedianImputer()), ("scaling", _scaler(config))])
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False, feature_name_combiner=_category_name)
    frequency = Pipeline([("frequency", FrequencyEncoder()), ("scaling", _scaler(config))])
    which = partial(_categorical_columns, names=_names(attributes, "categorical"), max_categories=config.max_categories)
    encoding = ColumnTransformer(
        [
            ("numeric", numbers, _names(attributes, "numeric")),
            ("one_hot", one_hot, partial(which, few=True)),
            ("frequency", frequency, partial(which, few=False)),
        ],
        verbose_feature_names_out=False,
    )
    constants = LowVarianceFilter(0.0, may_drop_all=True)
    return Pipeline([("encoding", encoding), ("constants", constants), ("weight", BlockWeight(weight))])


def _components(config: ClusteringConfig) -> list[tuple[str, PrincipalComponents]]:
    if not config.use_pca:
        return []
    return [("components", PrincipalComponents(n_components=config.pca_explained_variance, svd_solver="full"))]


def _scaler(config: ClusteringConfig) -> StandardScaler | ClippedRobustScaler:
    robust = config.feature_set == "shape" or config.feature_scaling == "robust"
    return ClippedRobustScaler() if robust else StandardScaler()


def _categorical_columns(texts: pd.DataFrame, *, names: Sequence[str], max_categories: int, few: bool) -> list[str]:
    """Return the columns with at most max_categories values, NULL being one, or else those with more."""
    return [name for name in names if (texts[name].nunique() <= max_categories) == few]


def _names(attributes: Sequence[Attribute], kind: str) -> list[str]:
    return [attribute.name for attribute in attributes if attribute.kind == kind]


def _shape_names(_transformer: Any, _input_features: Any) -> NDArray[np.object_]:  # noqa: ANN401
    return np.array(SHAPE_COLUMNS, dtype=object)


def _category_name(attribute: str, category: str) -> str:
    return f"{attribute} is NULL" if category == NULL else f"{attribute}={category}"
