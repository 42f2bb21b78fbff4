"""Sales rows become a complete monthly grid.

No row is zero demand, and a month that returns push below zero counts as zero.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
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
from dfu_clustering.months import Month, month_range

MOST_MONTHS = 600  # of a grid: beyond it a date is wrong, and the grid would take gigabytes
# Sums are rounded so that they do not depend on the order of the rows: to the four decimals of numeric(18,4), and where
# a column holds finer numbers, tonnes as double precision, to so many significant digits of the DFU's largest month
_QTY_DECIMALS = 4
_QTY_DIGITS = 14


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
        dfu_table: What an error calls the table of the DFUs.
    """

    dfu_ck: Objects
    demand: Floats
    as_of_month: Month
    facts: SalesFacts
    dfu_table: str = PROJECT_NAMES.tables.dfu

    @property
    def months(self) -> NDArray[np.datetime64]:
        """Return the (n_months,) calendar months of the columns."""
        return month_range(self.as_of_month, self.demand.shape[1])


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
        self._rows_of_cell = np.zeros(shape, dtype=np.uint16)
        self._unknown: set[tuple[str, str, str]] = set()
        self._counts: Counter[str] = Counter()

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows of dmdunit, dmdgroup, loc (dictionary or string), startdate (date32) and qty (float64)."""
        qty = batch.column("qty")
        self._counts["rows"] += len(qty)
        self._counts["null_qty"] += qty.null_count
        amount = qty.fill_null(0.0).to_numpy(zero_copy_only=False)
        _require_finite(amount, batch, self._names)
        self._counts["negative_qty"] += int(np.count_nonzero(amount < 0))
        days = batch.column("startdate").cast(pa.int32()).to_numpy(zero_copy_only=False)
        column = self._column_of_day[days - _day_number(self._first_month)]
        self._add_up(self._keys.positions(batch), column, amount, batch)

    def build(self) -> Panel:
        """Return the panel, finished for good; months netted below zero are clipped to zero and counted."""
        demand = _rounded(self._demand)
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
        return Panel(self._dfu_ck, demand.T, self._as_of_month, facts, self._names.tables.dfu)

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


def _rounded(demand: Floats) -> Floats:
    """Round (n_months, n_dfus) sums in place, each DFU's to decimals of its own."""
    largest = np.zeros(demand.shape[1])
    for month in demand:
        np.maximum(largest, np.abs(month), out=largest)
    digits_before = np.floor(np.log10(largest, out=np.zeros_like(largest), where=largest > 0)) + 1
    steps_a_unit = np.power(10.0, np.clip(_QTY_DIGITS - digits_before, _QTY_DECIMALS, 300))
    for month in demand:
        month *= steps_a_unit
        np.rint(month, out=month)
        month /= steps_a_unit
    return demand


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
