"""Fixtures that integration tests share."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_URL, temporary_settings

from dfu_clustering.demo.server import EmbeddedServer, create_database, drop_database
from tests.integration.deployed_site import DeployedSite
from tests.integration.gate_runs import DataQualityEvents, copied_panel, load_clean_panel
from tests.integration.prefect_server import PrefectServer

_PANEL_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A Prefect server of this test session's own, on a free loopback port."""
    server = PrefectServer(tmp_path_factory.mktemp("prefect-server"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def server_of_this_process(prefect_server: PrefectServer) -> Iterator[PrefectServer]:
    """The server, for flows that run in this process: it gets their last log lines before it is stopped."""
    yield prefect_server
    APILogWorker.drain_all(timeout=10)


@pytest.fixture(scope="session")
def clean_panel(postgres_server: EmbeddedServer) -> EmbeddedServer:
    """The server, with a small demo panel that tests copy."""
    load_clean_panel(postgres_server)
    return postgres_server


@pytest.fixture(scope="session")
def data_quality_events(prefect_server: PrefectServer) -> Iterator[DataQualityEvents]:
    """What the gates of all runs on this server emit."""
    events = DataQualityEvents(prefect_server.api_url)
    yield events
    events.close()


@pytest.fixture(scope="session")
def tracking_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of an MLflow store that many runs share: making one takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a local MLflow store that holds nothing, for tests that want one of their own to copy."""
    folder = tmp_path_factory.mktemp("empty") / "mlflow"
    folder.mkdir()
    MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}").search_experiments()
    return folder


@pytest.fixture
def panel(
    clean_panel: EmbeddedServer,
    server_of_this_process: PrefectServer,
    tracking_store: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """The URL of a clean panel of the test's own, for the flow that runs in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DFU_CLUSTERING_VAR", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_store)
    with copied_panel(clean_panel, f"gates_{next(_PANEL_NUMBERS)}") as url:
        monkeypatch.setenv("DATABASE_URL", url)
        with temporary_settings({PREFECT_API_URL: server_of_this_process.api_url}):
            yield url


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, postgres_server: EmbeddedServer) -> Iterator[DeployedSite]:
    """A server with the deployments, a process worker and a small warehouse, all of this test session's own."""
    create_database(postgres_server.url(), "site")
    site = DeployedSite(tmp_path_factory.mktemp("site"), postgres_server.url("site"))
    try:
        site.start()
        yield site
    finally:
        site.stop()
        drop_database(postgres_server.url(), "site")
