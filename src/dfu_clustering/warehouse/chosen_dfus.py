"""Which DFUs a person means: by their keys, or by what the DFU table says of them."""

from collections.abc import Iterable, Mapping, Sequence

from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 names its classes in lower case)

from dfu_clustering.config.warehouse_names import WarehouseNames
from dfu_clustering.errors import DataError, did_you_mean
from dfu_clustering.warehouse.connect import schema_errors
from dfu_clustering.warehouse.statements import literal, quoted, table


def dfus_of_keys(connection: Connection, names: WarehouseNames, keys: Sequence[str]) -> tuple[str, ...]:
    """Return keys of DFUs, each once and sorted.

    Raises:
        DataError: The DFU table does not have all of them.
    """
    wanted = sorted(set(keys))
    storable = [key for key in wanted if "\0" not in key]
    listed = ", ".join(map(literal, storable)) or "NULL"
    found = set(_dfus(connection, names, f"{_key(names)} = ANY (ARRAY[{listed}]::text[])"))
    unknown = [key for key in wanted if key not in found]
    if unknown:
        raise DataError(
            f"Every dfu_ck must be in {names.tables.dfu}",
            found="unknown dfu_ck",
            keys=unknown,
            remedy="correct the keys, or leave these out; nothing was written",
        )
    return tuple(wanted)


def dfus_of_filter(connection: Connection, names: WarehouseNames, values: Mapping[str, str | None]) -> tuple[str, ...]:
    """Return the keys of the DFUs whose columns have exactly some values, sorted.

    Args:
        connection: To the warehouse.
        names: Of the warehouse.
        values: Column, by the project's name of it, to value; None: it is missing.

    Raises:
        DataError: A column is unknown, or no DFU has these values.
    """
    require_filter_columns(names, values)
    columns = filter_columns(names)
    storable = not any(value and "\0" in value for value in values.values())  # PostgreSQL holds no NUL
    conditions = [_condition(columns[name], value) for name, value in values.items()] if storable else []
    found = sorted(_dfus(connection, names, " AND ".join(conditions) or "false"))
    if not found:
        raise DataError(
            "A filter must hold for a DFU at least",
            found="none with " + ", ".join(f"{name} = {value!r}" for name, value in values.items()),
            remedy="values are compared exactly, in upper and lower case too; look at a DFU's row in the API",
        )
    return tuple(found)


def require_filter_columns(names: WarehouseNames, wanted: Iterable[str]) -> None:
    """Check that DFUs may be chosen by some columns.

    Raises:
        DataError: One is unknown.
    """
    columns = filter_columns(names)
    unknown = [name for name in wanted if name not in columns]
    if unknown:
        raise DataError(
            "A filter must name columns of the DFU table that the API shows",
            found=f"unknown columns{did_you_mean(unknown[0], columns)}",
            keys=unknown,
            remedy=f"use {', '.join(columns)}",
        )


def filter_columns(names: WarehouseNames) -> dict[str, str]:
    """Return the columns by which DFUs may be chosen: the project's name to the warehouse's."""
    own = names.columns.dfu
    keys = {name: getattr(own, name) for name in ("dfu_ck", "dmdunit", "dmdgroup", "loc", "cluster_assignment")}
    shown = {one.name: str(one.column) for one in names.shown_columns()}
    return {**keys, **shown, **{one.name: one.source for one in names.attributes_of("dfu")}}


def _condition(column: str, value: str | None) -> str:
    return f"{quoted(column)} IS NULL" if value is None else f"{quoted(column)}::text = {literal(str(value))}"


def _dfus(connection: Connection, names: WarehouseNames, condition: str) -> list[str]:
    query = f"SELECT {_key(names)} FROM {table(names, 'dfu')} WHERE {condition}"  # noqa: S608  (quoted)
    with connection.cursor() as cursor, schema_errors(names):
        cursor.execute(query)  # without parameters: a name may hold a percent sign
        return [key for (key,) in cursor.fetchall()]


def _key(names: WarehouseNames) -> str:
    return f'{quoted(names.columns.dfu.dfu_ck)}::text COLLATE "C"'
