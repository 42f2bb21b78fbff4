"""The scale by which a forecaster divides a DFU's demand: what is usual for it, as known at a month.

    scale = 0.8 x mean of the last 12 months + 0.2 x mean of all months so far

A history begins at the first month of positive demand. Where it is shorter than 12 months, its own months are the last.
"""

from typing import Final

import numpy as np

from dfu_clustering.arrays import Floats, Integers
from dfu_clustering.features.demand_block import YEAR_MONTHS, Block, ratio_of
from dfu_clustering.features.histories import first_sales

_RECENT_SHARE: Final = 0.8


def history_lengths(by_month: Block) -> Integers:
    """Return (n_months, n_dfus) months of history as of each month; 0 before the first sale."""
    months = np.arange(1, len(by_month) + 1)[:, np.newaxis]
    lengths: Integers = np.maximum(months - first_sales(by_month), 0)
    return lengths


def point_in_time_scales(by_month: Block) -> Floats:
    """Return (n_months, n_dfus) scales as of each month, each of the months up to it alone.

    Args:
        by_month: (n_months, n_dfus) units a month from the oldest month with sales on.

    Returns:
        Units a month, always positive; NaN before the first sale.
    """
    return _RECENT_SHARE * recent_means(by_month, YEAR_MONTHS) + (1 - _RECENT_SHARE) * mean_so_far(by_month)


def mean_so_far(by_month: Block) -> Floats:
    """Return (n_months, n_dfus) means of the history as of each month; NaN before the first sale."""
    return ratio_of(np.cumsum(by_month, axis=0), history_lengths(by_month).astype(np.float64), otherwise=np.nan)


def recent_means(by_month: Block, months: int) -> Floats:
    """Return (n_months, n_dfus) means of the last months as of each month, or of the history where that is shorter.

    Args:
        by_month: (n_months, n_dfus) units a month.
        months: How many.
    """
    total = by_month.copy()
    for back in range(1, min(months, len(by_month))):
        total[back:] += by_month[:-back]
    length = np.minimum(history_lengths(by_month), months).astype(np.float64)
    return ratio_of(total, length, otherwise=np.nan)
