"""Publishing to a real PostgreSQL: exactly the new labels or nothing, and only rows that change are touched."""

import threading
import time

import pandas as pd
import psycopg2
import pytest

from dfu_clustering import publishing
from dfu_clustering.errors import DataError
from dfu_clustering.publishing import ConcurrentChangeError, publish_labels
from dfu_clustering.warehouse import connect_engine, is_transient, statement

pytestmark = pytest.mark.integration

LOAD_TIME = "2026-01-01 00:00:00+00"


@pytest.fixture
def engine(postgres_url):
    engine = connect_engine(postgres_url)
    with psycopg2.connect(postgres_url) as connection, connection.cursor() as cursor:
        cursor.execute(statement("005_create_dim_dfu"))
        for key, label in [("a", "old"), ("b", "kept"), ("c", None), ("d", "stale"), ("e", None)]:
            cursor.execute(
                "INSERT INTO dim_dfu (dfu_ck, dmdunit, dmdgroup, loc, cluster_assignment, modified_ts)"
                " VALUES (%s, %s, 'g', 'x', %s, %s)",
                (key, key, label, LOAD_TIME),
            )
    yield engine
    engine.dispose()


def labels(**by_key):
    frame = pd.DataFrame({"dfu_ck": list(by_key), "cluster_id": 0, "cluster_label": list(by_key.values())})
    return frame.astype({"dfu_ck": "str", "cluster_label": "str"})


def published(engine):
    with engine.connect() as connection:
        return dict(connection.exec_driver_sql("SELECT dfu_ck, cluster_assignment FROM dim_dfu").fetchall())


def touched(engine):
    query = f"SELECT dfu_ck FROM dim_dfu WHERE modified_ts <> '{LOAD_TIME}' ORDER BY dfu_ck"
    with engine.connect() as connection:
        return [key for (key,) in connection.exec_driver_sql(query)]


def test_labels_are_exactly_the_new_ones_and_others_become_null(engine):
    report = publish_labels(engine, labels(a="new", b="kept", c="new"))
    assert published(engine) == {"a": "new", "b": "kept", "c": "new", "d": None, "e": None}
    counts = (report.updated, report.unchanged, report.cleared, report.unlabelled, report.not_found)
    assert counts == (2, 1, 1, 2, 0)


def test_only_changed_rows_get_a_new_modified_ts(engine):
    publish_labels(engine, labels(a="new", b="kept", c="new"))
    assert touched(engine) == ["a", "c", "d"]


def test_second_publish_of_the_same_labels_touches_no_row(engine):
    publish_labels(engine, labels(a="new", b="kept"))
    query = "SELECT dfu_ck, xmin::text, modified_ts FROM dim_dfu ORDER BY dfu_ck"
    with engine.connect() as connection:
        before = connection.exec_driver_sql(query).fetchall()
    report = publish_labels(engine, labels(a="new", b="kept"))
    with engine.connect() as connection:
        assert connection.exec_driver_sql(query).fetchall() == before
    assert (report.updated, report.cleared, report.unchanged) == (0, 0, 2)


def test_dry_run_reports_the_same_and_writes_nothing(engine):
    before = published(engine)
    dry = publish_labels(engine, labels(a="new", b="kept", c="new"), dry_run=True)
    assert published(engine) == before
    assert touched(engine) == []
    wet = publish_labels(engine, labels(a="new", b="kept", c="new"))
    assert dry.transitions == wet.transitions


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (labels(a="new").assign(extra=1), r"exactly the columns dfu_ck, cluster_id, cluster_label"),
        (labels(a="new").drop(columns="cluster_id"), r"exactly the columns"),
        (pd.concat([labels(a="new"), labels(a="other")]), r"holds every dfu_ck once.*\(1: 'a'\)"),
        (labels(a="new", zz="new", z="new"), r"must be in dim_dfu.*\(2: 'z', 'zz'\)"),
        (labels(a="new").assign(cluster_label=None), r"must have a label.*'a'"),
        (labels(a="new", b=" "), r"must have a label.*'b'"),
        (labels(a="new").head(0), r"must hold labels.*would clear every label"),
        (labels(a="new").assign(dfu_ck=None), r"must belong to a DFU"),
    ],
)
def test_bad_labels_are_refused_and_nothing_is_written(engine, table, message):
    before = published(engine)
    with pytest.raises(DataError, match=message):
        publish_labels(engine, table)
    assert published(engine) == before
    assert touched(engine) == []


def test_dfu_that_left_dim_dfu_is_reported_when_asked_for(engine):
    report = publish_labels(engine, labels(a="new", gone="new"), unknown="report")
    assert (report.not_found, report.not_found_keys) == (1, ("gone",))
    assert published(engine)["a"] == "new"


def test_second_publisher_waits_for_the_first(engine, postgres_url):
    with psycopg2.connect(postgres_url) as first, first.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (0x0DF0_C1A5,))
        second = threading.Thread(target=publish_labels, args=(engine, labels(a="new")))
        second.start()
        time.sleep(0.5)
        assert second.is_alive()
        assert published(engine)["a"] == "old"
        first.rollback()
        second.join(timeout=10)
    assert published(engine)["a"] == "new"


@pytest.mark.parametrize(
    ("meanwhile", "kept"),
    [
        ("UPDATE dim_dfu SET cluster_assignment = 'other' WHERE dfu_ck = 'a'", "other"),
        ("DELETE FROM dim_dfu WHERE dfu_ck = 'a'", None),
    ],
)
def test_row_that_somebody_else_changes_meanwhile_fails_the_publish(engine, postgres_url, monkeypatch, meanwhile, kept):
    def change_after_the_transitions_were_read(name):
        if name == "update_labels":
            with psycopg2.connect(postgres_url) as other, other.cursor() as cursor:
                cursor.execute(meanwhile)
        return statement(name)

    monkeypatch.setattr(publishing, "statement", change_after_the_transitions_were_read)
    with pytest.raises(psycopg2.errors.SerializationFailure) as caught:
        publish_labels(engine, labels(a="new", b="kept", c="new"))
    assert is_transient(caught.value)
    left = published(engine)
    assert (left.get("a"), left["c"]) == (kept, None)


def test_publisher_that_waits_too_long_says_that_another_one_holds_the_lock(engine, postgres_url, monkeypatch):
    monkeypatch.setattr(publishing, "_LOCK_TIMEOUT", "200ms")
    with psycopg2.connect(postgres_url) as first, first.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (0x0DF0_C1A5,))
        with pytest.raises(ConcurrentChangeError, match="Another publisher has held dim_dfu for 200ms"):
            publish_labels(engine, labels(a="new"))
    publish_labels(engine, labels(a="new"))
    assert published(engine)["a"] == "new"


def test_lock_is_given_back_after_success_and_failure(engine, postgres_url):
    publish_labels(engine, labels(a="new"))
    with pytest.raises(DataError):
        publish_labels(engine, labels(nobody="new"))
    with psycopg2.connect(postgres_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        assert cursor.fetchone() == (0,)


def test_failure_inside_the_transaction_leaves_the_old_labels(engine, postgres_url):
    with psycopg2.connect(postgres_url) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE dim_dfu ADD CONSTRAINT no_c CHECK (dfu_ck <> 'c' OR cluster_assignment IS NULL)")
    before = published(engine)
    with pytest.raises(psycopg2.errors.CheckViolation):
        publish_labels(engine, labels(a="new", b="new", c="new"))
    assert published(engine) == before
