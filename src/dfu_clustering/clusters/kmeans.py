"""Lloyd's algorithm, started at random or from given centroids, and the nearest centroid of each row."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans

from dfu_clustering.arrays import Flags, Floats, Integers

_ROWS_AT_A_TIME = 65_536  # bounds the memory of the distance table
_DISTINCT_DECIMALS = 9
_FINALISTS = 3  # starts that continue from the few points with all of them


@dataclass(frozen=True, eq=False)
class KMeansFit:
    """Centroids, (k, n_columns), and the within-cluster sum of squares (WCSS) that they leave."""

    centroids: Floats
    wcss: float


def best_of_starts(points: Floats, n_clusters: int, *, seeds: Sequence[int]) -> KMeansFit:
    """Return the fit of the smallest WCSS among k-means++ starts; ties: the earliest.

    Every start has its own seed and is a function of nothing else, so that starts may run in any order. Callers hold
    the numeric libraries to one thread (``determinism``).

    Args:
        points: (n, n_columns) rows; at least n_clusters of them distinct.
        n_clusters: K.
        seeds: One seed a start.
    """
    starts = (_lloyd(points, n_clusters, init="k-means++", seed=seed) for seed in seeds)
    return min(starts, key=_wcss)


def best_of_screened_starts(points: Floats, few: Floats, n_clusters: int, *, seeds: Sequence[int]) -> KMeansFit:
    """Return a fit as good as that of best_of_starts for a fraction of its time: starts compete on a few points.

    The first start runs on all points; the others run on the few, and the best three of them continue with all points.
    So local optima are sorted out where they are cheap, and what is too rare to be among the few is still seen.

    Args:
        points: (n, n_columns) rows.
        few: (m, n_columns) a random sample of them, m << n; at least n_clusters of its rows distinct.
        n_clusters: K.
        seeds: One seed a start.
    """
    whole = _lloyd(points, n_clusters, init="k-means++", seed=seeds[0])
    screened = sorted((_lloyd(few, n_clusters, init="k-means++", seed=seed) for seed in seeds[1:]), key=_wcss)
    return min([whole, *(fit_from(points, fit.centroids) for fit in screened[:_FINALISTS])], key=_wcss)


def fit_from(points: Floats, centroids: Floats) -> KMeansFit:
    """Return the fit after Lloyd's iterations over all points from the given centroids."""
    return _lloyd(points, len(centroids), init=centroids, seed=0)


def refine_centroids(points: Floats, centroids: Floats) -> Floats:
    """Return the centroids after Lloyd's iterations over all points from the given ones."""
    return fit_from(points, centroids).centroids


def best_suited(points: Floats, candidates: Sequence[Floats]) -> Floats:
    """Return the centroids around which the points lie closest, as they are; ties: the earliest.

    Args:
        points: (n, n_columns), n >= 1.
        candidates: Each (k, n_columns).
    """
    return min(candidates, key=lambda centroids: _dispersion(points, centroids))


def nearest_centroids(points: Floats, centroids: Floats) -> tuple[Integers, Floats]:
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


def distinct_rows(points: Floats) -> int:
    """Return how many rows differ; those that agree to nine decimals are one point to K-means."""
    return len(np.unique(points.round(_DISTINCT_DECIMALS), axis=0))


def large_enough(sizes: Integers, min_cluster_size_pct: float) -> Flags:
    """Return which clusters have members and hold at least the given percent (0-100) of all members.

    Args:
        sizes: (k,) members of each cluster.
        min_cluster_size_pct: The limit; a cluster exactly at it is large enough.
    """
    enough: Flags = (sizes > 0) & (100 * sizes / sizes.sum() >= min_cluster_size_pct)
    return enough


def _dispersion(points: Floats, centroids: Floats) -> float:
    """Return the sum of squared distances to the nearest centroids, less that of the points to the origin."""
    table = np.square(centroids).sum(axis=1)[:, None] - 2 * (centroids @ points.T)
    return float(table.min(axis=0).sum())


def _wcss(fit: KMeansFit) -> float:
    return fit.wcss


def _lloyd(points: Floats, n_clusters: int, *, init: Floats | str, seed: int) -> KMeansFit:
    model = KMeans(n_clusters, init=init, n_init=1, random_state=seed).fit(points)
    return KMeansFit(model.cluster_centers_, float(model.inertia_))
