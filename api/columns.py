"""How each field of a row is read from the columns that the DFU table has, found before the first answer.

A key, or the label, must be there as what it is. Any other field whose column is missing, or holds what the field
cannot show, is null in every row; a field of text shows a column of any type as its text.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    Numeric,
    Text,
    cast,
    func,
    literal,
    null,
    text,
    type_coerce,
)
from sqlalchemy.types import TypeEngine

from api.filters import KEY, LABEL
from api.problem_details import UnavailableError
from api.tables import COLUMNS, NAMES, row_fields
from dfu_clustering.warehouse.statements import table

logger = logging.getLogger(__name__)

# what the role may read of the table, with the family of each type; a domain counts as the type below it
_FOUND: Final = text("""
SELECT
    a.attname AS name,
    CASE
        WHEN base.typcategory = 'S' THEN 'text'
        WHEN base.typname IN ('int2', 'int4', 'int8') THEN 'integer'
        WHEN format_type(base.oid, greatest(a.atttypmod, declared.typtypmod)) LIKE 'numeric(%,0)' THEN 'whole'
        WHEN base.typname IN ('numeric', 'float4', 'float8') THEN 'number'
        WHEN base.typname IN ('date', 'timestamp', 'timestamptz') THEN 'time'
    END AS family,
    format_type(a.atttypid, a.atttypmod) AS type
FROM pg_attribute AS a
JOIN pg_type AS declared ON declared.oid = a.atttypid
JOIN pg_type AS base ON base.oid = coalesce(nullif(declared.typbasetype, 0), declared.oid)
WHERE a.attrelid = CAST(:table AS regclass) AND a.attnum > 0 AND NOT a.attisdropped
    AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
""")
_NEEDED: Final = (KEY, "dfu_ck", "dmdunit", "dmdgroup", "loc", LABEL)
_FITTING: Final[tuple[tuple[type[TypeEngine[Any]], str, frozenset[str]], ...]] = (
    (Integer, "a whole number", frozenset({"integer", "whole"})),
    (Numeric, "a number", frozenset({"integer", "whole", "number"})),
    (DateTime, "a time", frozenset({"time"})),
)


@dataclass(frozen=True)
class ReadColumns:
    """How the fields of a row are read.

    Attributes:
        by_field: What is selected, filtered and ordered by; null where there is nothing to show.
        missing: Fields that are null in every row.
    """

    by_field: Mapping[str, ColumnElement[Any]]
    missing: frozenset[str]

    def selected(self) -> list[ColumnElement[Any]]:
        """Return the columns of a row, each under the name of its field."""
        return [column.label(name) for name, column in self.by_field.items()]


def find_columns(connection: Connection) -> ReadColumns:
    """Return how the fields are read; what is not shown as configured is a warning in the log.

    Raises:
        UnavailableError: A key or the label cannot be read; the message names the columns.
    """
    found = {row.name: row for row in connection.execute(_FOUND, {"table": table(NAMES, "dfu")})}
    columns, faults = {}, {}
    for name, (_, source) in row_fields(NAMES).items():
        row = found.get(source)
        read = _read(name, row.family) if row else None
        columns[name] = null() if read is None else read
        if read is None:
            faults[name] = f"{source} is {row.type}, not {_wanted(name)}" if row else f"no column {source}"
    needed = [fault for name, fault in faults.items() if name in _NEEDED]
    if needed:
        raise UnavailableError(f"{NAMES.tables.dfu}: {', '.join(needed)}; correct warehouse.columns.dfu")
    if faults:
        logger.warning("%s: %s; shown as null, correct warehouse", NAMES.tables.dfu, ", ".join(faults.values()))
    return ReadColumns(MappingProxyType(columns), frozenset(faults))


def _read(name: str, family: str | None) -> ColumnElement[Any] | None:
    """Return how a field is read from a column of a family of types; None: it cannot be."""
    column = COLUMNS[name]
    if isinstance(column.type, Text):
        if family == "text":
            return column
        return None if name == LABEL else cast(column, Text)
    if not any(isinstance(column.type, kind) and family in families for kind, _, families in _FITTING):
        return None
    if isinstance(column.type, Integer) and family == "whole" and name != KEY:
        # numeric(9,0) can hold NaN, which is no whole number
        return type_coerce(func.nullif(column, literal("NaN", Text)), column.type)
    return column


def _wanted(name: str) -> str:
    return next((words for kind, words, _ in _FITTING if isinstance(COLUMNS[name].type, kind)), "text")
