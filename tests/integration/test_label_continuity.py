"""Two months through the flow on a real PostgreSQL and Prefect server: labels go on, a person may be asked."""

import contextvars
import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import psycopg2
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterName,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlalchemy import make_url

from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.demo.server import create_database, drop_database
from dfu_clustering.errors import DataError
from dfu_clustering.files.tables import read_json, sha256
from dfu_clustering.history.known_runs import KnownRuns
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.runs.run import var_folder
from dfu_clustering.steps.label_segments import label_segments
from dfu_clustering.steps.train_model import train_model
from flows.cluster_dfus import cluster_dfus
from tests.databases import copied_database
from tests.integration.prefect_server import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_data_docs", "blank_pictures")]

SETTINGS: dict[str, Any] = {"k_range": (3, 5), "gap_references": 2, "n_init": 5}
FIRST, SECOND = "2026-09", "2026-10"


@pytest.fixture(scope="module")
def template(postgres_server):
    create_database(postgres_server.url(), "continuity")
    load_panel(postgres_server.url("continuity"), generate_panel(400, 40, 21))
    yield "continuity"
    drop_database(postgres_server.url(), "continuity")


@contextmanager
def flows_run_here(url, prefect_server, tracking_store, folder):
    """Let flows of this process work on a database and leave their files in a folder."""
    with pytest.MonkeyPatch.context() as patch, temporary_settings({PREFECT_API_URL: prefect_server.api_url}):
        patch.setenv("DATABASE_URL", url)
        patch.chdir(folder)  # MLflow keeps the artifacts of a store in SQLite below the current folder
        patch.setenv("DFU_CLUSTERING_VAR", str(folder))
        patch.setenv("MLFLOW_TRACKING_URI", tracking_store)
        yield


@pytest.fixture
def warehouse(postgres_server, template, prefect_server, tracking_store, tmp_path):
    with (
        copied_database(postgres_server, template) as url,
        flows_run_here(url, prefect_server, tracking_store, tmp_path),
    ):
        yield url


@pytest.fixture(scope="module")
def first_month(postgres_server, template, prefect_server, tracking_store, tmp_path_factory):
    """What the run of the first month said, the folder of its files, and the name of its database."""
    folder = tmp_path_factory.mktemp("first_month")
    with copied_database(postgres_server, template) as url:
        with flows_run_here(url, prefect_server, tracking_store, folder):
            summary = cluster(FIRST)
        yield summary, folder, make_url(url).database


@pytest.fixture
def continued(postgres_server, first_month, prefect_server, tracking_store, tmp_path):
    """The first month's summary and a database of its labels; flows here go on from a copy of its files."""
    summary, folder, database = first_month
    shutil.copytree(folder / "runs", tmp_path / "runs")
    of_any_warehouse(tmp_path / "runs")
    with (
        copied_database(postgres_server, database) as url,
        flows_run_here(url, prefect_server, tracking_store, tmp_path),
    ):
        yield summary, url


def of_any_warehouse(runs):
    """Let the lines of the ledger count for any warehouse, as those of earlier versions do: the copy is another."""
    ledger = Ledger(runs)
    lines = [line.model_copy(update={"warehouse": None}) for line in ledger.publications()]
    ledger.path.unlink()
    for line in lines:
        ledger.append(line)


def labels_in(url):
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT dfu_ck, cluster_assignment FROM dim_dfu WHERE cluster_assignment IS NOT NULL")
        return dict(cursor.fetchall())


def cluster(month, **parameters):
    return cluster_dfus(as_of_month=month, **SETTINGS, **parameters)


def test_the_second_month_continues_the_first_and_a_rerun_changes_nothing(continued, tmp_path):
    first, warehouse = continued
    assert first.stability is None
    before = labels_in(warehouse)
    second = cluster(SECOND)
    told, folder = second.stability, Path(second.run_folder)
    assert told.published_run == Path(first.run_folder).name
    assert read_json(folder / "stability.json")["churn_share"] == told.churn_share
    assert [line.model_sha256 for line in Ledger(tmp_path / "runs").publications()] == [
        sha256(Path(run.run_folder) / RunFile.MODEL) for run in (first, second)
    ]

    # the figures are those of the labels in the database
    after = labels_in(warehouse)
    shared = before.keys() & after.keys()
    changed = {dfu for dfu in shared if before[dfu] != after[dfu]}
    in_segments = {dfu for dfu in shared if not any(re.match("new_|inactive", of[dfu]) for of in (before, after))}
    assert told.shared_dfus == len(in_segments)
    assert told.churn_share == pytest.approx(len(changed & in_segments) / len(in_segments))
    assert told.lifecycle_changes == len(changed - in_segments) > 0
    assert told.churn_share < 0.1
    changes = pd.read_parquet(folder / "label_changes.parquet")
    assert set(changes["dfu_ck"]) == changed
    assert changes[["word", "feature"]].notna().all(axis=None)
    valued = changes["feature"] != ""
    assert (changes["word"][~valued].str.startswith("too few DFUs in ")).all()
    assert changes["after"][valued].notna().all()
    assert told.held_share == pytest.approx(1 - told.figures.true_share)

    # the month once more: it goes on from the first month again and comes to the same labels
    again = cluster(SECOND)
    assert again.published.updated == again.published.cleared == 0
    assert again.stability.published_run == told.published_run

    # the programs beside the same published run leave the same bytes
    config, other = load_config(**SETTINGS), tmp_path / "programs"
    published = PublishedFiles.in_folder(Path(first.run_folder))
    shutil.copytree(
        folder, other, ignore=lambda _, names: [n for n in names if not n.startswith("clustering_features")]
    )
    train_model(RunFolder(other), config, published)
    label_segments(RunFolder(other), config, published)
    names = ("cluster_assignments.csv", "cluster_metadata.json", "cluster_labels.csv", "cluster_profiles.json",
             "stability.json", "label_changes.parquet", "dfu_moves.parquet", "cluster_model.json")  # fmt: skip
    assert [name for name in names if (folder / name).read_bytes() != (other / name).read_bytes()] == []


@pytest.fixture
def lost_in_mlflow(first_month, tracking_store):
    """The first month's run is deleted from MLflow, until the test is over."""
    client = mlflow.MlflowClient(tracking_uri=tracking_store)
    client.delete_run(first_month[0].mlflow_run_id)
    yield
    client.restore_run(first_month[0].mlflow_run_id)


@pytest.fixture
def lost(continued, lost_in_mlflow, tmp_path):
    """The first month's summary; its files are gone."""
    first, _ = continued
    shutil.rmtree(tmp_path / "runs" / Path(first.run_folder).name)
    return first


def test_a_published_run_whose_files_are_gone_stops_the_next(lost):
    with pytest.raises(DataError, match=r"neither in .* nor in an MLflow run"):
        cluster(SECOND)


@pytest.mark.slow
def test_a_published_run_whose_files_are_gone_stops_nobody_who_gives_a_reason(lost):
    second = cluster(SECOND, override_reason="the first run is lost")
    assert second.stability is None
    (problem,) = [warning for warning in second.warnings if "made from scratch" in warning]
    assert Path(lost.run_folder).name in problem


def asked(name):
    """Return the run that waits for an answer, if it does by now."""
    paused = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED]))
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(flow_run_filter=FlowRunFilter(state=paused, name=FlowRunFilterName(like_=name)))
        return found[0] if found else None


def state_after(publish, while_it_waits):
    """Run the first month with approval, do something while it waits, answer, and return how the run ended."""
    context = contextvars.copy_context()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(context.run, lambda: cluster(FIRST, require_approval=True, return_state=True))
        waiting = wait_until(lambda: running.done() or asked(f"as of {FIRST}"), 180, lambda: "no run asked")
        assert not running.done(), running.result()
        while_it_waits()
        with get_client(sync_client=True) as client:
            answer = {"publish": publish, "answered_by": "a planner", "reason": "as discussed"}
            client.resume_flow_run(waiting.id, run_input=answer)
        state = running.result(timeout=180)
    assert form_of(waiting) == artifact("cluster-dfus-approval", waiting.id)
    return state


def form_of(waiting):
    """Return what the form said above its fields; read once the run is over, because it is written after the pause."""
    with get_client(sync_client=True) as client:
        key = waiting.state.state_details.run_input_keyset["description"]
        return json.loads(client.read_flow_run_input(waiting.id, key))


def artifact(key, flow_run_id):
    """Return what a run has attached under a key."""
    of_run = ArtifactFilter(key=ArtifactFilterKey(any_=[key]), flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run_id]))
    with get_client(sync_client=True) as client:
        (found,) = client.read_artifacts(artifact_filter=of_run)
        return found.data


def test_nobody_is_asked_where_no_label_would_change(continued):
    _, warehouse = continued
    labels = labels_in(warehouse)
    again = cluster(FIRST, require_approval=True)
    assert (again.published.updated, again.published.cleared) == (0, 0)
    assert labels_in(warehouse) == labels
    assert not again.published.dry_run
    # labels may change until a retry: then it asks
    assert "require_approval" not in read_json(Path(again.run_folder) / RunFile.MANIFEST)["steps"]


@pytest.mark.slow
def test_a_yes_publishes_nothing_once_a_newer_run_has_published(warehouse):
    newer = {}

    def publish_the_second_month():
        newer["run"] = Path(cluster(SECOND).run_folder).name
        newer["labels"] = labels_in(warehouse)

    state = state_after(publish=True, while_it_waits=publish_the_second_month)
    assert state.name == "NotPublished"
    assert f"as of {SECOND} by run {newer['run']}" in state.message
    assert "start a new run" in state.message
    assert labels_in(warehouse) == newer["labels"]


@pytest.mark.parametrize("publish", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_run_that_needs_approval_waits_and_does_what_the_person_says(warehouse, publish):
    def nothing_is_published():
        assert labels_in(warehouse) == {}
        assert (known().kind, known().approval) == ("waiting", None)
        assert "Waits for an approval" in page()

    def known():
        return max(KnownRuns(runs).list(), key=lambda one: one.at)

    def page():
        return (runs / known().run / RunFile.REPORT).read_text()

    runs = var_folder() / "runs"
    state = state_after(publish, while_it_waits=nothing_is_published)
    if publish:
        assert state.is_completed()
        assert len(labels_in(warehouse)) == state.result().labelled
        assert (known().kind, known().approval) == ("published", "approved by a planner: as discussed")
        assert state.result().approval.in_words == known().approval
        assert "Published to dim_dfu" in page()
    else:
        assert (state.name, state.message) == ("NotPublished", "not published: a planner refused: as discussed")
        assert labels_in(warehouse) == {}
        assert (known().kind, known().approval) == ("refused", "refused by a planner: as discussed")
        assert "Not published: a person refused" in page()
    assert known().approval in page()
