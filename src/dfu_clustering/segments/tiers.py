"""The volume tier of each DFU in its cluster: its own, but for tiers in which a cluster has too few DFUs.

Segments are clusters by tier, and each must be large enough. DFUs of a tier in which their cluster has too few go to
another cluster that is open to them and has enough; those that find none are labelled by the neighbouring tier.
"""

from dataclasses import replace

import numpy as np

from dfu_clustering.arrays import Flags, Floats, Integers
from dfu_clustering.labels.vocabulary import TIERS
from dfu_clustering.segments.membership import Membership, nearest_of


def with_tiers(
    membership: Membership, space: Floats, tier: Integers, allowed: Flags, min_cluster_size_pct: float
) -> Membership:
    """Return the membership with the DFUs of too small tiers in other clusters, where one is open to them.

    Args:
        membership: Cluster of every DFU.
        space: (n, n_columns).
        tier: (n,) its own, as a place in TIERS.
        allowed: (n, k) clusters that are open to each DFU.
        min_cluster_size_pct: Percent (0-100) of the DFUs that every segment must hold.
    """
    cluster_id, n_clusters = membership.cluster_id, len(membership.clusters.meanings)
    enough = 100 * _sizes(cluster_id, tier, n_clusters) / len(tier) >= min_cluster_size_pct
    rows = np.flatnonzero(~enough[cluster_id, tier] & enough[cluster_id].any(axis=1))
    options: Flags = allowed[rows] & enough[:, tier[rows]].T
    found = options.any(axis=1)
    moved = cluster_id.copy()
    moved[rows[found]] = nearest_of(space[rows[found]], membership.clusters.centroids, options[found])
    return replace(membership, cluster_id=moved)


def joined_tiers(cluster_id: Integers, tier: Integers, n_clusters: int, min_cluster_size_pct: float) -> Integers:
    """Return the tier under which each DFU is labelled.

    A tier that holds too few DFUs of a cluster joins the neighbouring tier of the same cluster, of two the larger; the
    smallest goes first.

    Args:
        cluster_id: (n,) of each DFU.
        tier: (n,) its own, as a place in TIERS.
        n_clusters: k.
        min_cluster_size_pct: Percent (0-100) of the DFUs that every segment must hold.

    Returns:
        (n,) places in TIERS.
    """
    sizes = _sizes(cluster_id, tier, n_clusters)
    called = np.array([_called(of_cluster, len(tier), min_cluster_size_pct) for of_cluster in sizes])
    joined: Integers = called[cluster_id, tier]
    return joined


def _sizes(cluster_id: Integers, tier: Integers, n_clusters: int) -> Integers:
    """Return the (n_clusters, n_tiers) number of DFUs."""
    cells = np.bincount(cluster_id * len(TIERS) + tier, minlength=n_clusters * len(TIERS))
    return cells.reshape(-1, len(TIERS))


def _called(sizes: Integers, n_dfus: int, min_cluster_size_pct: float) -> list[int]:
    """Return under which tier each tier of one cluster is labelled."""
    named = {tier: int(size) for tier, size in enumerate(sizes) if size}
    called = list(range(len(sizes)))
    while len(named) > 1:
        smallest = min(named, key=lambda tier: (named[tier], tier))
        if 100 * named[smallest] / n_dfus >= min_cluster_size_pct:
            break
        size = named.pop(smallest)
        near = min(abs(tier - smallest) for tier in named)
        other = max((tier for tier in named if abs(tier - smallest) == near), key=lambda tier: named[tier])
        named[other] += size
        called = [other if name == smallest else name for name in called]
    return called
