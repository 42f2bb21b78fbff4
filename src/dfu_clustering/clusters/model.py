"""Clusters of all DFUs: fitted from given centroids, merged where too small, numbered by size, assigned by distance."""

from dataclasses import dataclass

import numpy as np

from dfu_clustering.arrays import Floats, Integers
from dfu_clustering.clusters.kmeans import large_enough, nearest_centroids, refine_centroids
from dfu_clustering.preprocessing.determinism import single_threaded


@dataclass(frozen=True, eq=False)
class ClusterModel:
    """Centroids that say which cluster a row belongs to.

    Attributes:
        centroids: (k, n_columns); cluster 0 is the largest of the rows fitted on (ties: lexicographic centroids).
        sizes: (k,) rows fitted on that each cluster holds.
        inertia: Sum of the squared distances of the rows fitted on to their centroids.
        merged_sizes: Sizes of the clusters that were too small and went into their nearest neighbour, in that order.
        warning: What the reader must know about the merges; None where there were none.
    """

    centroids: Floats
    sizes: Integers
    inertia: float
    merged_sizes: tuple[int, ...]
    warning: str | None


def fit_clusters(space: Floats, initial_centroids: Floats, *, min_cluster_size_pct: float) -> ClusterModel:
    """Run Lloyd's algorithm on all rows from the given centroids, then merge clusters that are too small.

    The smallest cluster below the minimum goes into its nearest neighbour, whose centroid moves to the mean of both
    weighted by size; rows are assigned again after every merge, until each cluster is large enough.

    Rows must come in ascending order of their keys: sums of floats depend on the order in the last bits.

    Args:
        space: (n, n_columns), n >= k.
        initial_centroids: (k, n_columns).
        min_cluster_size_pct: Percent (0-100) of the rows that every cluster must hold; empty clusters never stay.
    """
    with single_threaded():
        centroids = refine_centroids(space, initial_centroids)
    merged: list[int] = []
    while True:
        centroids, sizes, inertia = _by_size(space, centroids)
        if large_enough(sizes, min_cluster_size_pct).all():
            return ClusterModel(centroids, sizes, inertia, tuple(merged), _warning(merged, min_cluster_size_pct))
        merged.append(int(sizes[-1]))
        centroids = _last_merged(centroids, sizes)


def _by_size(space: Floats, centroids: Floats) -> tuple[Floats, Integers, float]:
    """Return the centroids by descending size of their clusters (ties: lexicographic), these sizes, the inertia."""
    cluster_id, distance = nearest_centroids(space, centroids)
    sizes = np.bincount(cluster_id, minlength=len(centroids))
    order = np.lexsort([*centroids.T[::-1], -sizes])
    return centroids[order], sizes[order], float(np.square(distance).sum())


def _last_merged(centroids: Floats, sizes: Integers) -> Floats:
    small, others = centroids[-1], centroids[:-1].copy()
    nearest = nearest_centroids(small[None], others)[0][0]
    weight = sizes[-1] / (sizes[-1] + sizes[nearest])
    others[nearest] += weight * (small - others[nearest])
    return others


def _warning(merged: list[int], min_cluster_size_pct: float) -> str | None:
    if not merged:
        return None
    counts = ", ".join(str(size) for size in merged)
    return f"clusters of {counts} DFUs, below {min_cluster_size_pct:g} % of all, were merged into their neighbours"
