"""A run's folder: the same inputs give the same files, finished steps are not done again, MLflow may be down."""

import logging
import shutil
import time

import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.demo.server import create_database, drop_database
from dfu_clustering.files.tables import read_json
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.manifest import FIND_PUBLISHED, PUBLISH_LABELS
from dfu_clustering.runs.publish_record import LedgerRecord
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.summaries import PublishedChoice
from dfu_clustering.steps.build_features import build_features
from dfu_clustering.steps.label_segments import label_segments
from dfu_clustering.steps.publish_labels import overlay_of, update_assignments
from dfu_clustering.steps.record_run import record_early, record_run
from dfu_clustering.steps.train_model import train_model
from dfu_clustering.tracking.store import mlflow_store
from dfu_clustering.warehouse.connect import connect_engine
from tests.publish_records import line

pytestmark = pytest.mark.integration


CONFIG = load_config(k_range=(3, 5), gap_references=2, n_init=5)


@pytest.fixture(scope="module")
def engine(postgres_server):
    create_database(postgres_server.url(), "runs")
    load_panel(postgres_server.url("runs"), generate_panel(300, 30, 5))
    engine = connect_engine(postgres_server.url("runs"))
    yield engine
    engine.dispose()
    drop_database(postgres_server.url(), "runs")


@pytest.fixture(scope="module")
def finished(engine, tmp_path_factory):
    """A run whose labels are published, and of which nothing is recorded yet."""
    run = open_run(tmp_path_factory.mktemp("runs"))
    do_all(engine, run)
    return run


@pytest.fixture
def run(finished, tmp_path):
    """A copy of it."""
    shutil.copytree(finished.folder, tmp_path / "runs" / finished.name)
    return open_run(tmp_path / "runs")


def open_run(runs):
    return Run.open(runs, as_of_month="2026-10", config_digest=CONFIG.digest(), run_id="x")


def do_all(engine, run):
    build_features(run, CONFIG, engine)
    train_model(run, CONFIG)
    label_segments(run, CONFIG)
    record = LedgerRecord(Ledger(run.runs), run, line(run.name))
    run.once(PUBLISH_LABELS, lambda: update_assignments(overlay_of(run, ()), engine, record=record))


def test_same_data_and_seed_twice_are_the_same_files(engine, finished, tmp_path):
    again = open_run(tmp_path)
    do_all(engine, again)
    first, second = finished.folder, again.folder
    files = sorted(path.name for path in first.iterdir())
    assert files == sorted(path.name for path in second.iterdir())
    # durations, and what was published: the second run changes nothing
    own = {"manifest.json", "previous_labels.parquet", "publish_attempt.json"}
    different = [
        name for name in files if name not in own and (first / name).read_bytes() != (second / name).read_bytes()
    ]
    assert different == []


def test_finished_steps_are_taken_from_the_manifest(engine, run):
    written = {path: path.stat().st_mtime_ns for path in run.folder.iterdir()}
    again = open_run(run.runs)
    do_all(engine, again)
    assert {path: path.stat().st_mtime_ns for path in run.folder.iterdir()} == written
    assert again.result(PUBLISH_LABELS).updated > 0  # of the first time


def test_step_that_failed_is_done_again(tmp_path):
    run = Run.open(tmp_path, as_of_month="2026-10", config_digest="d", run_id="x")
    with pytest.raises(ZeroDivisionError):
        run.once(FIND_PUBLISHED, lambda: PublishedChoice(run=str(1 / 0)))
    assert run.once(FIND_PUBLISHED, lambda: PublishedChoice(run="x")).run == "x"


def test_dead_mlflow_server_costs_seconds_and_not_the_run(run, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    started = time.perf_counter()
    summary = record_run(run, CONFIG)
    assert time.perf_counter() - started < 30
    assert summary.mlflow_run_id is None
    assert read_json(run.path(RunFile.SUMMARY))["mlflow_run_id"] is None
    assert read_json(run.path(RunFile.SUMMARY))["published"]["updated"] == summary.labelled > summary.clustered


def test_mlflow_run_counts_as_failed_until_all_of_the_run_is_recorded(run, empty_mlflow, tmp_path, monkeypatch, caplog):
    shutil.copytree(empty_mlflow, tmp_path / "mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DFU_CLUSTERING_VAR", str(tmp_path))
    record_early(run, run.path(RunFile.PREVIOUS_LABELS), CONFIG.tracking)
    assert states_in_mlflow(tmp_path, run) == ["FAILED"]

    # a file that cannot be read costs the record, not the run, and is called by its name
    model = run.path(RunFile.MODEL)
    model.rename(tmp_path / "elsewhere")
    with caplog.at_level(logging.WARNING, logger="dfu_clustering"):
        assert record_run(run, CONFIG).mlflow_run_id is None
    assert "the run is not in MLflow: [Errno 2] No such file or directory" in caplog.text
    assert states_in_mlflow(tmp_path, run) == ["FAILED"]

    (tmp_path / "elsewhere").rename(model)
    assert record_run(run, CONFIG).mlflow_run_id is not None
    assert states_in_mlflow(tmp_path, run) == ["FINISHED"]


def states_in_mlflow(var, run):
    with mlflow_store(CONFIG.tracking, var / "mlflow") as store:
        return [found.info.status for found in store.runs_named(run.folder.name)]
