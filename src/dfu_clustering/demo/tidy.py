"""Sales of a file as the rows of the three warehouse tables."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dfu_clustering.arrays import Integers
from dfu_clustering.demo.rows import Bookings, WarehouseTables, load_timestamps, sales_table
from dfu_clustering.sales.files import read_sales
from dfu_clustering.sales.long_form import KEYS, MonthlySales

_UNKNOWN = "UNKNOWN"  # in the columns of dim_item that may not be NULL
_DESCRIPTIONS = ("brand_name", "category", "class", "sub_class", "country")


def read_tidy_sales(path: Path) -> WarehouseTables:
    """Return the warehouse tables of a file with the columns dmdunit, dmdgroup, loc, startdate, qty.

    Raises:
        DataError: As read_sales().
    """
    return warehouse_tables(read_sales(path))


def warehouse_tables(sold: MonthlySales) -> WarehouseTables:
    """Return the warehouse tables of sales by month; attributes that nobody knows are NULL."""
    dfu = _positions(sold)
    month = sold.rows.column("startdate").to_numpy().astype("datetime64[M]")
    order = np.argsort(month, kind="stable")
    dfu, month = dfu[order], month[order]
    qty = sold.rows.column("qty").combine_chunks().take(pa.array(order))
    bookings = Bookings(dfu, month, qty, _nth_of_its_kind(dfu, month), load_month=month)
    newest = month[-1]
    items = _loaded(_described_items(sold.dfus), newest)
    return WarehouseTables(items, _loaded(sold.dfus, newest), sales_table(sold.dfus, bookings))


def _positions(sold: MonthlySales) -> Integers:
    """Return the place of each row's DFU among the DFUs."""
    values = [pc.unique(sold.dfus.column(name)) for name in KEYS]
    sizes = tuple(len(of_column) for of_column in values)
    of_dfus, of_rows = (
        np.ravel_multi_index(
            [pc.index_in(table.column(name), v).to_numpy() for name, v in zip(KEYS, values, strict=True)], sizes
        )
        for table in (sold.dfus, sold.rows)
    )
    order = np.argsort(of_dfus)
    return np.asarray(order[np.searchsorted(of_dfus, of_rows, sorter=order)], dtype=np.int64)


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
