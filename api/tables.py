"""A DFU as the service reads it: every column with its type, which is also what may be filtered and sorted by.

The names in an answer are the project's own and those of ``warehouse.shown``; where the columns are is read from the
configuration file once, when the service starts, because the description of the addresses lists them.
"""

from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, create_model
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Integer,
    Numeric,
    TableClause,
    Text,
    column,
    table,
    type_coerce,
)
from sqlalchemy.sql import quoted_name
from sqlalchemy.types import TypeEngine

from dfu_clustering.config.loading import load_config
from dfu_clustering.config.warehouse_names import WarehouseNames

_SHOWN: Final[dict[str, Any]] = {
    "text": str | None,
    "integer": int | None,
    "number": float | None,
    "time": datetime | None,
}
_TYPES: Final[dict[Any, TypeEngine[Any]]] = {
    str: Text(),
    str | None: Text(),
    int: BigInteger(),
    int | None: Integer(),
    float | None: Numeric(asdecimal=False),
    datetime | None: DateTime(timezone=True),
}


def row_fields(names: WarehouseNames) -> dict[str, tuple[Any, str]]:
    """Return the fields of a row in their order: type, and column in the warehouse."""
    own = names.columns.dfu
    return {
        "dfu_sk": (int, own.dfu_sk),
        "dfu_ck": (str, own.dfu_ck),
        "dmdunit": (str, own.dmdunit),
        "dmdgroup": (str | None, own.dmdgroup),
        "loc": (str, own.loc),
        **{one.name: (_SHOWN[one.type], str(one.column)) for one in names.shown_columns()},
        "cluster_assignment": (str | None, own.cluster_assignment),
        "load_ts": (datetime | None, own.load_ts),
        "modified_ts": (datetime | None, own.modified_ts),
    }


def row_model(names: WarehouseNames) -> type[BaseModel]:
    """Return the model of a row in an answer."""
    fields: dict[str, Any] = {name: (kind, ...) for name, (kind, _) in row_fields(names).items()}
    config = ConfigDict(frozen=True, protected_namespaces=())
    return create_model("DfuRow", __config__=config, __doc__=f"One row of {names.tables.dfu}.", **fields)


def row_columns(names: WarehouseNames) -> tuple[TableClause, dict[str, ColumnElement[Any]]]:
    """Return the table, and its column for each field of a row; two fields may be of one column.

    All names are quoted: SQLAlchemy knows only some of the words that PostgreSQL keeps for itself.
    """
    fields = row_fields(names)
    sources = dict.fromkeys(source for _, source in fields.values())
    schema = None if names.schema_name is None else _quoted(names.schema_name)
    found = table(_quoted(names.tables.dfu), *(column(_quoted(source)) for source in sources), schema=schema)
    return found, {name: type_coerce(found.c[source], _TYPES[kind]) for name, (kind, source) in fields.items()}


def _quoted(name: str) -> quoted_name:
    return quoted_name(name, quote=True)


NAMES: Final[WarehouseNames] = load_config().warehouse
DfuRow: Final[Any] = row_model(NAMES)
DFU_TABLE, COLUMNS = row_columns(NAMES)
