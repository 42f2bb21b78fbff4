"""Silhouettes of several partitions of the same points, with every distance computed once."""

from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np

from dfu_clustering.arrays import Floats, Integers
from dfu_clustering.preprocessing.determinism import limit_this_thread

_ROWS_AT_A_TIME = 512  # bounds the memory of the distance table: 40 MB a thread at 10,000 points


def mean_silhouettes(points: Floats, partitions: list[Integers], *, n_threads: int | None = None) -> Floats:
    """Return the mean silhouette of each partition (Rousseeuw 1987).

    s(i) = (b - a) / max(a, b) with a the mean distance to the other members of the own cluster and b the smallest
    mean distance to the members of another one. s(i) = 0 where i is alone in its cluster, where there is no other
    cluster, and where a = b = 0. Distances are square roots of |x|^2 - 2 xy + |y|^2, off by up to 1e-8 of the
    points' distance from the origin where they all but vanish. Call inside ``single_threaded``.

    Args:
        points: (n, n_columns), n >= 1.
        partitions: Of each partition the (n,) cluster numbers, from 0 up.
        n_threads: Blocks of rows that are worked on side by side; None: one a core. It does not change the result.

    Returns:
        (n_partitions,) means, each in [-1, 1].
    """
    members = [_membership(labels) for labels in partitions]
    stacked = np.hstack(members)
    ends = np.cumsum([of_partition.shape[1] for of_partition in members])[:-1]
    squares = np.square(points).sum(axis=1)

    def block(first: int) -> Floats:
        rows = slice(first, first + _ROWS_AT_A_TIME)
        sums = np.split(_distances(points, squares, rows) @ stacked, ends, axis=1)
        per_partition = zip(sums, partitions, members, strict=True)
        return np.array(
            [_silhouettes(of, labels[rows], inside.sum(axis=0)).sum() for of, labels, inside in per_partition]
        )

    with ThreadPoolExecutor(n_threads or joblib.cpu_count(), initializer=limit_this_thread) as pool:
        blocks = list(pool.map(block, range(0, len(points), _ROWS_AT_A_TIME)))
    means: Floats = np.sum(blocks, axis=0) / len(points)
    return means


def _distances(points: Floats, squares: Floats, rows: slice) -> Floats:
    """Return the distances of some rows to all points; a row is at 0 from itself."""
    table: Floats = points[rows] @ points.T
    table *= -2
    table += squares[rows, None]
    table += squares
    np.maximum(table, 0, out=table)
    own = np.arange(len(table))
    table[own, own + rows.start] = 0
    return np.sqrt(table, out=table)


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
