"""Demand as it was known month by month: what every column of a forecaster's row is made of.

Whatever stands in the row of a month is made of that month and those before it. So a grid that is cut at a month has
the same values up to there, to the bit.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from dfu_clustering.arrays import Floats, Integers
from dfu_clustering.features.demand_block import YEAR_MONTHS, Block
from dfu_clustering.features.panel import Panel
from dfu_clustering.forecast_value.point_in_time_scale import (
    history_lengths,
    mean_so_far,
    point_in_time_scales,
    recent_means,
)
from dfu_clustering.months import calendar_month

LAGS_MONTHS: Final = (0, 1, 2, 5, 11)
MEANS_MONTHS: Final = (3, 6, 12)

Places = Integers  # (n_rows,) of a month or a DFU in the grid
Columns = dict[str, Floats]  # (n_rows,) each


@dataclass(frozen=True, eq=False)
class KnownDemand:
    """Complete monthly demand of some DFUs.

    Attributes:
        by_month: (n_months, n_dfus) units a month, the oldest month first.
        first_calendar_month: Calendar month 1..12 of the first row.
    """

    by_month: Block
    first_calendar_month: int

    @classmethod
    def of(cls, panel: Panel) -> "KnownDemand":
        """Return the demand of a panel."""
        return cls(panel.demand.T, calendar_month(panel.months[0]))

    @cached_property
    def lengths(self) -> Integers:
        """Months of each DFU's history as of each month."""
        return history_lengths(self.by_month)

    @cached_property
    def scales(self) -> Floats:
        """The point-in-time scales; NaN before the first sale."""
        return point_in_time_scales(self.by_month)

    @cached_property
    def mean_so_far(self) -> Floats:
        """Means of the histories as of each month; NaN before the first sale."""
        return mean_so_far(self.by_month)

    @cached_property
    def _means(self) -> dict[int, Floats]:
        return {months: recent_means(self.by_month, months) for months in MEANS_MONTHS}

    def calendar_month(self, month: Places) -> Places:
        """Return 1..12 of places of months, which may lie after the newest."""
        return (self.first_calendar_month - 1 + month) % YEAR_MONTHS + 1

    def demand(self, month: Places, dfu: Places) -> Floats:
        """Return units a month; NaN before the first sale, when nothing is known of a DFU."""
        there = np.maximum(month, 0)
        known = (month >= 0) & (self.lengths[there, dfu] > 0)
        return np.where(known, self.by_month[there, dfu], np.nan)

    def recent_mean(self, months: int, as_of: Places, dfu: Places) -> Floats:
        """Return the mean of the last months, one of MEANS_MONTHS, as of each row's month."""
        return self._means[months][as_of, dfu]


def base_columns(known: KnownDemand, dfu: Places, as_of: Places, horizon: Places) -> Columns:
    """Return the columns of the sound baseline, demand divided by the point-in-time scale.

    There is neither age nor a month counter among them: a tree extrapolates them badly.

    Args:
        known: The demand.
        dfu: Of each row.
        as_of: Newest month that is known to the row.
        horizon: Months from there to the month that is forecast, 12 at most.
    """
    scale, month = known.scales[as_of, dfu], as_of + horizon
    demand = {f"demand_{lag}_months_before": known.demand(as_of - lag, dfu) for lag in LAGS_MONTHS}
    demand |= {f"mean_of_{months}_months": known.recent_mean(months, as_of, dfu) for months in MEANS_MONTHS}
    demand["demand_a_year_before"] = known.demand(month - YEAR_MONTHS, dfu)
    calendar = {"calendar_month": known.calendar_month(month), "horizon_months": horizon}
    scaled = {name: values / scale for name, values in demand.items()}
    return scaled | {name: values.astype(np.float64) for name, values in calendar.items()}
