"""Sales rows become a complete monthly grid; the grid becomes the histories that are clustered.

No row is zero demand, a month that returns push below zero counts as zero, and every DFU that is not clustered is
counted under exactly one reason.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dfu_clustering.arrays import Flags, Floats, Integers, Objects
from dfu_clustering.errors import DataError
from dfu_clustering.features.demand_block import YEAR_MONTHS, sum_of
from dfu_clustering.features.dfu_keys import KeyIndex, natural_keys
from dfu_clustering.features.season import LEAST_SEASON_MONTHS
from dfu_clustering.months import Month, month_range

NEVER_SOLD = "never_sold"
NO_DEMAND_IN_WINDOW = "no_demand_in_window"
INSUFFICIENT_HISTORY = "insufficient_history"
NOT_IN_DIM_DFU = "not_in_dim_dfu"
EXCLUSION_REASONS = (INSUFFICIENT_HISTORY, NO_DEMAND_IN_WINDOW, NEVER_SOLD, NOT_IN_DIM_DFU)

_QTY_DECIMALS = 4  # of numeric(18,4): rounding here makes sums independent of the order of the rows


@dataclass(frozen=True)
class SalesFacts:
    """What the sales rows were like: rows read, and how many needed one of the stated rules."""

    rows: int
    null_qty_rows: int
    negative_qty_rows: int
    duplicate_rows: int
    duplicate_keys: tuple[str, ...]
    clipped_months: int
    unknown_dfus: tuple[str, ...]


@dataclass(frozen=True)
class Panel:
    """Complete monthly demand of all DFUs of dim_dfu.

    Attributes:
        dfu_ck: (n_dfus,) keys in ascending order.
        demand: (n_dfus, n_months) units a month, never negative; the last column is as_of_month. A month of all DFUs
            is contiguous in memory, as sales come and as features are computed: month by month.
        as_of_month: The newest month.
        facts: What the rows were like.
    """

    dfu_ck: Objects
    demand: Floats
    as_of_month: Month
    facts: SalesFacts

    @property
    def months(self) -> NDArray[np.datetime64]:
        """Return the (n_months,) calendar months of the columns."""
        return month_range(self.as_of_month, self.demand.shape[1])


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


class PanelBuilder:
    """Adds up sales batches in a grid of known DFUs x months; memory is bounded by the grid, not by the rows.

    Args:
        dims: Columns dfu_ck, dmdunit, dmdgroup, loc of dim_dfu; the last three may hold nulls, which match no sale.
        first_month: Oldest month with sales.
        as_of_month: Newest month to be read; later rows must not be added.

    Raises:
        WarehouseError: Two DFUs share dmdunit, dmdgroup and loc, so that their sales cannot be told apart.
    """

    def __init__(self, dims: pa.Table, *, first_month: Month, as_of_month: Month) -> None:
        dims = dims.sort_by("dfu_ck")
        self._dfu_ck: Objects = dims.column("dfu_ck").to_numpy(zero_copy_only=False).astype(object)
        self._keys = KeyIndex(dims, self._dfu_ck)
        self._first_month, self._as_of_month = first_month, as_of_month
        self._column_of_day = _column_of_day(first_month, as_of_month)
        shape = (int((as_of_month - first_month).astype(int)) + 1, len(self._dfu_ck))
        self._demand = np.zeros(shape)
        self._rows_of_cell = np.zeros(shape, dtype=np.uint16)
        self._unknown: set[tuple[str, str, str]] = set()
        self._counts: Counter[str] = Counter()

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows of dmdunit, dmdgroup, loc (dictionary or string), startdate (date32) and qty (float64)."""
        qty = batch.column("qty")
        self._counts["rows"] += len(qty)
        self._counts["null_qty"] += qty.null_count
        amount = qty.fill_null(0.0).to_numpy(zero_copy_only=False)
        _require_finite(amount, batch)
        self._counts["negative_qty"] += int(np.count_nonzero(amount < 0))
        days = batch.column("startdate").cast(pa.int32()).to_numpy(zero_copy_only=False)
        column = self._column_of_day[days - _day_number(self._first_month)]
        self._add_up(self._keys.positions(batch), column, amount, batch)

    def build(self) -> Panel:
        """Return the panel, finished for good; months netted below zero are clipped to zero and counted."""
        demand = np.round(self._demand, _QTY_DECIMALS, out=self._demand)
        clipped = int(np.count_nonzero(demand < 0))
        np.maximum(demand, 0.0, out=demand)
        facts = SalesFacts(
            rows=self._counts["rows"],
            null_qty_rows=self._counts["null_qty"],
            negative_qty_rows=self._counts["negative_qty"],
            duplicate_rows=int(self._counts["in_dim"] - np.count_nonzero(self._rows_of_cell)),
            duplicate_keys=self._duplicate_keys(),
            clipped_months=clipped,
            unknown_dfus=tuple("_".join(key) for key in sorted(self._unknown)),
        )
        return Panel(self._dfu_ck, demand.T, self._as_of_month, facts)

    def _add_up(self, dfu: NDArray[np.intp], month: NDArray[np.intp], amount: Floats, batch: pa.RecordBatch) -> None:
        known = dfu >= 0
        if not known.all():
            self._unknown.update(natural_keys(batch.filter(pa.array(~known))))
            dfu, month, amount = dfu[known], month[known], amount[known]
        cell = month * self._demand.shape[1] + dfu
        self._counts["in_dim"] += len(cell)
        np.add.at(self._demand.reshape(-1), cell, amount)
        np.add.at(self._rows_of_cell.reshape(-1), cell, np.uint16(1))

    def _duplicate_keys(self, most: int = 5) -> tuple[str, ...]:
        if self._counts["in_dim"] == np.count_nonzero(self._rows_of_cell):
            return ()
        cells = np.flatnonzero(self._rows_of_cell.T > 1)[:most]
        dfu, month = np.divmod(cells, len(self._rows_of_cell))
        return tuple(f"{self._dfu_ck[d]} {self._first_month + m}" for d, m in zip(dfu, month, strict=True))


def select_histories(
    panel: Panel,
    *,
    window_months: int | Literal["all"],
    season_window_months: int,
    min_months_history: int,
    may_be_empty: bool = False,
) -> tuple[Histories, Exclusions]:
    """Cut the window out of the panel and tell the DFUs that can be clustered from those that cannot.

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
    first_sale = _first_sale(by_month)
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


def _first_sale(by_month: Floats) -> Integers:
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


def _column_of_day(first_month: Month, as_of_month: Month) -> NDArray[np.intp]:
    """Return the month, counted from the first, of every day from the first month to the last."""
    days = np.arange(first_month.astype("datetime64[D]"), (as_of_month + 1).astype("datetime64[D]"))
    return np.asarray((days.astype("datetime64[M]") - first_month).astype(np.intp))


def _day_number(month: Month) -> int:
    return int(month.astype("datetime64[D]").astype(int))


def _require_finite(amount: Floats, batch: pa.RecordBatch) -> None:
    bad = ~np.isfinite(amount)
    if bad.any():
        raise DataError(
            "qty must be a finite number or NULL",
            found=f"{np.unique(amount[bad]).tolist()} in fact_sales_monthly",
            keys=["_".join(key) for key in natural_keys(batch.filter(pa.array(bad)))],
            remedy="correct these rows in the source and load the month again",
        )


def _require_demand(panel: Panel, window: int, demanded: Flags) -> None:
    if not demanded.any():
        first = panel.as_of_month - (window - 1)
        raise DataError(
            "The time window must hold sales of at least one DFU of dim_dfu",
            found=f"no positive demand of {len(demanded)} DFUs from {first} to {panel.as_of_month} "
            f"({panel.facts.rows} sales rows read, {len(panel.facts.unknown_dfus)} DFUs of theirs not in dim_dfu)",
            remedy="check that the sales are loaded and as_of_month is right, or widen time_window_months",
        )


def _require_clustered(clustered: Flags, demanded: Flags, min_months_history: int) -> None:
    if not clustered.any():
        raise DataError(
            f"At least one DFU must have a history of {min_months_history} months",
            found=f"{np.count_nonzero(demanded)} DFUs with demand in the window, all with a shorter history",
            remedy="load more months, or lower min_months_history",
        )


def sales_batch(rows: Iterable[tuple[Any, ...]]) -> pa.RecordBatch:
    """Return rows of (dmdunit, dmdgroup, loc, startdate, qty) as one batch of the types that a builder adds."""
    columns = list(zip(*rows, strict=True)) or [()] * len(SALES_SCHEMA)
    return pa.RecordBatch.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, SALES_SCHEMA, strict=True)],
        schema=SALES_SCHEMA,
    )


SALES_SCHEMA = pa.schema(
    [
        pa.field("dmdunit", pa.string()),
        pa.field("dmdgroup", pa.string()),
        pa.field("loc", pa.string()),
        pa.field("startdate", pa.date32()),
        pa.field("qty", pa.float64()),
    ]
)
