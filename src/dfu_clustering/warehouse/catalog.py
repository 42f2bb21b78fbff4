"""What PostgreSQL's catalog knows of the three tables: which columns there are, of which types."""

import logging
from dataclasses import dataclass, field
from importlib.resources import files

from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 names its classes in lower case)

from dfu_clustering.config.warehouse_names import Attribute, Role, WarehouseNames
from dfu_clustering.warehouse.statements import table

logger = logging.getLogger(__name__)

_VIEWS = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}


@dataclass(frozen=True)
class FoundTable:
    """A table as the catalog shows it to this role.

    Attributes:
        name: As configured.
        view: What it is in place of a table; None: a table, or nothing at all.
        types: Family of the type of each column that the role may read: text, number, date, timestamp or another.
        padded: Type of each column that pads its values with blanks, character(20).
    """

    name: str
    view: str | None = None
    types: dict[str, str] = field(default_factory=dict)
    padded: dict[str, str] = field(default_factory=dict)

    def missing(self, attributes: tuple[Attribute, ...]) -> tuple[Attribute, ...]:
        """Return those attributes that it lacks; none where there is no such table, which is another matter."""
        return tuple(one for one in attributes if one.source not in self.types) if self.types else ()


def find_table(connection: Connection, names: WarehouseNames, role: Role) -> FoundTable:
    """Return what one of the three tables is like; one that is not there has no columns."""
    query = (files(__package__) / "table_columns.sql").read_text(encoding="utf-8")
    with connection.cursor() as cursor:
        cursor.execute(query, {"table": table(names, role)})
        found = cursor.fetchall()
    columns = [row for row in found if row[1] is not None]
    return FoundTable(
        name=getattr(names.tables, role),
        view=_VIEWS.get(found[0][0]) if found else None,
        types={name: family for _, name, family, _, _ in columns},
        padded={name: kind for _, name, _, kind, is_padded in columns if is_padded},
    )


def missing_attributes(connection: Connection, names: WarehouseNames, role: Role) -> tuple[Attribute, ...]:
    """Return the attributes that a table lacks, with a warning: they count as NULL."""
    found = find_table(connection, names, role)
    missing = found.missing(names.attributes_of(role))
    if missing:
        listed = ", ".join(one.source for one in missing)
        logger.warning("%s has no column %s: left out, correct warehouse.attributes", found.name, listed)
    return missing
