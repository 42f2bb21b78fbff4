"""When the labels are read again, and what readers get meanwhile and while the database is away."""

import threading

import numpy as np
import pytest
from sqlalchemy.exc import OperationalError

from api.database import LabelSnapshot
from api.settings import ApiSettings
from api.views import Views

AWAY = OperationalError("SELECT 1", {}, Exception("connection refused"))


class Table:
    """dim_dfu as far as a view needs it: a count of writes, the labels, and whether it answers."""

    def __init__(self):
        self.writes = 0
        self.label = "old"
        self.reads = 0
        self.away = False
        self.may_read = threading.Event()
        self.may_read.set()

    def change_mark(self):
        if self.away:
            raise AWAY
        return (self.writes,)

    def label_snapshot(self):
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
    settings = ApiSettings(database_url="postgresql://nobody@nowhere/none", runs=tmp_path, rebuild_s=60)
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
    line = (
        '{"as_of_month":"2026-10","load_id":null,"fingerprint":"f","config_digest":"d","run":"r","labels":{},'
        '"published_at":"2026-11-24T00:00:00Z"}\n'
    )
    (tmp_path / "published.jsonl").write_text(line)
    clock.now += 1.0
    assert views.current().as_of_month == "2026-10"
    assert table.reads == 1


def test_labels_are_read_again_after_a_while_where_no_write_is_counted(views, table, clock):
    views.current()
    table.label = "written on a server that counts nothing"
    clock.now += 61
    assert list(views.current().labels.counts()) == [table.label]


def test_readers_get_the_old_labels_while_one_reads_the_new(views, table, clock):
    old = views.current()
    table.writes, table.label = 1, "new"
    table.may_read.clear()
    clock.now += 2
    got = []
    reading = threading.Thread(target=lambda: got.append(views.current()))
    reading.start()
    try:
        assert views.current() is old
    finally:
        table.may_read.set()
        reading.join(30)
    assert got[0].labels.counts() == {"new": 2}
    assert views.current() is got[0]


def test_labels_outlive_a_short_absence_of_the_database_and_no_long_one(views, table, clock):
    old = views.current()
    table.away = True
    clock.now += 9
    assert views.current() is old
    clock.now += 2
    with pytest.raises(OperationalError):
        views.current()
    table.away = False
    assert views.current() is old
