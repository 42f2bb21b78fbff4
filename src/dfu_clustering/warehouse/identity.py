"""What tells one warehouse from another: the server's own number and the database's, then the DFU table."""

from psycopg2.extensions import connection as Connection  # noqa: N812

from dfu_clustering.config.warehouse_names import WarehouseNames
from dfu_clustering.errors import WarehouseError
from dfu_clustering.warehouse.statements import fetch_rows, statement, table


def database_identity(connection: Connection, names: WarehouseNames) -> str | None:
    """Return what distinguishes this database from any other, also after its server was restored from copied files.

    A dump that is loaded elsewhere is another database. The transaction under way is ended.

    Returns:
        None where the role may not know.
    """
    try:
        (row,) = fetch_rows(connection, names, statement(__package__, "warehouse_identity", names))
    except WarehouseError:
        connection.rollback()
        return None
    return str(row["warehouse"])


def warehouse_identity(connection: Connection, names: WarehouseNames) -> str:
    """Return what tells this DFU table from any other; by the database's name where the role may not know more."""
    database = database_identity(connection, names) or connection.info.dbname
    return f"{database}/{table(names, 'dfu')}"
