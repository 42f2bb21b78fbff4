"""What a load of sales is, by what the table shows of it."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import Field
from sqlalchemy import Engine

from dfu_clustering.errors import DataError, WarehouseError
from dfu_clustering.files.summary import Summary
from dfu_clustering.months import last_day, parse_month
from dfu_clustering.warehouse.snapshot import SalesSpan, Snapshot, snapshot
from dfu_clustering.warehouse.statements import literal, statement

_FINGERPRINT_DIGITS = 12
_CONTENT_DIGITS = 8
# a chain of seeds costs a third of what a hash of the joined texts does; PostgreSQL's hash of a numeric would cost less
# than that of its text, but is the same for 10 and -10
_ROW_HASH = (
    "hashtextextended(coalesce(qty::text, ''),"
    " hashtextextended(loc, hashtextextended(dmdgroup, hashtextextended(dmdunit, 0))))"
)


class SalesState(Summary):
    """What the sales table shows of the months up to one, so that two loads can be distinguished.

    Attributes:
        as_of_month: Newest month that is looked at, ``2026-10``.
        rows: Rows up to and including it.
        newest_load_ts: Newest load_ts among them, UTC; None where no row has one.
        newest_modified_ts: Newest modified_ts, likewise.
        total_qty: Exact sum of qty, as text; None where no row has one.
        months: By month, a digest of its rows, whatever their order: number, sum, newest times, keys and quantities.
            Empty in what earlier versions kept.
    """

    as_of_month: str
    rows: int
    newest_load_ts: str | None
    newest_modified_ts: str | None
    total_qty: str | None
    months: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def unknown(cls, as_of_month: str | None) -> "SalesState":
        """Return the state of a table that cannot be read, or has no sales for the month."""
        month = as_of_month or "unknown"
        return cls(as_of_month=month, rows=0, newest_load_ts=None, newest_modified_ts=None, total_qty=None)

    @property
    def fingerprint(self) -> str:
        """Return digits that change when rows come, go, or are rewritten.

        The first 12 are those that earlier versions knew: they show another number, sum or newest time of the rows.
        """
        whole = _digits(self.model_dump_json(exclude={"months"}), _FINGERPRINT_DIGITS)
        return f"{whole}-{_digits(json.dumps(self.months, sort_keys=True), _CONTENT_DIGITS)}" if self.months else whole

    @property
    def load_id(self) -> str:
        """Return a name for the load that left the table so, where the loader gave none."""
        return f"{self.as_of_month}-{self.fingerprint}"

    def has(self, fingerprint: str) -> bool:
        """Tell whether a fingerprint, also one of an earlier version, is that of this state."""
        return bool(fingerprint) and self.fingerprint.startswith(fingerprint)


@dataclass(frozen=True)
class SalesOverview:
    """What one pass over the sales shows, for those who read them in the same snapshot.

    Attributes:
        state: Of the months up to the as-of month.
        snapshot: Name of the snapshot, as long as it is open.
        span: Of all sales; None: not known.
        days: Facts of every day by which the gate judges the rows, as JSON; None: not known.
    """

    state: SalesState
    snapshot: str
    span: SalesSpan | None = None
    days: str | None = None


def read_sales_state(engine: Engine, as_of_month: str | None = None) -> SalesState:
    """Return what the sales table shows up to a month, by default the newest.

    Raises:
        WarehouseError: A table or column is missing.
        DataError: There are no sales, or none for that month.
    """
    with snapshot(engine) as source:
        return overview_of(source, as_of_month).state


@contextmanager
def shared_sales(engine: Engine, as_of_month: str | None = None) -> Iterator[SalesOverview]:
    """Hold a snapshot open in which others can read, and lend what its sales show.

    A table from which that cannot be read is no error here: its state is unknown, and the gate says what is wrong.
    """
    with snapshot(engine) as source:
        try:
            overview = overview_of(source, as_of_month)
        except (DataError, WarehouseError):
            overview = SalesOverview(SalesState.unknown(as_of_month), source.export())
        yield overview


def overview_of(source: Snapshot, as_of_month: str | None) -> SalesOverview:
    """Return the state of the sales in a snapshot, its name for others, and what else the pass over them shows.

    Raises:
        WarehouseError: A table or column is missing.
        DataError: There are no sales, or none for that month.
    """
    wanted = parse_month(as_of_month) if as_of_month else None
    last = literal(last_day(wanted).isoformat()) if wanted else "NULL"
    oldest, newest, all_rows, undated_rows, rows, load_ts, modified_ts, total_qty, months, days = _counted(source, last)
    span = SalesSpan.of(source.names.tables.sales, oldest, newest, all_rows, undated_rows)
    state = SalesState(
        as_of_month=str(span.as_of(wanted)),
        rows=rows,
        newest_load_ts=load_ts,
        newest_modified_ts=modified_ts,
        total_qty=total_qty,
        months=dict(sorted((months or {}).items())),
    )
    return SalesOverview(state, source.export(), span, days)


def facts_by_day(source: Snapshot) -> str | None:
    """Return SalesOverview.days alone, also of sales that have no month; None where there are none."""
    *_, days = _counted(source, "NULL")
    return days  # type: ignore[no-any-return]  # a column of the statement


def _counted(source: Snapshot, last_day: str) -> tuple[Any, ...]:
    query = statement(__package__, "sales_state", source.names, last_day=last_day, row_hash=_ROW_HASH)
    return source.row(query) or ()  # it has one row, of nulls where the table is empty


def _digits(text: str, number: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:number]
