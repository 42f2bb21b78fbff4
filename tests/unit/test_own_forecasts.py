"""Two variants of a forecaster are judged on what both have forecast, and a table that cannot be judged is refused."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from dfu_clustering.errors import DataError
from dfu_clustering.features.panel import Panel
from dfu_clustering.features.sales_facts import SalesFacts
from dfu_clustering.forecast_value.own_forecasts import judge_forecasts

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
MONTHS = np.datetime64("2022-01", "M") + np.arange(48)
ORIGINS = MONTHS[[29, 32, 35, 38, 41]]


@pytest.fixture(scope="module")
def panel():
    demand = np.random.default_rng(1).gamma(4, 5, (30, 48))
    demand[0] = 0  # never sold
    keys = np.array([f"I{i:02d}_G_L" for i in range(30)], dtype=object)
    return Panel(keys, demand, MONTHS[-1], SalesFacts())


def forecasts(panel, error, seed=0):
    """Return forecasts three months ahead that are wrong by so much of demand."""
    rng = np.random.default_rng(seed)
    rows = [
        (key, str(origin), str(origin + h), max(sold * (1 + error * rng.normal()), 0.0))
        for dfu, key in enumerate(panel.dfu_ck)
        for origin in ORIGINS
        for h in (1, 2, 3)
        for sold in (panel.demand[dfu, int((origin + h - MONTHS[0]).astype(int))],)
    ]
    return pd.DataFrame(rows, columns=["dfu_ck", "origin", "month", "forecast"])


def judged(base, other, panel):
    return judge_forecasts(base, other, panel, names=("plain", "segments"), source="sales", measured_at=NOW)


def test_a_better_variant_pays_and_a_worse_one_harms(panel):
    rough, fine = forecasts(panel, 0.3), forecasts(panel, 0.2, seed=1)
    better, worse = judged(rough, fine, panel), judged(fine, rough, panel)
    assert (better.finding, worse.finding) == ("pays", "harms")
    assert better.sentence.startswith("segments is better than plain: ratio of the errors 0.6")
    assert better.comparisons["wape"].ratio == pytest.approx(1 / worse.comparisons["wape"].ratio)
    assert better.decided_by == "wape"
    assert (better.horizon_months, len(better.origins)) == (3, 5)


def test_the_same_variant_with_other_luck_is_no_evidence(panel):
    found = judged(forecasts(panel, 0.3), forecasts(panel, 0.3, seed=2), panel)
    assert found.finding == "no evidence"
    assert found.sentence.startswith("Nothing tells segments from plain beyond chance")


def test_only_rows_of_both_that_are_sold_count(panel):
    base, other = forecasts(panel, 0.3), forecasts(panel, 0.2)
    later = base.head(1).assign(month=str(MONTHS[-1] + 1))
    unknown = base.head(1).assign(dfu_ck="nobody")
    found = judged(pd.concat([base, later, unknown]), pd.concat([other.iloc[15:-15], later, unknown]), panel)
    assert found.rows == 28 * 15  # of 30, one never sold and one is missing in the other variant
    assert found.left_out == 15 + 15 + 4


def test_days_and_months_mean_the_same_month(panel):
    base = forecasts(panel, 0.3)
    days = base.assign(month=base["month"] + "-01", origin=pd.to_datetime(base["origin"]))
    assert judged(days, forecasts(panel, 0.2), panel).rows == judged(base, forecasts(panel, 0.2), panel).rows


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (lambda t: t.assign(forecast=np.nan), "A forecast must be a finite number"),
        (lambda t: t.assign(month=t["origin"]), "A forecast must be of a month after its origin"),
        (lambda t: pd.concat([t, t.head(2)]), "one forecast for each origin and month. Found: 2 rows of segments"),
        (lambda t: t[t["origin"] <= str(ORIGINS[1])], "must have forecasts from 3 origins in common.* Found: 2"),
        (lambda t: t.assign(month="soon"), "A month must be written as YYYY-MM"),
    ],
)
def test_what_cannot_be_judged_is_refused(panel, changed, message):
    base = forecasts(panel, 0.3)
    with pytest.raises(DataError, match=message):
        judged(base, changed(base), panel)


def test_sparse_demand_is_decided_by_rmsse():
    rng = np.random.default_rng(4)
    keys = np.array([f"I{i:03d}_G_L" for i in range(200)], dtype=object)
    panel = Panel(keys, rng.poisson(0.15, (200, 48)).astype(float), MONTHS[-1], SalesFacts())
    mean = forecasts(panel, 0.0).assign(forecast=0.15)
    found = judged(mean, mean.assign(forecast=0.4), panel)
    assert (found.decided_by, found.finding) == ("rmsse", "harms")
    assert found.notes == [n for n in found.notes if "a forecast of zero has 1.00" in n] != []
