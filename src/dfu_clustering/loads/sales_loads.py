"""What a load of sales is, by what the table shows of it."""

import hashlib
from typing import Any

from sqlalchemy import Engine

from dfu_clustering.files.summary import Summary
from dfu_clustering.months import last_day, parse_month
from dfu_clustering.warehouse.connect import names_of, raw_connection, schema_errors
from dfu_clustering.warehouse.snapshot import SalesSpan
from dfu_clustering.warehouse.statements import literal, statement

_FINGERPRINT_DIGITS = 12


class SalesState(Summary):
    """What the sales table shows of the months up to one, so that two loads can be distinguished.

    Attributes:
        as_of_month: Newest month that is looked at, ``2026-10``.
        rows: Rows up to and including it.
        newest_load_ts: Newest load_ts among them, UTC; None where no row has one.
        newest_modified_ts: Newest modified_ts, likewise.
        total_qty: Exact sum of qty, as text; None where no row has one.
    """

    as_of_month: str
    rows: int
    newest_load_ts: str | None
    newest_modified_ts: str | None
    total_qty: str | None

    @classmethod
    def unknown(cls, as_of_month: str | None) -> "SalesState":
        """Return the state of a table that cannot be read, or has no sales for the month."""
        month = as_of_month or "unknown"
        return cls(as_of_month=month, rows=0, newest_load_ts=None, newest_modified_ts=None, total_qty=None)

    @property
    def fingerprint(self) -> str:
        """Return 12 hex digits that change when rows come, go, or are rewritten with a new time or another sum."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:_FINGERPRINT_DIGITS]

    @property
    def load_id(self) -> str:
        """Return a name for the load that left the table so, where the loader gave none."""
        return f"{self.as_of_month}-{self.fingerprint}"


def read_sales_state(engine: Engine, as_of_month: str | None = None) -> SalesState:
    """Return what the sales table shows up to a month, by default the newest.

    Raises:
        WarehouseError: A table or column is missing.
        DataError: There are no sales, or none for that month.
    """
    wanted = parse_month(as_of_month) if as_of_month else None
    names = names_of(engine)
    last = literal(last_day(wanted).isoformat()) if wanted else "NULL"
    with raw_connection(engine) as connection, connection.cursor() as cursor, schema_errors(names):
        cursor.execute(statement(__package__, "sales_state", names, last_day=last))
        row: Any = cursor.fetchone()  # one row, of nulls where the table is empty
    oldest, newest, all_rows, rows, load_ts, modified_ts, total_qty = row
    month = SalesSpan.of(names.tables.sales, oldest, newest, all_rows).as_of(wanted)
    return SalesState(
        as_of_month=str(month),
        rows=rows,
        newest_load_ts=load_ts,
        newest_modified_ts=modified_ts,
        total_qty=total_qty,
    )
