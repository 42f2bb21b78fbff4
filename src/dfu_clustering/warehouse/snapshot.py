"""A consistent snapshot of the warehouse's three tables, handed out by COPY as Arrow data.

No row becomes a Python object: PostgreSQL writes CSV into a pipe while Arrow parses it on the other side.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
from psycopg2 import errors as pg_errors
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 names its classes in lower case)
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from dfu_clustering.config.warehouse_names import Attribute, WarehouseNames
from dfu_clustering.errors import DataError
from dfu_clustering.months import Month, last_day, parse_month
from dfu_clustering.warehouse.catalog import missing_attributes
from dfu_clustering.warehouse.connect import names_of, raw_connection, schema_errors
from dfu_clustering.warehouse.copy_stream import CopyOut
from dfu_clustering.warehouse.statements import quoted, statement
from dfu_clustering.warehouse.unreadable_rows import readable_rows

_BLOCK_BYTES = 16 << 20  # each block looks the keys that occur in it up once; larger ones are no faster

# what PostgreSQL says of a snapshot whose owner is gone, in words that differ by version
_GONE_SNAPSHOT = (
    pg_errors.InvalidParameterValue,
    pg_errors.UndefinedObject,
    pg_errors.ObjectNotInPrerequisiteState,
)

_KEY_TYPES = {name: pa.dictionary(pa.int32(), pa.string()) for name in ("dmdunit", "dmdgroup", "loc")}
_SALES_TYPES = {**_KEY_TYPES, "startdate": pa.date32(), "qty": pa.float64()}
_DFU_KEYS = ("dfu_ck", *_KEY_TYPES)
# while others work in the snapshot, or what was read of it is judged
_MAY_IDLE = "SET LOCAL idle_in_transaction_session_timeout = 0"
_ITEM_KEYS = ("item_ck", "item_no")


class SnapshotGoneError(ConnectionError):
    """A shared snapshot was lost with its connection, or a table in it was emptied; only a new one helps."""


@dataclass(frozen=True)
class SalesSpan:
    """Oldest and newest month of the sales table, its number of rows, and how many of them have no month."""

    table: str
    first_month: Month
    last_month: Month
    rows: int
    undated_rows: int = 0

    @classmethod
    def of(cls, table: str, oldest: date | None, newest: date | None, rows: int, undated_rows: int = 0) -> "SalesSpan":
        """Return the span from the oldest startdate to the newest.

        Raises:
            DataError: There is none: the table is empty, or no row has a date of the calendar.
        """
        if oldest is None or newest is None:
            raise DataError(
                f"{table} must hold sales",
                found=f"{undated_rows} rows, none with a date from year 1 to 9998" if rows else "an empty table",
                remedy="correct the dates" if rows else "load the sales first",
            )
        # texts: where the gate lets a column of times through, they have a time zone, of which numpy knows nothing
        first, last = (np.datetime64(day.isoformat()[: len("2026-10")], "M") for day in (oldest, newest))
        return cls(table, first, last, rows, undated_rows)

    def as_of(self, wanted: Month | None) -> Month:
        """Return the wanted as-of month, by default the newest.

        Raises:
            DataError: No sales are loaded for that time.
        """
        if wanted is None:
            return self.last_month
        if not self.first_month <= wanted <= self.last_month:
            raise DataError(
                "as_of_month must be a month within the sales",
                found=f"{wanted}, while {self.table} runs from {self.first_month} to {self.last_month}",
                remedy="load that month first, or choose one of these",
            )
        return wanted


@dataclass(frozen=True)
class Part:
    """One of several parts of all DFUs, by a hash of the DFU's three columns that PostgreSQL works out.

    Attributes:
        number: 0 to ``of`` - 1.
        of: Number of parts.
    """

    number: int
    of: int

    @property
    def condition(self) -> str:
        """Return what is true in SQL for the rows of this part, of DFUs as of sales."""
        if self.of == 1:
            return "true"
        digits = "hashtextextended(concat(dmdunit, dmdgroup, loc), 0) & 9223372036854775807"
        return f"({digits}) % {self.of} = {self.number}"


WHOLE = Part(0, 1)


class Snapshot:
    """The warehouse as one transaction sees it, or a part of its DFUs; all reads agree with each other."""

    def __init__(self, connection: Connection, names: WarehouseNames, part: Part = WHOLE) -> None:
        self._connection, self._part = connection, part
        self.names = names

    def export(self) -> str:
        """Return the name under which others can open the same snapshot, as long as this one is open."""
        with self._connection.cursor() as cursor:
            cursor.execute(_MAY_IDLE)
            cursor.execute("SELECT pg_export_snapshot()")
            return str((cursor.fetchone() or ("",))[0])

    def sales_span(self) -> SalesSpan:
        """Return the oldest and the newest month of the sales and their number of rows.

        Raises:
            DataError: The table is empty.
        """
        found: Any = self.row(statement(__package__, "sales_span", self.names))
        return SalesSpan.of(self.names.tables.sales, *found)

    def row(self, query: str) -> tuple[Any, ...] | None:
        """Return the first row of a query; None where it has none.

        It leaves no lock behind, and the snapshot open, also where the query is refused. Otherwise who wants a table
        for himself would wait for this session, and those that this session waits for would wait for him.
        """
        with self._connection.cursor() as cursor:
            cursor.execute("SAVEPOINT before")
            try:
                with schema_errors(self.names):
                    cursor.execute(query)
                    return cursor.fetchone()
            finally:
                if not self._connection.closed:
                    cursor.execute("ROLLBACK TO before; RELEASE before")

    def sales(self, as_of_month: Month, since: Month | None = None) -> Generator[pa.RecordBatch, None, None]:
        """Stream dmdunit, dmdgroup, loc, startdate, qty of all rows from a month on, by default all, to as_of_month."""
        condition, last = self._part.condition, last_day(as_of_month).isoformat()
        if since is not None:
            condition = f"startdate >= '{since}-01' AND {condition}"
        query = statement(__package__, "select_sales", self.names, last_day=last, condition=condition)
        yield from self._copy(query, _SALES_TYPES)

    def dfus(self, *, features: bool = True) -> pa.Table:
        """Return keys and attributes of the DFUs; an attribute that is not there is NULL, with a warning.

        Args:
            features: Whether the attributes that are features are among them, or only those by which a load is judged.
        """
        missing = missing_attributes(self._connection, self.names, "dfu")
        types = _types(_DFU_KEYS, self.names.read_of("dfu", features=features))
        values = {"columns": ", ".join(map(quoted, types)), "condition": self._part.condition}
        return self._table(statement(__package__, "select_dfus", self.names, missing=missing, **values), types)

    def items(self) -> pa.Table:
        """Return key and attributes of the items; an attribute that is not there is NULL, with a warning."""
        missing = missing_attributes(self._connection, self.names, "item")
        types = _types(_ITEM_KEYS, self.names.features_of("item"))
        columns = ", ".join(map(quoted, types))
        return self._table(statement(__package__, "select_items", self.names, missing=missing, columns=columns), types)

    def _table(self, query: str, types: dict[str, pa.DataType]) -> pa.Table:
        return pa.Table.from_batches(self._copy(query, types), schema=pa.schema(list(types.items())))

    def _copy(self, query: str, types: dict[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
        copy = CopyOut(self._connection, f"COPY ({query}) TO STDOUT WITH (FORMAT csv, HEADER)")
        errors = readable_rows(self._connection, self.names, query, types)
        with schema_errors(self.names), errors, copy as stream:
            stream.peek(1)  # waits for a lock where a time limit can interrupt it: Arrow's own reading cannot be
            yield from csv.open_csv(
                stream,
                read_options=csv.ReadOptions(block_size=_BLOCK_BYTES),
                parse_options=csv.ParseOptions(newlines_in_values=True),
                convert_options=csv.ConvertOptions(
                    column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
                ),
            )


def _types(keys: tuple[str, ...], attributes: tuple[Attribute, ...]) -> dict[str, pa.DataType]:
    return dict.fromkeys(keys, pa.string()) | attribute_types(attributes)


def attribute_types(attributes: tuple[Attribute, ...]) -> dict[str, pa.DataType]:
    """Return the type of each attribute's column, by its name."""
    return {one.name: pa.float64() if one.kind == "numeric" else pa.string() for one in attributes}


@contextmanager
def snapshot(engine: Engine, *, part: Part = WHOLE, same_as: str | None = None) -> Iterator[Snapshot]:
    """Open one read-only, repeatable-read transaction, and close its connection afterwards.

    Args:
        engine: The warehouse.
        part: DFUs to which the DFU table and the sales are confined.
        same_as: Name of a snapshot that is still open; see Snapshot.export().

    Raises:
        SnapshotGoneError: That snapshot is not open any more.
    """
    with raw_connection(engine) as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        try:
            with connection.cursor() as cursor:
                if same_as is not None:
                    _open_same(cursor, same_as)
                # rows in physical order, so that a rerun reads what the first run read
                cursor.execute("SET LOCAL synchronize_seqscans = off")
            yield Snapshot(connection, names_of(engine), part)
        finally:
            connection.close()  # there is nothing to keep, and no answer to wait for where the network is dead


def stay_in_snapshot(connection: Connection, same_as: str | None = None) -> None:
    """Begin the only transaction that a private connection has from now on, which may make temporary tables.

    Neither commit nor rollback on the connection ends it, so that all who work there see one snapshot.

    Args:
        connection: In no transaction.
        same_as: Name of a snapshot that is still open; None: a new one.

    Raises:
        SnapshotGoneError: That snapshot is not open any more.
    """
    connection.autocommit = True  # to psycopg2 there is no transaction then that it could end
    with connection.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        cursor.execute(_MAY_IDLE)
        if same_as is not None:
            _open_same(cursor, same_as)


def _open_same(cursor: Cursor, same_as: str) -> None:
    try:
        cursor.execute("SET TRANSACTION SNAPSHOT %s", (same_as,))
    except _GONE_SNAPSHOT as error:
        raise SnapshotGoneError(
            f"the shared snapshot {same_as} is gone, because the connection that held it was lost"
        ) from error


def sales_span(engine: Engine) -> SalesSpan:
    """Return the oldest and the newest month with sales.

    Raises:
        DataError: There are no sales.
    """
    with snapshot(engine) as source:
        return source.sales_span()


def newest_month(engine: Engine, as_of_month: str | None) -> str:
    """Return the as-of month that a run asked for, by default the newest month with sales.

    Raises:
        DataError: There are no sales, or none for that month.
    """
    return str(sales_span(engine).as_of(parse_month(as_of_month) if as_of_month else None))
