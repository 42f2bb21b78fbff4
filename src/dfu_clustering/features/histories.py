"""The histories that are clustered, cut out of the panel; every other DFU is counted under exactly one reason."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dfu_clustering.arrays import Flags, Floats, Integers, Objects
from dfu_clustering.errors import DataError
from dfu_clustering.features.demand_block import YEAR_MONTHS, sum_of
from dfu_clustering.features.panel import Panel
from dfu_clustering.features.season import LEAST_SEASON_MONTHS
from dfu_clustering.months import Month

NEVER_SOLD = "never_sold"
NO_DEMAND_IN_WINDOW = "no_demand_in_window"
INSUFFICIENT_HISTORY = "insufficient_history"
NOT_IN_DIM_DFU = "not_in_dim_dfu"
EXCLUSION_REASONS = (INSUFFICIENT_HISTORY, NO_DEMAND_IN_WINDOW, NEVER_SOLD, NOT_IN_DIM_DFU)


@dataclass(frozen=True)
class Histories:
    """Demand of the DFUs that can be clustered, each from its own first month to as_of_month.

    Attributes:
        dfu_ck: (n_dfus,) keys in ascending order.
        demand: (n_dfus, n_months) units a month, the last column being as_of_month; as many as the longer of the window
            and the season's window. A DFU's history is the last ``history_months`` columns of its row, its season's
            window the last ``season_months``. Either order in memory gives the same features; with contiguous months
            they are found sooner.
        history_months: (n_dfus,) length n of each history, 1 <= n <= window.
        as_of_month: Calendar month of the last column.
        season_months: (n_dfus,) length of each season's window, see months_of_season(); None: of these histories, as
            if no month before them were known.
    """

    dfu_ck: Objects
    demand: Floats
    history_months: Integers
    as_of_month: Month
    season_months: Integers | None = None

    def months_of_season(self) -> Integers:
        """Return the (n_dfus,) lengths of the season's windows."""
        if self.season_months is not None:
            return self.season_months
        return months_of_season(self.history_months, most=self.demand.shape[1])


@dataclass(frozen=True)
class Exclusions:
    """DFUs that are not clustered, in key order.

    Attributes:
        dfu_ck: (n_dfus,) keys.
        reason: (n_dfus,) one of EXCLUSION_REASONS each.
        mean_demand: (n_dfus,) units a month: over the history in the window so far where that is too short, 0 where
            the window holds no demand, NaN where the DFU never sold or is not in dim_dfu.
    """

    dfu_ck: Objects
    reason: Objects
    mean_demand: Floats

    def counts(self) -> dict[str, int]:
        """Return the number of DFUs by reason, every reason present."""
        found = Counter(self.reason.tolist())
        return {reason: found.get(reason, 0) for reason in EXCLUSION_REASONS}


def select_histories(
    panel: Panel,
    *,
    window_months: int | Literal["all"],
    season_window_months: int,
    min_months_history: int,
    may_be_empty: bool = False,
) -> tuple[Histories, Exclusions]:
    """Cut the window out of the panel and separate the DFUs that can be clustered from those that cannot.

    A history starts at the first month of positive demand (over all months of the panel) or at the window's start,
    whichever is later. Clustered: at least min_months_history long and not without any demand. The season's window
    may reach back further, but not beyond the first month of positive demand.

    Args:
        panel: Complete monthly demand.
        window_months: Months of the window, or "all".
        season_window_months: Months of the season's window, at most.
        min_months_history: Months that a history must have to be clustered.
        may_be_empty: Whether no history at all is a legitimate result, as of a part of the DFUs.

    Raises:
        DataError: The panel holds no demand in the window, or no history that is long enough.
    """
    by_month = panel.demand.T
    n_months = len(by_month)
    window = window_of(panel, window_months)
    in_window = by_month[n_months - window :]
    first_sale = first_sales(by_month)
    length = n_months - np.maximum(first_sale, n_months - window)
    demanded: Flags = np.any(in_window > 0, axis=0)
    clustered = demanded & (length >= min_months_history)
    if not may_be_empty:
        _require_demand(panel, window, demanded)
        _require_clustered(clustered, demanded, min_months_history)
    kept = max(window, min(season_window_months, n_months))
    histories = Histories(
        panel.dfu_ck[clustered],
        np.compress(clustered, by_month[n_months - kept :], axis=1).T,
        length[clustered],
        panel.as_of_month,
        months_of_season(n_months - first_sale[clustered], most=season_window_months),
    )
    reason = np.select([first_sale == n_months, ~demanded], [NEVER_SOLD, NO_DEMAND_IN_WINDOW], INSUFFICIENT_HISTORY)
    total = sum_of(month[~clustered] for month in in_window)
    mean = np.where(reason[~clustered] == NEVER_SOLD, np.nan, total / np.maximum(length[~clustered], 1))
    return histories, _exclusions(panel, panel.dfu_ck[~clustered], reason[~clustered].astype(object), mean)


def window_of(panel: Panel, window_months: int | Literal["all"]) -> int:
    """Return the months that the window holds, at most those of the panel."""
    n_months: int = panel.demand.shape[1]
    return n_months if window_months == "all" else min(int(window_months), n_months)


def months_of_season(history_months: Integers, *, most: int) -> Integers:
    """Return the length of each DFU's window of the season: the newest whole years, two at least, of its history.

    Args:
        history_months: (n_dfus,) months since the first month of positive demand, whatever the window.
        most: Longest window in months.

    Returns:
        (n_dfus,) months, whole years; 0 where there are fewer than two.
    """
    years = np.minimum(history_months, most) // YEAR_MONTHS
    return np.where(years * YEAR_MONTHS >= LEAST_SEASON_MONTHS, years * YEAR_MONTHS, 0)


def first_sales(by_month: Floats) -> Integers:
    """Return each DFU's first month of positive demand; the number of months where there is none."""
    first = np.full(by_month.shape[1], len(by_month))
    for month in range(len(by_month) - 1, -1, -1):
        first[by_month[month] > 0] = month
    return first


def _exclusions(panel: Panel, dfu_ck: Objects, reason: Objects, mean_demand: Floats) -> Exclusions:
    """Add the DFUs that dim_dfu does not know, and put all into key order."""
    unknown = np.array(panel.facts.unknown_dfus, dtype=object)
    keys = np.concatenate([dfu_ck, unknown])
    reasons = np.concatenate([reason, np.full(len(unknown), NOT_IN_DIM_DFU, dtype=object)])
    means = np.concatenate([mean_demand, np.full(len(unknown), np.nan)])
    order = np.argsort(keys, kind="stable")
    return Exclusions(keys[order], reasons[order], means[order])


def _require_demand(panel: Panel, window: int, demanded: Flags) -> None:
    if not demanded.any():
        first = panel.as_of_month - (window - 1)
        raise DataError(
            f"The time window must hold sales of at least one DFU of {panel.dfu_table}",
            found=f"no positive demand of {len(demanded)} DFUs from {first} to {panel.as_of_month} "
            f"({panel.facts.rows} sales rows read, {len(panel.facts.unknown_dfus)} of their DFUs not in "
            f"{panel.dfu_table})",
            remedy="check that the sales are loaded and as_of_month is right, or widen time_window_months",
        )


def _require_clustered(clustered: Flags, demanded: Flags, min_months_history: int) -> None:
    if not clustered.any():
        raise DataError(
            f"At least one DFU must have a history of {min_months_history} months",
            found=f"{np.count_nonzero(demanded)} DFUs with demand in the window, all with a shorter history",
            remedy="load more months, or lower min_months_history",
        )
