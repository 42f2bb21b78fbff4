"""Loads warehouse tables into PostgreSQL: the project's DDL, then COPY, without a Python object a row.

Tables and columns get the names of the configuration, so that the demo runs with those of a company too.
"""

import hashlib
import io
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pyarrow as pa
import pyarrow.csv as csv
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 names its classes in lower case)

from dfu_clustering.config.loading import load_config
from dfu_clustering.config.warehouse_names import ROLES, Role, WarehouseNames
from dfu_clustering.demo.rows import WarehouseTables
from dfu_clustering.warehouse.statements import literal, quoted, statement, table

_DDL: dict[Role, str] = {
    "item": "001_create_dim_item",
    "sales": "002_create_fact_sales_monthly",
    "dfu": "005_create_dim_dfu",
}

_ROWS_PER_CHUNK = 50_000


def create_tables(connection: Connection, names: WarehouseNames | None = None) -> None:
    """Create the item, sales and DFU tables with their indexes, where they are missing; None: as configured."""
    names = names or load_config().warehouse
    with connection.cursor() as cursor:
        if names.schema_name is not None:
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(names.schema_name)}")
        for role in _DDL:
            cursor.execute("SELECT to_regclass(%s) IS NULL", (table(names, role),))
            if cursor.fetchone() == (True,):
                for command in _ddl(names, role):
                    cursor.execute(command)


def load_panel(target: Connection | str, panel: WarehouseTables, names: WarehouseNames | None = None) -> None:
    """Create the tables where they are missing and append the panel's rows to them.

    Args:
        target: A connection, whose transaction is left open, or a URL, which is loaded in one transaction.
        panel: Rows for the three tables.
        names: What they are called; None: as configured.

    Raises:
        psycopg2.errors.UniqueViolation: Rows of these keys are there already; nothing is overwritten.
    """
    names = names or load_config().warehouse
    if isinstance(target, str):
        with closing(psycopg2.connect(target)) as connection, connection:
            load_panel(connection, panel, names)
        return
    create_tables(target, names)
    for role, rows in _by_role(panel):
        _copy(target, names, role, rows)


def panel_digest(panel: WarehouseTables) -> str:
    """Return a digest of all that load_panel sends, DDL and rows; equal digests mean equal warehouses."""
    names = load_config().warehouse
    digest = hashlib.sha256("".join(command for role in ROLES for command in _ddl(names, role)).encode())
    for role, rows in _by_role(panel):
        digest.update(f"{role} {rows.column_names}".encode())
        for chunk in _csv_chunks(rows):
            digest.update(chunk)
    return digest.hexdigest()


def _ddl(names: WarehouseNames, role: Role) -> list[str]:
    """Return the commands that create one table; the DDL has the project's own names for columns."""
    own = table(names, role)
    renamed = [
        f"ALTER TABLE {own} RENAME COLUMN {quoted(name)} TO {quoted(column)}"
        for name, column in _columns(names, role).items()
        if name != column
    ]
    filters = names.sales_filter.items() if role == "sales" else ()
    added = [
        f"ALTER TABLE {own} ADD COLUMN IF NOT EXISTS {quoted(column)} {'integer' if isinstance(value, int) else 'text'}"
        f" DEFAULT {literal(value)}"
        for column, value in filters
    ]
    return [statement(__package__, _DDL[role], names), *renamed, *added]


def _columns(names: WarehouseNames, role: Role) -> dict[str, str]:
    shown = {one.name: str(one.column) for one in names.shown_columns()} if role == "dfu" else {}
    return shown | {one.name: one.source for one in names.attributes_of(role)} | names.columns_of(role)


def _by_role(panel: WarehouseTables) -> tuple[tuple[Role, pa.Table], ...]:
    return ("item", panel.items), ("dfu", panel.dfus), ("sales", panel.sales)


def _copy(connection: Connection, names: WarehouseNames, role: Role, rows: pa.Table) -> None:
    known, own = _columns(names, role), table(names, role)
    columns = ", ".join(quoted(known.get(name, name)) for name in rows.column_names)
    with connection.cursor() as cursor:
        for chunk in _csv_chunks(rows):
            cursor.copy_expert(
                f"COPY {own} ({columns}) FROM STDIN WITH (FORMAT csv, ENCODING 'UTF8')", io.BytesIO(chunk)
            )
        cursor.execute(f"ANALYZE {own}")


def _csv_chunks(table: pa.Table) -> Iterator[bytes]:
    """Yield the rows as CSV: a null is an empty field, an empty string is quoted, as COPY reads them."""
    options = csv.WriteOptions(include_header=False)
    for batch in table.to_batches(max_chunksize=_ROWS_PER_CHUNK):
        sink = io.BytesIO()
        csv.write_csv(batch, sink, options)
        yield sink.getvalue()
