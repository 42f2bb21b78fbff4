"""A backfill reads the sales once: the same bytes as reading them for each month, also cut off and resumed."""

import os
import random
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import create_engine

from dfu_clustering import history
from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.demo.server import create_database, drop_database
from dfu_clustering.files.tables import read_json
from dfu_clustering.history.backfills import SALES_FOLDER, backfill_folder, index_path
from dfu_clustering.history.stored_sales import stored_parts
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.backfill import backfill_month, finish_backfill
from dfu_clustering.steps.backfill_plan import open_backfill
from dfu_clustering.steps.build_features import build_features
from dfu_clustering.steps.find_published import find_published, published_files
from dfu_clustering.steps.label_segments import label_segments
from dfu_clustering.steps.train_model import train_model
from dfu_clustering.warehouse.connect import connect_engine
from tests.integration.prefect_server import wait_until

pytestmark = pytest.mark.integration

EASILY_DRIFTED = load_config().stability.model_dump() | {"refit_psi": 1e-6, "refit_far_share": 0.0}
PROGRAM = Path(__file__).parents[2] / "scripts" / "backfill_history.py"
WRITES = [
    f"dfu_clustering.{module}.{name}"
    for module, names in {
        "steps.backfill": ("write_table", "write_json", "write_summary"),
        "steps.build_features": ("write_table", "write_summary"),
        "steps.backfill_plan": ("write_summary",),
        "history.stored_sales": ("write_table", "write_summary"),
        "runs.run": ("write_summary",),
    }.items()
    for name in names
]
QUICK: dict[str, Any] = {"k_range": (3, 4), "gap_references": 2, "n_init": 5}


@pytest.fixture(scope="module")
def warehouse(postgres_server):
    """A panel of 30 months, with rows that need each of the stated rules."""
    create_database(postgres_server.url(), "backfill")
    load_panel(postgres_server.url("backfill"), generate_panel(250, 30, 5, "2026-08"))
    engine = connect_engine(postgres_server.url("backfill"))
    yield engine
    engine.dispose()
    drop_database(postgres_server.url(), "backfill")


def backfill(engine, var: Path, backfill_id: str, *, months: Any = 3, as_of: str | None = None, **settings: Any):
    config, folder = load_config(**(QUICK | settings)), backfill_folder(var, backfill_id)
    plan = open_backfill(config, engine, folder, months=months, as_of_month=as_of)
    done = [backfill_month(config, folder, month, before) for before, month in plan.chain(folder)]
    return finish_backfill(config, var, backfill_id, plan, done)


@pytest.fixture(scope="module")
def whole(warehouse, tmp_path_factory):
    """The var folder of a backfill of three months."""
    var = tmp_path_factory.mktemp("whole")
    backfill(warehouse, var, "x")
    return var


def bytes_below(folder: Path) -> dict[str, bytes]:
    """Return the files of a backfill but for what says how long a step took."""
    # a kill in the middle of a write leaves its draft, under a name that no reader takes for a file
    files = (path for path in folder.rglob("[!.]*") if path.is_file() and path.name != RunFile.MANIFEST)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("month", ["2026-06", "2026-07", "2026-08"])
def test_features_are_to_the_bit_those_of_reading_the_sales_up_to_the_month(whole, warehouse, tmp_path, month):
    alone, kept = RunFolder(tmp_path), RunFolder(backfill_folder(whole, "x") / month)
    build_features(alone, load_config(**QUICK), warehouse, as_of_month=month)
    for file in (RunFile.MATRIX, RunFile.EXCLUDED, RunFile.FEATURES):
        assert kept.path(file).read_bytes() == alone.path(file).read_bytes(), file


def test_the_first_month_has_the_labels_of_a_run(whole, warehouse, tmp_path):
    alone, kept = RunFolder(tmp_path), RunFolder(backfill_folder(whole, "x") / "2026-06")
    config = load_config(**QUICK)
    build_features(alone, config, warehouse, as_of_month="2026-06")
    train_model(alone, config, pictures=False)
    label_segments(alone, config, pictures=False)
    for file in (RunFile.LABEL_HISTORY, RunFile.MODEL):
        assert kept.path(file).read_bytes() == alone.path(file).read_bytes(), file


def test_drift_is_looked_at_in_january_and_k_stays_that_of_the_first_month(warehouse, tmp_path):
    summary = backfill(warehouse, tmp_path, "x", months=3, as_of="2026-02", stability=EASILY_DRIFTED)
    folder = backfill_folder(tmp_path, "x")
    found = {month: read_json(folder / month / RunFile.METADATA)["continuity"] for month in ("2026-01", "2026-02")}
    assert found["2026-01"]["reason"].startswith("PSI of")
    assert (found["2026-02"]["reason"], found["2026-02"]["refit"]) == ("a backfill looks for drift in January", False)
    assert len({month.k for month in summary.months}) == 1


def test_parts_of_the_dfus_give_the_same_bytes(whole, warehouse, tmp_path):
    backfill(warehouse, tmp_path, "x", scale={"partitions": 3, "dask_address": None})
    in_parts, at_once = (bytes_below(backfill_folder(var, "x")) for var in (tmp_path, whole))
    same = {name for name in at_once if not name.startswith("sales/")}
    assert {name: in_parts[name] for name in same} == {name: at_once[name] for name in same}


class CutOffError(Exception):
    """Stands for a process that is killed."""


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 5))])
def test_a_backfill_that_is_cut_off_at_random_ends_in_the_same_bytes(whole, warehouse, tmp_path, monkeypatch, seed):
    """Writes are cut off again and again, whatever is written; each time the backfill is resumed."""
    rng = random.Random(seed)
    left = rng.randint(1, 12)

    def may_fail(write):
        def writing(*arguments: Any, **named: Any) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise CutOffError
            write(*arguments, **named)

        return writing

    for target in WRITES:
        module, _, name = target.rpartition(".")
        monkeypatch.setattr(target, may_fail(getattr(import_module(module), name)))
    cuts = 0
    while True:
        try:
            backfill(warehouse, tmp_path, "x")
            break
        except CutOffError:
            cuts, left = cuts + 1, rng.randint(1, 20)
    assert cuts > 0
    assert bytes_below(backfill_folder(tmp_path, "x")) == bytes_below(backfill_folder(whole, "x"))


def test_a_program_that_is_killed_is_resumed_by_its_id_and_ends_in_the_same_bytes(whole, warehouse, tmp_path):
    config = tmp_path / "quick.yaml"
    config.write_text(yaml.safe_dump({"clustering": {**QUICK, "k_range": [3, 4]}}))
    url = warehouse.url.render_as_string(hide_password=False)
    environment = {**os.environ, "DATABASE_URL": url, "DFU_CLUSTERING_VAR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, str(PROGRAM), "--config", str(config), "--months", "3"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        backfill_id = killed.stdout.readline().split()[1].rstrip(":")
        second = backfill_folder(tmp_path, backfill_id) / "2026-07"
        wait_until(second.exists, 60, lambda: "the second month does not begin")
        killed.kill()
    assert not index_path(tmp_path).exists()
    resumed = subprocess.run(
        [*command, "--resume", backfill_id], env=environment, capture_output=True, text=True, check=False
    )
    assert resumed.returncode == 0, resumed.stderr
    found = bytes_below(backfill_folder(tmp_path, backfill_id))
    assert {name: content.replace(backfill_id.encode(), b"x") for name, content in found.items()} == bytes_below(
        backfill_folder(whole, "x")
    )


def test_a_backfill_is_resumed_on_the_sales_that_it_has_read(whole, warehouse, tmp_path):
    folder, config = backfill_folder(tmp_path, "x"), load_config(**QUICK)
    plan = open_backfill(config, warehouse, folder, months=3, as_of_month=None)
    backfill_month(config, folder, plan.months[0])
    nowhere = create_engine("postgresql://nobody@nowhere/none")  # whatever has become of the sales
    resumed = open_backfill(config, nowhere, folder, months=3, as_of_month=None)
    for before, month in resumed.chain(folder):
        backfill_month(config, folder, month, before)
    finished = bytes_below(backfill_folder(whole, "x"))
    del finished["succession.json"]  # which is written when history.load() may read it
    assert bytes_below(folder) == finished


def test_a_backfill_that_is_finished_again_takes_back_no_month_from_a_newer_one(warehouse, tmp_path):
    backfill(warehouse, tmp_path, "a", months=2, as_of="2026-06")
    newer = backfill(warehouse, tmp_path, "b", months=2, as_of="2026-06")
    assert newer.succession.replaced == {"a": ["2026-05", "2026-06"]}
    again = backfill(warehouse, tmp_path, "a", months=2, as_of="2026-06")
    assert again.succession.replaced == {}
    assert set(history.load(var=tmp_path)["run"]) == {"backfill b"}


def test_sales_of_an_attempt_in_other_parts_are_read_again(warehouse, tmp_path):
    folder = backfill_folder(tmp_path, "x")
    in_parts = load_config(**QUICK, scale={"partitions": 3})
    open_backfill(in_parts, warehouse, folder, months=1, as_of_month=None)
    (folder / "plan.json").unlink()  # cut off before the plan
    open_backfill(load_config(**QUICK), warehouse, folder, months=1, as_of_month=None)
    assert len(stored_parts(folder / SALES_FOLDER)) == 1


def test_a_second_backfill_extends_the_first_and_continues_its_chain(warehouse, tmp_path):
    backfill(warehouse, tmp_path, "a", months=2, as_of="2026-06")
    summary = backfill(warehouse, tmp_path, "b", months=1, as_of="2026-07")
    assert summary.continues == "2026-06 of backfill a"
    assert summary.succession.kept == {"a": ["2026-05", "2026-06"]}
    assert summary.notes() == [
        "continues 2026-06 of backfill a",
        "extends backfill a, whose months stay: 2026-05 to 2026-06 (2)",
    ]
    runs = history.load(var=tmp_path).groupby("as_of_month")["run"].unique().str[0].to_dict()
    assert runs == {"2026-05": "backfill a", "2026-06": "backfill a", "2026-07": "backfill b"}
    whole_chain = tmp_path / "other"
    backfill(warehouse, whole_chain, "c", months=3, as_of="2026-07")
    in_one = history.load(var=whole_chain).drop(columns="run")
    assert history.load(var=tmp_path).drop(columns="run").equals(in_one)


def test_a_backfill_says_which_months_it_replaces_and_which_are_no_longer_read(warehouse, tmp_path):
    backfill(warehouse, tmp_path, "a", months=3, as_of="2026-07")
    summary = backfill(warehouse, tmp_path, "b", months=2, as_of="2026-08", min_months_history=9)
    assert summary.continues is None
    assert summary.succession.model_dump() == {
        "kept": {},
        "replaced": {"a": ["2026-07"]},
        "dropped": {"a": ["2026-05", "2026-06"]},
    }
    assert history.months(var=tmp_path) == ["2026-07", "2026-08"]
    assert set(history.load(var=tmp_path)["run"]) == {"backfill b"}


def test_a_first_publish_continues_the_newest_backfilled_month(warehouse, tmp_path):
    backfill(warehouse, tmp_path, "0123456789ab", months=3, as_of="2026-07")
    config = load_config(**QUICK)
    run = Run.open(tmp_path / "runs", as_of_month="2026-08", config_digest=config.digest(), run_id="ba9876543210")
    build_features(run, config, warehouse, as_of_month="2026-08")
    choice = find_published(run, config.tracking, [])
    assert (choice.run, choice.problem) == ("backfill 0123456789ab 2026-07", None)
    published = published_files(run, config.tracking, "backfill 0123456789ab 2026-07")
    train_model(run, config, published, pictures=False)
    summary = label_segments(run, config, published, pictures=False)
    assert summary.stability is not None
    assert summary.stability.published_run == choice.run
    assert summary.stability.churn_share < 0.15
    july = history.load("2026-07", var=tmp_path).set_index("dfu_ck")["label"]
    august = run.table(RunFile.LABELS).set_index("dfu_ck")["cluster_label"]
    changes = run.table(RunFile.LABEL_CHANGES)
    assert (changes["word"].notna() & (changes["word"] != "")).any()  # the words that ended are known
    assert (august.reindex(july.index) == july).mean() > 0.85


def test_a_first_publish_without_a_backfill_before_it_starts_from_scratch(warehouse, tmp_path):
    backfill(warehouse, tmp_path, "0123456789ab", months=1, as_of="2026-08")
    config = load_config(**QUICK)
    run = Run.open(tmp_path / "runs", as_of_month="2026-07", config_digest=config.digest(), run_id="ba9876543210")
    build_features(run, config, warehouse, as_of_month="2026-07")
    assert find_published(run, config.tracking, []).run is None
