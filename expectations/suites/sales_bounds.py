"""The bounds that the sales table sets itself: its own history as parameters of its expectations."""

import math
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import numpy as np

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.data_quality import DataQualityConfig
from dfu_clustering.months import Month
from dfu_clustering.quality.expected_levels import (
    ROWS,
    VOLUME,
    SalesMonths,
    expected_months,
    newest_bounds,
    next_month_due,
    odd_months,
    usual_share,
)
from dfu_clustering.quality.recent_sales import FEWEST_ROWS
from dfu_clustering.rounding import significant
from expectations.engine.checks import SEVERITIES

# Beyond it the typical DFU moved with the volume. A promotion of a third of the DFUs shifts the median by the spread of
# the others, up to 1.3 times; a load that is critical (0.6 or 1.67 times) shifts it by as much as itself.
_ALIKE = math.log(1.5)

Parameters = dict[str, Any]


def sales_bounds(
    config: ClusteringConfig, months: SalesMonths, *, chosen: bool, typical_changes: Iterable[float | None] = ()
) -> Parameters:
    """Return the bounds by name; None where the history is too short.

    Args:
        config: History, window, limits.
        months: What every month holds, up to the as-of month.
        chosen: Whether the as-of month was asked for; else it is the newest, which must not be a stale one.
        typical_changes: By how much the as-of month of the median DFU differs from the month before and from the same
            month a year ago, in logarithms; None or nothing where that is not known.
    """
    limits = config.data_quality
    as_of = months.month[-1]
    window = len(months.month) if config.time_window_months == "all" else int(config.time_window_months)
    complete_from = (as_of + 1).astype("datetime64[D]") - np.timedelta64(limits.early_close_days, "D")
    due = next_month_due(months)
    expected = months.month[-window:][expected_months(months)[-window:]]
    dense = np.median(months.rows[-window:]) >= FEWEST_ROWS
    return {
        "as_of": as_day(as_of),
        "latest_first_month": as_day(as_of - (config.min_months_history - 1)),
        "months_of_window": [as_day(month) for month in expected] if dense else None,
        "odd_months": [as_day(month) for month in odd_months(months, limits.earlier_months)],
        "before_next_month": None if chosen or due is None else _time(due - np.timedelta64(1, "s")),
        "complete_from": _time(complete_from),
        **_levels(limits, months, uneven=_is_uneven(typical_changes)),
        **_shares(limits, months),
        **_largest(limits, months, window),
    }


def _is_uneven(typical_changes: Iterable[float | None]) -> bool:
    """Tell whether the typical DFU stayed where it was; one that both changes move the same way did not."""
    known = [change for change in typical_changes if change is not None]
    return bool(known) and max(known) >= -_ALIKE and min(known) <= _ALIKE


def _levels(limits: DataQualityConfig, months: SalesMonths, *, uneven: bool) -> Parameters:
    of_volume = limits.newest_month_volume
    if uneven:
        of_volume = of_volume.model_copy(update={"critical": max(of_volume.critical, limits.uneven_volume)})
    measures = (("rows", ROWS, limits.newest_month_rows), ("volume", VOLUME, of_volume))
    bounds: Parameters = {}
    for name, measure, deviation in measures:
        for severity in SEVERITIES:
            found = newest_bounds(months, measure, tolerance=getattr(deviation, severity))
            bounds[f"{name}_low_{severity}"] = found and significant(found.low)
            bounds[f"{name}_high_{severity}"] = found and significant(found.high)
    return bounds


def _shares(limits: DataQualityConfig, months: SalesMonths) -> Parameters:
    usual = {name: usual_share(getattr(months, name)) for name in ("null_share", "negative_share", "zero_share")}
    return {f"{name}_high": share if share is None else share + limits.share_rise for name, share in usual.items()}


def _largest(limits: DataQualityConfig, months: SalesMonths, window: int) -> Parameters:
    largest = np.sort(months.largest_qty[-window:][np.isfinite(months.largest_qty[-window:])])
    next_to_it = float(largest[-2]) if len(largest) > 1 else 0.0
    factors = limits.largest_qty_factor
    return {f"largest_qty_{name}": getattr(factors, name) * next_to_it or None for name in SEVERITIES}


def as_day(month: Month) -> date:
    """Return the first day of a month."""
    day: date = month.astype("datetime64[D]").astype(object)
    return day


def _time(moment: np.datetime64) -> datetime:
    time: datetime = moment.astype("datetime64[s]").astype(object)
    return time
