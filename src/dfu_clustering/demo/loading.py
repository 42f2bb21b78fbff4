"""Loads warehouse tables into PostgreSQL: the project's DDL, then COPY, without a Python object a row."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files

import psycopg2
import pyarrow as pa
import pyarrow.csv as csv
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 names its classes in lower case)

from dfu_clustering.demo.rows import WarehouseTables

_DDL_FILES = ("001_create_dim_item.sql", "002_create_fact_sales_monthly.sql", "005_create_dim_dfu.sql")

_ROWS_PER_CHUNK = 50_000


def create_tables(connection: Connection) -> None:
    """Create dim_item, fact_sales_monthly and dim_dfu with their indexes, where they are missing."""
    with connection.cursor() as cursor:
        for statements in _ddl():
            cursor.execute(statements)


def load_panel(target: Connection | str, panel: WarehouseTables) -> None:
    """Create the tables where they are missing and append the panel's rows to them.

    Args:
        target: A connection, whose transaction is left open, or a URL, which is loaded in one transaction.
        panel: Rows for the three tables.

    Raises:
        psycopg2.errors.UniqueViolation: Rows of these keys are there already; nothing is overwritten.
    """
    if isinstance(target, str):
        with closing(psycopg2.connect(target)) as connection, connection:
            load_panel(connection, panel)
        return
    create_tables(target)
    for name, table in _by_name(panel):
        _copy(target, name, table)


def panel_digest(panel: WarehouseTables) -> str:
    """Return a digest of all that load_panel sends, DDL and rows; equal digests mean equal warehouses."""
    digest = hashlib.sha256("".join(_ddl()).encode())
    for name, table in _by_name(panel):
        digest.update(f"{name} {table.column_names}".encode())
        for chunk in _csv_chunks(table):
            digest.update(chunk)
    return digest.hexdigest()


def _ddl() -> list[str]:
    return [(files(__package__) / name).read_text(encoding="utf-8") for name in _DDL_FILES]


def _by_name(panel: WarehouseTables) -> tuple[tuple[str, pa.Table], ...]:
    return ("dim_item", panel.items), ("dim_dfu", panel.dfus), ("fact_sales_monthly", panel.sales)


def _copy(connection: Connection, name: str, table: pa.Table) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, table.column_names))
    identifier = sql.Identifier(name)
    with connection.cursor() as cursor:
        copy = sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT csv, ENCODING 'UTF8')").format(identifier, columns)
        for chunk in _csv_chunks(table):
            cursor.copy_expert(copy, io.BytesIO(chunk))
        cursor.execute(sql.SQL("ANALYZE {}").format(identifier))


def _csv_chunks(table: pa.Table) -> Iterator[bytes]:
    """Yield the rows as CSV: a null is an empty field, an empty string is quoted, as COPY reads them."""
    options = csv.WriteOptions(include_header=False)
    for batch in table.to_batches(max_chunksize=_ROWS_PER_CHUNK):
        sink = io.BytesIO()
        csv.write_csv(batch, sink, options)
        yield sink.getvalue()
