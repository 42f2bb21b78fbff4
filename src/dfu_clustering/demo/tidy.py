"""Reads a tidy parquet panel of real sales: columns dmdunit, dmdgroup, loc, startdate, qty, one row a booking."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dfu_clustering.arrays import Integers
from dfu_clustering.demo.rows import Bookings, WarehouseTables, dfu_keys, load_timestamps, sales_table
from dfu_clustering.errors import DataError

KEYS = ("dmdunit", "dmdgroup", "loc")
_COLUMNS = (*KEYS, "startdate", "qty")
_QTY_LIMIT = 1e14  # numeric(18,4) holds no more
_QTY_DECIMALS = 4
_LEAST_KEPT = 0.005  # of a quantity this small four decimals still keep 99 %
_UNKNOWN = "UNKNOWN"  # in the columns of dim_item that may not be NULL
_DESCRIPTIONS = ("brand_name", "category", "class", "sub_class", "country")


def read_tidy_sales(path: Path) -> WarehouseTables:
    """Return the warehouse tables of a tidy panel; attributes that the file does not have are NULL.

    startdate is a date or a timestamp at midnight, the first of its month; qty is an integer, float or decimal, where
    NaN means the same as NULL. The warehouse keeps four decimals: a file of which a quantity would lose more than a
    hundredth by that is refused, with the factor that helps. Rows that repeat a DFU and month are all kept. Other
    columns are ignored.

    Raises:
        DataError: The file is not parquet, lacks a column, has one of a wrong type, has null keys, dates that do not
            start a month, a qty out of range, no rows, or two DFUs whose joined keys are the same.
    """
    table = _typed(_read(path), path)
    _require_clean(table, path)
    keys, dfu = _distinct_dfus(table)
    _require_distinct_names(keys, path)
    month = table.column("startdate").to_numpy().astype("datetime64[M]")
    order = np.argsort(month, kind="stable")
    dfu, month = dfu[order], month[order]
    qty = table.column("qty").combine_chunks().take(pa.array(order))
    bookings = Bookings(dfu, month, qty, _nth_of_its_kind(dfu, month), load_month=month)
    newest = month[-1]
    items = _loaded(_described_items(keys), newest)
    return WarehouseTables(items, _loaded(keys, newest), sales_table(keys, bookings))


def _read(path: Path) -> pa.Table:
    try:
        schema = pq.read_schema(path)
        absent = [name for name in _COLUMNS if schema.names.count(name) != 1]
        if absent:
            raise _broken(path, f"columns {schema.names}, {absent} not once each", "rename or add the columns")
        return pq.read_table(path, columns=list(_COLUMNS))
    except (OSError, pa.ArrowInvalid) as error:
        raise _broken(path, str(error), "give the path of a readable parquet file") from error


def _typed(table: pa.Table, path: Path) -> pa.Table:
    """Return the columns as string, date32 and float64."""
    found = {name: table.schema.field(name).type for name in _COLUMNS}
    wrong = [f"{name} is {kind}" for name, kind in found.items() if not _fits(name, kind)]
    if wrong:
        remedy = "write keys as text, startdate as a date or a timestamp without zone, qty as a number"
        raise _broken(path, ", ".join(wrong), remedy)
    if pa.types.is_timestamp(found["startdate"]):
        midnight = pc.floor_temporal(table.column("startdate"), unit="day")
        later = pc.not_equal(table.column("startdate"), midnight)
        _require_none(later, table, path, "a startdate with a time of day", "write plain dates")
    types = {**dict.fromkeys(KEYS, pa.string()), "startdate": pa.date32(), "qty": pa.float64()}
    try:
        typed = table.select(_COLUMNS).cast(pa.schema([pa.field(name, types[name]) for name in _COLUMNS]))
    except pa.ArrowInvalid as error:
        raise _broken(path, str(error), "write numbers that a double can hold") from error
    qty = typed.column("qty")
    return typed.set_column(_COLUMNS.index("qty"), "qty", pc.if_else(pc.is_nan(qty), None, qty))


def _fits(name: str, kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if name == "qty":
        return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
    if name == "startdate":
        return bool(pa.types.is_date(kind) or (pa.types.is_timestamp(kind) and kind.tz is None))
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _require_clean(table: pa.Table, path: Path) -> None:
    if not len(table):
        raise _broken(path, "no rows", "give a file with sales")
    for name in (*KEYS, "startdate"):
        _require_none(pc.is_null(table.column(name)), table, path, f"rows without {name}", f"fill {name}")
    other_day = pc.not_equal(pc.day(table.column("startdate")), 1)
    _require_none(other_day, table, path, "a startdate that is not the first of its month", "sum the sales by month")
    excess = pc.fill_null(pc.greater_equal(pc.abs(table.column("qty")), _QTY_LIMIT), fill_value=False)
    _require_none(excess, table, path, f"a qty of {_QTY_LIMIT:.0e} or more", "correct these rows")
    _require_kept(table, path)


def _require_kept(table: pa.Table, path: Path) -> None:
    """Check that four decimals leave of every quantity what it is."""
    qty = table.column("qty").to_numpy()
    size = np.abs(qty)
    lost = np.abs(np.round(qty, _QTY_DECIMALS) - qty) > 0.01 * size  # NaN, no quantity, loses nothing
    if not lost.any():
        return
    with np.errstate(over="ignore"):
        factor = np.power(10.0, np.ceil(np.log10(_LEAST_KEPT / size[lost].min())))
    helps = np.nanmax(size) * factor < _QTY_LIMIT
    remedy = (
        f"write qty in a smaller unit: multiply it by {factor:,.0f}"
        if helps
        else "no unit holds both the largest and the smallest qty: set those that are next to nothing to 0"
    )
    gone = int(np.count_nonzero(lost & (np.round(size, _QTY_DECIMALS) == 0)))
    found = (
        f"{np.count_nonzero(lost):,} of {np.count_nonzero(size > 0):,} quantities that {_QTY_DECIMALS} decimals, as "
        f"the warehouse keeps them, would change by more than 1 %, {gone:,} of them to 0"
    )
    _require_none(pa.chunked_array([pa.array(lost)]), table, path, found, remedy)


def _require_none(broken: pa.ChunkedArray, table: pa.Table, path: Path, found: str, remedy: str) -> None:
    rows = table.filter(broken)
    if len(rows):
        parts = [rows.column(name).cast(pa.string()) for name in (*KEYS, "startdate")]
        named = pc.binary_join_element_wise(*parts, "_", null_handling="replace", null_replacement="NULL")
        raise _broken(path, found, remedy, named.to_pylist())


def _broken(path: Path, found: str, remedy: str, keys: Sequence[str] = ()) -> DataError:
    rule = f"A sales panel is a parquet file with the columns {', '.join(_COLUMNS)}, one row a booking"
    return DataError(rule, found=f"{path.name}: {found}", remedy=remedy, keys=keys)


def _distinct_dfus(table: pa.Table) -> tuple[pa.Table, Integers]:
    """Return the keys of the DFUs in ascending order, and the position among them of every row's DFU."""
    values = [pc.unique(table.column(name)).sort() for name in KEYS]
    codes = [pc.index_in(table.column(name), v).to_numpy() for name, v in zip(KEYS, values, strict=True)]
    sizes = tuple(len(v) for v in values)
    distinct, dfu = np.unique(np.ravel_multi_index(codes, sizes), return_inverse=True)
    parts = np.unravel_index(distinct, sizes)
    return dfu_keys(*(v.take(pa.array(part)) for v, part in zip(values, parts, strict=True))), dfu


def _require_distinct_names(keys: pa.Table, path: Path) -> None:
    counts = pc.value_counts(keys.column("dfu_ck").combine_chunks())
    shared = counts.filter(pc.greater(counts.field("counts"), 1)).field("values").to_pylist()
    if shared:
        remedy = "rename one of the parts so that dmdunit_dmdgroup_loc tells the DFUs apart"
        raise _broken(path, "different DFUs with the same joined key", remedy, shared)


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
