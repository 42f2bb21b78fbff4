"""Which cluster a DFU is in when it was in one before: it changes for evidence, not for noise.

The features of 24 months move a little every month, and with them every DFU. One near a border would cross it again
and again although nothing happened. So it stays where it is published until another centroid has been nearer for long
enough, by far enough.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

UNPUBLISHED = -1  # the published cluster of a DFU that has none

_ROWS_AT_A_TIME = 65_536  # bounds the memory of the distance table


@dataclass(frozen=True)
class SwitchRule:
    """How much evidence a DFU needs to leave its published cluster.

    The excess of a month is the share by which another centroid is nearer than the own one, 1 - nearest / own: 0 on
    the border, 1 on the other centroid, whatever the unit of the space. What of it exceeds ``margin`` adds up over the
    months and what falls short of it is taken off again, never below 0 (a one-sided CUSUM, Page 1954); beyond
    ``evidence`` the DFU goes to the nearest centroid and starts from 0. With 0.2 and 0.03 it goes at once where the
    other centroid is more than 23 % nearer, and within six months where it stays more than 20.5 % nearer.

    Attributes:
        margin: Excess up to which nothing adds up.
        evidence: Sum beyond which a DFU switches.
        months: Months since the published run, which one observation stands for; 0: the same month once more.
    """

    margin: float
    evidence: float
    months: int = 1


@dataclass(frozen=True, eq=False)
class HeldAssignment:
    """Clusters of n rows, all arrays of shape (n,).

    Attributes:
        cluster_id: Of each row.
        distance: To the centroid of that cluster, Euclidean.
        margin: Distance to the nearest other centroid less ``distance``: negative where a row is held in a cluster
            that is no longer the nearest; NaN where there is one cluster only.
        evidence: Sum that has built up against the cluster, in shares of the distance x months.
    """

    cluster_id: Integers
    distance: Floats
    margin: Floats
    evidence: Floats

    @property
    def held(self) -> NDArray[np.bool_]:
        """Return which rows are not in the cluster of their nearest centroid."""
        held: NDArray[np.bool_] = self.margin < 0
        return held

    def renumbered(self, number: Integers) -> "HeldAssignment":
        """Return the same assignment with cluster i called ``number[i]``."""
        return HeldAssignment(number[self.cluster_id], self.distance, self.margin, self.evidence)


def hold(space: Floats, centroids: Floats, published: Integers, evidence: Floats, rule: SwitchRule) -> HeldAssignment:
    """Assign rows to the cluster they were published in, or to the nearest centroid where the evidence says so.

    The result of a row depends on that row alone. Rows without a published cluster go to the nearest centroid; ties go
    to the centroid that comes first in lexicographic order, as in nearest_centroids().

    Args:
        space: (n, n_columns).
        centroids: (k, n_columns).
        published: (n,) numbers of the centroids that the rows were published with, UNPUBLISHED where there is none.
        evidence: (n,) what had built up by then.
        rule: How much is needed.
    """
    rows = [slice(first, first + _ROWS_AT_A_TIME) for first in range(0, max(len(space), 1), _ROWS_AT_A_TIME)]
    blocks = [_hold(space[at], centroids, published[at], evidence[at], rule) for at in rows]
    return HeldAssignment(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def nearest(space: Floats, centroids: Floats) -> HeldAssignment:
    """Assign every row to its nearest centroid, as if nothing had been published."""
    unpublished = np.full(len(space), UNPUBLISHED)
    return hold(space, centroids, unpublished, np.zeros(len(space)), SwitchRule(0.0, 0.0))


def _hold(
    space: Floats, centroids: Floats, published: Integers, evidence: Floats, rule: SwitchRule
) -> tuple[Integers, Floats, Floats, Floats]:
    lexicographic = np.lexsort(centroids.T[::-1])
    table = np.empty((len(space), len(centroids)))
    table[:, lexicographic] = cdist(space, centroids[lexicographic])
    row = np.arange(len(space))
    nearest_id = lexicographic[table[:, lexicographic].argmin(axis=1)]
    own = np.where(published == UNPUBLISHED, nearest_id, published)
    other, between = _nearest_other(table, lexicographic, own)
    built_up = np.maximum(evidence + rule.months * (_excess(table[row, own], between) - rule.margin), 0.0)
    built_up[published == UNPUBLISHED] = 0.0
    switches = (built_up > rule.evidence) & (between < table[row, own])
    cluster_id = np.where(switches, other, own)
    _, between = _nearest_other(table, lexicographic, cluster_id)
    distance = table[row, cluster_id]
    margin = np.where(np.isfinite(between), between - distance, np.nan)
    return cluster_id, distance, margin, np.where(switches, 0.0, built_up)


def _nearest_other(table: Floats, lexicographic: Integers, own: Integers) -> tuple[Integers, Floats]:
    """Return the nearest centroid but the own one and its distance; infinite where there is no other."""
    others = table.copy()
    others[np.arange(len(own)), own] = np.inf
    other: Integers = lexicographic[others[:, lexicographic].argmin(axis=1)]
    return other, others.min(axis=1, initial=np.inf)


def _excess(own: Floats, between: Floats) -> Floats:
    """Return 1 - between / own where another centroid is nearer, and the mirror image of it where none is."""
    larger = np.maximum(own, between)
    known = np.isfinite(between) & (larger > 0)
    excess: Floats = np.divide(own - between, larger, out=np.zeros(len(own)), where=known)
    return excess
