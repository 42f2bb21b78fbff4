"""Which folders of runs are removed: none that is published, continued, young or among the newest."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from dfu_clustering.config.operations import RetentionConfig
from dfu_clustering.errors import DataError
from dfu_clustering.files.tables import write_json
from dfu_clustering.history.backfills import Backfill, BackfillIndex, write_index
from dfu_clustering.loads.publication import Publication
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.run import RunName
from dfu_clustering.steps.remove_old_runs import remove_old_runs

NOW = datetime(2026, 11, 29, tzinfo=UTC)
POLICY = RetentionConfig(published_months=24, other_months=3, newest_kept=2)


@pytest.fixture
def runs(tmp_path):
    """Five publishes, a year apart; dry runs of each of the last eight months; what else lies beside them."""
    runs = tmp_path / "var" / "runs"
    for number, months_old in enumerate((60, 48, 36, 24, 12)):
        name = folder(runs, number, months_old=months_old, dry_run=False)
        Ledger(runs).append(publication(name, f"{2026 - months_old // 12}-11"))
    for number in range(8):
        folder(runs, 100 + number, months_old=number, dry_run=True)
    for parent in (".restores", ".overrides", ".from-mlflow"):
        for number, months_old in enumerate((40, 30, 1)):
            aged(runs / parent / f"{parent[1:]}-{number}", months_old)
    aged(runs.parent / "history" / "counted", 40)
    aged(runs.parent / "history" / "replaced", 40)
    write_index(runs.parent, BackfillIndex(backfills=[Backfill(id="counted", months=["2026-01"], config_digest="d")]))
    return runs


def name_of(number):
    return str(RunName("2026-10", "0123456789", f"{number:012x}"))


def folder(runs, number, *, months_old, dry_run):
    steps = {"update_assignments": {"duration_s": 1.0, "code_version": "0", "summary": {"dry_run": dry_run}}}
    path = runs / name_of(number)
    path.mkdir(parents=True)
    write_json({"steps": steps}, path / "manifest.json")
    return aged(path, months_old).name


def aged(path, months_old):
    path.mkdir(parents=True, exist_ok=True)
    (path / "file").write_text("x" * 1000)
    at = (NOW - timedelta(days=months_old * 30.44 + 0.5)).timestamp()
    for one in (*path.iterdir(), path):
        os.utime(one, (at, at))
    return path


def publication(name, month, warehouse=None):
    return Publication(
        as_of_month=month,
        load_id=None,
        fingerprint="f",
        config_digest="d",
        run=name,
        labels={},
        published_at=NOW,
        warehouse=warehouse,
    )


def removed(runs, policy=POLICY, **how):
    return {one.name.removeprefix("runs/") for one in remove_old_runs(runs, policy, NOW, **how).removed}


def test_old_folders_are_removed_and_the_newest_published_and_counted_stay(runs):
    gone = removed(runs)
    dry_runs = {name_of(100 + number) for number in range(3, 8)}
    published = {name_of(number) for number in range(3)}  # the last two lines of the ledger stay
    downloads = {".from-mlflow/from-mlflow-0", ".from-mlflow/from-mlflow-1"}
    assert gone == dry_runs | published | downloads | {
        ".restores/restores-0",
        ".overrides/overrides-0",
        "history/replaced",
    }
    assert all(not (runs / name).exists() for name in gone if not name.startswith("history"))
    assert (runs / name_of(4)).exists()
    assert (runs.parent / "history" / "counted").exists()


def test_once_more_finds_nothing_and_what_a_cut_off_removal_left_goes(runs):
    removed(runs)
    aged(runs / ".removing-left", 0)
    assert removed(runs) == set()
    assert not (runs / ".removing-left").exists()


def test_dry_run_says_the_same_and_removes_nothing(runs):
    before = sorted(path.name for path in runs.iterdir())
    assert removed(runs, dry_run=True)
    assert sorted(path.name for path in runs.iterdir()) == before
    assert removed(runs, dry_run=True) == removed(runs)


def test_what_a_rerun_of_the_newest_month_would_continue_stays(runs):
    # the newest month was published twice since: it is continued from the month before
    for number in (8, 9):
        Ledger(runs).append(publication(folder(runs, number, months_old=30, dry_run=False), "2026-12"))
    gone = removed(runs)
    assert name_of(4) not in gone  # November 2025, the newest earlier month
    assert {name_of(8), name_of(9)} & gone == set()


def test_by_default_everything_is_kept(runs):
    keep = RetentionConfig(published_months=None, other_months=None, newest_kept=12)
    assert removed(runs, keep) == set()


def test_where_the_ledger_cannot_be_read_nothing_is_removed(runs):
    before = sorted(path.name for path in runs.iterdir())
    Ledger(runs).path.write_text("{}\n")
    with pytest.raises(DataError, match="ledger"):
        removed(runs)
    assert sorted(path.name for path in runs.iterdir()) == before


def test_a_run_under_way_is_young_and_stays(runs):
    name = folder(runs, 200, months_old=0, dry_run=False)
    assert name not in removed(runs)


def test_what_is_published_to_another_warehouse_stays_although_others_are_newer(runs):
    old = folder(runs, 9, months_old=50, dry_run=False)
    lines = [publication(old, "2022-09", "other"), *Ledger(runs).publications()]
    Ledger(runs).path.unlink()
    for line in lines:
        Ledger(runs).append(line)
    assert old not in removed(runs)
