"""The training table of a forecaster: what was known at each month, with one meaning of a segment."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg2
import pytest

from dfu_clustering import history
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.demo.server import create_database, drop_database
from dfu_clustering.errors import DataError
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES
from dfu_clustering.files.tables import read_json
from dfu_clustering.warehouse.connect import connect_engine
from tests.integration.gate_runs import execute, fetch
from tests.integration.test_backfill import backfill

pytestmark = pytest.mark.integration

MONTHS = ["2026-05", "2026-06", "2026-07", "2026-08"]
FEATURES = [feature.name for feature in TIME_SERIES_FEATURES]


@pytest.fixture(scope="module")
def url(postgres_server):
    create_database(postgres_server.url(), "training")
    load_panel(postgres_server.url("training"), generate_panel(250, 40, 5, "2026-08"))
    yield postgres_server.url("training")
    drop_database(postgres_server.url(), "training")


@pytest.fixture(scope="module")
def var(url, tmp_path_factory):
    """A backfill of the four months."""
    var, engine = tmp_path_factory.mktemp("var"), connect_engine(url)
    backfill(engine, var, "x", months=4)
    engine.dispose()
    return var


@pytest.fixture(scope="module")
def table(var, tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    history.training_table(folder, segments_of="2026-06", var=var)
    return folder


def read(folder: Path, kind: str) -> pd.DataFrame:
    return pd.read_parquet(folder / kind)


def test_there_is_a_row_of_every_dfu_that_had_sold_with_its_segment_and_features(table, url):
    rows = read(table, "features")
    assert list(rows["as_of_month"].unique()) == MONTHS
    query = (
        "SELECT dfu_ck FROM fact_sales_monthly JOIN dim_dfu USING (dmdunit, dmdgroup, loc)"
        " WHERE startdate <= '{}-28' GROUP BY dfu_ck, date_trunc('month', startdate) HAVING sum(qty) > 0"
    )
    for month, of_month in rows.groupby("as_of_month"):
        assert set(of_month["dfu_ck"]) == {key for (key,) in fetch(url, query.format(month))}
    known = set(read_json(table / "table.json")["segments"].values())
    assert set(rows["label_applied"].dropna()) <= known
    life = rows["label_published"].str.match("new_|inactive")
    assert life.any()
    assert rows.loc[~life, ["distance", "mean_demand", "index_weight", "scale"]].notna().all().all()
    # no NULL where there were sales: what is not defined for a short history is all that is missing
    always = ["mean_demand", "zero_demand_pct", "history_months", "max_demand", "scale", *history_indices()]
    assert rows.loc[life, always].notna().all().all()
    inactive = rows[rows["label_published"] == "inactive"]
    assert len(inactive)
    assert (inactive["mean_demand"] == 0).all()
    assert (inactive["zero_demand_pct"] == 1).all()


def test_the_index_lies_between_the_dfus_own_and_that_of_its_segment(table):
    rows = pd.read_parquet(table / "features")
    assert (rows["index_weight"] > 0).any()
    assert rows.loc[rows["index_weight"] > 0, "own_index_01"].notna().all()
    partly = rows[(rows["index_weight"] > 0) & (rows["index_weight"] < 0.9)]
    weight = partly["index_weight"]
    of_segment = (partly["index_07"] - weight * partly["own_index_07"]) / (1 - weight)
    of_groups = of_segment.groupby([partly["as_of_month"], partly["segment_applied"]])
    assert (of_groups.max() - of_groups.min()).max() < 1e-9


def history_indices():
    return [f"index_{month:02d}" for month in range(1, 13)]


def test_features_of_clustered_dfus_are_those_of_load(table, var):
    loaded = history.load(features=FEATURES, segments_of="2026-06", var=var).dropna(subset="distance")
    rows = read(table, "features").set_index(["dfu_ck", "as_of_month"])
    rows = rows.loc[list(zip(loaded["dfu_ck"], loaded["as_of_month"], strict=True))].reset_index()
    same = ["dfu_ck", "as_of_month", "run", "segment_applied", "segment_published", *FEATURES]
    pd.testing.assert_frame_equal(rows[same], loaded[same].reset_index(drop=True), check_dtype=False)


def test_nothing_of_a_later_month_is_in_the_table(table, url, postgres_server, tmp_path):
    with closing(psycopg2.connect(postgres_server.url())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE training_then TEMPLATE training")
    then = postgres_server.url("training_then")
    execute(then, "DELETE FROM fact_sales_monthly WHERE startdate > '2026-06-01'")
    engine = connect_engine(then)
    backfill(engine, tmp_path / "var", "x", months=2)
    engine.dispose()
    history.training_table(tmp_path / "table", segments_of="2026-06", var=tmp_path / "var")
    for month in ("2026-05", "2026-06"):
        for kind in ("features", "targets"):
            alone = (tmp_path / "table" / kind / f"{month}.parquet").read_bytes()
            assert alone == (table / kind / f"{month}.parquet").read_bytes(), (kind, month)


def test_the_target_month_has_its_index_and_its_demand_only_once_it_is_known(table):
    features, targets, demand = (read(table, kind) for kind in ("features", "targets", "demand"))
    assert len(targets) == 6 * len(features)
    rows = targets.merge(features[["dfu_ck", "as_of_month", *history_indices()]], on=["dfu_ck", "as_of_month"])
    months = pd.PeriodIndex(rows["month"], freq="M")
    assert (months == pd.PeriodIndex(rows["as_of_month"], freq="M") + rows["horizon"]).all()
    own = rows[history_indices()].to_numpy()
    expected = own[np.arange(len(rows)), months.month - 1]
    np.testing.assert_array_equal(rows["target_index"], expected)
    now = own[np.arange(len(rows)), pd.PeriodIndex(rows["as_of_month"], freq="M").month - 1]
    np.testing.assert_allclose(rows["target_ratio"], np.where(now > 0, expected / np.where(now > 0, now, 1), np.nan))
    assert sorted(demand["month"].unique()) == ["2026-06", "2026-07", "2026-08"]
    known = targets.merge(demand, on=["dfu_ck", "month"])
    assert known["month"].max() == "2026-08"


def test_demand_begins_with_the_first_sale_and_is_that_of_the_sales(table, url):
    demand = read(table, "demand").set_index(["dfu_ck", "month"])["demand"]
    query = (
        "SELECT dfu_ck, to_char(startdate, 'YYYY-MM'), sum(qty)::float FROM fact_sales_monthly"
        " JOIN dim_dfu USING (dmdunit, dmdgroup, loc) GROUP BY 1, 2"
    )
    sales = pd.DataFrame(fetch(url, query), columns=["dfu_ck", "month", "qty"]).set_index(["dfu_ck", "month"])["qty"]
    expected = sales.clip(lower=0).reindex(demand.index).fillna(0)
    np.testing.assert_allclose(demand, expected, atol=1e-4)
    first = sales[sales > 0].reset_index().groupby("dfu_ck")["month"].min()
    assert (demand.reset_index().set_index("dfu_ck")["month"] >= first.reindex(demand.index.get_level_values(0))).all()


def test_one_meaning_is_the_same_when_it_is_asked_again_and_agreement_is_told_by_month(var):
    once = history.load(segments_of="2026-08", var=var)
    pd.testing.assert_frame_equal(history.load(segments_of="2026-08", var=var), once)
    newest = history.load("2026-08", segments_of="2026-08", var=var)
    today = history.segment_set("2026-08", var=var)
    assert set(newest["segment_applied"]) == set(today.segments)
    assert set(newest["label_applied"]) == set(today.segments.values())
    assert once["segment_applied"].isin(newest["segment_applied"]).all()  # every number exists today
    told = history.agreement(once)
    assert told["as_of_month"].tolist() == MONTHS
    assert told["same_share"].between(0.6, 1).all()
    by_hand = (once["segment_applied"] == once["segment_published"]).groupby(once["as_of_month"]).mean()
    assert told["same_share"].tolist() == by_hand.tolist()


def test_digest_stays_with_the_labels_and_changed_segments_are_those_whose_members_moved(var, table):
    of_june = history.segment_set("2026-06", var=var)
    assert of_june.label_set_digest == read_json(table / "table.json")["label_set_digest"]
    assert history.segment_set("2026-06", var=var) == of_june
    changed = history.changed_segments("2026-07", "2026-08", var=var)
    july, august = (history.load(month, var=var).set_index("dfu_ck")["label"] for month in ("2026-07", "2026-08"))
    members = {
        label: (set(july.index[july == label]), set(august.index[august == label])) for label in {*july, *august}
    }
    assert changed == sorted(label for label, (before, after) in members.items() if before != after)
    assert history.changed_segments("2026-08", "2026-08", var=var) == []


def test_months_of_an_earlier_table_are_not_left_in_its_folder(var, tmp_path):
    history.training_table(tmp_path, segments_of="2026-06", var=var)
    table = history.training_table(tmp_path, segments_of="2026-07", as_of=("2026-06", "2026-07"), horizons=3, var=var)
    assert table.months == ["2026-06", "2026-07"]
    assert sorted(path.name for path in (tmp_path / "features").iterdir()) == ["2026-06.parquet", "2026-07.parquet"]
    assert sorted(path.name for path in (tmp_path / "demand").iterdir()) == ["2026-07.parquet", "2026-08.parquet"]
    assert read(tmp_path, "targets")["horizon"].max() == 3


def test_a_month_whose_sales_no_backfill_has_read_is_refused(var, tmp_path):
    with pytest.raises(DataError, match="published or backfilled"):
        history.training_table(tmp_path, segments_of="2026-09", var=var)
