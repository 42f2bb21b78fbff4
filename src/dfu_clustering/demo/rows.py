"""The rows of the three warehouse tables, as Arrow columns that COPY can take."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dfu_clustering.arrays import Integers

_LOAD_DAY_OF_MONTH = 5  # a month is loaded on the 5th of the next, at 06:00
_LOAD_HOUR = 6


@dataclass(frozen=True)
class WarehouseTables:
    """Rows for dim_item, dim_dfu and fact_sales_monthly; columns that are not here keep their defaults.

    Attributes:
        items: One row an item.
        dfus: One row a DFU.
        sales: One row a booking, in the order in which the bookings were loaded.
    """

    items: pa.Table
    dfus: pa.Table
    sales: pa.Table


@dataclass(frozen=True)
class Bookings:
    """Sales rows before they get their keys; all arrays have one value a row.

    Attributes:
        dfu: Position of the DFU in the key table.
        month: Month of the demand.
        qty: Demand in units, nullable.
        number: 1 for the first row of a DFU and month, 2 for the next, ...
        load_month: Month whose load brought the row; later than ``month`` for a correction.
    """

    dfu: Integers
    month: NDArray[np.datetime64]
    qty: pa.Array
    number: Integers
    load_month: NDArray[np.datetime64]


def dfu_keys(dmdunit: pa.Array, dmdgroup: pa.Array, loc: pa.Array) -> pa.Table:
    """Return the columns dfu_ck, dmdunit, dmdgroup, loc."""
    dfu_ck = pc.binary_join_element_wise(dmdunit, dmdgroup, loc, "_")
    return pa.table({"dfu_ck": dfu_ck, "dmdunit": dmdunit, "dmdgroup": dmdgroup, "loc": loc})


def sales_table(keys: pa.Table, bookings: Bookings) -> pa.Table:
    """Return rows of fact_sales_monthly; sales_ck is dfu_ck, month and row number, so it is unique if dfu_ck is."""
    dfu = pa.array(bookings.dfu)
    load_ts = load_timestamps(bookings.load_month)
    return pa.table(
        {
            "sales_ck": _sales_ck(keys.column("dfu_ck").take(dfu), bookings),
            **{name: keys.column(name).take(dfu) for name in ("dmdunit", "dmdgroup", "loc")},
            "startdate": pa.array(bookings.month.astype("datetime64[D]")),
            "type": pa.array(np.ones(len(dfu), dtype=np.int32)),
            "qty": bookings.qty,
            "file_dt": pc.cast(load_ts, pa.date32(), safe=False),
            "load_ts": load_ts,
            "modified_ts": load_ts,
        }
    )


def load_timestamps(month: NDArray[np.datetime64]) -> pa.Array:
    """Return when each month is loaded, in UTC."""
    first_of_next = (month.astype("datetime64[M]") + 1).astype("datetime64[s]")
    loaded = first_of_next + np.timedelta64(24 * (_LOAD_DAY_OF_MONTH - 1) + _LOAD_HOUR, "h")
    return pa.array(loaded, pa.timestamp("s", tz="UTC"))


def _sales_ck(dfu_ck: pa.ChunkedArray, bookings: Bookings) -> pa.ChunkedArray:
    month = pc.strftime(pa.array(bookings.month.astype("datetime64[D]")), format="%Y%m")
    return pc.binary_join_element_wise(dfu_ck, month, pa.array(bookings.number).cast(pa.string()), "_")
