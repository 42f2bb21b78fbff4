"""Sales of a file as the rows of the three warehouse tables."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dfu_clustering.arrays import Integers
from dfu_clustering.demo.rows import Bookings, WarehouseTables, dfu_keys, load_timestamps, sales_table
from dfu_clustering.errors import DataError
from dfu_clustering.features.attributes import PROJECT_NAMES
from dfu_clustering.features.dfu_keys import KeyIndex
from dfu_clustering.sales.files import read_sales
from dfu_clustering.sales.long_form import KEYS, QTY_LIMIT, MonthlySales, named_rows

_QTY_DECIMALS = 4
_LEAST_KEPT = 0.005  # of a quantity this small four decimals still keep 99 %
_UNKNOWN = "UNKNOWN"  # in the columns of dim_item that may not be NULL
_DESCRIPTIONS = ("brand_name", "category", "class", "sub_class", "country")


def read_tidy_sales(path: Path) -> WarehouseTables:
    """Return the warehouse tables of a file with the columns dmdunit, dmdgroup, loc, startdate, qty.

    Raises:
        DataError: As read_sales().
    """
    return warehouse_tables(read_sales(path))


def warehouse_tables(sold: MonthlySales) -> WarehouseTables:
    """Return the warehouse tables of sales by month; attributes that nobody knows are NULL.

    Raises:
        DataError: A quantity would lose more than a hundredth by the four decimals that the warehouse keeps; the error
            names the factor that helps.
    """
    _require_kept(sold.rows)
    index = KeyIndex(sold.dfus, sold.dfus.column("dfu_ck").to_numpy(), PROJECT_NAMES)
    dfu = index.positions(sold.rows.combine_chunks().to_batches()[0])
    month = sold.rows.column("startdate").to_numpy().astype("datetime64[M]")
    order = np.argsort(month, kind="stable")
    dfu, month = dfu[order], month[order]
    qty = sold.rows.column("qty").combine_chunks().take(pa.array(order))
    bookings = Bookings(dfu, month, qty, _nth_of_its_kind(dfu, month), load_month=month)
    newest = month[-1]
    # a DFU of the warehouse is called by all three of its columns, also where the file has fewer
    dfus = dfu_keys(*(sold.dfus.column(name) for name in KEYS))
    items = _loaded(_described_items(dfus), newest)
    return WarehouseTables(items, _loaded(dfus, newest), sales_table(dfus, bookings))


def _require_kept(rows: pa.Table) -> None:
    """Check that four decimals leave of every quantity what it is."""
    qty = rows.column("qty").to_numpy()
    size = np.abs(qty)
    lost = np.abs(np.round(qty, _QTY_DECIMALS) - qty) > 0.01 * size  # NaN, no quantity, loses nothing
    if not lost.any():
        return
    with np.errstate(over="ignore"):
        factor = np.power(10.0, np.ceil(np.log10(_LEAST_KEPT / size[lost].min())))
    helps = np.nanmax(size) * factor < QTY_LIMIT
    gone = int(np.count_nonzero(lost & (np.round(size, _QTY_DECIMALS) == 0)))
    raise DataError(
        f"The quantities of a warehouse must keep their size with {_QTY_DECIMALS} decimals",
        found=f"{np.count_nonzero(lost):,} of {np.count_nonzero(size > 0):,} quantities that would change by more than "
        f"1 %, {gone:,} of them to 0",
        keys=named_rows(rows.filter(pa.array(lost))),
        remedy=f"write the quantity in a smaller unit: multiply it by {factor:,.0f}"
        if helps
        else "no unit holds both the largest and the smallest quantity: set those that are next to nothing to 0",
    )


def _nth_of_its_kind(dfu: Integers, month: NDArray[np.datetime64]) -> Integers:
    """Return 1 for the first row of a DFU and month, 2 for the next, in the order of the rows."""
    order = np.lexsort((month, dfu))
    starts = np.ones(len(dfu), dtype=np.bool_)
    starts[1:] = (np.diff(dfu[order]) != 0) | (np.diff(month[order]) != np.timedelta64(0, "M"))
    first = np.maximum.accumulate(np.where(starts, np.arange(len(dfu)), 0))
    nth = np.empty(len(dfu), dtype=np.int64)
    nth[order] = np.arange(len(dfu)) - first + 1
    return nth


def _described_items(keys: pa.Table) -> pa.Table:
    item_no = pc.unique(keys.column("dmdunit"))
    active, unknown = (pa.array([text] * len(item_no)) for text in ("ACTIVE", _UNKNOWN))
    names = {"item_ck": item_no, "item_no": item_no, "item_desc": item_no, "item_status": active}
    return pa.table({**names, **dict.fromkeys(_DESCRIPTIONS, unknown)})


def _loaded(table: pa.Table, newest: np.datetime64) -> pa.Table:
    load_ts = load_timestamps(np.broadcast_to(newest, len(table)))
    return table.append_column("load_ts", load_ts).append_column("modified_ts", load_ts)
