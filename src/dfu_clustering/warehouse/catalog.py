"""What PostgreSQL's catalog knows of the three tables: which columns there are, of which types."""

import logging
import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from importlib.resources import files

from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 names its classes in lower case)

from dfu_clustering.config.warehouse_names import Attribute, Role, WarehouseNames
from dfu_clustering.errors import WarehouseError
from dfu_clustering.warehouse.connect import schema_errors
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
        declared: Type of each of them as it was declared, character varying(20).
        padded: Those that pad their values with blanks.
        loose: Those of which the database takes values for equal that are not the same bytes: citext, and texts with a
            non-deterministic collation.
    """

    name: str
    view: str | None = None
    types: dict[str, str] = field(default_factory=dict)
    declared: dict[str, str] = field(default_factory=dict)
    padded: frozenset[str] = frozenset()
    loose: frozenset[str] = frozenset()

    def missing(self, attributes: tuple[Attribute, ...]) -> tuple[Attribute, ...]:
        """Return those attributes that it lacks; none where there is no such table, which is another matter."""
        return tuple(one for one in attributes if one.source not in self.types) if self.types else ()

    def told_of_loose(self, columns: Collection[str]) -> "FoundTable":
        """Return the same table, in which the type of each of these columns that is loose says so."""
        loose = {column: f"that {self.loosely(column)}" for column in columns if column in self.loose}
        return replace(self, types=self.types | loose)

    def loosely(self, column: str) -> str:
        """Return what is wrong with a column of keys or labels that is loose, and what to do."""
        return (
            f"is {self.declared[column]} and compared by its collation or type, not byte by byte as the project does: "
            'ALTER it to text COLLATE "C"'
        )


def find_table(connection: Connection, names: WarehouseNames, role: Role) -> FoundTable:
    """Return what one of the three tables is like; one that is not there has no columns."""
    query = (files(__package__) / "table_columns.sql").read_text(encoding="utf-8")
    with connection.cursor() as cursor, schema_errors(names):
        cursor.execute(query, {"table": table(names, role)})
        found = cursor.fetchall()
    columns = [row for row in found if row[1] is not None]
    return FoundTable(
        name=getattr(names.tables, role),
        view=_VIEWS.get(found[0][0]) if found else None,
        types={name: family for _, name, family, *_ in columns},
        declared={name: kind for _, name, _, kind, *_ in columns},
        padded=frozenset(name for _, name, _, _, is_padded, _ in columns if is_padded),
        loose=frozenset(name for _, name, _, _, _, is_loose in columns if is_loose),
    )


def target_problems(table: FoundTable, names: WarehouseNames, longest_label: int) -> list[str]:
    """Return what keeps labels from being written to the DFU table, and what to do; empty where nothing does.

    Args:
        table: The DFU table as the catalog shows it.
        names: Of the warehouse.
        longest_label: Characters of the longest label that is to be written.
    """
    own = names.columns.dfu
    label = own.cluster_assignment
    if table.view:
        return [f"{table.name}.{label} is in {table.view}: name its table in warehouse.tables.dfu"]
    compared = dict.fromkeys((own.dfu_ck, own.dmdunit, own.dmdgroup, own.loc, label))
    problems = [
        f"{table.name}.{column} is {table.declared[column]}, which pads with blanks: ALTER it to text or varchar"
        for column in compared
        if column in table.padded
    ]
    problems += [f"{table.name}.{column} {table.loosely(column)}" for column in compared if column in table.loose]
    width = re.search(r"\((\d+)\)$", table.declared.get(label, ""))
    if width and int(width[1]) < longest_label:
        declared = table.declared[label]
        problems.append(
            f"{table.name}.{label} is {declared}, but labels have up to {longest_label} characters: ALTER it to text"
        )
    return problems


def require_target(connection: Connection, names: WarehouseNames, longest_label: int) -> None:
    """Check that labels can be written to the DFU table.

    Raises:
        WarehouseError: They cannot.
    """
    problems = target_problems(find_table(connection, names, "dfu"), names, longest_label)
    if problems:
        raise WarehouseError(
            "Labels must go to a table, with keys and a label column that are text without padding",
            found="; ".join(problems),
            remedy="correct it, or name another table or column in the section warehouse of the configuration",
        )


def missing_attributes(connection: Connection, names: WarehouseNames, role: Role) -> tuple[Attribute, ...]:
    """Return the attributes that a table lacks, with a warning: they count as NULL."""
    found = find_table(connection, names, role)
    missing = found.missing(names.attributes_of(role))
    if missing:
        listed = ", ".join(one.source for one in missing)
        logger.warning("%s has no column %s: it is left out; correct warehouse.attributes", found.name, listed)
    return missing
