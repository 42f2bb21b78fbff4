"""From the feature matrix to clusters, as if nothing had been published; what is published is in ``continuation``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from dfu_clustering.arrays import Floats, Integers
from dfu_clustering.clusters.k_selection import KSelection, select_k
from dfu_clustering.clusters.model import ClusterModel, fit_clusters
from dfu_clustering.clusters.sampling import stratified_sample
from dfu_clustering.clusters.silhouette import mean_silhouettes
from dfu_clustering.config.clustering import RunSettings, SpaceSettings
from dfu_clustering.preprocessing.determinism import single_threaded
from dfu_clustering.preprocessing.pipeline import build_preprocessing, column_names
from dfu_clustering.segments.assignment import Assignment, nearest
from dfu_clustering.segments.drift import DriftReference
from dfu_clustering.segments.fitted_model import FittedModel


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Clusters of all DFUs and how they came about.

    Attributes:
        settings: Those that made the space.
        preprocessing: The fitted pipeline from the feature matrix to the space.
        space: (n_dfus, n_columns).
        model: The clusters, numbered by descending size.
        assignment: Of every DFU.
        k_selection: How K was chosen.
        silhouette: Of the assignment, on the silhouette sample.
        reference: What the DFUs were like when the clusters were fitted.
        warnings: What did not go by the rules.
    """

    settings: SpaceSettings
    preprocessing: Pipeline
    space: Floats
    model: ClusterModel
    assignment: Assignment
    k_selection: KSelection
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
    config: RunSettings, matrix: pd.DataFrame, *, on_fit: Callable[[], None] | None = None
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
    selection, centroids = select_k(space, volume=volume_of(matrix), config=config, on_fit=on_fit)
    model = fit_clusters(space, centroids, min_cluster_size_pct=config.min_cluster_size_pct)
    assignment = nearest(space, model.centroids)
    return Segmentation(
        settings=config.of_the_space(),
        preprocessing=preprocessing,
        space=space,
        model=model,
        assignment=assignment,
        k_selection=selection,
        silhouette=next(at.silhouette for at in selection.curves if at.k == selection.selected),
        reference=DriftReference.of(space, column_names(preprocessing), assignment.distance),
        warnings=tuple(text for text in (selection.warning, model.warning) if text),
    )


def volume_of(matrix: pd.DataFrame) -> Floats:
    """Return the (n_dfus,) mean monthly demand, by which samples are stratified."""
    return matrix["mean_demand"].to_numpy(dtype=np.float64)


def sampled_silhouettes(
    config: RunSettings, matrix: pd.DataFrame, space: Floats, partitions: Sequence[Integers]
) -> list[float]:
    """Return the mean silhouette of each partition of the DFUs on at most ``silhouette_sample`` of them."""
    rows = stratified_sample(volume_of(matrix), config.silhouette_sample, np.random.default_rng(config.seed))
    with single_threaded():
        silhouettes: list[float] = mean_silhouettes(space[rows], [ids[rows] for ids in partitions]).tolist()
    return silhouettes
