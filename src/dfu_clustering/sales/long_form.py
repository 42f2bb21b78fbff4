"""Sales in long form, a row a booking, day, week or month of a DFU, become monthly rows under the project's names."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dfu_clustering.errors import DataError
from dfu_clustering.months import Month, last_day
from dfu_clustering.sales.dates import as_days
from dfu_clustering.sales.kinds import decoded, is_text

KEYS = ("dmdunit", "dmdgroup", "loc")
_ALL = "ALL"  # in the place of a key column that the table does not have
QTY_LIMIT = 1e14  # numeric(18,4) of the warehouse holds no more
_USUAL_GAPS = 0.95  # share of the gaps between days with sales that are usual: weekends are, a holiday is not
_WEEK_DAYS = 7


@dataclass(frozen=True)
class LongForm:
    """Which columns of a sales table hold what.

    Attributes:
        keys: One to three columns that together name a DFU: item, customer group, location.
        date: The column with a day of each row's month.
        quantity: The column with the demand.
        date_format: Of dates that are text, as ``strptime`` reads it (``%d.%m.%Y``); None: ISO 8601.
    """

    keys: tuple[str, ...] = KEYS
    date: str = "startdate"
    quantity: str = "qty"
    date_format: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot name columns."""
        if not 1 <= len(self.keys) <= len(KEYS) or len(set(self.columns)) != len(self.columns):
            raise DataError(
                "A sales table must have one to three key columns, a date and a quantity, all different",
                found=f"keys {list(self.keys)}, date {self.date!r}, quantity {self.quantity!r}",
                remedy="name the columns of item, customer group and location as far as there are any",
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """Return all columns that are read."""
        return (*self.keys, self.date, self.quantity)


@dataclass(frozen=True, eq=False)
class MonthlySales:
    """Sales by DFU and month.

    Attributes:
        dfus: dfu_ck, dmdunit, dmdgroup, loc of each DFU, in the order of these keys.
        rows: dmdunit, dmdgroup, loc, startdate (the first of the month), qty, in the order of the table; NULL is no
            known quantity.
        whole_month: The newest month whose sales are all there, as far as the dates tell.
        notes: What was done to the rows, for people.
    """

    dfus: pa.Table
    rows: pa.Table
    whole_month: Month
    notes: tuple[str, ...]

    @property
    def newest_month(self) -> Month:
        """Return the newest month of a row, whole or not."""
        return np.datetime64(pc.max(self.rows.column("startdate")).as_py(), "M")


def monthly_sales(table: pa.Table, form: LongForm, *, source: str) -> MonthlySales:
    """Return the sales of a table by month; rows of a day or a week count for the month of their date.

    Args:
        table: Any columns, those of ``form`` among them.
        form: Which column holds what.
        source: What errors call the table.

    Returns:
        The rows as they are where all dates are the first of a month, else one row a DFU and month.

    Raises:
        DataError: A column is missing or of a wrong type, a key or date is null, a quantity out of range, there are no
            rows, or two DFUs have the same joined key.
    """
    require_columns(table.column_names, form, source=source)
    if not len(table):
        raise broken(source, found="no rows", remedy="give a table with sales")
    columns = {name: _key(table.column(own), own, source) for name, own in zip(KEYS, form.keys, strict=False)}
    days = as_days(table.column(form.date), form.date, form.date_format, source=source)
    typed = pa.table({**columns, "startdate": days, "qty": _quantity(table.column(form.quantity), form, source)})
    named = dict(zip((*KEYS[: len(form.keys)], "startdate"), (*form.keys, form.date), strict=True))
    _require_clean(typed, named, source)
    day = days.to_numpy().astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    rows = typed.set_column(typed.column_names.index("startdate"), "startdate", pa.array(month.astype("datetime64[D]")))
    whole: Month = month.max()
    notes: tuple[str, ...] = ()
    if (day != month.astype("datetime64[D]")).any():
        rows = _summed(rows)
        whole, notes = _of_days(day, len(typed), len(rows))
    return MonthlySales(_dfus(rows, source), _with_all_keys(rows), whole, notes)


def require_columns(found: Sequence[str], form: LongForm, *, source: str) -> None:
    """Check that a table has every column once.

    Raises:
        DataError: It has not.
    """
    absent = [name for name in form.columns if list(found).count(name) != 1]
    if absent:
        raise broken(
            source,
            found=f"no single column {', '.join(map(repr, absent))} among {', '.join(map(repr, found))}",
            remedy="say which columns hold the DFU's keys, the date and the quantity: keys, date, quantity",
        )


def broken(source: str, *, found: str, remedy: str, keys: Sequence[object] = ()) -> DataError:
    """Return the error that a sales table breaks a rule."""
    rule = "A sales table must be in long form: key columns that name a DFU, a date and a quantity, one row a booking"
    return DataError(rule, found=f"{source}: {found}", remedy=remedy, keys=keys)


def named_rows(rows: pa.Table) -> list[str]:
    """Return what errors call rows of a sales table: keys and date."""
    parts = [rows.column(name).cast(pa.string()) for name in rows.column_names if name != "qty"]
    named = pc.binary_join_element_wise(*parts, "_", null_handling="replace", null_replacement="NULL")
    return list(named.to_pylist())


def _key(column: pa.ChunkedArray, name: str, source: str) -> pa.ChunkedArray:
    column = decoded(column)
    if not is_text(column.type) and not pa.types.is_integer(column.type):
        remedy = "give keys as text or whole numbers"
        raise broken(source, found=f"keys of type {column.type} in {name!r}", remedy=remedy)
    return column.cast(pa.string())


def _quantity(column: pa.ChunkedArray, form: LongForm, source: str) -> pa.ChunkedArray:
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        remedy = "give numbers; in a CSV file say with decimal=',' that numbers have a decimal comma"
        raise broken(source, found=f"quantities of type {kind} in {form.quantity!r}", remedy=remedy)
    try:
        numbers = column.cast(pa.float64())
    except pa.ArrowInvalid as error:
        raise broken(source, found=str(error), remedy="give numbers that a double can hold") from error
    return pc.if_else(pc.is_nan(numbers), None, numbers)


def _require_clean(typed: pa.Table, named: dict[str, str], source: str) -> None:
    for name, own in named.items():
        _require_none(pc.is_null(typed.column(name)), typed, source, f"rows without {own!r}", f"fill {own!r}")
    excess = pc.fill_null(pc.greater_equal(pc.abs(typed.column("qty")), QTY_LIMIT), fill_value=False)
    _require_none(excess, typed, source, f"quantities of {QTY_LIMIT:.0e} or more", "correct these rows")


def _require_none(rule_broken: pa.ChunkedArray, typed: pa.Table, source: str, found: str, remedy: str) -> None:
    rows = typed.filter(rule_broken)
    if len(rows):
        raise broken(source, found=found, remedy=remedy, keys=named_rows(rows))


def _summed(rows: pa.Table) -> pa.Table:
    """Return one row a DFU and month, in the order in which they first come."""
    by = [name for name in rows.column_names if name != "qty"]
    # one thread: the sum of doubles depends on their order
    summed = rows.group_by(by, use_threads=False).aggregate([("qty", "sum")])
    return summed.rename_columns([*by, "qty"]).select(rows.column_names)


def _of_days(day: NDArray[np.datetime64], n_rows: int, n_months: int) -> tuple[Month, tuple[str, ...]]:
    """Return the newest whole month of sales by day or week, and what to say of it."""
    days = np.unique(day)
    gap = np.timedelta64(1, "D") if len(days) < 2 else np.quantile(np.diff(days), _USUAL_GAPS, method="lower")
    newest = days[-1].astype("datetime64[M]")
    ended = days[-1] + gap > np.datetime64(last_day(newest))
    weekly = len(days) > 1 and np.median(np.diff(days).astype(int)) == _WEEK_DAYS
    kind = "weekly rows: a month has four or five of them" if weekly else "rows by day"
    notes = [f"{n_rows:,} rows summed to {n_months:,} of a DFU and month ({kind})"]
    if not ended:
        notes.append(f"{newest} ends on {days[-1]} and does not count; as_of_month={str(newest)!r} counts it as it is")
    return (newest if ended else newest - 1), tuple(notes)


def _dfus(rows: pa.Table, source: str) -> pa.Table:
    """Return the DFUs, in the order of their key columns."""
    own = [name for name in KEYS if name in rows.column_names]
    distinct = rows.group_by(own).aggregate([]).sort_by([(name, "ascending") for name in own])
    dfu_ck = pc.binary_join_element_wise(*(distinct.column(name) for name in own), "_")
    counts = pc.value_counts(dfu_ck)
    shared = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(shared):
        raise broken(
            source,
            found="different DFUs with the same joined key",
            remedy="rename a key so that the keys joined by underscores tell the DFUs apart",
            keys=shared.field("values").to_pylist(),
        )
    return _with_all_keys(distinct.add_column(0, "dfu_ck", dfu_ck))


def _with_all_keys(table: pa.Table) -> pa.Table:
    """Add the key columns that the sales do not have."""
    for name in KEYS:
        if name not in table.column_names:
            at = table.column_names.index(KEYS[KEYS.index(name) - 1]) + 1
            table = table.add_column(at, name, pa.array([_ALL] * len(table), pa.string()))
    return table
