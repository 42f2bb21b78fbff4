"""Connections to the warehouse, and what its errors mean: which say what to do, and after which a retry may succeed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2 import errors as pg_errors
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 names its classes in lower case)
from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from dfu_clustering.addresses import PERCENT_ENCODED, is_ambiguous
from dfu_clustering.config.loading import load_config
from dfu_clustering.config.operations import WarehouseConfig
from dfu_clustering.config.warehouse_names import WarehouseNames
from dfu_clustering.errors import ConfigError, WarehouseError
from dfu_clustering.warehouse.timeouts import limit_waiting

DATABASE_URL_VARIABLE = "DATABASE_URL"
_NAMES = "dfu_warehouse_names"

# libpq gives no code for a refused connection, only words; these do not change by waiting
_REFUSALS = ("authentication failed", "no password supplied", "does not exist", "no pg_hba.conf entry")

# a table or column that is missing, may not be read, or is of a type that the statement cannot take
_SCHEMA_ERRORS = (
    pg_errors.UndefinedTable,
    pg_errors.UndefinedColumn,
    pg_errors.UndefinedFunction,
    pg_errors.DatatypeMismatch,
    pg_errors.IndeterminateCollation,
    pg_errors.InsufficientPrivilege,
)
# values that PostgreSQL cannot hand out, or that are no text, number or day of this process
_VALUE_ERRORS = (psycopg2.DataError, UnicodeDecodeError)


def connect_engine(url: str | None, limits: WarehouseConfig | None = None) -> Engine:
    """Return an engine on psycopg2 for a PostgreSQL URL.

    Args:
        url: Its address.
        limits: The section ``warehouse``: how long is waited, and what the tables are called. None: as long as the
            server does, and the names of the configuration file.

    Raises:
        ConfigError: No URL is given, or one that read_address() refuses.
    """
    if not url:
        raise ConfigError(
            "The warehouse's address must be configured",
            found=f"no {DATABASE_URL_VARIABLE} and no warehouse.connection_block",
            remedy=f"set {DATABASE_URL_VARIABLE}=postgresql://user:password@host:5432/database",
        )
    # a step holds one connection for a while and then none: a pool would keep it open through the training
    return configure_engine(create_engine(read_address(url), poolclass=NullPool), limits)


def read_address(url: str) -> URL:
    """Return the parts of a PostgreSQL address.

    Raises:
        ConfigError: It is none, or not certain where its password ends; nothing of it is shown.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.partition("+")[0] not in ("postgresql", "postgres"):
        raise _unreadable("one that does not begin with postgresql://")
    if is_ambiguous(rest):
        raise _unreadable("one with several @")
    try:
        return make_url(f"postgresql+psycopg2://{rest}")
    except (ArgumentError, ValueError):
        raise _unreadable("one that cannot be parsed") from None


def _unreadable(found: str) -> ConfigError:
    return ConfigError(
        "The warehouse's address must name a PostgreSQL database",
        found=f"{found}; not shown because it may hold a password",
        remedy=f"use the form postgresql://user:password@host:5432/database; {PERCENT_ENCODED}",
    )


def configure_engine(engine: Engine, config: WarehouseConfig | None) -> Engine:
    """Give an engine its time limits and the names of the warehouse; None: see connect_engine()."""
    engine.update_execution_options(**{_NAMES: config or load_config().warehouse})
    return limit_waiting(engine, config)


def names_of(engine: Engine) -> WarehouseNames:
    """Return what the tables behind an engine are called."""
    names: WarehouseNames = engine.get_execution_options()[_NAMES]
    return names


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
    """Lend a connection that is closed afterwards, and its temporary tables with it; it thinks in UTC and UTF-8.

    Its temporary tables come first: a search path may name pg_temp last, and then a table of the same name
    would stand before ours.
    """
    pooled = engine.raw_connection()
    connection: Any = pooled.driver_connection
    pooled.detach()
    try:
        connection.set_client_encoding("UTF8")
        with connection.cursor() as cursor:
            cursor.execute("SET TIME ZONE 'UTC'")
            path = "concat_ws(', ', 'pg_temp', nullif(current_setting('search_path'), ''))"
            cursor.execute(f"SELECT set_config('search_path', {path}, false)")
        connection.commit()
        yield connection
    finally:
        connection.close()


@contextmanager
def schema_errors(names: WarehouseNames) -> Iterator[None]:
    """Turn PostgreSQL's word for a missing table, column or right, or a value that it cannot hand out, into a remedy.

    Raises:
        WarehouseError: In place of PostgreSQL's own error.
    """
    try:
        yield
    except _SCHEMA_ERRORS as error:
        tables, columns = names.tables, names.columns.dfu
        found = (error.diag.message_primary or str(error)).strip()
        raise WarehouseError(
            f"{tables.sales}, {tables.dfu} and {tables.item} must exist with their columns, and this role "
            "must have its rights",
            found=found,
            remedy="check that the address names the right database and schema, that the section warehouse of the "
            "configuration names the tables and columns, and the role's rights: SELECT on the three tables, UPDATE of "
            f"{columns.cluster_assignment} and {columns.modified_ts}, TEMPORARY on the database",
        ) from error
    except _VALUE_ERRORS as error:
        raise unreadable_values(", ".join(names.tables.model_dump().values()), str(error).strip()) from error


def unreadable_values(tables: str, found: str, keys: Sequence[str] = ()) -> WarehouseError:
    """Return the error for values that are not what their column says.

    Args:
        tables: Where they are.
        found: What could not be read.
        keys: Of the rows, as far as they are known.
    """
    return WarehouseError(
        f"What {tables} hold must be readable: texts as UTF-8, numbers and dates as such",
        found=found,
        keys=keys,
        remedy="correct these values in the source; texts of a database with encoding SQL_ASCII are written as UTF-8",
    )


def is_transient(error: BaseException) -> bool:
    """Tell whether a retry may succeed: a dropped connection, a busy or restarting server, a deadlock, a timeout."""
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, psycopg2.OperationalError | psycopg2.InterfaceError | ConnectionError):
            return not any(sign in str(chain) for sign in _REFUSALS)
        chain = chain.__cause__
    return False
