"""From the feature matrix to clusters, as if nothing had been published; what is published is in ``continuation``."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from dfu_clustering.clusters.k_selection import select_k
from dfu_clustering.clusters.model import ClusterModel, fit_clusters
from dfu_clustering.clusters.sampling import stratified_sample
from dfu_clustering.clusters.silhouette import mean_silhouettes
from dfu_clustering.config.clustering import ClusteringConfig, SpaceSettings
from dfu_clustering.preprocessing.determinism import single_threaded
from dfu_clustering.preprocessing.pipeline import build_preprocessing, column_names
from dfu_clustering.segments.assignment import Assignment, nearest
from dfu_clustering.segments.drift import DriftReference
from dfu_clustering.segments.fitted_model import FittedModel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Clusters of all DFUs and how they came about.

    Attributes:
        settings: Those that made the space.
        preprocessing: The fitted pipeline from the feature matrix to the space.
        space: (n_dfus, n_columns).
        model: The clusters, numbered by descending size.
        assignment: Of every DFU.
        k_selection: What KSelection.to_dict() returned when K was chosen.
        silhouette: Of the assignment, on the silhouette sample.
        reference: What the DFUs were like when the clusters were fitted.
        warnings: What did not go by the rules.
    """

    settings: SpaceSettings
    preprocessing: Pipeline
    space: Floats
    model: ClusterModel
    assignment: Assignment
    k_selection: Mapping[str, Any]
    silhouette: float
    reference: DriftReference
    warnings: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns of the space."""
        return column_names(self.preprocessing)

    @property
    def fitted(self) -> FittedModel:
        """Return what a later month or another program needs of it."""
        return FittedModel(self.settings, self.preprocessing, self.model.centroids, self.reference)


def segment_anew(
    config: ClusteringConfig, matrix: pd.DataFrame, *, on_fit: Callable[[], None] | None = None
) -> Segmentation:
    """Fit the preprocessing, choose K and fit the clusters on all DFUs.

    Args:
        config: The settings.
        matrix: One row a DFU, in ascending order of dfu_ck.
        on_fit: As in select_k().

    Raises:
        DataError: The matrix lacks a column, or holds fewer distinct DFUs than clusters.
    """
    preprocessing = build_preprocessing(config)
    space = preprocessing.fit_transform(matrix)
    selection = select_k(space, volume=volume_of(matrix), config=config, on_fit=on_fit)
    model = fit_clusters(space, selection.centroids, min_cluster_size_pct=config.min_cluster_size_pct)
    assignment = nearest(space, model.centroids)
    chosen = next(at for at in selection.curves if at.k == selection.selected)
    return Segmentation(
        settings=config.of_the_space(),
        preprocessing=preprocessing,
        space=space,
        model=model,
        assignment=assignment,
        k_selection=selection.to_dict(),
        silhouette=chosen.silhouette,
        reference=DriftReference.of(space, column_names(preprocessing), assignment.distance),
        warnings=tuple(text for text in (selection.warning, model.warning) if text),
    )


def volume_of(matrix: pd.DataFrame) -> Floats:
    """Return the (n_dfus,) mean monthly demand, by which samples are stratified."""
    return matrix["mean_demand"].to_numpy(dtype=np.float64)


def sampled_silhouettes(
    config: ClusteringConfig, matrix: pd.DataFrame, space: Floats, partitions: Sequence[Integers]
) -> list[float]:
    """Return the mean silhouette of each partition of the DFUs on at most ``silhouette_sample`` of them."""
    rows = stratified_sample(volume_of(matrix), config.silhouette_sample, np.random.default_rng(config.seed))
    with single_threaded():
        silhouettes: list[float] = mean_silhouettes(space[rows], [ids[rows] for ids in partitions]).tolist()
    return silhouettes
