"""One run of the flow, as the role that the project comes with, whose files and labels many tests look at."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlalchemy import make_url

from dfu_clustering.config.warehouse_names import TEMPORARY_TABLES
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.demo.server import EmbeddedServer, create_database
from dfu_clustering.runs.summaries import RunSummary
from tests.databases import copied_database
from tests.integration.gate_runs import execute, run_flow

ROLES = (Path(__file__).parents[2] / "deploy" / "postgres" / "warehouse_roles.sql").read_text(encoding="utf-8")
PANEL = generate_panel(400, 36, 11)
# called like the project's own temporary tables, in every schema of a path that looks for temporary ones last
PLANTED = tuple(f"{schema}.{table}" for schema in ("public", "planted") for table in sorted(TEMPORARY_TABLES))
_TEMPLATE = "small_panel"


@dataclass(frozen=True)
class PublishedSite:
    """What the run left; nobody is connected to its database, so that tests can copy it.

    Attributes:
        url: Of the database, as its owner.
        var: Folder of the files, and the current one of the run.
        flow_run_id: Prefect's name for the run.
        summary: What the run returned.
    """

    url: str
    var: Path
    flow_run_id: Any
    summary: RunSummary

    @property
    def database(self) -> str:
        """Name of the database."""
        return str(make_url(self.url).database)

    @property
    def folder(self) -> Path:
        """Folder of the run."""
        return Path(self.summary.run_folder)


def load_small_panel(server: EmbeddedServer) -> str:
    """Load PANEL into a database that tests copy, and return its name."""
    create_database(server.url(), _TEMPLATE)
    load_panel(server.url(_TEMPLATE), PANEL)
    return _TEMPLATE


@contextmanager
def published_site(
    server: EmbeddedServer, template: str, prefect_api: str, tracking_store: str, var: Path
) -> Iterator[PublishedSite]:
    """Run the flow on a copy of the small panel, in which somebody has tables that are called like the project's."""
    with copied_database(server, template) as url:
        prepare(url)
        with pytest.MonkeyPatch.context() as patch, temporary_settings({PREFECT_API_URL: prefect_api}):
            patch.chdir(var)  # MLflow keeps the artifacts of a store in SQLite below the current folder
            patch.setenv("DATABASE_URL", as_role(url, "dfu_worker"))
            patch.setenv("DFU_CLUSTERING_VAR", str(var))
            patch.setenv("MLFLOW_TRACKING_URI", tracking_store)
            patch.setenv("DFU_REPORT_URL", "https://dfu.example/{run}")
            ran = run_flow()
        yield PublishedSite(url, var, ran.flow_run_id, ran.state.result())


def prepare(url: str) -> None:
    """Plant the tables and make the roles."""
    execute(
        url,
        "CREATE SCHEMA planted",
        *(f"CREATE TABLE {table} (dfu_ck text, cluster_label text, rows int)" for table in PLANTED),
        *(f"INSERT INTO {table} VALUES ('planted', 'planted', -1)" for table in PLANTED),
        f"ALTER DATABASE {make_url(url).database} SET search_path = planted, public, pg_temp",
        ROLES,
        f"ALTER ROLE dfu_worker IN DATABASE {make_url(url).database} RESET search_path",
        "GRANT USAGE ON SCHEMA planted TO dfu_worker",
    )


def as_role(url: str, role: str) -> str:
    """Return the URL of the same database for a role."""
    return make_url(url).set(username=role).render_as_string(hide_password=False)
