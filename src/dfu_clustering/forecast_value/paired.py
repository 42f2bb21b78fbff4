"""Whether one forecaster is better than another: paired log ratios of their errors over rolling origins.

Origins that lie closer than the horizon share target months, so their differences are no independent draws. Their mean
has the long-run variance of Diebold & Mariano (1995): autocovariances up to the number of origins whose horizons
overlap. Overlap can only make neighbours alike, so negative ones count as zero. For few origins Harvey, Leybourne &
Newbold (1997) correct it by a factor, and compare with Student's t of n - 1 degrees of freedom.

Where more than one neighbour overlaps, so few differences tell nothing of their own likeness: they vary little, because
they are nearly the same. Then it is the one that the overlap alone makes, and the degrees of freedom are those of the
independent origins that are left: with monthly origins hardly anything is beyond chance.

Of eight origins of pure chance 1.3 % come out as better (2.5 % is what the interval says) where each has noise of its
own, and 4.4 % where all noise is of the months that neighbours share, because their likeness is underestimated.
"""

import math
from typing import Final, Literal

import numpy as np
from scipy.special import stdtrit

from dfu_clustering.arrays import Floats
from dfu_clustering.errors import DataError
from dfu_clustering.files.summary import Summary

CONFIDENCE_SHARE: Final = 0.95  # of the two-sided interval

_MEASURABLE: Final = 1  # neighbours that overlap up to which a handful of differences shows how alike they are
_WIDEST: Final = 20.0  # on a log scale: an interval that says nothing

Finding = Literal["pays", "no evidence", "harms"]


class Comparison(Summary):
    """One forecaster beside another.

    Attributes:
        ratio: Geometric mean over the origins of its error by the other's; below 1 it is better.
        low: Lower end of the interval within which the ratio lies with 95 % confidence.
        high: Upper end.
        better_origins: Origins at which it was better.
        origins: Of how many.
    """

    ratio: float
    low: float
    high: float
    better_origins: int
    origins: int

    @property
    def is_better(self) -> bool:
        """Return whether it is better beyond chance."""
        return self.high < 1

    @property
    def is_worse(self) -> bool:
        """Return whether it is worse beyond chance."""
        return self.low > 1


def compare(log_ratios: Floats, *, overlapping: int) -> Comparison:
    """Return what paired log ratios say.

    Args:
        log_ratios: (n_origins,) of the errors, in the order of the origins; the seeds of an origin are averaged.
        overlapping: How many origins after each one have target months in common with it.

    Raises:
        DataError: An origin has none: there was nothing to measure, or nothing was wrong.
    """
    if not np.isfinite(log_ratios).all():
        raise DataError(
            "Errors must be positive numbers at every origin",
            found=f"{np.count_nonzero(~np.isfinite(log_ratios))} of {len(log_ratios)} origins without demand, or with "
            "perfect forecasts",
            remedy="choose fewer origins, or another newest month",
        )
    n, mean = len(log_ratios), float(log_ratios.mean())
    freedom = n - 1 if overlapping <= _MEASURABLE else independent_origins(n, overlapping) - 1
    quantile = float(stdtrit(freedom, (1 + CONFIDENCE_SHARE) / 2))
    reach = min(quantile * standard_error(log_ratios, overlapping), _WIDEST)
    low, ratio, high = (math.exp(mean + side * reach) for side in (-1, 0, 1))
    return Comparison(ratio=ratio, low=low, high=high, better_origins=int((log_ratios < 0).sum()), origins=n)


def standard_error(differences: Floats, overlapping: int) -> float:
    """Return the standard error of the mean of differences of which neighbours overlap.

    With d_i the differences, n their number, q the neighbours that overlap and h = q + 1:
    variance = (g_0 + 2 sum of max(g_k, 0), k = 1..q) / n, g_k the autocovariances, times the factor of small samples
    n / (n + 1 - 2 h + h (h - 1) / n) of Harvey, Leybourne & Newbold. With q above 1 it is g_0 / (m - 1), m the
    independent origins.
    """
    n = len(differences)
    centred = differences - differences.mean()
    if overlapping > _MEASURABLE:
        return math.sqrt(float(centred @ centred) / n / (independent_origins(n, overlapping) - 1))
    h = overlapping + 1
    g = [float(centred[k:] @ centred[: n - k]) / n for k in range(h)]
    long_run = g[0] + 2 * sum(max(of_lag, 0.0) for of_lag in g[1:])
    return math.sqrt(long_run / (n + 1 - 2 * h + h * (h - 1) / n))


def independent_origins(n: int, overlapping: int) -> float:
    """Return how many independent origins tell as much as n whose noise is that of the months alone.

    Horizons that share a part 1 - k / (q + 1) of their months with the k-th neighbour make the mean as uncertain as
    n / (1 + 2 sum of (1 - k / n) (1 - k / (q + 1)), k = 1..q) independent ones (Bayley & Hammersley 1946).
    """
    alike = sum((1 - k / n) * (1 - k / (overlapping + 1)) for k in range(1, min(overlapping, n - 1) + 1))
    return n / (1 + 2 * alike)


def finding_of(against_base: Comparison, against_control: Comparison) -> Finding:
    """Return ``pays`` only where both comparisons say so, ``harms`` where the one with the base does."""
    if against_base.is_worse:
        return "harms"
    return "pays" if against_base.is_better and against_control.is_better else "no evidence"


def overlap_of(horizon_months: int, spacing_months: int) -> int:
    """Return how many origins after each one have target months in common with it."""
    return math.ceil(horizon_months / spacing_months) - 1


def mean_over_seeds(errors: Floats) -> Floats:
    """Return the (n_origins,) mean log of (n_origins, n_seeds) errors; NaN where one of them is no positive number."""
    logs: Floats = np.log(np.where(errors > 0, errors, np.nan)).mean(axis=1)
    return logs
