"""SQL statements, each in a file beside the module that runs it; the configured names are put in here and nowhere else.

A statement reads ``FROM {sales} AS s``, where ``{sales}`` is a SELECT that gives the columns the names by which the
project knows them. Only what writes, or asks for the place of a row, names ``{dfu_table}`` and ``{dfu.dfu_ck}``.
A filled statement is run without parameters of psycopg2: a name may hold a percent sign.
"""

from collections.abc import Collection, Iterable, Mapping
from importlib.resources import files
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 names its classes in lower case)

from dfu_clustering.config.loading import load_config
from dfu_clustering.config.warehouse_names import ROLES, Attribute, Role, WarehouseNames
from dfu_clustering.warehouse.connect import schema_errors

# a role that reads DFUs needs no right to these; who counts or writes labels names the table itself
_NOT_READ = ("dfu_sk", "load_ts", "cluster_assignment", "modified_ts")
_NULLS = {"numeric": "NULL::double precision", "categorical": "NULL::text"}
# SQL compares char(n) without its padding and texts by their collations, of which two do not compare at all; the
# programs compare bytes. So all see these without padding, as bytes
_KEYS = ("dmdunit", "dmdgroup", "loc", "dfu_ck", "item_ck", "item_no")
# only what asks for the state of the sales needs these
_TIMES = ("load_ts", "modified_ts")
# PostgreSQL knows days that Python does not: infinity, years before Christ and beyond 9999. Such a sale has no month
_CALENDAR = "date '0001-01-01' AND date '9998-12-31'"


class _Columns:
    """Quoted columns of a table, for ``{dfu.dfu_ck}`` in a statement."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        for name, column in columns.items():
            setattr(self, name, quoted(column))


def statement(
    package: str,
    name: str,
    names: WarehouseNames | None = None,
    *,
    missing: Collection[Attribute] = (),
    **values: str,
) -> str:
    """Return the SQL statement kept in <name>.sql beside the modules of a package, with all names filled in.

    Args:
        package: Where the file is.
        name: Of the file.
        names: Of the warehouse; None: those of the configuration file.
        missing: Attributes that are not there; they are NULL.
        **values: SQL for the statement's other placeholders.
    """
    text = (files(package) / f"{name}.sql").read_text(encoding="utf-8")
    return text.format(**_placeholders(names or load_config().warehouse, missing), **values)


def quoted(name: str) -> str:
    """Return a name as an identifier in SQL, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | int | bool) -> str:  # noqa: FBT001  (a value, no switch)
    """Return a value as a constant in SQL."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    text = value.replace("'", "''")
    return "E'" + text.replace("\\", "\\\\") + "'" if "\\" in text else f"'{text}'"


def table(names: WarehouseNames, role: Role) -> str:
    """Return a table as an identifier in SQL, with its schema where one is configured."""
    own = quoted(getattr(names.tables, role))
    return own if names.schema_name is None else f"{quoted(names.schema_name)}.{own}"


def sales_condition(names: WarehouseNames) -> str:
    """Return what is true in SQL for the sales rows that count."""
    conditions = [f"{quoted(column)} = {literal(value)}" for column, value in names.sales_filter.items()]
    return f"({' AND '.join(conditions) or 'true'})"


def rows(names: WarehouseNames, role: Role, missing: Collection[Attribute] = (), *, times: bool = False) -> str:
    """Return the SELECT of a table's keys, values and attributes under the names that the project knows them by.

    Args:
        names: Of the warehouse.
        role: Which table.
        missing: Attributes that are not there; they are NULL.
        times: Whether load_ts and modified_ts of the sales are among them.
    """
    return f"SELECT {_columns(names, role, missing, times=times)} FROM {table(names, role)}"  # noqa: S608  (quoted)


def judged_sales(names: WarehouseNames) -> str:
    """Return the SELECT of all sales rows that the gate looks at; ``other`` is true of those that do not count.

    ``written_date`` is the date as the table has it, also where that is no day of the calendar and startdate NULL.
    """
    condition = sales_condition(names)
    judged = "true" if names.other_sales == "refuse" else condition
    written = f"{quoted(names.columns.sales.startdate)} AS written_date"
    columns = f"{_columns(names, 'sales', times=True)}, {written}, {condition} IS NOT TRUE AS other"
    return f"SELECT {columns} FROM {table(names, 'sales')} WHERE {judged}"  # noqa: S608  (quoted)


def _columns(names: WarehouseNames, role: Role, missing: Collection[Attribute] = (), *, times: bool = False) -> str:
    unread = {"dfu": _NOT_READ, "sales": () if times else _TIMES}.get(role, ())
    columns = {key: _read(key, quoted(column)) for key, column in names.columns_of(role).items() if key not in unread}
    for one in names.attributes_of(role):
        columns[one.name] = _NULLS[one.kind] if one in missing else quoted(one.source)
    return ", ".join(f"{column} AS {quoted(name)}" for name, column in columns.items())


def _read(key: str, column: str) -> str:
    """Return a column as the project reads it."""
    if key in _KEYS:
        return f'{column}::text COLLATE "C"'
    if key == "startdate":
        return f"CASE WHEN {column} BETWEEN {_CALENDAR} THEN {column} END"
    return column


def _placeholders(names: WarehouseNames, missing: Collection[Attribute]) -> dict[str, Any]:
    return {
        "sales": f"({rows(names, 'sales')} WHERE {sales_condition(names)})",
        "judged_sales": f"({judged_sales(names)})",
        "calendar": _CALENDAR,
        "dfus": f"({rows(names, 'dfu', missing)})",
        "items": f"({rows(names, 'item', missing)})",
        **{f"{role}_table": table(names, role) for role in ROLES},
        "dfu": _Columns(names.columns_of("dfu")),
    }


def create_profiles(
    connection: Connection, package: str, names: WarehouseNames, profiles: Iterable[str], values: Mapping[str, Any]
) -> None:
    """Run profile_<name>.sql of a package one after another; each leaves a temporary table.

    They read temporary views and tables only, so that values can be parameters.
    """
    with connection.cursor() as cursor, schema_errors(names):
        for name in profiles:
            cursor.execute((files(package) / f"profile_{name}.sql").read_text(encoding="utf-8"), values)


def fetch_rows(connection: Connection, names: WarehouseNames, query: str) -> list[dict[str, Any]]:
    """Return the few rows of a query as mappings."""
    with connection.cursor() as cursor, schema_errors(names):
        cursor.execute(query)
        columns = [column.name for column in cursor.description or ()]
        found = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    connection.rollback()
    return found
