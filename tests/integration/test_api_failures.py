"""The service when something is missing or away: what clients are told, and that it comes back by itself."""

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from api import database
from api.__main__ import main
from api.app import create_app
from api.router import router
from api.settings import ApiSettings
from dfu_clustering.demo.server import start_server
from dfu_clustering.warehouse.statements import statement
from tests.integration.api_site import ApiSite
from tests.integration.prefect_server import free_port, wait_until

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
ROWS = """
INSERT INTO dim_dfu (dfu_ck, dmdunit, loc, cluster_assignment) VALUES ('a', 'a', 'x', 'one'), ('b', 'b', 'x', NULL)
"""
CONNECTIONS = """
SELECT pid FROM pg_stat_activity WHERE application_name = 'dfu-api' AND datname = current_database()
"""
PAGE_BY_SQL = "/domains/dfu/page?sort=brand"
LINE = {
    "as_of_month": "2026-10",
    "load_id": None,
    "fingerprint": "f",
    "config_digest": "d",
    "run": "2026-10-d-gone",
    "labels": {"one": 1},
    "published_at": "2026-11-24T00:00:00Z",
}


def fill(url):
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement("dfu_clustering.demo", "005_create_dim_dfu"))
        cursor.execute(ROWS)


@pytest.fixture
def warehouse(postgres_url):
    fill(postgres_url)
    return postgres_url


@pytest.fixture
def settings(warehouse, tmp_path):
    return ApiSettings(database_url=warehouse, runs=tmp_path, refresh_s=0.01)


def assert_unavailable(reply):
    assert reply.status == 503
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert int(reply.headers["Retry-After"]) > 0
    told = reply.body.decode().lower()
    assert [
        word for word in ("psycopg", "sqlalchemy", "socket", "localhost", "traceback", "select") if word in told
    ] == []


def test_without_a_database_it_is_alive_and_not_ready(tmp_path):
    site = ApiSite(tmp_path, f"postgresql://u:secret-word@127.0.0.1:{free_port()}/none", tmp_path).start()
    try:
        assert site.get("/healthz").status == 200
        for path in ("/readyz", "/", "/domains/dfu/clusters", PAGE_BY_SQL, "/domains/dfu/a"):
            assert_unavailable(site.get(path))
    finally:
        site.stop()
    assert "secret-word" not in site.log.read_text()
    assert "Traceback" not in site.log.read_text()


def test_database_that_stops_and_comes_back_needs_no_restart_of_the_service(tmp_path):
    server = start_server(tmp_path / "pg")
    fill(server.url())
    site = ApiSite(tmp_path, server.url(), tmp_path, refresh_s=0.1, grace_s=3600).start()
    try:
        before = site.get("/domains/dfu/clusters")
        assert before.json["total_assigned"] == 1
        server.stop()
        assert_unavailable(site.get(PAGE_BY_SQL))
        assert site.get("/domains/dfu/clusters").body == before.body
        start_server(tmp_path / "pg")
        assert site.get(PAGE_BY_SQL).json["total"] == 2
    finally:
        site.stop()
        start_server(tmp_path / "pg").stop()


def test_connections_that_the_server_has_cut_are_replaced_unnoticed(warehouse, tmp_path):
    site = ApiSite(tmp_path, warehouse, tmp_path).start()
    try:
        assert site.get(PAGE_BY_SQL).status == 200
        with closing(psycopg2.connect(warehouse)) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_terminate_backend(pid) FROM ({CONNECTIONS}) AS connections")
            assert cursor.rowcount > 0
        assert site.get(PAGE_BY_SQL).status == 200
        assert site.get("/domains/dfu/a").status == 200
    finally:
        site.stop()


def test_locked_table_is_not_waited_for_and_what_is_known_is_shown(warehouse, tmp_path):
    site = ApiSite(tmp_path, warehouse, tmp_path, statement_timeout_s=1, pool_size=1, pool_timeout_s=0.2).start()
    try:
        assert site.get("/domains/dfu/clusters").status == 200
        with closing(psycopg2.connect(warehouse)) as connection, connection.cursor() as cursor:
            cursor.execute("LOCK TABLE dim_dfu IN ACCESS EXCLUSIVE MODE")
            assert_unavailable(site.get(PAGE_BY_SQL))
            assert site.get("/domains/dfu/clusters").status == 200
        assert site.get(PAGE_BY_SQL).status == 200
    finally:
        site.stop()


def test_no_publish_yet_is_no_error(settings):
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        answer = client.get("/domains/dfu/clusters").json()
        assert (answer["as_of_month"], answer["total_assigned"], answer["unassigned"]) == (None, 1, 1)
        assert answer["clusters"][0]["avg_demand"] is None
        dfu = client.get("/domains/dfu/a").json()
        assert (dfu["label"], dfu["features"], dfu["history"]) == ("one", None, [])
        for path in (
            "/",
            "/domains/dfu/clusters/profiles",
            "/domains/dfu/clusters/changes",
            "/domains/dfu/clusters/pictures",
        ):
            assert client.get(path).status_code == 404, path


def test_run_folder_that_was_cleared_away_takes_only_its_own_answers_with_it(settings):
    (settings.runs / "published.jsonl").write_text(json.dumps(LINE) + "\n")
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        answer = client.get("/domains/dfu/clusters").json()
        assert (answer["as_of_month"], answer["clusters"][0]["count"]) == ("2026-10", 1)
        assert client.get("/domains/dfu/clusters/one/dfus").json()["typical"] == []
        assert client.get("/domains/dfu/a").json()["label"] == "one"
        for path in ("profiles", "changes", "pictures/cluster_sizes.png"):
            problem = client.get(f"/domains/dfu/clusters/{path}").json()
            assert (problem["status"], "2026-10-d-gone" in problem["detail"]) == (404, True), path
        assert client.get("/domains/dfu/clusters/pictures").json()["pictures"] == []


LEFT = {
    "cluster_labels.csv": "dfu_ck,cluster_id,cluster_label,abc_class,reason\na,0,one,A,low volume: 2 < 5\n",
    "cluster_assignments.csv": "dfu_ck,cluster_id,distance,margin,mean_demand\na,0,0.5,0.25,2.0\n",
    "clustering_features.parquet.excluded.csv": "dfu_ck,reason\na,no demand\n",
}


@pytest.mark.parametrize("left", LEFT)
def test_dfu_is_told_from_what_is_left_of_a_run_folder(settings, left):
    (settings.runs / "published.jsonl").write_text(json.dumps(LINE) + "\n")
    (settings.runs / LINE["run"]).mkdir()
    (settings.runs / LINE["run"] / left).write_text(LEFT[left])
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        told = client.get("/domains/dfu/a").json()
    found = {name: told[name] for name in ("label", "reason", "distance", "excluded_reason", "features", "history")}
    known: dict[str, dict[str, object]] = {
        "cluster_labels.csv": {"reason": "low volume: 2 < 5"},
        "cluster_assignments.csv": {"distance": 0.5},
        "clustering_features.parquet.excluded.csv": {"excluded_reason": "no demand"},
    }
    nothing = dict.fromkeys(("reason", "distance", "excluded_reason", "features"))
    assert found == {"label": "one", "history": []} | nothing | known[left]


def test_labels_may_take_longer_to_read_than_any_other_statement(settings, monkeypatch):
    slow = text("SELECT cluster_assignment, array_agg(dfu_sk)::text FROM dim_dfu, pg_sleep(0.5) GROUP BY 1")
    monkeypatch.setattr(database, "_LABELS", slow)
    impatient = settings.model_copy(update={"statement_timeout_s": 0.2})
    with closing(database.Database(impatient)) as warehouse:
        assert warehouse.label_snapshot().n_dfus == 2
        assert warehouse.label_snapshot().n_dfus == 2
        with pytest.raises(OperationalError, match="statement timeout"):
            warehouse._read(lambda connection: connection.execute(text("SELECT pg_sleep(0.5)")))
    hasty = settings.model_copy(update={"snapshot_timeout_s": 0.2})
    with closing(database.Database(hasty)) as warehouse, pytest.raises(OperationalError, match="statement timeout"):
        warehouse.label_snapshot()


def test_ledger_that_cannot_be_read_is_a_503_until_it_can(settings):
    ledger = settings.runs / "published.jsonl"
    ledger.write_text("no ledger\n" + json.dumps(LINE) + "\n")
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        assert client.get("/domains/dfu/clusters").status_code == 503
        ledger.write_text(json.dumps(LINE) + "\n")
        assert client.get("/domains/dfu/clusters").status_code == 200


def test_table_that_may_not_be_read_is_a_503_that_does_not_tell(warehouse, tmp_path):
    with closing(psycopg2.connect(warehouse)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE dim_dfu RENAME TO another")
    with TestClient(
        create_app(ApiSettings(database_url=warehouse, runs=tmp_path)), base_url="http://localhost"
    ) as client:
        reply = client.get("/domains/dfu/clusters")
        assert (reply.status_code, "dim_dfu" in reply.text) == (503, False)


def test_fault_of_its_own_is_a_500_that_does_not_tell(settings, caplog):
    app = create_app(settings)

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("the inside")

    with TestClient(app, base_url="http://localhost") as client:
        reply = client.get("/broken", headers={"X-Request-ID": "fault-1"})
    assert (reply.status_code, reply.headers["content-type"]) == (500, "application/problem+json")
    assert (reply.json()["request_id"], "inside" in reply.text) == ("fault-1", False)
    assert "failed request_id=fault-1" in caplog.text
    assert "the inside" in caplog.text


def test_router_serves_in_an_application_of_its_users(warehouse, tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", warehouse)
    monkeypatch.setenv("DFU_API_RUNS", str(tmp_path))
    app = FastAPI()
    app.include_router(router)
    with TestClient(app, base_url="http://localhost") as client:
        assert client.get("/domains/dfu/clusters").json()["total_assigned"] == 1
        problem = client.get("/domains/dfu/page?sort=nope")
        assert (problem.status_code, problem.headers["content-type"]) == (422, "application/problem+json")
        assert client.get("/domains/dfu/page?limit=0").headers["content-type"] == "application/problem+json"
        assert "/domains/dfu/{dfu_ck}" in client.get("/openapi.json").json()["paths"]

    def connections():
        with closing(psycopg2.connect(warehouse)) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM ({CONNECTIONS}) AS connections")
            return cursor.fetchall()[0][0]

    wait_until(lambda: connections() == 0, 10, lambda: f"{connections()} connections are left")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "DATABASE_URL: Field required"),
        ({"DATABASE_URL": "mysql://u:secret-word@h/d"}, "The warehouse's address must name a PostgreSQL database"),
        ({"DATABASE_URL": "postgresql://u@h/d", "DFU_API_POOL_SIZE": "0"}, "DFU_API_POOL_SIZE: Input should be"),
    ],
)
def test_setting_that_cannot_be_used_ends_it_with_exit_code_2(environment, message, monkeypatch, capsys):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["api", "--port", "0"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert "secret-word" not in said


def test_program_that_cannot_start_ends_in_one_line():
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    command = [sys.executable, "-m", "api", "--port", "0"]
    address = {"DATABASE_URL": "mysql://u:secret-word@h/d"}
    done = subprocess.run(
        command, cwd=ROOT, env=kept | address, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("error: Rule broken: The warehouse's address must name a PostgreSQL database")
    assert "secret-word" not in done.stderr
