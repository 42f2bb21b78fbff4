"""The three tables as the gate looks at them: temporary views with the names that the project knows."""

from collections.abc import Mapping

from psycopg2.extensions import connection as Connection  # noqa: N812

from dfu_clustering.config.warehouse_names import Role, WarehouseNames
from dfu_clustering.warehouse.catalog import FoundTable
from dfu_clustering.warehouse.connect import schema_errors
from dfu_clustering.warehouse.statements import judged_sales, rows


def create_views(connection: Connection, names: WarehouseNames, found: Mapping[Role, FoundTable]) -> None:
    """Create judged_sales, judged_dfus and judged_items; an attribute that is not there is NULL in them.

    Raises:
        WarehouseError: A table or column is missing.
    """
    missing = {role: table.missing(names.attributes_of(role)) for role, table in found.items()}
    views = {
        "judged_sales": judged_sales(names),
        "judged_dfus": rows(names, "dfu", missing["dfu"]),
        "judged_items": rows(names, "item", missing["item"]),
    }
    with connection.cursor() as cursor, schema_errors(names):
        for name, query in views.items():
            cursor.execute(f"CREATE TEMPORARY VIEW pg_temp.{name} AS {query}")
