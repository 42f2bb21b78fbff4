"""The script that makes the project's roles, for the warehouse that the configuration names.

    python -m deploy.warehouse_roles | psql --single-transaction --set ON_ERROR_STOP=1

The file ``postgres/warehouse_roles.sql`` alone makes them for the names that it says in its head.
"""

import sys
from pathlib import Path

from dfu_clustering.config.loading import load_config
from dfu_clustering.config.warehouse_names import ROLES, WarehouseNames
from dfu_clustering.errors import InputError
from dfu_clustering.warehouse.statements import literal, table

_FILE = Path(__file__).parent / "postgres" / "warehouse_roles.sql"


def roles_script(names: WarehouseNames) -> str:
    """Return the script, with the names set before it."""
    own = names.columns.dfu
    settings: dict[str, str] = {role: table(names, role) for role in ROLES}
    settings |= {"label": own.cluster_assignment, "modified_ts": own.modified_ts}
    lines = [f"SELECT set_config('dfu.{name}', {literal(value)}, false);\n" for name, value in settings.items()]
    return "".join(lines) + _FILE.read_text(encoding="utf-8")


def main() -> None:
    """Write the script to stdout; a configuration that cannot be used ends it with exit code 2."""
    try:
        sys.stdout.write(roles_script(load_config().warehouse))
    except InputError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
