"""A warehouse to try the stack on: the three tables with made-up sales, and the roles with which the project comes."""

import logging
import os
import sys
from contextlib import closing
from typing import Any

import psycopg2
from psycopg2 import sql
from sqlalchemy import URL

from deploy.warehouse_roles import roles_script
from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.errors import InputError
from dfu_clustering.warehouse.connect import DATABASE_URL_VARIABLE, read_address
from dfu_clustering.warehouse.statements import table

OWNER_URL_VARIABLE = "DEMO_WAREHOUSE_OWNER_URL"
API_URL_VARIABLE = "API_DATABASE_URL"

logger = logging.getLogger(__name__)


def main() -> None:
    """Load the panel where there is none, then make the roles; their passwords are those in the addresses given."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    owner, *addresses = map(_address, (OWNER_URL_VARIABLE, DATABASE_URL_VARIABLE, API_URL_VARIABLE))
    names = load_config().warehouse
    # one transaction: the tables are there with all that belongs to them, or not at all
    with closing(psycopg2.connect(**_arguments(owner))) as connection, connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s) IS NULL", (table(names, "dfu"),))
            (empty,) = cursor.fetchone() or (None,)
        if empty:
            load_panel(connection, generate_panel(), names)
        with connection.cursor() as cursor:
            cursor.execute(roles_script(names))
            for address in addresses:
                role, password = sql.Identifier(address.username or ""), sql.Literal(address.password)
                cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, password))
    logger.info("The demo warehouse %s", "has been loaded" if empty else "was loaded before")


def _arguments(address: URL) -> dict[str, Any]:
    # not the address itself: an error of the driver may repeat it
    return {**address.translate_connect_args(database="dbname", username="user"), **address.query}


def _address(variable: str) -> URL:
    try:
        return read_address(os.environ[variable])
    except InputError as error:
        sys.stderr.write(f"error: {variable}: {error}\n")
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
