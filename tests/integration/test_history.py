"""What was known at each month: nothing of later months, and found by month wherever it lies."""

import re
import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg2
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from dfu_clustering import history
from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.demo.server import create_database, drop_database
from dfu_clustering.errors import DataError
from dfu_clustering.files.tables import read_json
from dfu_clustering.history.backfills import backfill_folder, index_path
from dfu_clustering.history.sources import month_sources
from dfu_clustering.loads.publication import Publication
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.steps.backfill import backfill_month, finish_backfill
from dfu_clustering.steps.backfill_plan import open_backfill, require_begun
from dfu_clustering.warehouse.connect import connect_engine
from flows.backfill_history import backfill_history
from tests.integration.gate_runs import execute, fetch, rows_of_dim_dfu

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("blank_pictures")]

DOCS = Path(__file__).parents[2] / "docs" / "history.md"
QUICK: dict[str, Any] = {"k_range": (3, 4), "gap_references": 2, "n_init": 5}
MONTHS = ["2026-06", "2026-07", "2026-08"]


@pytest.fixture(scope="module")
def warehouse(postgres_server):
    """A panel whose newest month is 2026-08."""
    create_database(postgres_server.url(), "history")
    load_panel(postgres_server.url("history"), generate_panel(250, 30, 5, "2026-08"))
    yield postgres_server.url("history")
    drop_database(postgres_server.url(), "history")


@pytest.fixture(scope="module")
def backfilled(warehouse, tmp_path_factory):
    """A var folder with a backfill of three months."""
    var, config, engine = tmp_path_factory.mktemp("history") / "var", load_config(**QUICK), connect_engine(warehouse)
    folder = backfill_folder(var, "x")
    plan = open_backfill(config, engine, folder, months=3, as_of_month=None)
    before = rows_of_dim_dfu(warehouse)
    done = []
    for before_it, month in plan.chain(folder):
        assert not index_path(var).exists()  # nobody reads a backfill that is not whole
        done.append(backfill_month(config, folder, month, before_it))
    finish_backfill(config, var, "x", plan, done)
    assert rows_of_dim_dfu(warehouse) == before
    return var


def test_every_month_has_a_label_a_distance_and_features_of_its_clustered_dfus(backfilled):
    assert history.months(var=backfilled) == MONTHS
    frame = history.load(features=["mean_demand"], var=backfilled)
    columns = ["dfu_ck", "as_of_month", "label", "distance", "margin", "machine_label", "run", "mean_demand"]
    assert list(frame) == columns
    assert frame["machine_label"].equals(frame["label"])
    for month, rows in frame.groupby("as_of_month"):
        labels = pd.read_parquet(backfilled / "history" / "x" / month / "cluster_labels.parquet")
        assert rows.set_index("dfu_ck")["label"].to_dict() == labels.set_index("dfu_ck")["cluster_label"].to_dict()
        clustered = rows[~rows["label"].str.match("new_|inactive")]
        assert (clustered["distance"] >= 0).all()
        assert (clustered["mean_demand"] > 0).all()
    assert set(frame["run"]) == {"backfill x"}


def test_every_month_continues_the_one_before(backfilled):
    metadata = read_json(backfilled / "history" / "x" / "2026-08" / "cluster_metadata.json")
    assert metadata["continuity"]["published_run"] == "backfill x 2026-07"
    frame = history.load(var=backfilled)
    assert frame.loc[~frame["label"].str.match("new_|inactive"), "margin"].notna().all()


def test_nothing_of_a_later_month_is_in_it(backfilled, warehouse, postgres_server, tmp_path):
    with closing(psycopg2.connect(postgres_server.url())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE history_then TEMPLATE history")
    then = postgres_server.url("history_then")
    execute(then, "DELETE FROM fact_sales_monthly WHERE startdate > '2026-06-01'")
    engine = connect_engine(then)
    assert fetch(then, "SELECT to_char(max(startdate), 'YYYY-MM') FROM fact_sales_monthly") == [("2026-06",)]
    folder = backfill_folder(tmp_path, "then")
    assert open_backfill(load_config(**QUICK), engine, folder, months=1, as_of_month=None).months == ["2026-06"]
    backfill_month(load_config(**QUICK), folder, "2026-06")
    engine.dispose()
    for name in ("dfu_label_history.parquet", "clustering_features.parquet", "cluster_model.json"):
        alone = (folder / "2026-06" / name).read_bytes()
        assert alone == (backfilled / "history" / "x" / "2026-06" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("as_of", "months"),
    [
        ("2026-07", ["2026-07"]),
        (("2026-06", "2026-07"), ["2026-06", "2026-07"]),
        (["2026-08", "2026-06"], ["2026-06", "2026-08"]),
        (None, MONTHS),
    ],
)
def test_months_are_chosen_one_by_one_by_range_or_all(backfilled, as_of, months):
    assert list(history.load(as_of, var=backfilled)["as_of_month"].unique()) == months


@pytest.mark.parametrize("as_of", ["2026-05", ("2026-05", "2026-06"), ["2026-09"]])
def test_month_that_is_nowhere_is_an_error_and_not_a_gap(backfilled, as_of):
    with pytest.raises(DataError, match=r"there are 2026-06, 2026-07, 2026-08 \(1: '2026-0[59]'\).*backfill-history"):
        history.load(as_of, var=backfilled)


def test_published_month_comes_as_it_was_published(backfilled, tmp_path):
    shutil.copytree(backfilled, tmp_path / "var")
    name = "2026-07-c0ffee0000-aaaaaaaaaaaa"
    run = tmp_path / "var" / "runs" / name
    shutil.copytree(tmp_path / "var" / "history" / "x" / "2026-07", run)
    line = Publication(
        as_of_month="2026-07",
        load_id=None,
        fingerprint="f",
        config_digest="c0ffee0000",
        run=name,
        labels={},
        published_at=datetime.now(UTC),
    )
    Ledger(tmp_path / "var" / "runs").append(line)
    frame = history.load(var=tmp_path / "var")
    assert frame.groupby("as_of_month")["run"].unique().str[0].to_dict() == {
        "2026-06": "backfill x",
        "2026-07": name,
        "2026-08": "backfill x",
    }
    expected = history.load("2026-07", var=backfilled)
    same = ["dfu_ck", "as_of_month", "label", "distance"]
    pd.testing.assert_frame_equal(frame[frame["run"] == name][same].reset_index(drop=True), expected[same])


def test_backfill_that_goes_on_keeps_its_months_and_takes_no_other_settings(backfilled, warehouse):
    folder, engine = backfill_folder(backfilled, "x"), connect_engine(warehouse)
    assert open_backfill(load_config(**QUICK), engine, folder, months=1, as_of_month="2026-07").months == MONTHS
    elsewhere = {"statement_timeout_s": 5, "lock_timeout_s": 5, "connection_block": None}
    open_backfill(load_config(**QUICK, warehouse=elsewhere), engine, folder, months=3, as_of_month=None)
    with pytest.raises(DataError, match=r"began with. Found: other values \(2: 'k_range', 'n_init'\)"):
        open_backfill(load_config(gap_references=2), engine, folder, months=3, as_of_month=None)


def test_backfill_of_which_nobody_knows_the_settings_does_not_go_on(backfilled, warehouse, tmp_path):
    shutil.copytree(backfill_folder(backfilled, "x"), tmp_path / "x")
    (tmp_path / "x" / "plan.json").unlink()
    with pytest.raises(DataError, match=r"months without one in .* \(3: '2026-06', '2026-07', '2026-08'\)"):
        open_backfill(load_config(**QUICK), connect_engine(warehouse), tmp_path / "x", months=3, as_of_month=None)
    assert not (tmp_path / "x" / "plan.json").exists()


def test_months_without_enough_history_and_months_before_the_first_sale_are_named_apart(warehouse, tmp_path):
    config, engine = load_config(), connect_engine(warehouse)
    plan = open_backfill(config, engine, tmp_path / "history" / "a", months=32, as_of_month=None)
    assert (plan.months[0], plan.months[-1]) == ("2025-02", "2026-08")
    assert (plan.too_early[0], plan.too_early[-1], plan.before_first_sale) == (
        "2024-03",
        "2025-01",
        ["2024-01", "2024-02"],
    )
    every = open_backfill(config, engine, tmp_path / "history" / "b", months="all", as_of_month=None)
    assert (every.months, every.too_early, every.before_first_sale) == (plan.months, plan.too_early, [])
    with pytest.raises(DataError, match="12 months of sales up to its newest month"):
        open_backfill(config, engine, tmp_path / "history" / "c", months=2, as_of_month="2024-06")


def test_example_of_the_docs_trains_on_what_was_known(backfilled, warehouse, monkeypatch, tmp_path):
    pytest.importorskip("lightgbm")
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.setenv("DFU_CLUSTERING_VAR", str(backfilled))
    example: dict = {}
    exec(code, example)
    query = (
        "SELECT dfu_ck, to_char(startdate, 'YYYY-MM'), sum(qty)::float FROM fact_sales_monthly"
        " JOIN dim_dfu USING (dmdunit, dmdgroup, loc) GROUP BY 1, 2"
    )
    sales = pd.DataFrame(fetch(warehouse, query), columns=["dfu_ck", "month", "qty"]).astype({"month": "str"})
    rows = example["forecast_rows"](tmp_path)
    known = rows[rows["demand"].notna()]
    # three months are backfilled; what follows the newest, 2026-08, is not known and not 0
    assert known.groupby("as_of_month")["month"].unique().map(sorted).to_dict() == {
        "2026-06": ["2026-07", "2026-08"],
        "2026-07": ["2026-08"],
    }
    sold = sales[sales["qty"] > 0].set_index(["dfu_ck", "month"])["qty"]
    expected = sold.reindex(list(zip(known["dfu_ck"], known["month"], strict=True))).fillna(0)
    np.testing.assert_allclose(known["demand"], expected, atol=1e-4)
    first = sold.reset_index().groupby("dfu_ck")["month"].min()
    assert (known["as_of_month"] >= known["dfu_ck"].map(first)).all()  # no row before the first sale
    assert rows["segment_applied"].notna().all()
    model = example["train"](rows)
    assert model.booster_.num_trees() == 50
    ahead = example["forecast"](model, rows)
    assert sorted(ahead["month"].unique()) == ["2026-09", "2026-10", "2026-11", "2026-12", "2027-01", "2027-02"]
    assert ahead["forecast"].between(0, 10 * ahead["scale"]).all()


def test_flow_backfills_and_shows_the_months(warehouse, prefect_server, tmp_path, monkeypatch):
    monkeypatch.setenv("DFU_CLUSTERING_VAR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", warehouse)
    assert backfill_history.validate_parameters({"months": "all"})["months"] == "all"
    with temporary_settings({PREFECT_API_URL: prefect_server.api_url}):
        summary = backfill_history(months=1)
    assert [month.as_of_month for month in summary.months] == ["2026-08"]
    assert history.months(var=tmp_path) == ["2026-08"]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("backfill_id", ["../runs", "0123456789ab", "x"])
def test_backfill_that_was_not_begun_cannot_go_on(tmp_path, backfill_id):
    (tmp_path / "runs").mkdir()
    (tmp_path / "history" / "0123456789ab").mkdir(parents=True)  # nothing was planned in it
    with pytest.raises(DataError, match="no backfill"):
        require_begun(tmp_path / "history", backfill_id)


def test_month_whose_earlier_run_was_put_back_has_the_labels_of_that_run(tmp_path):
    ledger = Ledger(tmp_path / "runs")
    first = Publication(
        as_of_month="2026-10",
        load_id=None,
        fingerprint="f",
        config_digest="d",
        run="2026-10-d-first",
        labels={"medium_volume": 1},
        published_at=datetime(2026, 11, 5, tzinfo=UTC),
    )
    ledger.append(first)
    ledger.append(first.model_copy(update={"run": "2026-10-d-second"}))
    assert month_sources(tmp_path)["2026-10"].name == "2026-10-d-second"
    ledger.append(first.model_copy(update={"restored": True}))
    assert month_sources(tmp_path)["2026-10"].name == "2026-10-d-first"
