"""After any sequence of loads, stops, kills, retries, restores, promotions and overrides dim_dfu is as the rules say.

Right is: the newest labels of the machine, with the overrides that hold on top.

The steps are the real ones, in this process, on a real PostgreSQL; a kill is an exception that nothing handles. The
model is a list of publishes and the rules of decision 34, told once more.
"""

import shutil
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import psycopg2
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import make_url

from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import DataError
from dfu_clustering.loads.publication import find_publication, month_to_publish
from dfu_clustering.loads.sales_loads import SalesState
from dfu_clustering.overrides.wanted import Wanted
from dfu_clustering.publishing import transaction
from dfu_clustering.publishing.outcome import CommitUnknownError
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.manifest import READ_SALES_STATE
from dfu_clustering.runs.overtaken import OvertakenError, note_published, older_month_problem
from dfu_clustering.runs.publish_record import LedgerRecord
from dfu_clustering.runs.run import Run
from dfu_clustering.steps import override_labels, publish_labels, restore_labels
from dfu_clustering.steps.find_published import find_standing_runs
from dfu_clustering.warehouse.connect import connect_engine
from dfu_clustering.warehouse.statements import statement

pytestmark = pytest.mark.integration

TRACKING = load_config().tracking
KEYS = [f"dfu_{number}" for number in range(6)]
MONTHS = ("2026-08", "2026-09", "2026-10")
SOME_LABELS = ("low_volume", "high_volume", "new_low_volume")
STEPS = 12

months, label_sets = st.sampled_from(MONTHS), st.lists(st.sampled_from(SOME_LABELS), min_size=6, max_size=6)
picks = st.integers(0, 99)
some_keys = st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True)


class ProcessEnds(BaseException):
    """The process is killed."""


def end_after(real):
    def work(*arguments):
        real(*arguments)
        raise ProcessEnds

    return work


def commit_without_an_answer(connection):
    connection.commit()
    raise CommitUnknownError("the connection was lost")


KILLS = {
    "before the update": (LedgerRecord, "keep_previous", end_after(LedgerRecord.keep_previous)),
    "before COMMIT": (LedgerRecord, "prepare", end_after(LedgerRecord.prepare)),
    "at COMMIT": (transaction, "_commit", commit_without_an_answer),
    "before the line": (LedgerRecord, "committed", end_after(lambda *_: None)),
    "after it": (Ledger, "append", end_after(Ledger.append)),
}
kills = st.sampled_from([None, None, None, *KILLS])
COMMITTED = ("at COMMIT", "before the line", "after it")


@contextmanager
def killed(point):
    """End the process at a point of its publish; None: at none."""
    with pytest.MonkeyPatch.context() as patch:
        if point:
            patch.setattr(*KILLS[point])
        yield


@dataclass(eq=False)
class Attempt:
    """A run or a restore, as the model knows it.

    Attributes:
        seen: The newest line when it began.
        began: Its number among all that began.
        labels: What it publishes.
    """

    run: Run
    month: str
    labels: dict
    seen: object
    began: int
    load_id: str | None = None
    older: bool = False
    restored: bool = False
    of: object = None


@dataclass(eq=False)
class Line:
    """A line of the ledger, as the model knows it: whose labels, and which overrides are on top of them."""

    of: Attempt
    overrides: tuple
    brought_by: Any = None  # the line that brought the labels, where this one only changed the overrides

    @property
    def same_labels(self):
        return self.brought_by is not None

    def is_of_same_labels(self, other):
        return (self.brought_by or self) is (other.brought_by or other)


@dataclass(eq=False)
class Override:
    """An override, as the model knows it."""

    id: str
    keys: list
    label: str
    until: str
    ended: bool = False


class Sequences(RuleBasedStateMachine):
    """Runs and restores that begin, stop, go on, are killed and tried again."""

    def __init__(self, url: str, folder: Path, seen: list[str]) -> None:
        super().__init__()
        self.url, self.engine, self.var, self.seen = url, connect_engine(url), folder, seen

    @initialize()
    def empty(self):
        shutil.rmtree(self.var, ignore_errors=True)
        self.runs = self.var / "runs"
        self.runs.mkdir(parents=True)
        self.execute("UPDATE dim_dfu SET cluster_assignment = NULL")
        self.lines, self.begun, self.answered, self.numbers = [], [], {}, count(1)
        self.dry_runs, self.overrides = [], []

    def teardown(self):
        self.engine.dispose()

    # what happens

    @rule(load=st.sampled_from(["load-1", "load-2"]), month=months, labels=label_sets)
    def announce(self, load, month, labels):
        standing = self.standing()
        month = month_to_publish(month, standing.publications)
        assert month == max([month, *(line.of.month for line in self.lines)])
        state = self.state(month)
        done = find_publication(standing.answers, state, load_id=load, config_digest="d", run_id="none")
        assert (done is not None) == (load in self.answered), (load, month)
        if done is None:
            self.begin(month, labels, load_id=load)
        else:
            self.seen.append("answered")

    @rule(month=months, labels=label_sets, older=st.booleans())
    def begin_by_hand(self, month, labels, older):
        attempt = self.begin(month, labels, older=older)
        later = bool(self.lines) and self.lines[-1].of.month > month
        assert (older_month_problem(attempt.run) is not None) == later
        if later and not older:
            self.make_dry(attempt)

    @rule(month=months, labels=label_sets)
    def begin_dry(self, month, labels):
        self.make_dry(self.begin(month, labels))

    @precondition(lambda self: self.dry_runs)
    @rule(pick=picks, kill=kills)
    def promote(self, pick, kill):
        attempt = self.dry_runs.pop(pick % len(self.dry_runs))
        before = attempt.run.path(RunFile.LABELS).read_bytes()
        self.begun.append(attempt)
        self.go_on_with(attempt, kill)
        assert attempt.run.path(RunFile.LABELS).read_bytes() == before
        self.seen.append("promoted" if self.lines and self.lines[-1].of is attempt else "not promoted")

    @precondition(lambda self: self.lines)
    @rule(keys=some_keys, pick=picks, until=months, publish=st.booleans(), kill=kills)
    def override(self, keys, pick, until, publish, kill):
        self.standing()
        newest = self.lines[-1]
        known = sorted({label for label in self.expected(newest).values() if label})
        override = Override(f"{next(self.numbers):012d}", keys, known[pick % len(known)], until)
        folder = override_labels.open_override(self.runs, override.id)
        wanted = Wanted(label=override.label, until_month=until, owner="Ada", reason="a new customer", dfu_cks=keys)
        if until < newest.of.month:
            with pytest.raises(DataError, match="the month that is published, or in a later one"):
                override_labels.enter_override(folder, self.engine, wanted)
            return
        entered = override_labels.enter_override(folder, self.engine, wanted)
        self.overrides.append(override)
        if publish:
            self.publish_override(folder, entered, kill)
            self.seen.append("overridden")

    @precondition(lambda self: any(not one.ended for one in self.overrides))
    @rule(pick=picks, kill=kills)
    def end_override(self, pick, kill):
        held = [one for one in self.overrides if not one.ended]
        override = held[pick % len(held)]
        folder = override_labels.open_ending(self.runs, f"{next(self.numbers):012d}")
        ended = override_labels.end_override(
            folder, self.engine, override.id, owner="Bob", reason="the customer is gone", dry_run=False
        )
        override.ended = True
        assert not ended.already
        self.publish_override(folder, ended.override, kill)
        self.seen.append("override ended")

    @precondition(lambda self: self.begun)
    @rule(pick=picks, kill=kills)
    def go_on(self, pick, kill):
        self.go_on_with(self.begun[pick % len(self.begun)], kill)

    def go_on_with(self, attempt, kill):
        done = any(line.of is attempt for line in self.lines)
        allowed = done or self.may_publish(attempt)
        try:
            with killed(kill):
                self.publish(attempt)
        except OvertakenError:
            assert not allowed
            self.seen.append("overtaken")
            return
        except (ProcessEnds, CommitUnknownError):
            assert allowed
            assert not done
            self.seen.append(kill)
            if kill in COMMITTED:
                self.published(attempt)
            return
        assert allowed
        if done:
            self.seen.append("published before")
        else:
            self.published(attempt)

    @precondition(lambda self: self.lines)
    @rule(pick=picks)
    def begin_to_restore(self, pick):
        self.standing()
        line = self.lines[pick % len(self.lines)].of
        earlier, before = restore_labels.find_run_to_restore(self.runs, TRACKING, run=line.run.name, before=None)
        number = next(self.numbers)
        restore = restore_labels.open_restore(self.runs, str(number))
        restore_labels.note_replaced(restore, self.engine, dry_run=False)
        attempt = Attempt(line.run, line.month, line.labels, self.newest(), number, line.load_id, restored=True)
        attempt.of = SimpleNamespace(restore=restore, earlier=earlier, before=before)
        self.begun.append(attempt)

    # what must hold

    @invariant()
    def table_and_ledger_are_as_the_rules_say(self):
        standing = self.standing()
        found = [(line.run, line.restored, line.same_labels, line.overrides) for line in standing.publications]
        assert found == [(line.of.run.name, line.of.restored, line.same_labels, line.overrides) for line in self.lines]
        expected = self.expected(self.lines[-1]) if self.lines else dict.fromkeys(KEYS)
        assert dict(self.execute("SELECT dfu_ck, cluster_assignment FROM dim_dfu")) == expected
        assert standing.problem is None

    def expected(self, line):
        """Return the label of each DFU: the machine's, with overrides on top."""
        of_dfu = {key: one.label for one in self.overrides if one.id in line.overrides for key in one.keys}
        return line.of.labels | of_dfu

    def holding(self, month):
        return tuple(one.id for one in self.overrides if not one.ended and month <= one.until)

    def may_publish(self, attempt):
        newest = self.newest()
        if newest is None:
            return True
        if attempt.seen is not None and newest.is_of_same_labels(attempt.seen):
            return attempt.restored or newest.of.month <= attempt.month or attempt.older
        if attempt.restored or newest.of.restored:
            return False
        if newest.of.month > attempt.month:
            return attempt.older and newest.of.began < attempt.began
        return newest.of.month < attempt.month or newest.of.began < attempt.began

    def published(self, attempt):
        self.seen.append("restored" if attempt.restored else "published")
        self.lines.append(Line(attempt, self.holding(attempt.month)))
        if not attempt.restored:
            self.answered = {load: month for load, month in self.answered.items() if month <= attempt.month}
        if attempt.load_id:
            self.answered[attempt.load_id] = attempt.month

    # the steps

    def begin(self, month, labels, load_id=None, older=False):
        number = next(self.numbers)
        run = Run.open(self.runs, as_of_month=month, config_digest="d", run_id=f"{number:012d}")
        run.folder.mkdir()
        table = pd.DataFrame({"dfu_ck": KEYS, "cluster_id": 0, "cluster_label": labels})
        table.to_csv(run.path(RunFile.LABELS), index=False)
        run.path(RunFile.EXCLUDED).write_text("dfu_ck,reason,mean_demand\n")
        note_published(run, self.standing())
        run.once(READ_SALES_STATE, lambda: self.state(month))
        named = dict(zip(KEYS, labels, strict=True))
        attempt = Attempt(run, month, named, self.newest(), number, load_id=load_id, older=older)
        self.begun.append(attempt)
        return attempt

    def publish(self, attempt):
        if attempt.restored:
            of = attempt.of
            # resumed after a kill it has its manifest; one that has finished is not done again
            restore_labels.restore_labels(of.restore, self.engine, of.earlier, of.before, TRACKING)
        else:
            how = {"load_id": attempt.load_id, "publish_older_month": attempt.older}
            publish_labels.publish_run(attempt.run, self.engine, TRACKING, **how)

    def make_dry(self, attempt):
        self.seen.append("dry run")
        self.begun.remove(attempt)
        assert publish_labels.publish_run(attempt.run, self.engine, TRACKING, dry_run=True).dry_run
        self.dry_runs.append(attempt)

    def publish_override(self, folder, override, kill):
        """Put it on top of what stands; after a kill it is tried again, which is seen to finish what was begun."""
        newest = self.lines[-1]
        if override.id in newest.overrides if override.ended else override.holds_in(newest.of.month):
            self.lines.append(Line(newest.of, self.holding(newest.of.month), newest.brought_by or newest))
        try:
            with killed(kill):
                override_labels.publish_overrides(folder, self.engine, TRACKING, override)
        except (ProcessEnds, CommitUnknownError):
            self.seen.append(kill)
            summary = override_labels.publish_overrides(folder, self.engine, TRACKING, override)
            # what was committed is told as published, and so announced
            assert summary.publication == Ledger(self.runs).publications()[-1]
            assert (summary.published is None, summary.waits) == (False, None)

    def state(self, month):
        # no two looks at the sales are the same: a load is known by its name alone
        state = SalesState.unknown(month)
        return state.model_copy(update={"rows": next(self.numbers)})

    def standing(self):
        return find_standing_runs(self.engine, self.runs, TRACKING)

    def newest(self):
        return self.lines[-1] if self.lines else None

    def execute(self, query):
        with closing(psycopg2.connect(self.url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize("sequences", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_dim_dfu_has_the_newest_labels_by_the_rules_and_the_ledger_agrees(
    postgres_url, tmp_path, monkeypatch, sequences
):
    for step in (publish_labels, restore_labels):
        monkeypatch.setattr(step, "record_early", lambda *_: None)  # MLflow's copy of the labels of before
    with closing(psycopg2.connect(postgres_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement("dfu_clustering.demo", "005_create_dim_dfu"))
        rows = ", ".join(f"('{key}', '{key}', 'g', 'x')" for key in KEYS)
        cursor.execute(f"INSERT INTO dim_dfu (dfu_ck, dmdunit, dmdgroup, loc) VALUES {rows}")
        cursor.execute(f"ALTER DATABASE {make_url(postgres_url).database} SET synchronous_commit = off")
    seen: list[str] = []
    run_state_machine_as_test(
        cast("Any", lambda: Sequences(postgres_url, tmp_path / "var", seen)),
        settings=settings(
            max_examples=sequences,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            phases=(Phase.generate,),  # each step is logged, and one that fails is short enough
        ),
    )
    assert "published" in seen
    every = {
        "restored",
        "overtaken",
        "answered",
        "dry run",
        "published before",
        "before the update",
        "before COMMIT",
        "at COMMIT",
        "promoted",
        "not promoted",
        "overridden",
        "override ended",
    }
    assert sequences < 200 or set(seen) >= every | {"before the line", "after it"}
