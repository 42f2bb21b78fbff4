"""Taking back: the labels of an earlier run, from its folder or from MLflow, by program and by flow."""

import json
import runpy
import shutil
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg2
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

from dfu_clustering.config.loading import load_config
from dfu_clustering.files.tables import read_json, read_table
from dfu_clustering.labels.label_set import label_set_digest
from dfu_clustering.loads.publication import Publication
from dfu_clustering.runs.archive import EarlierRuns
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.manifest import NOTE_PUBLISHED, RECORD_PUBLICATION
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.restore_labels import (
    RESTORE_LABELS,
    find_run_to_restore,
    note_replaced,
    open_restore,
    record_restore,
)
from dfu_clustering.steps.restore_labels import restore_labels as restore_labels_step
from dfu_clustering.tracking.store import mlflow_store
from dfu_clustering.warehouse.connect import connect_engine
from dfu_clustering.warehouse.statements import statement
from flows.restore_assignments import restore_assignments
from scripts import announce_sales_load, published_event
from tests.integration.gate_runs import any_change, execute, fetch, rows_of_dim_dfu, run_flow
from tests.integration.http_receiver import HttpReceiver

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_data_docs", "blank_pictures")]

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
CONFIG = load_config().tracking
AUGUST, SEPTEMBER = "2026-08-c0ffee0000-aaaaaaaaaaaa", "2026-09-c0ffee0000-bbbbbbbbbbbb"
LABELS = {AUGUST: {"a": "low", "b": "high", "gone": "low"}, SEPTEMBER: {"a": "high", "b": "high", "c": "low"}}


@pytest.fixture(scope="module")
def recorded(empty_mlflow, tmp_path_factory):
    """A var folder with two published runs, in MLflow too, each with a model; September is the champion."""
    var = tmp_path_factory.mktemp("recorded") / "var"
    shutil.copytree(empty_mlflow, var / "mlflow")
    with mlflow_store(CONFIG, var / "mlflow") as store:
        store.client.create_registered_model(CONFIG.registered_model)
        for hours, name in enumerate(LABELS):
            folder = var / "runs" / name
            folder.mkdir(parents=True)
            rows = [f"{key},0,{label}" for key, label in LABELS[name].items()]
            (folder / "cluster_labels.csv").write_text("\n".join(["dfu_ck,cluster_id,cluster_label", *rows]))
            publication = publish(var, name, NOON + timedelta(hours=hours))
            Run(folder, as_of_month=name[:7]).once(RECORD_PUBLICATION, partial(lambda found: found, publication))
            run = store.client.create_run(store.experiment_id(), run_name=name)
            store.client.log_artifacts(run.info.run_id, str(folder))
            model = store.client.create_model_version(CONFIG.registered_model, str(folder), run.info.run_id)
            store.client.set_registered_model_alias(CONFIG.registered_model, "champion", model.version)
    return var


def publish(var, name, published_at):
    publication = Publication(
        as_of_month=name[:7],
        load_id=f"load-of-{name[:7]}",
        fingerprint=name[:7],
        config_digest="c0ffee0000",
        run=name,
        labels={},
        published_at=published_at,
    )
    Ledger(var / "runs").append(publication)
    return publication


@pytest.fixture
def site(recorded, postgres_url, tmp_path):
    """Copies of both, and a dim_dfu that carries September's labels."""
    var = tmp_path / "var"
    shutil.copytree(recorded, var)
    execute(postgres_url, statement("dfu_clustering.demo", "005_create_dim_dfu"))
    for key in "abcd":
        label = LABELS[SEPTEMBER].get(key)
        with closing(psycopg2.connect(postgres_url)) as connection, connection, connection.cursor() as cursor:
            columns = "dfu_ck, dmdunit, dmdgroup, loc, cluster_assignment, modified_ts"
            values = (key, key, "g", "x", label, NOON)
            cursor.execute(f"INSERT INTO dim_dfu ({columns}) VALUES (%s, %s, %s, %s, %s, %s)", values)
    return var


@pytest.fixture
def restore(site, postgres_url, monkeypatch, capsys):
    """Runs the program; returns what it said and the events that it sent."""
    server = HttpReceiver()

    def run(*arguments, code=0, **variables):
        environment = {
            "DATABASE_URL": postgres_url,
            "DFU_CLUSTERING_VAR": str(site),
            "MLFLOW_TRACKING_URI": f"sqlite:///{site / 'mlflow' / 'mlflow.db'}",
            "PREFECT_API_URL": f"{server.url}/api",
            **variables,
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["restore_assignments", *arguments])
        ended: str | int | None = 0
        try:
            runpy.run_path(str(ROOT / "scripts" / "restore_assignments.py"), run_name="__main__")
        except SystemExit as stop:
            ended = stop.code
        for name in environment:
            monkeypatch.delenv(name)
        shown = capsys.readouterr()
        assert ended == code, shown
        events = [event for request in server.requests for event in request.json()]
        return shown.out + shown.err, events

    yield run
    server.close()


def published(url):
    return dict(fetch(url, "SELECT dfu_ck, cluster_assignment FROM dim_dfu ORDER BY 1"))


def champion_in_mlflow(site):
    return EarlierRuns.in_folder(site, CONFIG).recorded.champion()


def test_run_that_is_wanted_back_is_published_recorded_and_said(restore, site, postgres_url):
    shown, events = restore("--run", "aaaaaaaaaaaa")
    assert published(postgres_url) == {"a": "low", "b": "high", "c": None, "d": None}
    assert f"labels of run {AUGUST} replace those of {SEPTEMBER}" in shown
    assert "updated 1, cleared 1, unchanged 1" in shown
    assert "not found in dim_dfu: 1" in shown
    assert fetch(postgres_url, f"SELECT dfu_ck FROM dim_dfu WHERE modified_ts <> '{NOON}' ORDER BY 1") == [
        ("a",),
        ("c",),
    ]
    assert champion_in_mlflow(site) == AUGUST
    champion = EarlierRuns.in_folder(site, CONFIG).champion()
    assert champion is not None
    assert champion.name == AUGUST
    line = Ledger(site / "runs").publications()[-1]
    assert (line.run, line.restored, line.load_id, line.as_of_month) == (AUGUST, True, None, "2026-08")
    (event,) = events
    assert event["event"] == "dfu.clusters.published"
    assert event["payload"]["restored"] is True
    assert event["payload"]["run"] == AUGUST
    assert {"old_label": "high", "new_label": "low", "dfus": 1} in event["payload"]["transitions"]
    assert event["payload"]["changed_labels"] == ["high", "low"]
    assert event["payload"]["label_set_digest"] == label_set_digest(event["payload"]["labels"])
    (folder,) = (site / "runs" / ".restores").iterdir()
    before = read_table(folder / "previous_labels.parquet").set_index("dfu_ck")["cluster_assignment"]
    assert before.to_dict() == {"a": "high", "c": "low"}
    told = read_json(folder / "restore.json")
    assert (told["replaced_run"], datetime.fromisoformat(told["published_at"])) == (SEPTEMBER, line.published_at)


def test_restore_is_taken_back_by_another(restore, site, postgres_url):
    restore("--run", AUGUST)
    restore("--run", SEPTEMBER)
    assert published(postgres_url) == {"a": "high", "b": "high", "c": "low", "d": None}
    assert champion_in_mlflow(site) == SEPTEMBER


def test_dry_run_shows_what_would_change_and_leaves_everything(restore, site, postgres_url):
    rows, ledger = rows_of_dim_dfu(postgres_url), Ledger(site / "runs").path.read_bytes()
    shown, events = restore("--before", (NOON + timedelta(minutes=5)).isoformat(), "--dry-run")
    assert f"labels of run {AUGUST} would replace" in shown
    assert "would be updated 1, would be cleared 1, unchanged 1" in shown
    assert rows_of_dim_dfu(postgres_url) == rows
    assert Ledger(site / "runs").path.read_bytes() == ledger
    assert events == []
    assert champion_in_mlflow(site) == SEPTEMBER


def test_labels_come_from_mlflow_once_the_folder_is_gone(restore, site, postgres_url):
    shutil.rmtree(site / "runs" / AUGUST)
    restore("--run", AUGUST)
    assert published(postgres_url)["a"] == "low"


@pytest.mark.parametrize("wanted", [AUGUST, "aaaaaaaaaaaa"])
def test_run_is_found_in_mlflow_once_ledger_and_folders_are_lost(restore, site, postgres_url, wanted):
    published_then = Ledger(site / "runs").publications()[0]
    shutil.rmtree(site / "runs")
    restore("--run", wanted)
    assert published(postgres_url) == {"a": "low", "b": "high", "c": None, "d": None}
    (line,) = Ledger(site / "runs").publications()
    changed: dict[str, object] = {"load_id": None, "restored": True, "published_at": line.published_at}
    changed |= {"warehouse": line.warehouse, "labels_digest": line.labels_digest, "labels": {"low": 2, "high": 1}}
    assert line == published_then.model_copy(update=changed)
    assert str(line.labels_digest).partition(":")[0] == "2"


@pytest.mark.parametrize("wanted", ["aaaaaaaaaaa_", AUGUST.replace("2026-08", "2026-07")])
def test_name_that_only_resembles_that_of_a_run_finds_none(restore, site, postgres_url, wanted):
    shutil.rmtree(site / "runs")
    rows = rows_of_dim_dfu(postgres_url)
    shown, _ = restore("--run", wanted, code=2)
    assert f"no run '{wanted}'" in shown
    assert rows_of_dim_dfu(postgres_url) == rows


def test_mlflow_that_is_down_does_not_stop_a_restore_from_a_folder(restore, site, postgres_url):
    shown, _ = restore("--run", AUGUST, MLFLOW_TRACKING_URI="http://user:hunter2@127.0.0.1:9")
    assert "MLflow's alias champion: MLflow did not answer" in shown
    assert "hunter2" not in shown
    assert published(postgres_url)["a"] == "low"


def test_restore_whose_mlflow_goes_down_once_it_has_begun_is_in_the_ledger_all_the_same(
    restore, site, postgres_url, monkeypatch
):
    shutil.rmtree(site / "runs")
    restore_labels = restore_labels_step

    def and_then_an_outage(*arguments, **options):
        summary = restore_labels(*arguments, **options)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        return summary

    monkeypatch.setattr("dfu_clustering.steps.restore_labels.restore_labels", and_then_an_outage)
    shown, events = restore("--run", "aaaaaaaaaaaa")
    assert published(postgres_url) == {"a": "low", "b": "high", "c": None, "d": None}
    (line,) = Ledger(site / "runs").publications()
    assert (line.run, line.restored) == (AUGUST, True)
    assert "MLflow's alias champion: MLflow did not answer" in shown
    assert len(events) == 1


def test_lost_ledger_and_mlflow_that_is_down_can_be_tried_again(restore, site, postgres_url):
    (site / "runs" / "published.jsonl").unlink()
    rows = rows_of_dim_dfu(postgres_url)
    shown, _ = restore("--run", AUGUST, code=1, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert "and MLflow does not answer" in shown
    assert rows_of_dim_dfu(postgres_url) == rows


def newest_run(noted):
    return noted.newest.run


def test_restore_that_goes_on_after_the_ledger_knows_it_names_what_it_replaced(site, postgres_url):
    runs, engine = site / "runs", connect_engine(postgres_url)
    earlier, publication = find_run_to_restore(runs, CONFIG, run=AUGUST, before=None)
    cut_off = open_restore(runs, "0123456789ab")
    assert newest_run(note_replaced(cut_off, engine, dry_run=False)) == SEPTEMBER
    restore_labels_step(cut_off, engine, earlier, publication, CONFIG)
    cut_off.path(RunFile.MANIFEST).write_text(
        json.dumps(
            {"steps": {NOTE_PUBLISHED.name: read_json(cut_off.path(RunFile.MANIFEST))["steps"][NOTE_PUBLISHED.name]}}
        )
    )
    resumed = open_restore(runs, "0123456789ab")
    assert newest_run(note_replaced(resumed, engine, dry_run=False)) == SEPTEMBER
    # killed before its manifest said that it has published: it knows its own line, and reports what it did
    assert restore_labels_step(resumed, engine, earlier, publication, CONFIG).updated == 1
    assert [line.run for line in Ledger(runs).publications()] == [AUGUST, SEPTEMBER, AUGUST]
    engine.dispose()


def test_restore_of_what_was_published_before_keeps_its_run_once_its_own_line_is_in_the_ledger(site, postgres_url):
    runs, engine = site / "runs", connect_engine(postgres_url)
    restore = open_restore(runs, "0123456789ab")
    find = partial(find_run_to_restore, runs, CONFIG, run="previous", before=None)
    earlier, publication = find(restore=restore)
    note_replaced(restore, engine, dry_run=False)
    restore_labels_step(restore, engine, earlier, publication, CONFIG)
    assert [line.run for line in Ledger(runs).publications()] == [AUGUST, SEPTEMBER, AUGUST]
    # killed here; the task that finds the run is done again
    assert find()[0].name == SEPTEMBER
    again, publication_again = find(restore=open_restore(runs, "0123456789ab"))
    assert (again.name, publication_again) == (AUGUST, publication)
    assert record_restore(restore, publication_again, CONFIG).run == AUGUST
    assert published(postgres_url)["a"] == "low"
    engine.dispose()


def test_restore_of_what_was_published_before_that_is_killed_before_its_manifest_is_resumed(site, postgres_url):
    runs, engine = site / "runs", connect_engine(postgres_url)
    restore = open_restore(runs, "0123456789ab")
    find = partial(find_run_to_restore, runs, CONFIG, run="previous", before=None, restore=restore)
    note_replaced(restore, engine, dry_run=False)
    restore_labels_step(restore, engine, *find(), CONFIG)
    restore.forget(RESTORE_LABELS)
    assert restore_labels_step(restore, engine, *find(), CONFIG).updated == 1
    assert [line.run for line in Ledger(runs).publications()] == [AUGUST, SEPTEMBER, AUGUST]
    engine.dispose()


def test_dry_run_of_a_restore_keeps_nothing(restore, site):
    restore("--run", "previous", "--dry-run")
    assert not (site / "runs" / ".restores").exists()


def test_server_that_refuses_to_hear_of_a_restore_does_not_cost_its_record(restore, site):
    refusing = HttpReceiver(lambda _: 401)
    shown, _ = restore("--run", AUGUST, code=2, PREFECT_API_URL=f"{refusing.url}/api")
    refusing.close()
    assert len(refusing.requests) == 1
    assert "previous labels" in shown
    assert_restore_is_written_down(site)


def test_server_that_is_not_there_to_hear_of_a_restore_does_not_cost_its_record(restore, site, monkeypatch, caplog):
    quick = partial(announce_sales_load.announce, pauses_seconds=(0.01, 0.01))
    monkeypatch.setattr(published_event, "announce", quick)
    shown, _ = restore("--run", AUGUST, code=1, PREFECT_API_URL="http://127.0.0.1:9/api")
    assert caplog.text.count("trying again in 0.01 s") == 2
    assert "NotAnnouncedError: http://127.0.0.1:9/api/events did not accept the announcement" in shown
    assert "previous labels" in shown
    assert_restore_is_written_down(site)


def assert_restore_is_written_down(site):
    (folder,) = (site / "runs" / ".restores").iterdir()
    assert read_json(folder / "restore.json")["run"] == AUGUST
    assert Ledger(site / "runs").publications()[-1].restored


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_labels_of_another_warehouse_are_not_put_into_this_one(restore, site, postgres_url, options):
    execute(postgres_url, "UPDATE dim_dfu SET dfu_ck = 'other ' || dfu_ck")
    rows = rows_of_dim_dfu(postgres_url)
    shown, events = restore("--run", AUGUST, *options, code=2)
    assert "3 of 3 labelled DFUs are not in dim_dfu (3: 'a', 'b', 'gone')" in shown
    assert (rows_of_dim_dfu(postgres_url), events) == (rows, [])


def test_labels_that_are_nowhere_leave_everything(restore, site, postgres_url):
    shutil.rmtree(site / "runs" / AUGUST)
    with mlflow_store(CONFIG, site / "mlflow") as store:
        (recorded,) = store.runs_named(AUGUST)
        store.client.delete_run(recorded.info.run_id)
    rows = rows_of_dim_dfu(postgres_url)
    shown, _ = restore("--run", AUGUST, code=2)
    assert "must be in its folder or in MLflow" in shown
    assert rows_of_dim_dfu(postgres_url) == rows


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--run", "nobody"), "A run must be named by one of these"),
        (("--before", "2020-01-01"), "Something must have been published before 2020-01-01"),
        (("--before", "yesterday"), "a time must be written as 2026-10-05T08:00"),
        ((), "one of the arguments --run --before is required"),
    ],
)
def test_what_cannot_be_restored_says_why(restore, arguments, message):
    shown, events = restore(*arguments, code=2)
    assert message in shown
    assert events == []


def test_flow_restores_an_earlier_run_and_a_repeated_announcement_leaves_it(panel, tmp_path):
    load = {"only_new_load": True, "load_id": "newest"}
    older = run_flow(as_of_month="2026-08", **any_change())
    newer = run_flow(**load)
    assert older.state.is_completed()
    wanted = dict(fetch(panel, "SELECT dfu_ck, cluster_assignment FROM dim_dfu ORDER BY 1"))
    lines = Ledger(tmp_path / "runs").publications()
    assert lines[0].run != lines[1].run
    state = restore_assignments(run=str(older.flow_run_id), return_state=True)
    summary = state.result()
    assert (summary.run, summary.replaced_run, summary.alias) == (lines[0].run, lines[1].run, "moved")
    assert summary.published_at == Ledger(tmp_path / "runs").publications()[-1].published_at
    labels = read_table(tmp_path / "runs" / lines[0].run / "cluster_labels.csv", text_columns=frozenset({"dfu_ck"}))
    expected = labels.set_index("dfu_ck")["cluster_label"].to_dict()
    assert {k: v for k, v in published(panel).items() if v is not None} == expected != wanted
    with get_client(sync_client=True) as client:
        assert state.state_details.flow_run_id is not None
        of_run = ArtifactFilterFlowRunId(any_=[state.state_details.flow_run_id])
        (shown,) = client.read_artifacts(artifact_filter=ArtifactFilter(flow_run_id=of_run))
    assert f"Labels of run {summary.run} restored" in str(shown.data)

    rows = rows_of_dim_dfu(panel)
    repeated = run_flow(**load)
    assert repeated.state.message == f"already published: {lines[1]}"
    assert run_flow(only_new_load=True).state.message.startswith("already published")
    assert rows_of_dim_dfu(panel) == rows
    assert Ledger(tmp_path / "runs").publications()[-1].restored
    assert newer.state.is_completed()
