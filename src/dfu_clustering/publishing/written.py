"""The labels are written, and what is in the table then is read back before it is committed."""

from psycopg2.extensions import connection as Connection  # noqa: N812

from dfu_clustering.config.warehouse_names import WarehouseNames
from dfu_clustering.errors import WarehouseError
from dfu_clustering.publishing.lock import LockedTable
from dfu_clustering.warehouse.connect import schema_errors
from dfu_clustering.warehouse.statements import statement, table

# row after row by its place: the order of a hash join, which the planner would choose, scatters the writing over the
# table and its indexes, which takes a quarter more CPU and twice the WAL
_IN_THE_ORDER_OF_THE_TABLE = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
_AS_THE_PLANNER_LIKES = "SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on"
_KEYS_KEPT = 5
_REMEDIES = {
    "row-level security": "give role {name} a policy that lets it UPDATE every row of {table}, or BYPASSRLS",
    "rule": "DROP the rule {name}, or let it leave {table}.{label} alone",
    "trigger": "let the trigger {name} leave {table}.{label} alone for this role, or disable it",
}


def write_labels(table: LockedTable, changes: int) -> str:
    """Update the rows that change, and return the digest of the labels that the table has then.

    Nobody else can have changed these rows meanwhile: PostgreSQL refuses that in one snapshot. So whatever is not as it
    was written was left out or rewritten within the database.

    Raises:
        WarehouseError: Rows were not written, or have other labels than those written; it says what stands between.
    """
    connection, names = table.connection, table.names
    if changes:
        with connection.cursor() as cursor, schema_errors(names):
            cursor.execute(_IN_THE_ORDER_OF_THE_TABLE)
            cursor.execute(statement(__package__, "update_labels", names))
            cursor.execute(_AS_THE_PLANNER_LIKES)
            # triggers that wait for the COMMIT rewrite labels now or not at all
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    found = table.labels_digest()
    if found != _expected_digest(connection, names):
        _require_nothing_else(connection, names)
    return found


def _expected_digest(connection: Connection, names: WarehouseNames) -> str:
    with connection.cursor() as cursor:
        cursor.execute(statement(__package__, "expected_digest", names))
        (digest,) = cursor.fetchone() or ("",)
    return str(digest)


def _require_nothing_else(connection: Connection, names: WarehouseNames) -> None:
    """Find the rows that have other labels; there are none where a key is in the table twice."""
    with connection.cursor() as cursor:
        cursor.execute(statement(__package__, "other_labels", names))
        others = cursor.fetchall()
        if not others:
            return
        cursor.execute(statement(__package__, "write_hindrances", names), {"table": table(names, "dfu")})
        between = cursor.fetchall()
    key, found, written = others[0]
    label = f"{names.tables.dfu}.{names.columns.dfu.cluster_assignment}"
    raise WarehouseError(
        f"After the update {label} must hold what was written to it; nothing was committed",
        found=f"other labels, first {found!r} in place of {written!r} at {key!r}{_hindrances(between)}",
        keys=[key for key, _, _ in others],
        remedy=_remedy(between, names),
    )


def _hindrances(between: list[tuple[str, str]]) -> str:
    hindrances = "; ".join(
        f"{kind} {'for role ' if kind == 'row-level security' else ''}{name}" for kind, name in between
    )
    return f"; the table has {hindrances}" if hindrances else ""


def _remedy(between: list[tuple[str, str]], names: WarehouseNames) -> str:
    values = {"table": names.tables.dfu, "label": names.columns.dfu.cluster_assignment}
    remedies = [_REMEDIES[kind].format(name=name, **values) for kind, name in between]
    return "; or ".join(remedies) or f"see why {values['table']}.{values['label']} does not keep what is written to it"
