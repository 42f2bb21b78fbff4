"""How true, how distinct and how large segments are."""

import numpy as np

from dfu_clustering.arrays import Floats, Integers
from dfu_clustering.clusters.sampling import stratified_sample
from dfu_clustering.clusters.silhouette import mean_silhouettes
from dfu_clustering.config.clustering import RunSettings
from dfu_clustering.files.summary import Summary
from dfu_clustering.preprocessing.determinism import single_threaded


class Figures(Summary):
    """How far the words of the labels can be relied on, and what they cost.

    Attributes:
        true_share: Share (0-1) of the DFUs for which all words of their label are strictly true.
        within_margin_share: The same with every threshold eased by label_margin.
        first_rule_share: Share of the DFUs whose pattern is the first that holds for them.
        variance_explained_share: Share (0-1) of the variance of the clustered space that clusters with words explain.
        kmeans_variance_explained_share: The same for the clusters that K-means found.
        added_patterns: Patterns that got a cluster beside those of K-means, because enough DFUs fit none of these.
        silhouette: Of the clusters with words, on the silhouette sample.
        inertia: Sum of squared distances of the DFUs to the centroids of their clusters.
        moved_dfus: DFUs that are not in the cluster whose centroid is nearest, because its words are not true of them.
    """

    true_share: float
    within_margin_share: float
    first_rule_share: float
    variance_explained_share: float
    kmeans_variance_explained_share: float
    silhouette: float
    inertia: float
    added_patterns: tuple[str, ...]
    moved_dfus: int


def explained_share(space: Floats, groups: Integers) -> float:
    """Return the share (0-1) of the sum of squares of a space that groups of its rows explain; 0 where it has none."""
    sizes = np.bincount(groups)
    total, between = 0.0, 0.0
    for column in space.T:
        centred = column - column.mean()
        sums = np.bincount(groups, weights=centred)
        total += float(np.square(centred).sum())
        between += float((np.square(sums) / np.maximum(sizes, 1)).sum())
    return between / total if total > 0 else 0.0


def silhouette(config: RunSettings, volume: Floats, space: Floats, cluster_id: Integers) -> float:
    """Return the mean silhouette (-1 to 1) on a sample of the DFUs that is stratified by volume."""
    rows = stratified_sample(volume, config.silhouette_sample, np.random.default_rng(config.seed))
    with single_threaded():
        return float(mean_silhouettes(space[rows], [cluster_id[rows]])[0])


def distances(space: Floats, centroids: Floats, cluster_id: Integers) -> tuple[Floats, Floats, Integers]:
    """Return the distances to the own centroid, how much further the nearest other one is, and which that is.

    Returns:
        (n,) Euclidean distances; (n,) margins, negative where another centroid is nearer, NaN where there is none; (n,)
        the nearest other centroid, of equal ones the first, -1 where there is none.
    """
    own, other = np.sqrt(np.square(space - centroids[cluster_id]).sum(axis=1)), np.full(len(space), -1)
    if len(centroids) == 1:
        return own, np.full(len(space), np.nan), other
    between = np.full(len(space), np.inf)
    for i, centroid in enumerate(centroids):
        away = np.sqrt(np.square(space - centroid).sum(axis=1))
        nearer = (cluster_id != i) & (away < between)
        between, other = np.where(nearer, away, between), np.where(nearer, i, other)
    return own, between - own, other
