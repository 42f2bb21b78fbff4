"""SQL statements, each in a file beside the module that runs it."""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 names its classes in lower case)

from dfu_clustering.warehouse.connect import schema_errors


def statement(package: str, name: str) -> str:
    """Return the SQL statement kept in <name>.sql beside the modules of a package."""
    return (files(package) / f"{name}.sql").read_text(encoding="utf-8")


def create_profiles(connection: Connection, package: str, names: Iterable[str], values: Mapping[str, Any]) -> None:
    """Run profile_<name>.sql of a package one after another in one snapshot; each leaves a temporary table."""
    with connection.cursor() as cursor, schema_errors():
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for name in names:
            cursor.execute(statement(package, f"profile_{name}"), values)
    connection.commit()


def fetch_rows(connection: Connection, query: str) -> list[dict[str, Any]]:
    """Return the few rows of a query as mappings."""
    with connection.cursor() as cursor, schema_errors():
        cursor.execute(query)
        columns = [column.name for column in cursor.description or ()]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    connection.rollback()
    return rows
