"""Exemplars: the DFUs by which a segment is shown, those in its middle and those at its border."""

from dataclasses import dataclass

import numpy as np

from dfu_clustering.arrays import Floats, Integers, Objects

Rows = Integers


@dataclass(frozen=True, eq=False)
class Exemplars:
    """Rows of one cluster.

    Attributes:
        typical: Nearest to the centroid, the nearest first.
        borderline: The least certain first; none of them is typical.
    """

    typical: Rows
    borderline: Rows


def exemplars(
    rows: Rows,
    *,
    distance: Floats,
    margin: Floats,
    dfu_ck: Objects,
    n: int,
) -> Exemplars:
    """Choose typical and borderline DFUs of a cluster.

    Typical are those with the smallest distance to the own centroid; borderline, of the others, those with the smallest
    margin. Ties: by key. In a cluster of n DFUs or fewer all are typical and none is borderline.

    Args:
        rows: Positions of the cluster's members in the arrays.
        distance: To the own centroid, of all DFUs.
        margin: Distance to the second-nearest centroid less that to the own one; NaN where there is no other centroid.
        dfu_ck: Keys.
        n: DFUs of each kind, at most.
    """
    typical = _least(rows, distance, dfu_ck, n)
    others = rows[~np.isin(rows, typical)]
    return Exemplars(typical, _least(others, margin, dfu_ck, n))


def _least(rows: Rows, value: Floats, key: Objects, count: int) -> Rows:
    """Return the rows with the smallest values, ascending; ties: by key; undefined values: left out."""
    rows = rows[~np.isnan(value[rows])]
    if len(rows) > count:  # most rows are out of the question: sort only the few that are not
        rows = rows[value[rows] <= np.partition(value[rows], count - 1)[count - 1]]
    return np.array(sorted(rows, key=lambda row: (value[row], key[row]))[:count], dtype=np.int64)
