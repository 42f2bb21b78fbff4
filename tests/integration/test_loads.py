"""Loads end to end: announced over HTTP, by program or by nobody, each is published once, in order, by the worker."""

import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from uuid import uuid4

import psycopg2
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlalchemy import make_url

from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.errors import ConfigError, DataError
from dfu_clustering.files.tables import read_json
from dfu_clustering.loads.events import sales_loaded_event
from dfu_clustering.loads.sales_loads import read_sales_state
from dfu_clustering.runs.run import short_run_id
from dfu_clustering.warehouse.connect import connect_engine
from flows.watch_sales_load import watch_sales_load
from scripts.announce_sales_load import NotAnnouncedError, announce
from tests.integration.deployed_site import FINAL, ROOT
from tests.integration.http_receiver import HttpReceiver

pytestmark = [pytest.mark.integration, pytest.mark.slow]

STARTS_WITHIN_SECONDS = 20
SETTLE_SECONDS = 6
ANNOUNCE = [sys.executable, str(ROOT / "scripts" / "announce_sales_load.py")]


@pytest.fixture(autouse=True)
def _nothing_is_under_way(site):
    site.wait_until(lambda: all(run["state_type"] in FINAL for run in site.flow_runs()))


def labels_in_table(site):
    rows = site.execute("SELECT cluster_assignment, count(*) FROM dim_dfu GROUP BY 1")
    return {label: count for label, count in rows if label is not None}


def newest_month(site):
    return site.execute("SELECT to_char(max(startdate), 'YYYY-MM') FROM fact_sales_monthly")[0][0]


@contextmanager
def nobody_may_write_labels(site):
    """Hold up every publish; reading stays possible."""
    with closing(psycopg2.connect(site.warehouse_url)) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE dim_dfu IN SHARE MODE")
        yield


def test_http_call_starts_a_run_within_20_seconds_that_publishes_its_month(site):
    site.load_correction()
    announced = site.announce(4711)
    run = site.wait_for_end("4711")
    assert run["state_type"] == "COMPLETED", run["state"]
    started = datetime.fromisoformat(run["start_time"])
    assert (started - announced).total_seconds() < STARTS_WITHIN_SECONDS
    (publication,) = [line for line in site.publications() if line.load_id == "4711"]
    assert publication.as_of_month == newest_month(site)
    assert publication.labels == labels_in_table(site)
    assert publication.run.endswith(short_run_id(run["id"]))


def test_hundred_announcements_half_after_a_restart_are_one_publish(site):
    site.load_correction()
    before = site.publications()
    # forty programs announce it, twenty of which repeat their call three times as the answer was lost; in any order
    ids = [str(uuid4()) for _ in range(40)]
    calls = ids + ids[:20] * 3
    random.Random(7).shuffle(calls)
    first, second = calls[:50], calls[50:]

    def send(event_id):
        site.announce("hundred", event_id=event_id)

    with ThreadPoolExecutor(4) as callers:
        list(callers.map(send, first))
        site.wait_until(lambda: len(site.flow_runs("hundred")) == len(set(first)))
        site.server.stop()
        site.server.start()
        list(callers.map(send, second))
    site.wait_until(lambda: len(site.flow_runs("hundred")) >= len(set(calls)))
    site.wait_for_end("hundred")
    published = site.publications()[len(before) :]
    assert [line.load_id for line in published] == ["hundred"]
    # a run whose process started while the server was away may have crashed; all others have ended well
    ended = [run["state"] for run in site.flow_runs("hundred") if run["state_type"] != "CRASHED"]
    assert {state["type"] for state in ended} == {"COMPLETED"}
    repeats = [state["message"] for state in ended if state["message"]]
    assert len(ended) - len(repeats) == 1
    assert set(repeats) == {f"already published: {published[0]}"}


def test_loads_are_published_in_order_and_labels_never_go_back(site):
    site.load_month("2026-09")
    with nobody_may_write_labels(site):
        site.announce("september", "2026-09")
        site.wait_until(lambda: list(site.runs.glob("2026-09-*/manifest.json")))
        site.load_month("2026-10")
        october = [*ANNOUNCE, "--month", "2026-10", "--load-id", "october"]
        subprocess.run(october, env=site.environment, check=True, timeout=60)
        site.wait_until(lambda: site.flow_runs("october"))
        assert site.flow_runs("september")[0]["state_type"] == "RUNNING"
        assert site.flow_runs("october")[0]["state_type"] == "SCHEDULED"
    site.wait_for_end("october")
    published = site.publications()[-2:]
    assert [(line.load_id, line.as_of_month) for line in published] == [
        ("september", "2026-09"),
        ("october", "2026-10"),
    ]
    assert labels_in_table(site) == published[1].labels

    site.announce("september-late", "2026-09")
    late = site.wait_for_end("september-late")
    assert late["state_type"] == "COMPLETED"
    assert late["state"]["message"].startswith("already published: as of 2026-10 by run ")
    assert site.publications()[-2:] == published


@pytest.mark.parametrize("payload", [{"load_id": "no-month"}, {"month": "2026-10", "load_id": None}])
def test_announcement_without_a_month_or_a_name_starts_no_run_and_says_so(site, payload):
    before = len(site.flow_runs())
    event = sales_loaded_event("2026-10", "no-month", event_id=uuid4(), occurred=datetime.now(UTC))
    event["payload"] = payload
    site.server.post("/events", [event])
    wanted = {
        "event": {"name": ["prefect.automation.action.failed"]},
        "related": {"id": [f"prefect.event.{event['id']}"]},
    }
    failed = site.wait_until(lambda: site.server.post("/events/filter", {"filter": wanted})["events"])
    assert failed[0]["resource"]["prefect.resource.name"] == "dfu-sales-loaded"
    assert len(site.flow_runs()) == before


def test_sensor_announces_a_load_in_parts_once_it_has_settled(site, monkeypatch):
    monkeypatch.setenv("DFU_CLUSTERING_VAR", str(site.runs.parent))
    monkeypatch.setenv("DATABASE_URL", site.warehouse_url)

    def look():
        with temporary_settings({PREFECT_API_URL: site.server.api_url}):
            return watch_sales_load(settle_minutes=SETTLE_SECONDS / 60, return_state=True).message

    site.load_correction()
    assert "still changing" in look()
    time.sleep(SETTLE_SECONDS)
    site.load_correction()  # the second part
    assert "still changing" in look()
    time.sleep(SETTLE_SECONDS)
    message = look()
    assert message.endswith(": announced")
    load_id = message.split()[1].rstrip(",")
    assert "already announced" in look() or "already published" in look()
    assert site.wait_for_end(load_id)["state_type"] == "COMPLETED"
    assert site.publications()[-1].load_id == load_id
    assert "already published" in look()
    assert len(site.flow_runs(load_id)) == 1

    before = site.publications()
    site.announce("name-of-the-loader")
    assert site.wait_for_end("name-of-the-loader")["state"]["message"].startswith("already published")
    assert site.publications() == before


def test_looks_that_are_overdue_are_one_look(site):
    looks = [site.start_run("watch-sales-load/watch-sales-load") for _ in range(5)]

    def ended():  # of those that found nothing the newest are kept
        found = site.server.post("/flow_runs/filter", {"flow_runs": {"id": {"any_": looks}}})
        return [run["state"] for run in found] if {run["state_type"] for run in found} <= FINAL else None

    states = site.wait_until(ended)
    assert {state["type"] for state in states} == {"COMPLETED"}
    assert [state["message"] for state in states].count("replaced by a later look") == len(states) - 1


def test_retried_run_goes_on_after_its_last_finished_step(site):
    site.load_correction()
    site.execute(
        "UPDATE dim_dfu SET cluster_assignment = NULL WHERE dfu_sk % 10 = 0",  # so that there is something to write
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no space left'; END $$",
        "CREATE TRIGGER refuse BEFORE UPDATE ON dim_dfu FOR EACH STATEMENT EXECUTE FUNCTION refuse()",
    )
    site.announce("resumed")
    run = site.wait_for_end("resumed")
    assert run["state_type"] == "FAILED"
    assert "no space left" in run["state"]["message"]
    (folder,) = site.runs.glob(f"*-{short_run_id(run['id'])}")
    before = read_json(folder / "manifest.json")["steps"]
    assert "label_segments" in before
    assert "update_assignments" not in before
    features = (folder / "clustering_features.parquet").stat()

    site.execute("DROP TRIGGER refuse ON dim_dfu", "DROP FUNCTION refuse()")
    # what the button Retry of the UI does
    site.server.post(f"/flow_runs/{run['id']}/set_state", {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}})
    site.wait_until(lambda: site.flow_run(run["id"])["state_type"] == "COMPLETED")
    after = read_json(folder / "manifest.json")["steps"]
    assert {name: after[name] for name in before} == before
    assert (folder / "clustering_features.parquet").stat() == features
    assert "update_assignments" in after
    assert site.publications()[-1].run == folder.name
    assert labels_in_table(site) == site.publications()[-1].labels


def test_publish_starts_the_training_downstream_with_labels_and_those_that_changed(site):
    example = ROOT / "deploy" / "examples" / "forecaster"
    subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        cwd=example,
        env=site.environment | {"DFU_WORK_POOL": "dfu-process"},
        check=True,
        capture_output=True,
        timeout=120,
    )
    # other settings change most labels: a person says why that is right
    reason = "Fewer segments from now on."
    settings = {"as_of_month": "2026-06", "publish_older_month": True, "k_range": [3, 5], "override_reason": reason}
    by_hand = site.wait_for_run_end(site.start_run("cluster-dfus/manual", **settings))
    assert by_hand["state_type"] == "COMPLETED", by_hand["state"]
    publication = site.publications()[-1]
    assert (publication.as_of_month, publication.load_id) == ("2026-06", None)

    def trained():
        return site.server.post("/flow_runs/filter", {"deployments": {"name": {"any_": ["after-publish"]}}})

    run = site.wait_for_run_end(site.wait_until(trained)[0]["id"])
    assert run["state_type"] == "COMPLETED", run["state"]
    assert run["parameters"]["as_of_month"] == "2026-06"
    assert run["parameters"]["labels"] == publication.labels
    changed = set(run["parameters"]["changed_labels"])
    assert changed
    unchanged = {label: dfus for label, dfus in publication.labels.items() if label not in changed}
    before = site.publications()[-2].labels
    assert {label: before.get(label) for label in unchanged} == unchanged


def test_no_load_was_published_twice(site):
    load_ids = [line.load_id for line in site.publications() if line.load_id is not None]
    assert len(load_ids) == len(set(load_ids)) > 4
    assert {run["state_type"] for run in site.flow_runs()} <= FINAL


def test_state_of_the_table_is_that_of_the_months_up_to_one(postgres_url):
    load_panel(postgres_url, generate_panel(50, 12, 3, "2026-08"))

    def states(*changes):
        with closing(psycopg2.connect(postgres_url)) as connection, connection, connection.cursor() as cursor:
            for change in changes:
                cursor.execute(change)
        engine = connect_engine(postgres_url)
        found = read_sales_state(engine, "2026-07"), read_sales_state(engine)
        engine.dispose()
        return found

    july, newest = states()
    assert (july.as_of_month, newest.as_of_month) == ("2026-07", "2026-08")
    assert july.rows < newest.rows
    database = make_url(postgres_url).database
    assert states(f"ALTER DATABASE {database} SET timezone = 'Asia/Tokyo'") == (july, newest)
    changed = states("UPDATE fact_sales_monthly SET load_ts = now() WHERE startdate = '2026-08-01'")
    assert changed[0] == july
    assert changed[1].fingerprint != newest.fingerprint
    rewritten = states("UPDATE fact_sales_monthly SET qty = qty + 1 WHERE startdate = '2026-01-01'")
    assert rewritten[0].fingerprint != july.fingerprint
    # one DFU gets what another loses: number, sum and times stay
    swap = "UPDATE fact_sales_monthly SET qty = qty {} WHERE startdate = '2026-03-01' AND sales_sk = ({})"
    one = "SELECT {}(sales_sk) FROM fact_sales_monthly WHERE startdate = '2026-03-01'"
    swapped = states(swap.format("+ 1", one.format("min")), swap.format("- 1", one.format("max")))
    others = {month for month, of_month in swapped[0].months.items() if of_month != rewritten[0].months[month]}
    assert others == {"2026-03"}
    assert (swapped[0].total_qty, swapped[0].rows) == (rewritten[0].total_qty, rewritten[0].rows)
    assert swapped[0].fingerprint[:12] == rewritten[0].fingerprint[:12]
    assert swapped[0].fingerprint != rewritten[0].fingerprint
    # the order in which the rows lie is none of it
    assert (
        states(
            "CREATE TABLE all_sales AS SELECT * FROM fact_sales_monthly ORDER BY qty",
            "TRUNCATE fact_sales_monthly",
            "INSERT INTO fact_sales_monthly SELECT * FROM all_sales",
        )
        == swapped
    )


@pytest.fixture
def receiver(request, monkeypatch):
    """A server that gives one status after another."""
    left = list(request.param)
    receiver = HttpReceiver(lambda _: left.pop(0))
    monkeypatch.setenv("PREFECT_API_URL", f"{receiver.url}/api")
    yield receiver
    receiver.close()


EVENT = sales_loaded_event("2026-10", "x", event_id=uuid4(), occurred=datetime(2026, 11, 5, tzinfo=UTC))
QUICKLY = (0.01, 0.01)


@pytest.mark.parametrize("receiver", [(503, 429, 204)], indirect=True)
def test_busy_server_is_sent_the_same_event_again(receiver, monkeypatch):
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "admin:secret")
    announce(EVENT, pauses_seconds=QUICKLY)
    assert len(receiver.requests) == 3
    # base64 of admin:secret
    assert {(sent.path, sent.authorization) for sent in receiver.requests} == {
        ("/api/events", "Basic YWRtaW46c2VjcmV0")
    }
    assert len({sent.body for sent in receiver.requests}) == 1


@pytest.mark.parametrize(
    ("receiver", "kind", "tries"),
    [((503, 503, 503), NotAnnouncedError, 3), ((401,), ConfigError, 1), ((404,), DataError, 1)],
    indirect=["receiver"],
)
def test_server_that_does_not_take_it_is_explained(receiver, kind, tries):
    with pytest.raises(kind):
        announce(EVENT, pauses_seconds=QUICKLY)
    assert len(receiver.requests) == tries


@pytest.mark.parametrize(
    ("address", "arguments", "message"),
    [
        ("", ("--month", "2026-10", "--load-id", "x"), "PREFECT_API_URL must name the Prefect server"),
        ("http://127.0.0.1:9/api", ("--month", "10/2026", "--load-id", "x"), "A month must be written as YYYY-MM"),
        ("http://127.0.0.1:9/api", ("--month", "2026-10", "--load-id", ""), "A load must have a load_id"),
        ("http://server:api", ("--month", "2026-10", "--load-id", "x"), "PREFECT_API_URL must name the Prefect server"),
    ],
)
def test_program_refuses_what_cannot_be_announced(site, address, arguments, message):
    environment = site.environment | {"PREFECT_API_URL": address}
    shown = subprocess.run([*ANNOUNCE, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert shown.returncode == 2
    assert message in shown.stderr
