"""The course of a segment's demand: quartiles by month over its DFUs, each on its own scale."""

import numpy as np

from dfu_clustering.arrays import Flags, Floats
from dfu_clustering.report.charts import Band

_LEAST_SHARE_BEGUN = 0.25  # of the DFUs: below it a month shows too few
_DECIMALS = 3
_MOST = 0.65  # share of months with demand: nearer to a half the median of a month is zero now and then


def quartile_band(demand: Floats, mean_demand: Floats, window_months: int = 0) -> Band:
    """Return the quartiles and the mean by month of demand divided by each DFU's mean.

    The mean shows the course of a segment whose median is zero, because most of its DFUs pause in any one month.

    Args:
        demand: (n_dfus, n_months) units, NaN before a DFU's first sale.
        mean_demand: (n_dfus,) mean a month of each DFU's clustered history, positive.
        window_months: Newest months that count; 0: all.

    Returns:
        The band; months in which less than a quarter of the DFUs had begun to sell are undefined.
    """
    n_dfus, n_months = demand.shape
    begun = np.count_nonzero(~np.isnan(demand), axis=0) >= max(1, _LEAST_SHARE_BEGUN * n_dfus)
    course = np.full((4, n_months), np.nan)
    if begun.any():
        scaled = demand[:, begun] / mean_demand[:, None]
        course[:3, begun] = np.nanquantile(scaled, [0.25, 0.5, 0.75], axis=0)
        course[3, begun] = np.nanmean(scaled, axis=0)
    low, mid, high, mean = (jsonable(row.round(_DECIMALS)) for row in course)
    selling, sizes = _occasions(demand, begun, window_months)
    return Band(low=low, mid=mid, high=high, mean=mean, dfus=n_dfus, selling=selling, sizes=sizes)


def _occasions(
    demand: Floats, begun: Flags, window_months: int
) -> tuple[list[float | None] | None, tuple[float, float, float] | None]:
    """Return how often DFUs sell by month, and how much when they do; None for both where most sell in most months."""
    window = demand[:, -window_months:] if window_months else demand
    known = window[~np.isnan(window)]
    if not len(known) or np.count_nonzero(known) >= _MOST * len(known):
        return None, None
    share = np.full(len(begun), np.nan)
    share[begun] = np.nanmean(np.where(np.isnan(demand), np.nan, demand > 0)[:, begun], axis=0)
    sold = known[known > 0]
    if not len(sold):
        return jsonable(share), None
    low, mid, high = rounded(np.quantile(sold, [0.25, 0.5, 0.75])).tolist()
    return jsonable(share.round(_DECIMALS)), (low, mid, high)


def since_first_sale(demand: Floats) -> Floats:
    """Return (n_dfus, n_months) demand with the months before the first sale undefined: they are no zero demand."""
    begun = np.logical_or.accumulate(demand > 0, axis=1)
    return np.where(begun, demand, np.nan)


def rounded(values: Floats, digits: int = 3) -> Floats:
    """Return the values with so many significant digits: what a chart shows, in a fraction of the bytes."""
    with np.errstate(divide="ignore", invalid="ignore"):
        decimals = digits - 1 - np.floor(np.log10(np.abs(values)))
    factor = np.power(10.0, np.where(np.isfinite(decimals), decimals, 0.0))
    shortened: Floats = np.round(values * factor) / factor
    return shortened


def jsonable(values: Floats) -> list[float | None]:
    """Return plain numbers, None for NaN."""
    return [None if value != value else value for value in values.tolist()]
