"""Whether texts can be read: a database with encoding SQL_ASCII takes any bytes, and only UTF-8 is text for us."""

import io
from collections.abc import Sequence

import pandas as pd
from psycopg2.extensions import connection as Connection  # noqa: N812

from dfu_clustering.config.warehouse_names import Role, WarehouseNames
from dfu_clustering.warehouse.statements import quoted
from dfu_clustering.warehouse.unreadable_rows import unreadable_texts
from expectations.engine.checks import Batch, bounded

_KEYS: dict[Role, tuple[str, ...]] = {
    "sales": ("dmdunit", "dmdgroup", "loc"),
    "dfu": ("dfu_ck", "dmdunit", "dmdgroup", "loc"),
    "item": ("item_ck", "item_no"),
}
_VIEWS: dict[Role, str] = {"sales": "judged_sales", "dfu": "judged_dfus", "item": "judged_items"}


def texts_batch(connection: Connection, names: WarehouseNames, role: Role, table: str) -> Batch:
    """Return the batch that judges whether the texts of a table are UTF-8."""
    unreadable = _unreadable(connection, names, role)
    expected = bounded(
        "texts_are_utf_8",
        "critical",
        f"Every key and attribute of {table} is text in UTF-8.",
        f"Keys or attributes of {table} hold bytes that are not UTF-8 (rows).",
        "unreadable",
        high=0,
        keys=unreadable,
    )
    return Batch(f"{table} texts", pd.DataFrame({"unreadable": [len(unreadable)]}), [expected], essential=True)


def _unreadable(connection: Connection, names: WarehouseNames, role: Role) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_encoding")
        if cursor.fetchone() != ("SQL_ASCII",):  # the server sees to it
            return []
        content = io.BytesIO()
        cursor.execute("SET LOCAL client_encoding = 'SQL_ASCII'")  # as UTF-8 the server refuses to hand them out
        cursor.copy_expert(_distinct_texts(_VIEWS[role], _texts(names, role)), content)
        cursor.execute("SET LOCAL client_encoding = 'UTF8'")
    content.seek(0)
    return list(unreadable_texts(content))


def _texts(names: WarehouseNames, role: Role) -> list[str]:
    attributes = [one.name for one in names.attributes_of(role) if one.kind == "categorical"]
    return [*_KEYS[role], *attributes]


def _distinct_texts(view: str, columns: Sequence[str]) -> str:
    texts = ", ".join(f"{quoted(column)}::text" for column in columns)
    # whatever is beyond ASCII may be no UTF-8
    query = f"SELECT DISTINCT {texts} FROM pg_temp.{view} WHERE concat({texts}) COLLATE \"C\" ~ '[^ -~]'"  # noqa: S608
    return f"COPY ({query}) TO STDOUT WITH (FORMAT csv)"
