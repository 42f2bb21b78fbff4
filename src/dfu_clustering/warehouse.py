"""Everything that reads the warehouse: a consistent snapshot of three tables, handed out by COPY as Arrow data.

No row becomes a Python object: PostgreSQL writes CSV into a pipe while Arrow parses it on the other side.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Any

import numpy as np
import psycopg2
import pyarrow as pa
import pyarrow.csv as csv
from psycopg2 import errors as pg_errors
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 names its classes in lower case)
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from dfu_clustering.copy_out import CopyOut
from dfu_clustering.deployment import WarehouseConfig
from dfu_clustering.errors import ConfigError, DataError, WarehouseError
from dfu_clustering.months import Month, last_day
from dfu_clustering.patience import answer_expected, limit_waiting

DATABASE_URL_VARIABLE = "DATABASE_URL"
_BLOCK_BYTES = 16 << 20  # each block looks the keys that occur in it up once; larger ones are no faster

# libpq gives no code for a refused connection, only words; these do not change by waiting
_REFUSALS = ("authentication failed", "no password supplied", "does not exist", "no pg_hba.conf entry")

# a table or column that is missing, may not be read, or is of a type that the statement cannot take
_SCHEMA_ERRORS = (
    pg_errors.UndefinedTable,
    pg_errors.UndefinedColumn,
    pg_errors.UndefinedFunction,
    pg_errors.DatatypeMismatch,
    pg_errors.InsufficientPrivilege,
)

# what PostgreSQL says of a snapshot whose owner is gone, in words that differ by version
_GONE_SNAPSHOT = (
    pg_errors.InvalidParameterValue,
    pg_errors.UndefinedObject,
    pg_errors.ObjectNotInPrerequisiteState,
)

_KEY_TYPES = {name: pa.dictionary(pa.int32(), pa.string()) for name in ("dmdunit", "dmdgroup", "loc")}
_SALES_TYPES = {**_KEY_TYPES, "startdate": pa.date32(), "qty": pa.float64()}
_NUMERIC = ("execution_lag", "total_lt", "alcoh_pct", "proof")
_ITEM_NUMERIC = ("case_weight", "item_proof", "bpc", "bottle_pack", "pack_case")


class SnapshotGoneError(ConnectionError):
    """The connection that shared a snapshot was lost, and the snapshot with it; only a new one helps."""


def statement(name: str) -> str:
    """Return the SQL statement kept in sql/<name>.sql."""
    return (files("dfu_clustering") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def connect_engine(url: str | None, limits: WarehouseConfig | None = None) -> Engine:
    """Return an engine on psycopg2 for a PostgreSQL URL; it waits as long as the limits say, None: as the server does.

    Raises:
        ConfigError: No URL is given, or it does not name PostgreSQL.
    """
    if not url:
        raise ConfigError(
            "The warehouse's address must be configured",
            found=f"no {DATABASE_URL_VARIABLE} and no warehouse.connection_block",
            remedy=f"set {DATABASE_URL_VARIABLE}=postgresql://user:password@host:5432/database",
        )
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.partition("+")[0] not in ("postgresql", "postgres"):
        raise ConfigError(
            "The warehouse is a PostgreSQL database",
            found=f"an address that starts with {scheme[:20]!r}",
            remedy="use an address of the form postgresql://user:password@host:5432/database",
        )
    try:
        # a step holds one connection for a while and then none: a pool would keep it open through the training
        engine = create_engine(f"postgresql+psycopg2://{rest}", poolclass=NullPool)
    except (ArgumentError, ValueError) as error:
        raise ConfigError(
            "The warehouse's address must be a URL",
            found=f"one that cannot be parsed ({type(error).__name__}); it is not shown, it may hold a password",
            remedy="use an address of the form postgresql://user:password@host:5432/database",
        ) from None
    return limit_waiting(engine, limits)


@dataclass(frozen=True)
class SalesSpan:
    """Oldest and newest month of fact_sales_monthly, and its number of rows."""

    first_month: Month
    last_month: Month
    rows: int

    @classmethod
    def of(cls, oldest: date | None, newest: date | None, rows: int) -> "SalesSpan":
        """Return the span from the oldest startdate to the newest.

        Raises:
            DataError: There is none: the table is empty.
        """
        if oldest is None:
            raise DataError(
                "fact_sales_monthly must hold sales",
                found="an empty table",
                remedy="load the sales first",
            )
        return cls(np.datetime64(oldest, "M"), np.datetime64(newest, "M"), rows)

    def as_of(self, wanted: Month | None) -> Month:
        """Return the wanted as-of month, by default the newest.

        Raises:
            DataError: No sales are loaded for that time.
        """
        if wanted is None:
            return self.last_month
        if not self.first_month <= wanted <= self.last_month:
            raise DataError(
                "as_of_month must be a month up to which sales are loaded",
                found=f"{wanted}, while fact_sales_monthly runs from {self.first_month} to {self.last_month}",
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
        """Return what is true in SQL for the rows of this part, in dim_dfu as in fact_sales_monthly."""
        if self.of == 1:
            return "true"
        digits = "hashtextextended(concat(dmdunit, dmdgroup, loc), 0) & 9223372036854775807"
        return f"({digits}) % {self.of} = {self.number}"


WHOLE = Part(0, 1)


class Snapshot:
    """The warehouse as one transaction sees it, or a part of its DFUs; all reads agree with each other."""

    def __init__(self, engine: Engine, connection: Connection, part: Part = WHOLE) -> None:
        self._engine, self._connection, self._part = engine, connection, part

    def export(self) -> str:
        """Return the name under which others can open the same snapshot, as long as this one is open."""
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT pg_export_snapshot()")
            return str((cursor.fetchone() or ("",))[0])

    def sales_span(self) -> SalesSpan:
        """Return the oldest and the newest month of fact_sales_monthly and its number of rows.

        Raises:
            DataError: The table is empty.
        """
        with answer_expected(self._engine, self._connection), self._connection.cursor() as cursor, schema_errors():
            cursor.execute("SELECT min(startdate), max(startdate), count(*) FROM fact_sales_monthly")
            return SalesSpan.of(*(cursor.fetchone() or (None, None, 0)))

    def sales(self, as_of_month: Month) -> Iterator[pa.RecordBatch]:
        """Stream dmdunit, dmdgroup, loc, startdate, qty of all rows up to and including as_of_month."""
        query = statement("select_sales").format(
            last_day=last_day(as_of_month).isoformat(), condition=self._part.condition
        )
        yield from self._copy(query, _SALES_TYPES)

    def dfus(self) -> pa.Table:
        """Return keys and attributes of dim_dfu."""
        return self._table(statement("select_dfus").format(condition=self._part.condition), _NUMERIC)

    def items(self) -> pa.Table:
        """Return key and attributes of dim_item."""
        return self._table(statement("select_items"), _ITEM_NUMERIC)

    def _table(self, query: str, numeric: tuple[str, ...]) -> pa.Table:
        columns = [part.strip() for part in query.partition("FROM")[0].removeprefix("SELECT").split(",")]
        types = {column: pa.float64() if column in numeric else pa.string() for column in columns}
        schema = pa.schema(list(types.items()))
        return pa.Table.from_batches(self._copy(query, types), schema=schema)

    def _copy(self, query: str, types: dict[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
        copy = CopyOut(self._connection, f"COPY ({query}) TO STDOUT WITH (FORMAT csv, HEADER)")
        with schema_errors(), answer_expected(self._engine, self._connection), copy as stream:
            stream.peek(1)  # waits for a lock where a time limit can interrupt it: Arrow's own reading cannot be
            yield from csv.open_csv(
                stream,
                read_options=csv.ReadOptions(block_size=_BLOCK_BYTES),
                parse_options=csv.ParseOptions(newlines_in_values=True),
                convert_options=csv.ConvertOptions(
                    column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
                ),
            )


@contextmanager
def snapshot(engine: Engine, *, part: Part = WHOLE, same_as: str | None = None) -> Iterator[Snapshot]:
    """Open one read-only, repeatable-read transaction and end it afterwards.

    Args:
        engine: The warehouse.
        part: DFUs to which dim_dfu and the sales are confined.
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
            yield Snapshot(engine, connection, part)
        finally:
            connection.rollback()
            connection.set_session(isolation_level="DEFAULT", readonly=False)


def _open_same(cursor: Cursor, same_as: str) -> None:
    try:
        cursor.execute("SET TRANSACTION SNAPSHOT %s", (same_as,))
    except _GONE_SNAPSHOT as error:
        raise SnapshotGoneError(f"the shared snapshot {same_as} is gone, and the connection that held it") from error


@contextmanager
def raw_connection(engine: Engine) -> Iterator[Connection]:
    """Lend a psycopg2 connection of the engine's pool; UTF-8 whatever the server prefers."""
    pooled = engine.raw_connection()
    connection: Any = pooled.driver_connection
    try:
        connection.set_client_encoding("UTF8")
        yield connection
    finally:
        if connection.closed:
            pooled.invalidate()  # nothing is left to roll back, and no error worth a traceback
        pooled.close()


@contextmanager
def private_connection(engine: Engine) -> Iterator[Connection]:
    """Lend a connection that is closed afterwards, and its temporary tables with it; it thinks in UTC and UTF-8."""
    pooled = engine.raw_connection()
    connection: Any = pooled.driver_connection
    pooled.detach()
    try:
        connection.set_client_encoding("UTF8")
        with connection.cursor() as cursor:
            cursor.execute("SET TIME ZONE 'UTC'")
        connection.commit()
        yield connection
    finally:
        connection.close()


def create_profiles(connection: Connection, names: Iterable[str], values: Mapping[str, Any]) -> None:
    """Run sql/profile_<name>.sql one after another in one snapshot; each leaves a temporary table."""
    with connection.cursor() as cursor, schema_errors():
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for name in names:
            cursor.execute(statement(f"profile_{name}"), values)
    connection.commit()


def fetch_rows(connection: Connection, query: str) -> list[dict[str, Any]]:
    """Return the few rows of a query as mappings."""
    with connection.cursor() as cursor, schema_errors():
        cursor.execute(query)
        columns = [column.name for column in cursor.description or ()]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    connection.rollback()
    return rows


@contextmanager
def schema_errors() -> Iterator[None]:
    """Turn PostgreSQL's word for a missing table, column or right into a WarehouseError that says what to do."""
    try:
        yield
    except _SCHEMA_ERRORS as error:
        found = (error.diag.message_primary or str(error)).strip()
        raise WarehouseError(
            "fact_sales_monthly, dim_dfu and dim_item must exist with their columns and grant what the project does",
            found=found,
            remedy="check that the address names the right database and schema, and the role's rights: SELECT on the "
            "three tables, UPDATE of cluster_assignment and modified_ts, TEMPORARY on the database",
        ) from error


def is_transient(error: BaseException) -> bool:
    """Tell whether waiting may heal it: a dropped connection, a busy or restarting server, a deadlock, a timeout."""
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, psycopg2.OperationalError | psycopg2.InterfaceError | ConnectionError):
            return not any(sign in str(chain) for sign in _REFUSALS)
        chain = chain.__cause__
    return False
