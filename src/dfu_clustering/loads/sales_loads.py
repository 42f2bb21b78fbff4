"""What a load of sales is, by what the table shows of it."""

import hashlib
import json
from typing import Any

from pydantic import Field
from sqlalchemy import Engine

from dfu_clustering.errors import DfuClusteringError
from dfu_clustering.files.summary import Summary
from dfu_clustering.months import last_day, parse_month
from dfu_clustering.warehouse.snapshot import SalesSpan, Snapshot, snapshot
from dfu_clustering.warehouse.statements import literal, statement

_FINGERPRINT_DIGITS = 12
_CONTENT_DIGITS = 8
_MONTHS_SHOWN = 5
# a chain of seeds costs a third of what a hash of the joined texts does
_ROW_HASH = (
    "hashtextextended(coalesce(qty::text, ''),"
    " hashtextextended(loc, hashtextextended(dmdgroup, hashtextextended(dmdunit, 0))))"
)


class SalesChangedError(DfuClusteringError):
    """Sales were changed after the gate had judged them; they are to be judged again."""


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

    def changed_months(self, other: "SalesState") -> list[str]:
        """Return the months whose rows are others in another state, the oldest first."""
        both = self.months.keys() | other.months.keys()
        return sorted(month for month in both if self.months.get(month) != other.months.get(month))


def read_sales_state(engine: Engine, as_of_month: str | None = None) -> SalesState:
    """Return what the sales table shows up to a month, by default the newest.

    Raises:
        WarehouseError: A table or column is missing.
        DataError: There are no sales, or none for that month.
    """
    with snapshot(engine) as source:
        return sales_state(source, as_of_month)[0]


def sales_state(source: Snapshot, as_of_month: str | None) -> tuple[SalesState, SalesSpan]:
    """Return the same within a snapshot, and the span of all sales.

    Raises:
        DataError: There are no sales, or none for that month.
    """
    wanted = parse_month(as_of_month) if as_of_month else None
    names = source.names
    last = literal(last_day(wanted).isoformat()) if wanted else "NULL"
    query = statement(__package__, "sales_state", names, last_day=last, row_hash=_ROW_HASH)
    row: Any = source.row(query)  # of nulls where the table is empty
    oldest, newest, all_rows, rows, load_ts, modified_ts, total_qty, months = row
    span = SalesSpan.of(names.tables.sales, oldest, newest, all_rows)
    state = SalesState(
        as_of_month=str(span.as_of(wanted)),
        rows=rows,
        newest_load_ts=load_ts,
        newest_modified_ts=modified_ts,
        total_qty=total_qty,
        months=dict(sorted((months or {}).items())),
    )
    return state, span


def require_unchanged(source: Snapshot, judged: SalesState) -> SalesSpan:
    """Check that a snapshot holds the sales that the gate has judged; return the span of all sales.

    Raises:
        SalesChangedError: It holds others.
        DataError: There are no sales any more, or none for that month.
    """
    state, span = sales_state(source, judged.as_of_month)
    if not state.has(judged.fingerprint):
        changed = state.changed_months(judged)
        shown = ", ".join(changed[-_MONTHS_SHOWN:]) + (" …" if len(changed) > _MONTHS_SHOWN else "")
        raise SalesChangedError(
            f"{source.names.tables.sales} was changed after the gate had judged it: {len(changed)} months ({shown}), "
            f"{state.rows} rows instead of {judged.rows}. Run again when its load is over."
        )
    return span


def _digits(text: str, number: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:number]
