"""The volume tier of each DFU in its cluster: its own, but for tiers in which a cluster has too few DFUs.

Segments are clusters by tier, and each must be large enough. DFUs of a tier in which their cluster has too few go to
another cluster that is open to them and has enough; those that find none are labelled by the neighbouring tier.
"""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from dfu_clustering.arrays import Flags, Floats, Integers
from dfu_clustering.labels.rules import Bounds, own_tiers, tiers_within
from dfu_clustering.labels.vocabulary import TIERS, Label
from dfu_clustering.segments.meaning import Meaning
from dfu_clustering.segments.membership import Membership, nearest_of


def held_tiers(mean_demand: Floats, bounds: Bounds, published: Integers | None, margin: float) -> Integers:
    """Return the (n_dfus,) place of each DFU's tier in TIERS: the published one within a margin, else its own.

    Args:
        mean_demand: (n_dfus,) units a month.
        bounds: Of the tiers.
        published: (n_dfus,) place of the published tier, -1 where there is none; None: of no DFU.
        margin: Share of a bound by which a published tier may be missed.
    """
    own = own_tiers(mean_demand, bounds)
    if published is None:
        return own
    kept = (published >= 0) & tiers_within(mean_demand, bounds, margin)[np.arange(len(own)), published]
    tiers: Integers = np.where(kept, published, own)
    return tiers


def least_sizes_pct(
    meanings: tuple[Meaning, ...], min_cluster_size_pct: float, published: Collection[Label] | None, margin: float
) -> Floats:
    """Return the (k, 3) percent of the DFUs that each tier of each cluster must hold to be a segment.

    A label that is not published must exceed the least size by the margin, so that one near it does not come and go.

    Args:
        meanings: (k,) of the clusters.
        min_cluster_size_pct: Percent (0-100) of the DFUs that every segment must hold.
        published: Labels that are published; None: nothing is.
        margin: Share of the least size.
    """
    least = np.full((len(meanings), len(TIERS)), float(min_cluster_size_pct))
    if published is not None:
        for i, meaning in enumerate(meanings):
            known = [Label(meaning.pattern, tier, meaning.traits) in published for tier in TIERS]
            least[i] *= np.where(known, 1.0, 1.0 + margin)
    return least


def with_tiers(membership: Membership, space: Floats, tier: Integers, allowed: Flags, least_pct: Floats) -> Membership:
    """Return the membership with the DFUs of too small tiers in other clusters, where one is open to them.

    Args:
        membership: Cluster of every DFU.
        space: (n, n_columns).
        tier: (n,) its own, as a place in TIERS.
        allowed: (n, k) clusters that are open to each DFU.
        least_pct: (k, 3) what least_sizes_pct() returned.
    """
    cluster_id, n_clusters = membership.cluster_id, len(membership.clusters.meanings)
    enough = 100 * _sizes(cluster_id, tier, n_clusters) / len(tier) >= least_pct
    rows = np.flatnonzero(~enough[cluster_id, tier] & enough[cluster_id].any(axis=1))
    options: Flags = allowed[rows] & enough[:, tier[rows]].T
    found = options.any(axis=1)
    moved = cluster_id.copy()
    moved[rows[found]] = nearest_of(space[rows[found]], membership.clusters.centroids, options[found])
    return replace(membership, cluster_id=moved)


def joined_tiers(cluster_id: Integers, tier: Integers, least_pct: Floats) -> Integers:
    """Return the tier under which each DFU is labelled.

    A tier that holds too few DFUs of a cluster joins the neighbouring tier of the same cluster, of two the larger; the
    smallest goes first.

    Args:
        cluster_id: (n,) of each DFU.
        tier: (n,) its own, as a place in TIERS.
        least_pct: (k, 3) what least_sizes_pct() returned.

    Returns:
        (n,) places in TIERS.
    """
    sizes = _sizes(cluster_id, tier, len(least_pct))
    called = np.array([_called(of, len(tier), least) for of, least in zip(sizes, least_pct, strict=True)])
    joined: Integers = called[cluster_id, tier]
    return joined


def _sizes(cluster_id: Integers, tier: Integers, n_clusters: int) -> Integers:
    """Return the (n_clusters, n_tiers) number of DFUs."""
    cells = np.bincount(cluster_id * len(TIERS) + tier, minlength=n_clusters * len(TIERS))
    return cells.reshape(-1, len(TIERS))


def _called(sizes: Integers, n_dfus: int, least_pct: Floats) -> list[int]:
    """Return under which tier each tier of one cluster is labelled."""
    named = {tier: int(size) for tier, size in enumerate(sizes) if size}
    called = list(range(len(sizes)))
    while len(named) > 1:
        too_small = [tier for tier in named if 100 * named[tier] / n_dfus < least_pct[tier]]
        if not too_small:
            break
        smallest = min(too_small, key=lambda tier: (named[tier], tier))
        size = named.pop(smallest)
        near = min(abs(tier - smallest) for tier in named)
        other = max((tier for tier in named if abs(tier - smallest) == near), key=lambda tier: named[tier])
        named[other] += size
        called = [other if name == smallest else name for name in called]
    return called
