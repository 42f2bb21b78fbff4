"""Overrides that are entered or ended while labels are made ready, or are cut off: what is published has those of now.

A kill is an exception that nothing handles.
"""

from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace

import pandas as pd
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.loads.sales_loads import SalesState
from dfu_clustering.overrides.override import Ending, Override
from dfu_clustering.overrides.register import Overrides
from dfu_clustering.overrides.wanted import Wanted
from dfu_clustering.publishing import transaction
from dfu_clustering.publishing.lock import publish_lock
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.manifest import READ_SALES_STATE
from dfu_clustering.runs.overtaken import note_published
from dfu_clustering.runs.publish_record import LedgerRecord
from dfu_clustering.runs.run import Run
from dfu_clustering.steps import override_labels, publish_labels, restore_labels
from dfu_clustering.steps.find_published import find_standing_runs
from dfu_clustering.warehouse.connect import connect_engine
from dfu_clustering.warehouse.statements import statement
from tests.integration.gate_runs import execute, fetch

pytestmark = pytest.mark.integration

TRACKING = load_config().tracking
NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
BEFORE = {"a": "low_volume", "b": "high_volume", "c": "low_volume"}


@pytest.fixture
def desk(postgres_url, tmp_path, monkeypatch):
    """A warehouse of three DFUs whose labels a run has published."""
    for step in (publish_labels, restore_labels):
        monkeypatch.setattr(step, "record_early", lambda *_: None)
    rows = ", ".join(f"('{key}', '{key}', 'g', 'x')" for key in BEFORE)
    execute(
        postgres_url,
        statement("dfu_clustering.demo", "005_create_dim_dfu"),
        f"INSERT INTO dim_dfu (dfu_ck, dmdunit, dmdgroup, loc) VALUES {rows}",
    )
    runs = tmp_path / "runs"
    runs.mkdir()
    engine = connect_engine(postgres_url)
    run = Run.open(runs, as_of_month="2026-10", config_digest="d", run_id="000000000001")
    run.folder.mkdir()
    table = pd.DataFrame({"dfu_ck": list(BEFORE), "cluster_id": 0, "cluster_label": list(BEFORE.values())})
    table.to_csv(run.path(RunFile.LABELS), index=False)
    run.path(RunFile.EXCLUDED).write_text("dfu_ck,reason,mean_demand\n")
    note_published(run, find_standing_runs(engine, runs, TRACKING))
    run.once(READ_SALES_STATE, lambda: SalesState.unknown("2026-10"))
    yield SimpleNamespace(url=postgres_url, runs=runs, engine=engine, run=run, overrides=Overrides(runs))
    engine.dispose()


def override(name, key, label="high_volume"):
    return Override(
        id=name,
        label=label,
        reason="a new customer",
        owner="Ada",
        first_month=None,
        until_month="2099-12",
        entered_at=NOON,
        dfu_cks=(key,),
    )


def ended(one):
    return one.model_copy(update={"ended": Ending(month=None, owner="Bob", reason="over", time=NOON)})


def labels(desk):
    return dict(fetch(desk.url, "SELECT dfu_ck, cluster_assignment FROM dim_dfu"))


@pytest.fixture
def while_waiting(desk, monkeypatch):
    """Lets something happen once, after labels were made ready and before their publish has the lock."""

    def happens(entry):
        waiting = [entry]

        def lock(engine):
            while waiting:
                desk.overrides.append(waiting.pop())
            return publish_lock(engine)

        monkeypatch.setattr(transaction, "publish_lock", lock)

    return happens


def publish(desk):
    return publish_labels.publish_run(desk.run, desk.engine, TRACKING)


def test_override_that_is_entered_while_a_run_waits_for_the_lock_is_published_with_it(desk, while_waiting):
    while_waiting(override("one", "a"))
    assert publish(desk).overrides.dfus == 1
    assert labels(desk) == BEFORE | {"a": "high_volume"}
    assert Ledger(desk.runs).publications()[-1].overrides == ("one",)
    assert desk.run.table(RunFile.OVERRIDES)["dfu_ck"].tolist() == ["a"]


def test_override_that_is_ended_while_another_is_published_does_not_come_back(desk, while_waiting):
    publish(desk)
    desk.overrides.append(override("one", "a"))
    desk.overrides.append(override("two", "c"))
    while_waiting(ended(override("one", "a")))
    folder = override_labels.open_override(desk.runs, "two")
    override_labels.publish_overrides(folder, desk.engine, TRACKING, override("two", "c"))
    assert labels(desk) == BEFORE | {"c": "high_volume"}
    assert Ledger(desk.runs).publications()[-1].overrides == ("two",)


def test_override_that_was_ended_before_its_run_was_resumed_is_not_published(desk):
    publish(desk)
    folder = override_labels.open_override(desk.runs, "one")
    wanted = Wanted(label="high_volume", until_month="2099-12", owner="Ada", reason="a new customer", dfu_cks=("a",))
    entered = override_labels.enter_override(folder, desk.engine, wanted)
    desk.overrides.append(ended(entered))
    again = override_labels.enter_override(folder, desk.engine, wanted)
    override_labels.publish_overrides(folder, desk.engine, TRACKING, again)
    assert labels(desk) == BEFORE


class ProcessEndsError(Exception):
    """The process is killed."""


@pytest.fixture
def killed_after(monkeypatch):
    """Does something in a process that ends once a method has done its work."""

    def killed(of, name, begin):
        real = getattr(of, name)

        def work(*arguments, **options):
            real(*arguments, **options)
            raise ProcessEndsError

        with monkeypatch.context() as patch:
            patch.setattr(of, name, work)
            with pytest.raises(ProcessEndsError):
                begin()

    return killed


def end(desk, folder, override_id, *, owner="Bob", dry_run=False):
    return override_labels.end_override(
        folder, desk.engine, override_id, owner=owner, reason="the customer is gone", dry_run=dry_run
    )


@pytest.mark.parametrize("point", [(LedgerRecord, "committed"), (LedgerRecord, "prepare"), (Ledger, "append")])
def test_end_of_an_override_that_is_killed_is_told_as_published_by_itself_when_it_is_resumed(desk, killed_after, point):
    desk.overrides.append(override("one", "a"))
    publish(desk)
    folder = override_labels.open_ending(desk.runs, "1")
    killed_after(Overrides, "append", lambda: end(desk, folder, "one"))
    ended_one = end(desk, folder, "one")
    assert (ended_one.already, ended_one.override.ended.owner) == (False, "Bob")
    begin = partial(override_labels.publish_overrides, folder, desk.engine, TRACKING, ended_one.override)
    killed_after(*point, begin)
    again = end(desk, folder, "one")
    assert again == ended_one
    summary = override_labels.publish_overrides(folder, desk.engine, TRACKING, again.override)
    assert labels(desk) == BEFORE
    assert summary.published is not None
    assert (summary.published.updated, summary.waits) == (1, None)
    assert summary.publication == Ledger(desk.runs).publications()[-1]
    assert len(Ledger(desk.runs).publications()) == 2


def test_override_that_another_has_ended_had_ended_already(desk):
    desk.overrides.append(override("one", "a"))
    publish(desk)
    first, second = (override_labels.open_ending(desk.runs, number) for number in "12")
    assert not end(desk, second, "one", dry_run=True).already
    ended_one = end(desk, first, "one")
    override_labels.publish_overrides(first, desk.engine, TRACKING, ended_one.override)
    late = end(desk, second, "one", owner="Cy")
    assert (late.already, late.override.ended.owner) == (True, "Bob")
    summary = override_labels.publish_overrides(second, desk.engine, TRACKING, late.override)
    assert (summary.published, summary.waits) == (None, "the labels that are published do not have it")


def test_override_that_is_killed_after_its_publish_is_told_as_published_although_its_month_is_over_now(
    desk, killed_after
):
    publish(desk)
    folder = override_labels.open_override(desk.runs, "one")
    entered = override("one", "a").model_copy(update={"until_month": "2026-10"})
    desk.overrides.append(entered)
    begin = partial(override_labels.publish_overrides, folder, desk.engine, TRACKING, entered)
    killed_after(LedgerRecord, "committed", begin)
    line = Ledger(desk.runs).publications()[-1]
    later = line.model_copy(update={"as_of_month": "2026-11", "published_at": line.published_at + timedelta(hours=1)})
    Ledger(desk.runs).append(later)
    summary = override_labels.publish_overrides(folder, desk.engine, TRACKING, entered)
    assert summary.published is not None
    assert (summary.publication, summary.published.updated, summary.waits) == (line, 1, None)


def test_restore_has_the_overrides_that_hold_when_it_has_the_lock(desk, while_waiting):
    publish(desk)
    earlier, before = restore_labels.find_run_to_restore(desk.runs, TRACKING, run=desk.run.name, before=None)
    restore = restore_labels.open_restore(desk.runs, "1")
    restore_labels.note_replaced(restore, desk.engine, dry_run=False)
    while_waiting(override("one", "b", "low_volume"))
    restore_labels.restore_labels(restore, desk.engine, earlier, before, TRACKING)
    assert labels(desk) == BEFORE | {"b": "low_volume"}


def test_labels_that_are_restored_once_more_stay_although_a_run_has_seen_them_restored_before(desk):
    publish(desk)
    earlier, before = restore_labels.find_run_to_restore(desk.runs, TRACKING, run=desk.run.name, before=None)

    def restore(number):
        folder = restore_labels.open_restore(desk.runs, number)
        restore_labels.note_replaced(folder, desk.engine, dry_run=False)
        restore_labels.restore_labels(folder, desk.engine, earlier, before, TRACKING)
        return Ledger(desk.runs).publications()[-1]

    first, second = restore("1"), restore("2")
    assert not second.is_of_same_labels(first)
    assert first.is_of_same_labels(first.model_copy(update={"labels_at": first.published_at, "overrides": ("x",)}))
