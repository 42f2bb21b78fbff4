"""The three tables as the gate looks at them: temporary views with the names that the project knows."""

from collections.abc import Mapping

from psycopg2.extensions import connection as Connection  # noqa: N812

from dfu_clustering.config.warehouse_names import Role, WarehouseNames
from dfu_clustering.warehouse.catalog import FoundTable
from dfu_clustering.warehouse.connect import schema_errors
from dfu_clustering.warehouse.statements import judged_sales, rows

_REGION = "region"  # of DFUs, where it is an attribute: the gate looks for regions that fell silent


def create_views(connection: Connection, names: WarehouseNames, found: Mapping[Role, FoundTable]) -> None:
    """Create judged_sales, judged_dfus and judged_items; an attribute that is not there is NULL in them.

    Raises:
        WarehouseError: A table or column is missing.
    """
    missing = {role: table.missing(names.attributes_of(role)) for role, table in found.items()}
    dfus = f"SELECT * FROM ({rows(names, 'dfu', missing['dfu'])}) AS d"  # noqa: S608  (quoted names)
    if _REGION not in [one.name for one in names.attributes_of("dfu")]:
        dfus = dfus.replace("SELECT *", f"SELECT *, NULL::text AS {_REGION}", 1)
    views = {
        "judged_sales": judged_sales(names),
        "judged_dfus": dfus,
        "judged_items": rows(names, "item", missing["item"]),
    }
    with connection.cursor() as cursor, schema_errors(names):
        for name, query in views.items():
            cursor.execute(f"CREATE TEMPORARY VIEW pg_temp.{name} AS {query}")
