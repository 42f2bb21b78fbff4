"""What is written down of a publish, and what the next publisher makes of it after a cut."""

import time
from contextlib import closing

import psycopg2
import pytest

from dfu_clustering.files.summary import read_summary, write_summary
from dfu_clustering.files.tables import read_table
from dfu_clustering.publishing import transaction
from dfu_clustering.publishing.lock import publish_lock
from dfu_clustering.publishing.outcome import CommitUnknownError
from dfu_clustering.runs.ledger import Ledger, Pending
from dfu_clustering.runs.publish_record import LedgerRecord
from dfu_clustering.runs.standing import standing_under_lock
from dfu_clustering.warehouse.connect import is_transient
from tests.integration.small_table import labels, publish_recorded, published, small_table
from tests.publish_records import record_in

pytestmark = pytest.mark.integration


@pytest.fixture
def engine(postgres_url):
    with small_table(postgres_url) as engine:
        yield engine


def previous_in(folder):
    before = read_table(folder / "previous_labels.parquet")
    return before.astype(object).where(before.notna(), None).set_index("dfu_ck")["cluster_assignment"].to_dict()


def lines_beside(folder):
    return Ledger(folder.parent).publications()


def test_labels_of_before_and_a_pending_line_are_on_disk_before_the_change_is_committed(engine, tmp_path):
    seen: list[tuple[object, ...]] = []

    class Seen(LedgerRecord):
        def keep_previous(self, previous):
            super().keep_previous(previous)
            seen.append((published(engine), previous_in(tmp_path / "run")))

        def prepare(self, attempt):
            super().prepare(attempt)
            pending = read_summary(Pending, self.ledger.pending_path(attempt.warehouse))
            seen.append((published(engine), pending.publication.published_at == attempt.time, lines_beside(tmp_path)))

    publish_recorded(engine, labels(a="new", b="kept", c="new"), record_in(tmp_path / "run", Seen))
    old = {"a": "old", "b": "kept", "c": None, "d": "stale", "e": None}
    assert seen == [(old, {"a": "old", "c": None, "d": "stale"}), (old, True, [])]
    (line,) = Ledger(tmp_path).publications()
    assert (line.run, str(line.labels_digest).partition(":")[0]) == ("2026-10-c0ffee-run", "3")
    assert not list(tmp_path.glob(".publishing-*"))


def test_run_that_is_cut_off_after_its_commit_reports_what_it_did_and_keeps_the_labels_of_before(engine, tmp_path):
    record = record_in(tmp_path / "run")
    first = publish_recorded(engine, labels(a="new", b="kept"), record)
    # somebody wrote by hand since: what was published is published, and what he wrote stays
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE dim_dfu SET cluster_assignment = 'hand' WHERE dfu_ck IN ('a', 'b')")
    again = publish_recorded(engine, labels(a="new", b="kept"), record)
    assert again == first
    assert (again.updated, again.cleared, published(engine)["a"]) == (1, 1, "hand")
    assert previous_in(tmp_path / "run") == {"a": "old", "d": "stale"}
    assert len(Ledger(tmp_path).publications()) == 1


def test_run_that_is_killed_before_its_line_is_settled_by_whoever_publishes_next(engine, tmp_path):
    class Killed(LedgerRecord):
        def committed(self, attempt):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish_recorded(engine, labels(a="first"), record_in(tmp_path / "first", Killed))
    assert Ledger(tmp_path).publications() == []
    publish_recorded(engine, labels(a="second"), record_in(tmp_path / "second"))
    lines = Ledger(tmp_path).publications()
    assert [line.run for line in lines] == ["2026-10-c0ffee-first", "2026-10-c0ffee-second"]
    assert lines[0].published_at < lines[1].published_at
    # and the first, tried again, knows that it has published, and replaces nothing
    assert publish_recorded(engine, labels(a="first"), record_in(tmp_path / "first")).updated == 1
    assert published(engine)["a"] == "second"
    assert Ledger(tmp_path).publications() == lines


class FullDisk(LedgerRecord):
    """A record whose line cannot be written."""

    def prepare(self, attempt):
        super().prepare(attempt)
        raise OSError("no space left on device")


def test_attempt_that_was_rolled_back_leaves_no_line_and_is_made_anew(engine, tmp_path):
    with pytest.raises(OSError, match="no space left"):
        publish_recorded(engine, labels(a="new"), record_in(tmp_path / "run", FullDisk))
    assert published(engine)["a"] == "old"
    publish_recorded(engine, labels(a="new"), record_in(tmp_path / "run"))
    assert published(engine)["a"] == "new"
    assert len(Ledger(tmp_path).publications()) == 1
    assert previous_in(tmp_path / "run") == {"a": "old", "b": "kept", "d": "stale"}


@pytest.mark.parametrize(("found", "lines"), [("new", 1), ("old", 0)])
def test_of_a_transaction_that_the_database_does_not_know_the_labels_tell(engine, tmp_path, found, lines):
    """A database that was put back from a backup knows no transaction of later."""
    record = record_in(tmp_path / "run", FullDisk)
    with pytest.raises(OSError, match="no space left"):
        publish_recorded(engine, labels(a="new", b="kept"), record)
    (path,) = tmp_path.glob(".publishing-*")
    write_summary(read_summary(Pending, path).model_copy(update={"transaction": 2**40}), path)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE dim_dfu SET cluster_assignment = NULL WHERE dfu_ck = 'd'")
        connection.exec_driver_sql(f"UPDATE dim_dfu SET cluster_assignment = '{found}' WHERE dfu_ck = 'a'")
    with publish_lock(engine) as table:
        standing_under_lock(Ledger(tmp_path), table)
    assert len(Ledger(tmp_path).publications()) == lines
    assert not path.exists()


def test_each_of_two_later_publishes_into_folders_of_their_own_keeps_the_labels_of_before(engine, tmp_path):
    publish_recorded(engine, labels(a="august", b="august"), record_in(tmp_path / "august"))
    publish_recorded(engine, labels(b="september", c="september"), record_in(tmp_path / "september"))
    report = publish_recorded(engine, labels(a="october", b="september"), record_in(tmp_path / "october"))
    assert (report.updated, report.cleared) == (1, 1)
    assert previous_in(tmp_path / "october") == {"a": None, "c": "september"}


@pytest.mark.parametrize(("committed", "label"), [(False, "old"), (True, "new")])
def test_connection_lost_at_the_commit_is_all_or_nothing_and_the_next_try_knows(
    engine, postgres_url, tmp_path, monkeypatch, committed, label
):
    """The server ends the session just before, or just after, it commits; the client cannot tell which."""
    record, real = record_in(tmp_path / "run"), transaction._commit

    def lost(connection):
        if committed:
            with connection.cursor() as cursor:
                cursor.execute("COMMIT")
        with closing(psycopg2.connect(postgres_url)) as other, other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        time.sleep(0.2)
        real(connection)

    monkeypatch.setattr(transaction, "_commit", lost)
    with pytest.raises((CommitUnknownError, psycopg2.OperationalError)) as caught:
        publish_recorded(engine, labels(a="new"), record)
    assert is_transient(caught.value)
    assert published(engine)["a"] == label
    monkeypatch.setattr(transaction, "_commit", real)
    assert publish_recorded(engine, labels(a="new"), record).updated == 1
    assert published(engine)["a"] == "new"
    assert len(Ledger(tmp_path).publications()) == 1
