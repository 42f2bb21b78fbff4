"""How forecastable demand is: what repeating last year would have missed, and what trend and season explain.

Both are read off demand and features that are there anyway, and change no cluster and no label.
"""

from typing import Final

import numpy as np

from dfu_clustering.arrays import Floats, Integers
from dfu_clustering.features.demand_block import YEAR_MONTHS, ratio_of, sum_of
from dfu_clustering.features.histories import first_sales

TEST_MONTHS: Final = 6  # newest months that are forecast as if they were not known


def seasonal_naive_errors(demand: Floats, history_months: Integers) -> tuple[Floats, Floats]:
    """Return what the seasonal naive forecast of the last six months missed, and what was sold in them.

    The forecast of month m knows nothing after the month before the six, o. It is the demand of m - 12 where the DFU
    had begun to sell by then, else its mean a month since its first sale, over the last 12 months up to o at most.
    A DFU that has begun to sell after o cannot be forecast.

    Args:
        demand: (n_months, n_dfus) units a month, never negative, the newest month last.
        history_months: (n_dfus,) months since the first sale, at least; a first sale before the months that are given
            counts from it.

    Returns:
        (n_dfus,) sums of the absolute errors and of the demand, units in six months; NaN where nothing can be forecast.
    """
    n_months, n_dfus = demand.shape
    known = n_months - TEST_MONTHS
    if known < 1:
        return np.full(n_dfus, np.nan), np.full(n_dfus, np.nan)
    begun = np.minimum(first_sales(demand), np.maximum(n_months - history_months, 0))
    months = np.clip(known - begun, 1, YEAR_MONTHS)
    newest = demand[max(0, known - YEAR_MONTHS) : known]
    mean = sum_of(newest) / months
    errors = []
    for month in range(known, n_months):
        year_before = month - YEAR_MONTHS
        forecast = mean if year_before < 0 else np.where(begun <= year_before, demand[year_before], mean)
        errors.append(np.abs(demand[month] - forecast))
    missed, sold = sum_of(errors), sum_of(demand[known:])
    return np.where(begun < known, missed, np.nan), np.where(begun < known, sold, np.nan)


def wape(error: Floats, demand: Floats) -> Floats:
    """Return the errors as a share of the demand: 0 is right in every month; NaN where there was no demand."""
    return ratio_of(error, demand, otherwise=np.nan)


def explained_share(residual_cv: Floats, cv_demand: Floats, history_months: Floats) -> Floats:
    """Return the share (0-1) of the variance of demand from month to month that trend and season explain.

    1 - r^2 / (c^2 n / (n - 1)) with r = residual_cv, whose variance is divided by the degrees of freedom that trend and
    season leave, c = cv_demand and n months of history: both sides are estimates of a variance, so that a line and
    twelve means through chance explain nothing on average. Clipped to 0..1; NaN where demand does not vary, or n < 3.

    Args:
        residual_cv: (n_dfus,) the feature; so the others.
        cv_demand: (n_dfus,).
        history_months: (n_dfus,).
    """
    n = np.asarray(history_months, dtype=np.float64)
    variance = np.square(cv_demand) * ratio_of(n, n - 1, otherwise=np.nan)
    left = ratio_of(np.square(residual_cv), variance, otherwise=np.nan)
    return np.clip(1 - left, 0.0, 1.0)
