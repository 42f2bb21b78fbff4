"""Which cluster a DFU is in when it was in one before: it changes for evidence, not for noise.

The features of 24 months move a little every month, and with them every DFU. One near a border would cross it again
and again although nothing happened. So it stays where it is published until it has been nearer to another cluster for
long enough, by far enough. What counts is the distance to the members, not to their centre: that of a cluster spread
wide is no nearer for having its centre close by.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from dfu_clustering.arrays import Flags, Floats, Integers

UNPUBLISHED = -1  # the published cluster of a DFU that has none

_ROWS_AT_A_TIME = 65_536  # bounds the memory of the distance table


@dataclass(frozen=True)
class SwitchRule:
    """How much evidence a DFU needs to leave its published cluster.

    The reach of a cluster is the root mean square distance from the DFU to its members; where these lie around their
    mean at root mean square distance s, and the DFU is d away from it, sqrt(d^2 + s^2). The excess of a month is
    1 - other / own, the share by which the members of another cluster are nearer than those of the own one, of all
    clusters whose centroid is nearer as well; 0 where there is none. What of it exceeds ``margin`` adds up over the
    months and what falls short of it is taken off again, never below 0 (a one-sided CUSUM, Page 1954); beyond
    ``evidence`` the DFU goes there and starts from 0. With 0.08 and 0.02 it goes at once where the other members are
    more than 10 % nearer, and within six months where they stay more than 8.4 % nearer.

    Attributes:
        margin: Excess up to which nothing adds up.
        evidence: Sum beyond which a DFU switches.
        months: Months since the published run, which one observation stands for; 0: the same month once more.
    """

    margin: float
    evidence: float
    months: int = 1


@dataclass(frozen=True, eq=False)
class Assignment:
    """Clusters of n rows, all arrays of shape (n,).

    Attributes:
        cluster_id: Of each row.
        distance: To the centroid of that cluster, Euclidean.
        margin: Distance to the nearest other centroid less ``distance``: negative where a row is held in a cluster
            that is no longer the nearest; NaN where there is one cluster only.
        evidence: Sum that has built up against the cluster, in shares of its reach x months.
    """

    cluster_id: Integers
    distance: Floats
    margin: Floats
    evidence: Floats

    @property
    def held(self) -> Flags:
        """Return which rows are not in the cluster of their nearest centroid."""
        held: Flags = self.margin < 0
        return held

    def renumbered(self, number: Integers) -> "Assignment":
        """Return the same assignment with cluster i called ``number[i]``."""
        return Assignment(number[self.cluster_id], self.distance, self.margin, self.evidence)


@dataclass(frozen=True, eq=False)
class Members:
    """Where the members of k clusters lie.

    Attributes:
        mean: (k, n_columns); NaN where a cluster has none.
        spread: (k,) root mean square distance from it; infinite where a cluster has none.
    """

    mean: Floats
    spread: Floats

    @classmethod
    def of(cls, space: Floats, cluster_id: Integers, n_clusters: int) -> "Members":
        """Sum up the rows of an (n, n_columns) space by their (n,) clusters."""
        sizes = np.bincount(cluster_id, minlength=n_clusters).astype(np.float64)
        sizes[sizes == 0] = np.nan
        sums = [np.bincount(cluster_id, weights=column, minlength=n_clusters) for column in space.T]
        mean = np.column_stack(sums) / sizes[:, None]
        squares = np.empty(len(space))
        for at in _blocks(len(space)):
            off = space[at] - mean[cluster_id[at]]
            squares[at] = np.einsum("ij,ij->i", off, off)
        spread = np.sqrt(np.bincount(cluster_id, weights=squares, minlength=n_clusters) / sizes)
        return cls(mean, np.where(np.isnan(sizes), np.inf, spread))


def hold(
    space: Floats, centroids: Floats, members: Members, published: Integers, evidence: Floats, rule: SwitchRule
) -> Assignment:
    """Assign rows to the cluster they were published in, or to another one where the evidence says so.

    The result of a row depends on that row alone. Rows without a published cluster go to the nearest centroid; ties go
    to the centroid that comes first in lexicographic order, as in nearest_centroids(). Nobody goes to a cluster without
    members but those who are in none.

    Args:
        space: (n, n_columns).
        centroids: (k, n_columns).
        members: Of each cluster.
        published: (n,) numbers of the centroids that the rows were published with, UNPUBLISHED where there is none.
        evidence: (n,) what had built up by then.
        rule: How much is needed.
    """
    blocks = [_hold(space[at], centroids, members, published[at], evidence[at], rule) for at in _blocks(len(space))]
    return Assignment(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def nearest(space: Floats, centroids: Floats) -> Assignment:
    """Assign every row to its nearest centroid, as if nothing had been published."""
    unpublished, none = np.full(len(space), UNPUBLISHED), np.zeros(len(space))
    nobody = Members(np.full(centroids.shape, np.nan), np.full(len(centroids), np.inf))
    return hold(space, centroids, nobody, unpublished, none, SwitchRule(0.0, 0.0))


def _blocks(n_rows: int) -> list[slice]:
    return [slice(first, first + _ROWS_AT_A_TIME) for first in range(0, max(n_rows, 1), _ROWS_AT_A_TIME)]


def _hold(
    space: Floats, centroids: Floats, members: Members, published: Integers, evidence: Floats, rule: SwitchRule
) -> tuple[Integers, Floats, Floats, Floats]:
    lexicographic = np.lexsort(centroids.T[::-1])
    table = np.empty((len(space), len(centroids)))
    table[:, lexicographic] = cdist(space, centroids[lexicographic])
    row = np.arange(len(space))
    own = np.where(published == UNPUBLISHED, lexicographic[table[:, lexicographic].argmin(axis=1)], published)
    nearer = table < table[row, own][:, None]
    other, excess = _nearer_members(_reach(space, members), nearer, lexicographic, own)
    built_up = np.maximum(evidence + rule.months * (excess - rule.margin), 0.0)
    built_up[published == UNPUBLISHED] = 0.0
    switches = (built_up > rule.evidence) & (excess > 0)
    cluster_id = np.where(switches, other, own)
    distance = table[row, cluster_id]
    table[row, cluster_id] = np.inf
    between = table.min(axis=1, initial=np.inf)
    margin = np.where(np.isfinite(between), between - distance, np.nan)
    return cluster_id, distance, margin, np.where(switches, 0.0, built_up)


def _reach(space: Floats, members: Members) -> Floats:
    """Return the (n, k) root mean square distances to the members of each cluster, infinite where it has none."""
    reach = np.full((len(space), len(members.spread)), np.inf)
    some = np.isfinite(members.spread)
    if some.any():
        squares = np.square(cdist(space, members.mean[some])) + np.square(members.spread[some])
        reach[:, some] = np.sqrt(squares)
    return reach


def _nearer_members(reach: Floats, nearer: Flags, lexicographic: Integers, own: Integers) -> tuple[Integers, Floats]:
    """Return the cluster of the nearest members among those with a nearer centroid, and by which share they are nearer.

    Where there is no such cluster the share is 0, and the cluster any.
    """
    row = np.arange(len(own))
    candidates = np.where(nearer, reach, np.inf)
    other: Integers = lexicographic[candidates[:, lexicographic].argmin(axis=1)]
    of_other = candidates[row, other]
    known = np.isfinite(of_other)
    share = np.divide(of_other, reach[row, own], out=np.ones(len(own)), where=known)
    return other, 1.0 - share
