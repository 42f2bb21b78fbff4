"""Publishing to a real PostgreSQL: exactly the new labels or nothing, and only rows that change are touched."""

import threading
import time
from contextlib import closing, contextmanager

import pandas as pd
import psycopg2
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import DataError
from dfu_clustering.publishing import transaction
from dfu_clustering.publishing.outcome import ConcurrentChangeError, SlowStatementError
from dfu_clustering.publishing.transaction import Publishing, publish_labels
from dfu_clustering.warehouse import timeouts
from dfu_clustering.warehouse.connect import connect_engine, is_transient
from tests.integration.prefect_server import wait_until
from tests.integration.small_table import fetched, labels, published, small_table, touched
from tests.publish_records import NoRecord

pytestmark = pytest.mark.integration


@pytest.fixture
def engine(postgres_url):
    with small_table(postgres_url) as engine:
        yield engine


def test_labels_are_exactly_the_new_ones_and_others_become_null(engine):
    report = publish_labels(engine, labels(a="new", b="kept", c="new"))
    assert published(engine) == {"a": "new", "b": "kept", "c": "new", "d": None, "e": None}
    counts = (report.updated, report.unchanged, report.cleared, report.unlabelled, report.not_found)
    assert counts == (2, 1, 1, 2, 0)


def test_somebodys_tables_of_our_temporary_names_are_neither_read_nor_written(engine, postgres_url):
    columns = "(dfu_ck text, cluster_label text, place tid, old_label text, new_label text, appeared boolean)"
    with psycopg2.connect(postgres_url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA first")
        for schema in ("first", "public"):
            for name in ("new_labels", "label_changes"):
                cursor.execute(f"CREATE TABLE {schema}.{name} {columns}")
                cursor.execute(f"INSERT INTO {schema}.{name} (dfu_ck, cluster_label, new_label) VALUES ('a', 'x', 'x')")
        cursor.execute(f"ALTER DATABASE {connection.info.dbname} SET search_path = first, public, pg_temp")
    publish_labels(engine, labels(a="new", b="kept", c="new"))
    assert published(engine) == {"a": "new", "b": "kept", "c": "new", "d": None, "e": None}
    with engine.connect() as connection:
        for schema in ("first", "public"):
            for name in ("new_labels", "label_changes"):
                rows = connection.exec_driver_sql(f"SELECT dfu_ck, cluster_label, new_label FROM {schema}.{name}")
                assert rows.fetchall() == [("a", "x", "x")]


def test_only_changed_rows_get_a_new_modified_ts(engine):
    publish_labels(engine, labels(a="new", b="kept", c="new"))
    assert touched(engine) == ["a", "c", "d"]


def test_rows_are_written_in_the_order_in_which_the_table_lies(engine):
    with engine.begin() as connection:  # so that it is not the order of the keys
        connection.exec_driver_sql("UPDATE dim_dfu SET brand = 'x' WHERE dfu_ck IN ('a', 'b')")
    publish_labels(engine, labels(a="new", b="new", c="new", d="new", e="new"))
    with engine.connect() as connection:
        keys = connection.exec_driver_sql("SELECT dfu_ck FROM dim_dfu ORDER BY ctid").scalars().all()
    assert keys == ["c", "d", "e", "a", "b"]


def test_labels_find_their_rows_in_a_partitioned_table(engine):
    partitions = "CREATE TABLE part_{n} PARTITION OF dim_dfu FOR VALUES WITH (MODULUS 4, REMAINDER {n})"
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE dim_dfu RENAME TO whole")
        connection.exec_driver_sql("CREATE TABLE dim_dfu (LIKE whole) PARTITION BY HASH (dfu_ck)")
        for number in range(4):
            connection.exec_driver_sql(partitions.format(n=number))
        connection.exec_driver_sql("INSERT INTO dim_dfu SELECT * FROM whole")
    report = publish_labels(engine, labels(a="A", b="B", c="C", d="D", e="E"))
    assert (report.updated, published(engine)) == (5, {"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"})


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
    dry = publish_labels(engine, labels(a="new", b="kept", c="new"), Publishing(dry_run=True))
    assert published(engine) == before
    assert touched(engine) == []
    wet = publish_labels(engine, labels(a="new", b="kept", c="new"))
    assert dry.transitions == wet.transitions


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (labels(a="new").drop(columns="cluster_id"), r"must have the columns dfu_ck, cluster_id, cluster_label"),
        (pd.concat([labels(a="new"), labels(a="other")]), r"must hold every dfu_ck once.*\(1: 'a'\)"),
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
    report = publish_labels(engine, labels(a="new", gone="new"), Publishing(unknown="report"))
    assert (report.not_found, report.not_found_keys) == (1, ("gone",))
    assert published(engine)["a"] == "new"


def waits_for_the_lock(url):
    with closing(psycopg2.connect(url)) as other, other.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return cursor.fetchall()[0][0]


def test_second_publisher_waits_for_the_first(engine, postgres_url):
    with psycopg2.connect(postgres_url) as first, first.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (0x0DF0_C1A5,))
        second = threading.Thread(target=publish_labels, args=(engine, labels(a="new")))
        second.start()
        wait_until(lambda: waits_for_the_lock(postgres_url), 30, lambda: "nobody waits for the publishers' lock")
        assert published(engine)["a"] == "old"
        first.rollback()
        second.join(timeout=10)
    assert published(engine)["a"] == "new"


@contextmanager
def before_the_update(url, *statements, times=1):
    """Do something on another connection just before the update of each of the first so many tries."""
    left = list(range(times))

    class Meanwhile(NoRecord):
        def keep_previous(self, previous):
            if left:
                left.pop()
                with closing(psycopg2.connect(url)) as other, other, other.cursor() as cursor:
                    for command in statements:
                        cursor.execute(command)

    yield Publishing(record=Meanwhile(), unknown="report")


@pytest.mark.parametrize(
    ("meanwhile", "after"),
    [
        ("UPDATE dim_dfu SET cluster_assignment = 'other' WHERE dfu_ck = 'a'", {"a": "new", "not_found": 0}),
        ("DELETE FROM dim_dfu WHERE dfu_ck = 'a'", {"a": None, "not_found": 1}),
    ],
)
def test_row_that_somebody_else_changes_meanwhile_makes_publishing_start_anew(engine, postgres_url, meanwhile, after):
    with before_the_update(postgres_url, meanwhile) as how:
        report = publish_labels(engine, labels(a="new", b="kept", c="new"), how)
    left = published(engine)
    assert {"a": left.get("a"), "not_found": report.not_found} == after
    assert left["c"] == "new"


def test_table_that_changes_again_and_again_is_left_alone(engine, postgres_url, monkeypatch):
    monkeypatch.setattr(transaction, "_PAUSES_S", (0.01, 0.01))
    change = "UPDATE dim_dfu SET cluster_assignment = cluster_assignment || '!' WHERE dfu_ck = 'a'"
    with before_the_update(postgres_url, change, times=3) as how, pytest.raises(ConcurrentChangeError) as caught:
        publish_labels(engine, labels(a="new", b="kept", c="new"), how)
    assert "changed 3 times while labels were published" in str(caught.value)
    assert is_transient(caught.value)
    assert (published(engine)["a"], published(engine)["c"]) == ("old!!!", None)


def impatient(url, **limits):
    return connect_engine(url, load_config(warehouse=limits).warehouse)


def test_publisher_that_waits_too_long_says_who_holds_the_lock(engine, postgres_url):
    with closing(psycopg2.connect(postgres_url, application_name="another-one")) as first, first.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (0x0DF0_C1A5,))
        told = rf"held by process {first.info.backend_pid} of user postgres \(another-one, idle in transaction, for 0"
        with pytest.raises(ConcurrentChangeError, match=told):
            publish_labels(impatient(postgres_url, lock_timeout_s=0.2), labels(a="new"))
    publish_labels(engine, labels(a="new"))
    assert published(engine)["a"] == "new"


@pytest.mark.parametrize(
    "hold", ["LOCK TABLE dim_dfu IN SHARE MODE", "SELECT FROM dim_dfu WHERE dfu_ck = 'a' FOR UPDATE"]
)
def test_table_or_row_that_somebody_else_holds_is_named_and_left_alone(engine, postgres_url, hold):
    before = published(engine)
    with closing(psycopg2.connect(postgres_url, application_name="loader")) as other, other.cursor() as cursor:
        cursor.execute(hold)
        with pytest.raises(
            ConcurrentChangeError, match=r"lock_timeout_s: it is held by process \d+ .*loader"
        ) as caught:
            publish_labels(impatient(postgres_url, lock_timeout_s=0.2), labels(a="new", c="new"))
    assert is_transient(caught.value)
    assert published(engine) == before


def test_statement_that_takes_too_long_is_ended_and_named(engine, postgres_url):
    before = published(engine)
    with closing(psycopg2.connect(postgres_url)) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE dim_dfu IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(
            SlowStatementError, match=r"statement timeout.*raise warehouse\.statement_timeout_s"
        ) as caught:
            publish_labels(impatient(postgres_url, statement_timeout_s=0.2), labels(a="new"))
    assert is_transient(caught.value)
    assert published(engine) == before


def test_statements_that_are_long_only_together_are_not_cut_off(engine, postgres_url, monkeypatch):
    class Slow(psycopg2.extensions.cursor):
        def execute(self, *arguments):
            super().execute("SELECT pg_sleep(0.4)")
            super().execute(*arguments)

    monkeypatch.setattr(timeouts, "Cursor", Slow)
    monkeypatch.setattr(timeouts, "_GRACE_S", 0)
    publish_labels(impatient(postgres_url, statement_timeout_s=1.5), labels(a="new", b="kept", c="new"))
    assert published(engine)["a"] == "new"


def test_deadlock_is_broken_and_publishing_starts_anew(engine, postgres_url, caplog):
    """Another program holds row c and then asks for row a, which the publisher has taken by then."""
    with closing(psycopg2.connect(postgres_url)) as setup, setup, setup.cursor() as cursor:
        # the publisher waits within its update, between the first row and the next
        cursor.execute(
            "CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END $$;"
            "CREATE TRIGGER pause BEFORE UPDATE ON dim_dfu"
            " FOR EACH ROW WHEN (NEW.dfu_ck = 'a') EXECUTE FUNCTION pause()"
        )
    with closing(psycopg2.connect(postgres_url)) as other, other.cursor() as cursor:
        cursor.execute("SET deadlock_timeout = '1min'")  # so that the publisher finds the deadlock
        cursor.execute("SELECT FROM dim_dfu WHERE dfu_ck = 'c' FOR UPDATE")
        publisher = threading.Thread(target=publish_labels, args=(engine, labels(a="new", c="new")))
        publisher.start()
        waits = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE \"dim_dfu\"%'"
        )
        while fetched(postgres_url, waits) != [(1,)]:
            time.sleep(0.05)
        cursor.execute("SELECT FROM dim_dfu WHERE dfu_ck = 'a' FOR UPDATE")  # ends once the publisher has given way
        other.rollback()
        publisher.join(timeout=30)
    assert "publishing again in 0.5 s: deadlock detected" in caplog.text
    assert (published(engine)["a"], published(engine)["c"]) == ("new", "new")


def test_key_that_is_in_the_table_twice_gets_its_label_in_both_rows(engine):
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE dim_dfu RENAME TO whole")
        connection.exec_driver_sql("CREATE TABLE dim_dfu (LIKE whole)")
        connection.exec_driver_sql("INSERT INTO dim_dfu SELECT * FROM whole UNION ALL SELECT * FROM whole")
    publish_labels(engine, labels(a="new", b="kept"))
    with engine.connect() as connection:
        query = "SELECT cluster_assignment, count(*) FROM dim_dfu GROUP BY 1"
        assert dict(connection.exec_driver_sql(query).fetchall()) == {"new": 2, "kept": 2, None: 6}


def test_dfus_that_came_into_dim_dfu_since_are_counted(engine):
    how = Publishing(known_unlabelled=pd.Series(["c", "gone", "a", None], dtype="str"))
    report = publish_labels(engine, labels(a="new", b="kept"), how)
    assert (report.appeared, report.appeared_keys, report.not_found) == (2, ("d", "e"), 0)
    assert published(engine) == {"a": "new", "b": "kept", "c": None, "d": None, "e": None}


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
