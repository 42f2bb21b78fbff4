"""When the labels are read again, and what readers get meanwhile and while the database is away."""

import threading

import numpy as np
import pytest
from pydantic import SecretStr
from sqlalchemy.exc import InterfaceError, OperationalError

from api.database import LabelSnapshot
from api.settings import ApiSettings
from api.state import Views

AWAY = (
    OperationalError("SELECT 1", {}, Exception("connection refused")),
    InterfaceError("SELECT 1", {}, Exception("connection already closed")),
)


class Table:
    """dim_dfu as far as a view needs it: a count of writes, the labels, and whether it answers."""

    def __init__(self):
        self.writes = 0
        self.label = "old"
        self.reads = 0
        self.away = None
        self.asked = threading.Event()
        self.may_read = threading.Event()
        self.may_read.set()

    def change_mark(self):
        if self.away:
            raise self.away
        return (self.writes,)

    def label_snapshot(self):
        self.asked.set()
        assert self.may_read.wait(30)
        self.reads += 1
        return LabelSnapshot({self.label: np.array([1, 2]), None: np.array([3])})


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def table():
    return Table()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def views(table, clock, tmp_path):
    settings = ApiSettings(database_url=SecretStr("postgresql://nobody@nowhere/none"), runs=tmp_path, rebuild_s=60)
    return Views(settings, table, clock)


def test_labels_are_read_once_as_long_as_nothing_is_written(views, table, clock):
    first = views.current()
    for _ in range(5):
        clock.now += 10
        assert views.current() is first
    assert table.reads == 1


def test_written_rows_show_after_the_refresh_time(views, table, clock):
    views.current()
    table.writes, table.label = 1, "new"
    assert views.current().labels.counts() == {"old": 2}
    clock.now += 1.0
    assert views.current().labels.counts() == {"new": 2}


def test_ledger_shows_without_reading_the_labels_again(views, table, clock, tmp_path):
    assert views.current().as_of_month is None
    (tmp_path / "published.jsonl").write_text(LEDGER_LINE)
    clock.now += 1.0
    assert views.current().as_of_month == "2026-10"
    assert table.reads == 1


LEDGER_LINE = (
    '{"as_of_month":"2026-10","load_id":null,"fingerprint":"f","config_digest":"d","run":"r","labels":{},'
    '"published_at":"2026-11-24T00:00:00Z"}\n'
)


def test_what_was_read_of_a_run_is_kept_while_the_ledger_is_the_same(views, table, clock, tmp_path):
    ledger = tmp_path / "published.jsonl"
    ledger.write_text(LEDGER_LINE)
    first = views.current()
    table.writes = 1
    clock.now += 1
    after_a_write = views.current()
    clock.now += 61
    after_a_minute = views.current()
    assert (table.reads, after_a_write is first, after_a_minute is after_a_write) == (3, False, False)
    assert after_a_write.newest is after_a_minute.newest is first.newest
    ledger.write_text(LEDGER_LINE + LEDGER_LINE.replace("2026-10", "2026-11"))
    clock.now += 1
    assert views.current().newest.publication.as_of_month == "2026-11"
    assert views.current().published[0] is not first.newest  # a run that is no longer the newest keeps no memory


@pytest.mark.parametrize("broken", ["a line that is none\n", "a folder"])
def test_labels_go_on_while_the_ledger_is_broken(views, table, clock, tmp_path, caplog, broken):
    ledger = tmp_path / "published.jsonl"
    ledger.write_text(LEDGER_LINE)
    known = views.current().newest
    ledger.unlink()
    ledger.mkdir() if broken == "a folder" else ledger.write_text(LEDGER_LINE + broken)
    for label in ("new", "newer"):
        table.writes, table.label = table.writes + 1, label
        clock.now += 30  # longer than any grace
        assert (views.current().labels.counts(), views.current().newest) == ({label: 2}, known)
    assert {record.levelname for record in caplog.records if "the ledger cannot be read" in record.message} == {"ERROR"}
    ledger.rmdir() if broken == "a folder" else ledger.unlink()
    ledger.write_text(LEDGER_LINE.replace("2026-10", "2026-11"))
    clock.now += 1
    assert views.current().as_of_month == "2026-11"


def test_labels_are_read_again_after_a_while_where_no_write_is_counted(views, table, clock):
    views.current()
    table.label = "written on a server that counts nothing"
    clock.now += 61
    assert list(views.current().labels.counts()) == [table.label]


def test_readers_get_the_old_labels_while_one_reads_the_new(views, table, clock):
    old = views.current()
    table.writes, table.label = 1, "new"
    table.asked.clear()
    table.may_read.clear()
    clock.now += 2
    got = []
    reading = threading.Thread(target=lambda: got.append(views.current()))
    reading.start()
    try:
        assert views.current() is old
        assert table.asked.wait(30)
        clock.now += 30  # longer than any grace: the database answers, it only takes its time
        assert views.current() is old
    finally:
        table.may_read.set()
        reading.join(30)
    assert got[0].labels.counts() == {"new": 2}
    assert views.current() is got[0]


@pytest.mark.parametrize("away", AWAY, ids=lambda away: type(away).__name__)
def test_labels_outlive_a_short_absence_of_the_database_and_no_long_one(views, table, clock, away):
    old = views.current()
    table.away = away
    clock.now += 9
    assert views.current() is old
    clock.now += 2
    with pytest.raises(type(away)):
        views.current()
    table.away = None
    assert views.current() is old
