"""Fixtures that integration tests share."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_URL, temporary_settings

from dfu_clustering.demo.server import EmbeddedServer, create_database, drop_database
from expectations.engine.validation import Validator
from tests.databases import copied_database
from tests.integration.api_site import ApiSite
from tests.integration.deployed_site import DeployedSite
from tests.integration.gate_runs import DataQualityEvents, copied_panel, load_clean_panel
from tests.integration.prefect_server import PrefectServer
from tests.integration.programs.running import run_program
from tests.integration.published_api import Published
from tests.integration.published_site import PublishedSite, load_small_panel, published_site

_PANEL_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A Prefect server of this test session's own, on a free loopback port."""
    server = PrefectServer(tmp_path_factory.mktemp("prefect-server"))
    server.environment["PREFECT_API_BLOCKS_REGISTER_ON_START"] = "false"  # a fifth of its start; no flow uses them
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
def tracking_store(empty_mlflow: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of an MLflow store that many runs share."""
    folder = shutil.copytree(empty_mlflow, tmp_path_factory.mktemp("shared") / "mlflow")
    return f"sqlite:///{folder / 'mlflow.db'}"


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a local MLflow store that holds nothing, to be copied: making one takes seconds."""
    folder = tmp_path_factory.mktemp("empty") / "mlflow"
    folder.mkdir()
    MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}").search_experiments()
    return folder


@pytest.fixture(scope="session")
def small_panel(postgres_server: EmbeddedServer) -> str:
    """The name of a database with a small panel and no labels, that tests copy."""
    return load_small_panel(postgres_server)


@pytest.fixture
def small_panel_url(postgres_server: EmbeddedServer, small_panel: str) -> Iterator[str]:
    """The URL of a copy of it."""
    with copied_database(postgres_server, small_panel) as url:
        yield url


@pytest.fixture(scope="session")
def published_run(
    postgres_server: EmbeddedServer,
    small_panel: str,
    server_of_this_process: PrefectServer,
    data_quality_events: DataQualityEvents,
    tracking_store: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[PublishedSite]:
    """A run of the flow on the small panel, and what it left; tests that change any of it copy it first.

    Its events are heard from its beginning on.
    """
    api_url, var = server_of_this_process.api_url, tmp_path_factory.mktemp("published")
    with published_site(postgres_server, small_panel, api_url, tracking_store, var) as site:
        yield site


@pytest.fixture(scope="session")
def published(
    postgres_server: EmbeddedServer, published_run: PublishedSite, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Published]:
    """A copy of the run and its database, with rows made by hand, for those who ask the service about it."""
    var = tmp_path_factory.mktemp("api")
    shutil.copytree(published_run.var / "runs", var / "runs")
    with copied_database(postgres_server, published_run.database) as url:
        yield Published(url, var)


@pytest.fixture(scope="session")
def api(published: Published, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiSite]:
    """The service on it."""
    folder, origin = tmp_path_factory.mktemp("site"), "https://planning.example"
    site = ApiSite(folder, published.url, published.var, cors_origins=origin)
    yield site.start()
    site.stop()


@pytest.fixture(scope="session")
def label(published: Published) -> str:
    """The largest segment's label."""
    return str(published.summary["clusters"][0]["label"])


@pytest.fixture
def no_data_docs(monkeypatch: pytest.MonkeyPatch) -> Callable[[Validator], None]:
    """Let the gates of a test judge as ever and render no pages: that is a third of a run, and here nobody reads them.

    What is lent is the way to render them.
    """
    rendered = Validator.write_docs
    monkeypatch.setattr(Validator, "write_docs", lambda _: None)
    return rendered


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


@pytest.fixture
def program(tmp_path, monkeypatch, capsys):
    """Runs a program in an empty folder; returns its exit code, output and error text."""
    monkeypatch.chdir(tmp_path)

    def run(name, *arguments):
        code = run_program(name, *arguments)
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run
