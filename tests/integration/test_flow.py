"""The flow against a real Prefect server: what it publishes, what it shows, what it never retries."""

import inspect
from pathlib import Path

import psycopg2
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
)
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.utilities.callables import parameter_schema
from prefect_sqlalchemy import SqlAlchemyConnector

from dfu_clustering.config.clustering import ClusteringConfig, RunSettings
from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import ConfigError
from dfu_clustering.runs.folder import PICTURES, RunFolder
from dfu_clustering.steps.record_run import NO_REPORT
from flows.cluster_dfus import cluster_dfus
from tasks.support.connection import warehouse_engine
from tests.integration.gate_runs import QUICK

pytestmark = pytest.mark.integration


@pytest.fixture
def server(prefect_server, tmp_path, monkeypatch, tracking_store):
    """The server, for a flow that runs in this process and leaves its files in a folder of the test."""
    monkeypatch.chdir(tmp_path)  # MLflow keeps the artifacts of a store in SQLite below the current folder
    monkeypatch.setenv("DFU_CLUSTERING_VAR", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_store)
    with temporary_settings({PREFECT_API_URL: prefect_server.api_url}):
        yield prefect_server


@pytest.fixture
def warehouse(small_panel_url, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", small_panel_url)
    return small_panel_url


def state_of_run(**parameters):
    return cluster_dfus(**parameters, return_state=True)


def count(url, statement):
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()[0][0]


LABELLED = "SELECT count(cluster_assignment) FROM dim_dfu"


def test_run_publishes_and_shows_name_summary_segments_pictures_and_report(server, published_run):
    summary, run_id = published_run.summary, published_run.flow_run_id
    assert count(published_run.url, LABELLED) == summary.labelled > 300
    with get_client(sync_client=True) as client:
        shown = client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
        )
        name = client.read_flow_run(run_id).name
    assert name.startswith(f"as of {summary.as_of_month} (")  # which it did not know when it began
    by_key = {artifact.key: str(artifact.data) for artifact in shown}
    for segment in summary.clusters:
        assert segment.label in by_key["cluster-dfus-segments"]
    assert f"DFU segments as of {summary.as_of_month}" in by_key["cluster-dfus-summary"]
    assert f"**{summary.clustered:,}** of {summary.n_dfus:,} DFUs" in by_key["cluster-dfus-summary"]
    assert by_key["cluster-dfus-pictures"].count("](data:image/png;base64,") == 5
    assert len(by_key["cluster-dfus-pictures"]) < 1_000_000
    assert f"(https://dfu.example/{Path(summary.run_folder).name})" in by_key["cluster-dfus-report"]


@pytest.mark.usefixtures("no_data_docs")
def test_pictures_that_cannot_be_drawn_stop_neither_the_publish_nor_its_record(server, warehouse, monkeypatch):
    def no_font(_):
        raise OSError("no font")

    monkeypatch.setattr("dfu_clustering.outputs.pictures.draw_run", no_font)
    state = state_of_run(**QUICK)
    summary = state.result()
    assert state.is_completed()
    assert count(warehouse, LABELLED) == summary.labelled
    assert summary.mlflow_run_id
    assert not any(RunFolder(Path(summary.run_folder)).find(picture) for picture in PICTURES)


@pytest.mark.usefixtures("no_data_docs", "blank_pictures")
def test_page_that_cannot_be_made_is_a_failed_task_and_a_warning_but_not_a_failed_run(server, warehouse, monkeypatch):
    def full_disk(*_, **__):
        raise OSError("No space left on device")

    monkeypatch.setattr("dfu_clustering.steps.build_report.build_report", full_disk)
    state = state_of_run(**QUICK)
    summary = state.result()
    assert state.is_completed()
    assert count(warehouse, LABELLED) == summary.labelled
    assert summary.report is None
    assert NO_REPORT in summary.warnings
    assert summary.mlflow_run_id
    with get_client(sync_client=True) as client:
        run_filter = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
        tasks = {run.name.rpartition("-")[0]: run for run in client.read_task_runs(flow_run_filter=run_filter)}
    assert tasks["build-report"].state_type is StateType.FAILED
    assert not Path(summary.run_folder, "report.html").exists()


def test_bad_input_fails_the_run_at_once(server, warehouse):
    state = state_of_run(as_of_month="1999-01")
    assert state.is_failed()
    assert "as_of_month must be a month within the sales" in state.message
    run_filter = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(flow_run_filter=run_filter)
    assert {run.run_count for run in runs} == {1}
    assert count(warehouse, LABELLED) == 0


def test_warehouse_may_be_a_registered_block(server, warehouse, monkeypatch):
    monkeypatch.delenv("DATABASE_URL")
    address = warehouse.replace("postgresql://", "postgresql+psycopg2://")
    SqlAlchemyConnector(connection_info=address).save("warehouse", overwrite=True)
    config = load_config(warehouse={"connection_block": "warehouse"})
    engine = warehouse_engine(config.warehouse)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM dim_dfu").scalar() == 400


def test_block_of_another_driver_is_refused(server, monkeypatch):
    SqlAlchemyConnector(connection_info="sqlite:///:memory:").save("elsewhere", overwrite=True)
    config = load_config(warehouse={"connection_block": "elsewhere"})
    with pytest.raises(ConfigError, match=r"elsewhere connects by sqlite\+pysqlite"):
        warehouse_engine(config.warehouse)


def test_form_of_the_ui_shows_every_setting_with_default_and_description():
    whole = parameter_schema(cluster_dfus.fn).model_dump()
    schema = whole["properties"]
    settings = set(RunSettings.model_fields)
    assert set(ClusteringConfig.model_fields) - settings == {"warehouse", "scale", "tracking", "retention"}
    assert not {"warehouse", "scale", "tracking", "retention"} & set(schema)
    assert settings | {"as_of_month", "dry_run"} <= set(schema)
    # a description equal to that of the section it refers to is said only there
    described = {
        name: whole["definitions"].get(field.get("$ref", "/").split("/")[-1], {}) | field
        for name, field in schema.items()
    }
    assert [name for name, field in described.items() if not field.get("description")] == []
    defaults = load_config().model_dump(mode="json")
    assert {name: schema[name]["default"] for name in settings} == {name: defaults[name] for name in settings}
    assert schema["min_months_history"]["minimum"] == 3
    assert list(inspect.signature(cluster_dfus.fn).parameters)[:2] == ["as_of_month", "dry_run"]
