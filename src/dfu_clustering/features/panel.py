"""Sales rows become a complete monthly grid.

No row is zero demand, and a month that returns push below zero counts as zero.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dfu_clustering.arrays import Floats, Objects
from dfu_clustering.config.warehouse_names import WarehouseNames
from dfu_clustering.errors import DataError, WarehouseError
from dfu_clustering.features.attributes import PROJECT_NAMES
from dfu_clustering.features.dfu_keys import KeyIndex, natural_keys
from dfu_clustering.features.sales_facts import RowCounts, SalesFacts
from dfu_clustering.months import Month, month_range

MOST_MONTHS = 600  # of a grid: beyond it a date is wrong, and the grid would take gigabytes
RECENT_MONTHS = 13  # of which a panel keeps the rows of each DFU: a year and the month a year ago
# Sums are rounded so that they do not depend on the order of the rows: to the four decimals of numeric(18,4), and where
# a column holds finer numbers, tonnes as double precision, to so many significant digits of the DFU's largest month so
# far. Later months change no digit, so that the first months of a panel are the panel of these months.
_QTY_DECIMALS = 4
_QTY_DIGITS = 14


@dataclass(frozen=True)
class Panel:
    """Complete monthly demand of all DFUs of dim_dfu.

    Attributes:
        dfu_ck: (n_dfus,) keys in ascending order.
        demand: (n_dfus, n_months) units a month, never negative; the last column is as_of_month. A month of all DFUs
            is contiguous in memory, as sales come and as features are computed: month by month.
        as_of_month: The newest month.
        facts: What the rows were like.
        dfu_table: What an error calls the table of the DFUs.
        recent_rows: (n_recent, n_dfus) sales rows in each of the newest months, RECENT_MONTHS at most, the last being
            as_of_month; None: not known.
    """

    dfu_ck: Objects
    demand: Floats
    as_of_month: Month
    facts: SalesFacts
    dfu_table: str = PROJECT_NAMES.tables.dfu
    recent_rows: NDArray[np.uint32] | None = None

    @property
    def months(self) -> NDArray[np.datetime64]:
        """Return the (n_months,) calendar months of the columns."""
        return month_range(self.as_of_month, self.demand.shape[1])

    def as_of(self, month: Month) -> "Panel":
        """Return the panel that the sales up to an earlier month make, to the last bit; it shares the demand.

        Raises:
            DataError: It is no month of the panel.
        """
        n_months = self.demand.shape[1] - int((self.as_of_month - month).astype(int))
        if not 0 < n_months <= self.demand.shape[1]:
            raise DataError(
                "A panel must be cut at one of its months",
                found=f"{month}, while it runs from {self.months[0]} to {self.as_of_month}",
                remedy="choose one of these",
            )
        facts = self.facts.of_first(n_months)
        return replace(self, demand=self.demand[:, :n_months], as_of_month=month, facts=facts, recent_rows=None)


class PanelBuilder:
    """Adds up sales batches in a grid of known DFUs x months; memory is bounded by the grid, not by the rows.

    Args:
        dims: Columns dfu_ck, dmdunit, dmdgroup, loc of dim_dfu; the last three may hold nulls, which match no sale.
        first_month: Oldest month with sales.
        as_of_month: Newest month to be read; later rows must not be added.
        names: What errors call tables and columns.

    Raises:
        WarehouseError: A DFU has no dfu_ck, or two share dmdunit, dmdgroup and loc, so that their sales cannot be
            distinguished.
        DataError: The months are more than MOST_MONTHS.
    """

    def __init__(
        self, dims: pa.Table, *, first_month: Month, as_of_month: Month, names: WarehouseNames = PROJECT_NAMES
    ) -> None:
        self._names = names
        _require_keys(dims, names)
        _require_plausible_span(first_month, as_of_month, names)
        dims = dims.sort_by("dfu_ck")
        self._dfu_ck: Objects = dims.column("dfu_ck").to_numpy(zero_copy_only=False).astype(object)
        self._keys = KeyIndex(dims, self._dfu_ck, names)
        self._first_month, self._as_of_month = first_month, as_of_month
        self._column_of_day = _column_of_day(first_month, as_of_month)
        shape = (int((as_of_month - first_month).astype(int)) + 1, len(self._dfu_ck))
        self._demand = np.zeros(shape)
        self._rows_of_cell = np.zeros(shape, dtype=np.uint32)
        self._counts = RowCounts(shape[0])

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows of dmdunit, dmdgroup, loc (dictionary or string), startdate (date32) and qty (float64)."""
        amount = batch.column("qty").fill_null(0.0).to_numpy(zero_copy_only=False)
        _require_finite(amount, batch, self._names)
        days = batch.column("startdate").cast(pa.int32()).to_numpy(zero_copy_only=False)
        month = self._column_of_day[days - _day_number(self._first_month)]
        dfu = self._keys.positions(batch)
        known = dfu >= 0
        self._counts.add(batch, month, known)
        if not known.all():
            dfu, month, amount = dfu[known], month[known], amount[known]
        cell = month * self._demand.shape[1] + dfu
        np.add.at(self._demand.reshape(-1), cell, amount)
        np.add.at(self._rows_of_cell.reshape(-1), cell, np.uint32(1))

    def build(self) -> Panel:
        """Return the panel, finished for good; months netted below zero are clipped to zero and counted."""
        demand = _rounded(self._demand)
        clipped = np.array([np.count_nonzero(of_month < 0) for of_month in demand], dtype=np.int64)
        np.maximum(demand, 0.0, out=demand)
        months = np.datetime_as_string(month_range(self._as_of_month, len(demand)))
        facts = self._counts.facts(self._rows_of_cell, self._dfu_ck, months, clipped)
        recent = self._rows_of_cell[-RECENT_MONTHS:].copy()  # the older months may go
        return Panel(self._dfu_ck, demand.T, self._as_of_month, facts, self._names.tables.dfu, recent)


def _rounded(demand: Floats) -> Floats:
    """Round (n_months, n_dfus) sums in place, each to decimals that depend on the DFU and on no later month."""
    largest = np.zeros(demand.shape[1])
    steps_a_unit = _steps_a_unit(largest)
    for month in demand:
        grown = np.flatnonzero(np.abs(month) > largest)
        largest[grown] = np.abs(month[grown])
        steps_a_unit[grown] = _steps_a_unit(largest[grown])
        month *= steps_a_unit
        np.rint(month, out=month)
        month /= steps_a_unit
    return demand


def _steps_a_unit(largest: Floats) -> Floats:
    digits_before = np.floor(np.log10(largest, out=np.zeros_like(largest), where=largest > 0)) + 1
    steps: Floats = np.power(10.0, np.clip(_QTY_DIGITS - digits_before, _QTY_DECIMALS, 300))
    return steps


def _require_keys(dims: pa.Table, names: WarehouseNames) -> None:
    without = dims.filter(pc.is_null(dims.column("dfu_ck")))
    if len(without):
        table, own = names.tables.dfu, names.columns.dfu
        raise WarehouseError(
            f"Every DFU of {table} must have its {own.dfu_ck}: labels are written by it",
            found=f"{len(without)} rows without",
            keys=["_".join(key) for batch in without.to_batches() for key in natural_keys(batch)],
            remedy=f"fill {own.dfu_ck} or remove these rows",
        )


def _require_plausible_span(first_month: Month, as_of_month: Month, names: WarehouseNames) -> None:
    n_months = int((as_of_month - first_month).astype(int)) + 1
    if n_months > MOST_MONTHS:
        table, own = names.tables.sales, names.columns.sales
        raise DataError(
            f"Sales of {table} must lie within {MOST_MONTHS} months up to the as-of month",
            found=f"{n_months:,} months, from {first_month} to {as_of_month}",
            remedy=f"correct the rows with the oldest {own.startdate}, or leave them out in a view; such dates often "
            "stand for an unknown one",
        )


def _column_of_day(first_month: Month, as_of_month: Month) -> NDArray[np.intp]:
    """Return the month, counted from the first, of every day from the first month to the last."""
    days = np.arange(first_month.astype("datetime64[D]"), (as_of_month + 1).astype("datetime64[D]"))
    return np.asarray((days.astype("datetime64[M]") - first_month).astype(np.intp))


def _day_number(month: Month) -> int:
    return int(month.astype("datetime64[D]").astype(int))


def _require_finite(amount: Floats, batch: pa.RecordBatch, names: WarehouseNames) -> None:
    bad = ~np.isfinite(amount)
    if bad.any():
        raise DataError(
            f"{names.columns.sales.qty} must be a finite number or NULL",
            found=f"{np.unique(amount[bad]).tolist()} in {names.tables.sales}",
            keys=["_".join(key) for key in natural_keys(batch.filter(pa.array(bad)))],
            remedy="correct these rows in the source and load the month again",
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
