"""The demo's one call: a running server whose database holds the wanted panel, loaded only if it is not there yet."""

import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from psycopg2 import sql

from dfu_clustering.demo.generated import DEFAULT_N_DFUS, DEFAULT_N_MONTHS, DEFAULT_SEED, generate_panel
from dfu_clustering.demo.loading import load_panel, panel_digest
from dfu_clustering.demo.rows import WarehouseTables
from dfu_clustering.demo.server import DEFAULT_FOLDER, create_database, start_server
from dfu_clustering.demo.tidy import warehouse_tables
from dfu_clustering.sales.long_form import MonthlySales

_GENERATED = "dfu_demo"
_LONGEST_NAME = 63  # bytes of a PostgreSQL identifier


@dataclass(frozen=True)
class DemoDatabase:
    """A database of the embedded server that is ready to be read.

    Attributes:
        url: Its address.
        database: Its name.
        n_dfus: Rows of dim_dfu.
        n_sales_rows: Rows of fact_sales_monthly.
        loaded: Whether this call loaded it; False: the same panel was there, with the labels published since.
    """

    url: str
    database: str
    n_dfus: int
    n_sales_rows: int
    loaded: bool


def prepare_demo_database(
    folder: Path = DEFAULT_FOLDER,
    *,
    sales: MonthlySales | None = None,
    name: str = _GENERATED,
    n_dfus: int = DEFAULT_N_DFUS,
    n_months: int = DEFAULT_N_MONTHS,
    seed: int = DEFAULT_SEED,
) -> DemoDatabase:
    """Start the server and see to it that a database holds the wanted panel.

    A database remembers the digest of its panel (COMMENT ON DATABASE, written in the transaction that loads the rows).
    The same panel is not loaded again, so published labels stay; another panel of that name, or one whose load was cut
    off, replaces the database.

    Args:
        folder: Data folder of the embedded server.
        sales: Sales of a file; None: the generated ones.
        name: The database; of a file's sales its database_name().
        n_dfus: DFUs of the generated panel.
        n_months: Months of the generated panel.
        seed: Seed of the generated panel.

    Raises:
        DataError: A size is out of range.
    """
    panel: WarehouseTables = generate_panel(n_dfus, n_months, seed) if sales is None else warehouse_tables(sales)
    server = start_server(folder)
    digest = panel_digest(panel)
    wanted = not _holds(server.url(), name, digest)
    if wanted:
        create_database(server.url(), name, replace=True)
        _load(server.url(name), name, panel, digest)
    return DemoDatabase(server.url(name), name, len(panel.dfus), len(panel.sales), loaded=wanted)


def database_name(sales: Path | None) -> str:
    """Return ``dfu_<stem>`` in lower-case ASCII letters, digits and underscores; ``dfu_demo`` is of generated sales."""
    if sales is None:
        return _GENERATED
    plain = re.sub(r"[^a-z0-9]+", "_", sales.stem.lower()).strip("_")
    name = f"dfu_{plain or 'sales'}"[:_LONGEST_NAME]
    return f"{name}_sales" if name == _GENERATED else name


def _holds(server_url: str, name: str, digest: str) -> bool:
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    with closing(psycopg2.connect(server_url)) as connection, connection.cursor() as cursor:
        cursor.execute(query, (name,))
        return cursor.fetchone() == (digest,)


def _load(url: str, name: str, panel: WarehouseTables, digest: str) -> None:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        load_panel(connection, panel)
        cursor.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(digest)))
