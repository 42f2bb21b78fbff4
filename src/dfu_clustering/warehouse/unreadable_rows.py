"""Rows that cannot be read, named: Arrow says that a value is none of its type, and not of which row."""

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import BinaryIO, NamedTuple

import pyarrow as pa
from psycopg2 import errors as pg_errors
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 names its classes in lower case)

from dfu_clustering.config.warehouse_names import WarehouseNames
from dfu_clustering.warehouse.connect import unreadable_values
from dfu_clustering.warehouse.copy_stream import CopyOut

_VALUES_SHOWN = 5
# the server sees to it that texts are UTF-8, but in a database of encoding SQL_ASCII only when they are read
_UNREADABLE = (pa.ArrowInvalid, pg_errors.CharacterNotInRepertoire)

Types = Mapping[str, pa.DataType]


@contextmanager
def readable_rows(connection: Connection, names: WarehouseNames, query: str, types: Types) -> Iterator[None]:
    """Turn Arrow's word for a value that is none of its type, or PostgreSQL's for no text, into an error with the rows.

    Args:
        connection: Where the rows are read a second time, in a transaction of its own.
        names: Of the warehouse.
        query: What was read.
        types: Of its columns, in order.

    Raises:
        WarehouseError: In place of that.
    """
    try:
        yield
    except _UNREADABLE as error:
        connection.rollback()
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL client_encoding = 'SQL_ASCII'")  # bytes as they are
        with CopyOut(connection, f"COPY ({query}) TO STDOUT WITH (FORMAT csv)") as stream:
            found = list(unreadable_rows(stream, types))
        values = list(dict.fromkeys(value for row in found for value in row.values))
        shown = ", ".join(values[:_VALUES_SHOWN]) or str(error)
        tables = ", ".join(names.tables.model_dump().values())
        raise unreadable_values(tables, shown, [row.key for row in found]) from error


class UnreadableRow(NamedTuple):
    """The key of a row, and those of its values that are none of their type."""

    key: str
    values: list[str]


def unreadable_rows(stream: BinaryIO, types: Types) -> Iterator[UnreadableRow]:
    """Return the rows that hold a value which is none of its type.

    Args:
        stream: CSV without a header.
        types: Of its columns, in order; the key is the first one, of sales the first three.
    """
    rows = csv.reader(io.TextIOWrapper(stream, encoding="utf-8", errors="surrogateescape", newline=""))
    n_keys = 3 if "startdate" in types else 1
    for row in rows:
        texts = [_as_bytes_say(value) for value in row]
        wrong = [
            f"{name} {text!r}"
            for (name, kind), value, text in zip(types.items(), row, texts, strict=True)
            if value and (text != value or not _fits(value, kind))
        ]
        if wrong:
            yield UnreadableRow("_".join(texts[:n_keys]), wrong)


def unreadable_texts(stream: BinaryIO) -> Iterator[str]:
    """Return the rows of texts, CSV without a header, that are no UTF-8; bytes that are none are written as numbers."""
    for row in csv.reader(io.TextIOWrapper(stream, encoding="utf-8", errors="surrogateescape", newline="")):
        texts = [_as_bytes_say(value) for value in row]
        if texts != row:
            yield "_".join(texts)


def _as_bytes_say(value: str) -> str:
    """Return a text in which bytes that are no UTF-8 are written as numbers."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _fits(value: str, kind: pa.DataType) -> bool:
    try:
        if pa.types.is_date(kind):
            date.fromisoformat(value)
        elif pa.types.is_floating(kind):
            float(value)
    except ValueError:
        return False
    return True
