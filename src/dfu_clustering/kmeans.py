"""Lloyd's algorithm, started at random or from given centroids, and the nearest centroid of each row."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans

Floats = NDArray[np.float64]

_ROWS_AT_A_TIME = 65_536  # bounds the memory of the distance table


@dataclass(frozen=True, eq=False)
class KMeansFit:
    """Centroids, (k, n_columns), and the within-cluster sum of squares (WCSS) that they leave."""

    centroids: Floats
    wcss: float


def best_of_starts(points: Floats, n_clusters: int, *, seeds: Sequence[int]) -> KMeansFit:
    """Return the fit of the smallest WCSS among k-means++ starts; ties: the earliest.

    Every start has its own seed and is a function of nothing else, so that starts may run in any order. Callers hold
    the numeric libraries to one thread (``single_thread``).

    Args:
        points: (n, n_columns) rows; at least n_clusters of them distinct.
        n_clusters: K.
        seeds: One seed a start.
    """
    starts = (_lloyd(points, n_clusters, init="k-means++", seed=seed) for seed in seeds)
    return min(starts, key=lambda fit: fit.wcss)


def refine_centroids(points: Floats, centroids: Floats) -> Floats:
    """Return the centroids after Lloyd's iterations over all points from the given ones."""
    return _lloyd(points, len(centroids), init=centroids, seed=0).centroids


def nearest_centroids(points: Floats, centroids: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Return each row's nearest centroid and its Euclidean distance to it.

    Ties go to the centroid that comes first in lexicographic order, so that they do not depend on the numbering.
    Distances are summed from differences, not expanded into products: the result of a row depends on that row alone,
    and a row on its centroid has distance 0.

    Args:
        points: (n, n_columns); n may be 0.
        centroids: (k, n_columns).

    Returns:
        (n,) numbers 0..k-1 and (n,) distances.
    """
    lexicographic = np.lexsort(centroids.T[::-1])
    nearest = np.empty(len(points), dtype=np.int64)
    distance = np.empty(len(points))
    for first in range(0, len(points), _ROWS_AT_A_TIME):
        rows = slice(first, first + _ROWS_AT_A_TIME)
        table = cdist(points[rows], centroids[lexicographic])
        nearest[rows] = lexicographic[table.argmin(axis=1)]
        distance[rows] = table.min(axis=1)
    return nearest, distance


def large_enough(sizes: NDArray[np.int64], min_cluster_size_pct: float) -> NDArray[np.bool_]:
    """Return which clusters have members and hold at least the given percent (0-100) of all members.

    Args:
        sizes: (k,) members of each cluster.
        min_cluster_size_pct: The limit; a cluster exactly at it is large enough.
    """
    enough: NDArray[np.bool_] = (sizes > 0) & (100 * sizes / sizes.sum() >= min_cluster_size_pct)
    return enough


def _lloyd(points: Floats, n_clusters: int, *, init: Floats | str, seed: int) -> KMeansFit:
    model = KMeans(n_clusters, init=init, n_init=1, random_state=seed).fit(points)
    return KMeansFit(model.cluster_centers_, float(model.inertia_))
