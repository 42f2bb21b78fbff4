"""The gap statistic: how much tighter K clusters are than K clusters of points without any structure.

Tibshirani, Walther & Hastie (2001), Estimating the number of clusters in a data set via the gap statistic,
Journal of the Royal Statistical Society B 63(2), 411-423; their reference (b), the box aligned with the principal axes.
"""

from dataclasses import dataclass

import numpy as np

from dfu_clustering.arrays import Floats


@dataclass(frozen=True, eq=False)
class Gap:
    """Gap(K) and its standard error s(K), both (n_k,), in natural-log units of WCSS."""

    gap: Floats
    standard_error: Floats


def principal_ranges(points: Floats) -> Floats:
    """Return the lengths of the sides of the box that encloses the points along their principal axes.

    The paper draws references in this box and turns them back to the original axes. WCSS does not change when points
    are shifted, turned or mirrored, so the lengths are all that a reference needs.

    Args:
        points: (n, n_columns), n >= 1.

    Returns:
        (min(n, n_columns),) lengths.
    """
    centred = points - points.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    lengths: Floats = np.ptp(centred @ axes.T, axis=0)
    return lengths


def uniform_reference(ranges: Floats, n_points: int, rng: np.random.Generator) -> Floats:
    """Return (n_points, n_axes) points drawn uniformly from a box with the given side lengths."""
    return rng.uniform(size=(n_points, len(ranges))) * ranges


def gap_statistic(wcss: Floats, reference_wcss: Floats) -> Gap:
    """Return Gap(K) = mean_b log W*_b(K) - log W(K) and s(K) = sd_b(log W*_b(K)) sqrt(1 + 1/B), sd with ddof 0.

    Args:
        wcss: (n_k,) W(K) of the data; 0, where every point is a centroid, counts as the smallest positive number.
        reference_wcss: (n_k, B) W*_b(K) of the references.
    """
    log_reference = _log(reference_wcss)
    n_references = reference_wcss.shape[1]
    spread = log_reference.std(axis=1) * np.sqrt(1 + 1 / n_references)
    return Gap(log_reference.mean(axis=1) - _log(wcss), spread)


def _log(wcss: Floats) -> Floats:
    logs: Floats = np.log(np.maximum(wcss, np.finfo(np.float64).tiny))
    return logs
