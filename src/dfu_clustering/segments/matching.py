"""Which cluster continues which published one: those that share most DFUs."""

from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from dfu_clustering.arrays import Integers

UNMATCHED: Final = -1


def match_clusters(published: Integers, cluster_id: Integers, n_published: int, n_clusters: int) -> Integers:
    """Match clusters one to one to published clusters so that the matched pairs share most DFUs.

    The optimal assignment by the Hungarian method (Kuhn 1955) on the table of shared DFUs; a pair that shares none is
    no match. The order of the DFUs does not matter.

    Args:
        published: (n,) published cluster of each DFU that was published and is clustered now.
        cluster_id: (n,) cluster of the same DFUs now.
        n_published: Number of published clusters, numbered from 0.
        n_clusters: Number of clusters now.

    Returns:
        (n_clusters,) published cluster that each cluster continues, UNMATCHED where it continues none.
    """
    shared = np.bincount(published * n_clusters + cluster_id, minlength=n_published * n_clusters)
    shared = shared.reshape(n_published, n_clusters)
    before, now = linear_sum_assignment(shared, maximize=True)
    matched = np.full(n_clusters, UNMATCHED)
    matched[now] = np.where(shared[before, now] > 0, before, UNMATCHED)
    return matched
