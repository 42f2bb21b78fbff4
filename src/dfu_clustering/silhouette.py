"""Silhouettes of several partitions of the same points, with every distance computed once."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_ROWS_AT_A_TIME = 512  # bounds the memory of the distance table: 40 MB at 10,000 points


def mean_silhouettes(points: Floats, partitions: list[Integers]) -> Floats:
    """Return the mean silhouette of each partition (Rousseeuw 1987).

    s(i) = (b - a) / max(a, b) with a the mean distance to the other members of the own cluster and b the smallest
    mean distance to the members of another one. s(i) = 0 where i is alone in its cluster, where there is no other
    cluster, and where a = b = 0.

    Args:
        points: (n, n_columns), n >= 1.
        partitions: Of each partition the (n,) cluster numbers, from 0 up.

    Returns:
        (n_partitions,) means, each in [-1, 1].
    """
    members = [_membership(labels) for labels in partitions]
    stacked = np.hstack(members)
    ends = np.cumsum([of_partition.shape[1] for of_partition in members])[:-1]
    total = np.zeros(len(partitions))
    for first in range(0, len(points), _ROWS_AT_A_TIME):
        rows = slice(first, first + _ROWS_AT_A_TIME)
        sums = np.split(cdist(points[rows], points) @ stacked, ends, axis=1)
        total += [
            _silhouettes(of_partition, labels[rows], inside.sum(axis=0)).sum()
            for of_partition, labels, inside in zip(sums, partitions, members, strict=True)
        ]
    means: Floats = total / len(points)
    return means


def _membership(labels: Integers) -> Floats:
    indicator: Floats = np.equal.outer(labels, np.arange(labels.max() + 1)).astype(np.float64)
    return indicator


def _silhouettes(distance_sums: Floats, own: Integers, sizes: Floats) -> Floats:
    """Return s of each row from its (n_rows, n_clusters) summed distances to the members of each cluster."""
    row = np.arange(len(own))
    others = sizes[own] - 1
    within = distance_sums[row, own] / np.maximum(others, 1)
    means = np.divide(distance_sums, sizes, out=np.full_like(distance_sums, np.inf), where=sizes > 0)
    means[row, own] = np.inf
    between = means.min(axis=1)
    scale = np.maximum(within, between)
    defined = (others > 0) & np.isfinite(between) & (scale > 0)
    values: Floats = np.divide(between - within, scale, out=np.zeros(len(own)), where=defined)
    return values
