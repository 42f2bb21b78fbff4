"""How far DFUs moved since they were published, and which feature carried them there, in original units."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from dfu_clustering.arrays import Flags, Floats, Integers, Objects
from dfu_clustering.preprocessing.pipeline import column_names

_COMPONENTS = "components"  # the optional PCA step; a component is no feature, so moves are told before it
# of each column of the space the features it is made of, the most telling first; others are made of their namesake
_SOURCES: Final = {
    "log1p_mean_demand": ("mean_demand",),
    "log_sparsity_score": ("sparsity_score",),
    "log1p_cv2_demand": ("cv2_demand",),
    "log1p_residual_cv": ("residual_cv",),
    "annual_trend": ("trend_slope", "residual_cv", "history_months", "mean_demand"),
    "log_growth": ("log_growth", "residual_cv", "history_months"),
    "log_recent": ("log_recent", "residual_cv", "history_months"),
    "lag1_autocorrelation": ("lag1_autocorrelation", "history_months"),
    "seasonality_strength": ("seasonality_strength", "history_months"),
    "season_sin": ("peak_month", "seasonality_strength", "history_months"),
    "season_cos": ("peak_month", "seasonality_strength", "history_months"),
}


@dataclass(frozen=True, eq=False)
class Movement:
    """What happened to n DFUs between two matrices, all arrays of shape (n,).

    Attributes:
        move: Distance moved in the space, as a multiple of the distance from the cluster's centroid to the next one.
        feature: Column of the feature matrix that moved most towards the cluster a DFU is in now; where it stayed in
            its cluster, that moved most.
        before, after: Its values in original units; NaN where it is no number.
    """

    move: Floats
    feature: Objects
    before: Floats
    after: Floats


def movement(
    preprocessing: Pipeline,
    centroids: Floats,
    old_matrix: pd.DataFrame,
    new_matrix: pd.DataFrame,
    old_cluster: Integers,
    new_cluster: Integers,
    *,
    peak_threshold: float,
) -> Movement:
    """Compare the same DFUs in two feature matrices, both seen through this month's preprocessing.

    Args:
        preprocessing: Fitted, from a feature matrix to the space.
        centroids: (k, n_columns), k >= 2.
        old_matrix: n rows as they were published.
        new_matrix: The same DFUs now, in the same order.
        old_cluster: (n,) cluster of today that continues the one a DFU was published in; -1 where none does.
        new_cluster: (n,) cluster now.
        peak_threshold: seasonality_strength from which a peak says something.
    """
    space, to_columns = _space_of_columns(preprocessing)
    step = space.transform(new_matrix) - space.transform(old_matrix)
    left = np.where(old_cluster < 0, new_cluster, old_cluster)
    direction = (centroids[new_cluster] - centroids[left]) @ to_columns
    stayed = (left == new_cluster)[:, None]
    carried = np.where(stayed, np.abs(step), step * direction).argmax(axis=1)
    feature = _features(column_names(space), carried, old_matrix, new_matrix, peak_threshold)
    return Movement(
        move=np.sqrt(np.square(step @ to_columns.T).sum(axis=1)) / _distance_to_next(centroids)[left],
        feature=feature,
        before=_values(old_matrix, feature),
        after=_values(new_matrix, feature),
    )


def _space_of_columns(preprocessing: Pipeline) -> tuple[Pipeline, Floats]:
    """Return the pipeline up to named columns, and the (n_components, n_columns) way from those to the space."""
    if _COMPONENTS in preprocessing.named_steps:
        rotation: Floats = preprocessing.named_steps[_COMPONENTS].components_
        return preprocessing[:-1], rotation
    return preprocessing, np.eye(len(column_names(preprocessing)))


def _distance_to_next(centroids: Floats) -> Floats:
    apart = np.sqrt(np.square(centroids[:, None] - centroids[None]).sum(axis=-1))
    np.fill_diagonal(apart, np.inf)
    nearest: Floats = apart.min(axis=1)
    return nearest


def _features(
    columns: tuple[str, ...],
    carried: Integers,
    old_matrix: pd.DataFrame,
    new_matrix: pd.DataFrame,
    peak_threshold: float,
) -> Objects:
    """Return of each DFU the feature behind the column that carried it: the most telling of those that changed."""
    feature = np.empty(len(carried), dtype=object)
    for number in np.unique(carried):
        rows = carried == number
        sources = _sources(columns[number])
        feature[rows] = sources[0]
        for source in reversed(sources):
            if source in old_matrix and source in new_matrix:
                feature[rows & _tells(source, sources, old_matrix, new_matrix, peak_threshold)] = source
    return feature


def _tells(
    source: str, sources: tuple[str, ...], old_matrix: pd.DataFrame, new_matrix: pd.DataFrame, peak_threshold: float
) -> Flags:
    """Return for which DFUs a feature changed; the peak of what has no season, before or after, tells nothing."""
    old, new = (matrix[source].reset_index(drop=True) for matrix in (old_matrix, new_matrix))
    changed = ~((old == new) | (old.isna() & new.isna())).to_numpy(dtype=bool, na_value=False)
    if source == "peak_month" and "seasonality_strength" in sources:
        strengths = (matrix["seasonality_strength"].to_numpy(np.float64) for matrix in (old_matrix, new_matrix))
        changed &= np.minimum(*strengths) >= peak_threshold
    told: Flags = changed
    return told


def _sources(column: str) -> tuple[str, ...]:
    """Return the columns of the feature matrix that a column of the space is made of."""
    return _SOURCES.get(column, (column.partition("=")[0].removesuffix(" is NULL"),))


def _values(matrix: pd.DataFrame, feature: Objects) -> Floats:
    values = np.full(len(matrix), np.nan)
    for name in sorted(set(feature)):
        rows = feature == name
        values[rows] = pd.to_numeric(matrix[name], errors="coerce").to_numpy(dtype=np.float64)[rows]
    return values
