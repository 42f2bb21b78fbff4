"""MLflow is a record: damaged, locked or silent it costs seconds, and what is done without it is said."""

import socket
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.record_run import record_early
from dfu_clustering.tracking import deadline
from dfu_clustering.tracking.reader import RecordedRuns
from dfu_clustering.tracking.store import TrackingUnavailableError, mlflow_store

pytestmark = pytest.mark.integration

TRACKING = load_config().tracking
SECRET = "planted"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, tmp_path):
    import mlflow  # noqa: F401  (its import is not what is measured)

    monkeypatch.setattr(deadline, "_resting_until", {})
    monkeypatch.setenv("DFU_CLUSTERING_VAR", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def run(tmp_path):
    run = Run.open(tmp_path / "runs", as_of_month="2026-10", config_digest="d", run_id="x")
    run.folder.mkdir(parents=True, exist_ok=True)
    (run.folder / "previous_labels.parquet").write_bytes(b"labels")
    return run


@pytest.fixture
def silent_server(monkeypatch):
    """Takes connections and what is sent, and never answers."""
    taken = []

    def take():
        while True:
            try:
                taken.append(listener.accept()[0])
            except OSError:
                return

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:{SECRET}@127.0.0.1:{listener.getsockname()[1]}")
        yield taken
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    for connection in taken:
        connection.close()


def seconds_of(work):
    began = time.monotonic()
    work()
    return time.monotonic() - began


def refused(recorded, match):
    with pytest.raises(TrackingUnavailableError, match=match) as caught:
        recorded.champion()
    assert SECRET not in str(caught.value)


def test_a_damaged_local_store_costs_no_more_than_a_look(run, tmp_path, empty_mlflow, caplog):
    store = tmp_path / "mlflow" / "mlflow.db"
    store.parent.mkdir()
    recorded = RecordedRuns(TRACKING, store.parent)
    whole = (empty_mlflow / "mlflow.db").read_bytes()
    for damaged in (b"no database" * 1000, whole[:100] + bytes(len(whole) - 100), whole[: len(whole) // 2]):
        store.write_bytes(damaged)
        deadline._resting_until.clear()
        assert seconds_of(lambda: record_early(run, run.folder / "previous_labels.parquet", TRACKING)) < 6
        assert "previous_labels.parquet is only in the run's folder" in caplog.text
        assert seconds_of(lambda: refused(recorded, "MLflow")) < 10
        caplog.clear()


def test_a_locked_local_store_costs_two_seconds(run, tmp_path, empty_mlflow, caplog):
    store = tmp_path / "mlflow" / "mlflow.db"
    store.parent.mkdir()
    store.write_bytes((empty_mlflow / "mlflow.db").read_bytes())
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert seconds_of(lambda: record_early(run, run.folder / "previous_labels.parquet", TRACKING)) < 4
        assert "database is locked" in caplog.text
        refused(RecordedRuns(TRACKING, store.parent), "locked")
        other.execute("ROLLBACK")
    record_early(run, run.folder / "previous_labels.parquet", TRACKING)
    with mlflow_store(TRACKING, store.parent) as open_store:
        (recorded,) = open_store.runs_named(run.name)
        (file,) = open_store.client.list_artifacts(recorded.info.run_id)
        assert file.path == "previous_labels.parquet"


def test_a_server_that_never_answers_costs_seconds_once_and_then_nothing(run, silent_server, tmp_path, caplog):
    assert seconds_of(lambda: record_early(run, run.folder / "previous_labels.parquet", TRACKING)) < 7
    assert "MLflow did not answer within 5 s" in caplog.text
    recorded = RecordedRuns(TRACKING, tmp_path / "mlflow")
    asked = len(silent_server)
    assert seconds_of(lambda: [refused(recorded, "did not answer a moment ago") for _ in range(20)]) < 1
    assert len(silent_server) == asked
    deadline._resting_until.clear()
    assert seconds_of(lambda: refused(recorded, "MLflow")) < 20
    assert SECRET not in caplog.text


def test_an_address_with_an_open_at_sign_shows_no_part_of_the_password(run, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:p@{SECRET}@127.0.0.1:9")
    refused(RecordedRuns(TRACKING, tmp_path / "mlflow"), "MLFLOW_TRACKING_URI is an address that cannot be read")
    record_early(run, run.folder / "previous_labels.parquet", TRACKING)
    assert SECRET not in caplog.text


def test_a_record_is_not_begun_by_making_a_store_while_others_wait(run, tmp_path, caplog):
    assert seconds_of(lambda: record_early(run, run.folder / "previous_labels.parquet", TRACKING)) < 1
    assert not (tmp_path / "mlflow" / "mlflow.db").exists()
