"""Trade as it is: seasons, peaks, promotions, new regions, lines that end. No source gate stops on it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.demo.tidy import read_tidy_sales
from dfu_clustering.quality.gate_reports import GatePolicy
from dfu_clustering.runs.run import Run
from dfu_clustering.warehouse.connect import connect_engine
from expectations.gate import judge_sources

pytestmark = pytest.mark.integration

REAL_PANELS = Path(__file__).parents[2].parent / "shared" / "data"
N_MONTHS = 42  # from January 2022
MONTH = np.arange(N_MONTHS)
CALENDAR = MONTH % 12
NOTHING = np.nan  # no row


def usual(rng, n_dfus=1000, noise=0.3, silent_share=0.05):
    """Demand of (n_dfus, N_MONTHS): a level a DFU, noise, and now and then a month without a row."""
    demand = rng.lognormal(4, 1.2, (n_dfus, 1)) * rng.lognormal(0, noise, (n_dfus, N_MONTHS))
    demand[rng.random(demand.shape) < silent_share] = NOTHING
    return demand


def ice_cream(rng):
    season = np.array([0.1, 0.1, 0.3, 0.8, 1.5, 3, 4, 4, 1.5, 0.5, 0.1, 0.1])[CALENDAR]
    demand = usual(rng) * season
    demand[rng.random(demand.shape) > season + 0.3] = NOTHING
    return demand


def lumpy(rng):
    demand = np.round(rng.lognormal(2, 1, (2000, 1)) * rng.lognormal(0, 1.2, (2000, N_MONTHS)))
    demand[rng.random(demand.shape) < 0.75] = NOTHING
    return demand


def spare_parts(rng):
    demand = rng.poisson(0.35, (600, N_MONTHS)).astype(float)
    return np.where(demand > 0, demand, NOTHING)


def new_region(rng):
    demand = usual(rng)
    demand[np.arange(1000) % 20 >= 17, :30] = NOTHING
    return demand


def line_phased_out(rng):
    demand = usual(rng)
    demand[:200] *= np.clip(1 - (MONTH - 24) / 10, 0, 1)
    return np.where(demand > 0, demand, NOTHING)


def changing_assortment(rng):
    demand = usual(rng)
    first = rng.integers(-10, N_MONTHS, (1000, 1))
    demand[(first > MONTH) | (first + rng.integers(6, 60, (1000, 1)) < MONTH)] = NOTHING
    return demand


def promotion_of_a_third_of_the_items(rng):
    demand = usual(rng)
    demand[rng.random(1000) < 0.35, 33] *= 4  # about twice the volume
    return demand


def closed_in_august(rng):
    demand = usual(rng)
    demand[:, CALENDAR == 7] *= 0.2
    demand[np.ix_(rng.random(1000) < 0.5, np.flatnonzero(CALENDAR == 7))] = NOTHING
    return demand


def one_huge_order(rng):
    demand = usual(rng)
    demand[5, 20] = np.nanmax(demand[5]) * 90
    return demand


def a_few_packs(rng):
    packs = rng.choice([12.0, 24, 36, 48], (1000, 1)) * np.ones(N_MONTHS)
    return np.where(rng.random(packs.shape) < 0.7, packs, 2 * packs)


TRADE = {
    "steady": usual,
    "seasonal": lambda rng: usual(rng) * (1 + 0.8 * np.sin(2 * np.pi * (CALENDAR - 3) / 12)),
    "a Christmas peak": lambda rng: usual(rng) * np.choose(CALENDAR, [0.5] + [1] * 9 + [2, 4]),
    "a season in which rows come and go, too": ice_cream,
    "lumpy": lumpy,
    "spare parts": spare_parts,
    "growing by three quarters a year": lambda rng: usual(rng) * np.exp(0.55 / 12 * MONTH),
    "declining": lambda rng: usual(rng) * np.exp(-0.5 / 12 * MONTH),
    "few DFUs": lambda rng: usual(rng, n_dfus=30),
    "very few DFUs": lambda rng: usual(rng, n_dfus=8, noise=0.5),
    "many DFUs": lambda rng: usual(rng, n_dfus=8000),
    "a new region": new_region,
    "a line that is phased out": line_phased_out,
    "an assortment that changes": changing_assortment,
    "promotions all the time": lambda rng: usual(rng) * np.where(rng.random((1000, N_MONTHS)) < 0.1, 4, 1),
    "one month of promotion": promotion_of_a_third_of_the_items,
    "noisy": lambda rng: usual(rng, noise=0.8),
    "zeros are rows": lambda rng: np.where(rng.random((1000, N_MONTHS)) < 0.3, 0, usual(rng)),
    "returns": lambda rng: usual(rng) * np.where(rng.random((1000, N_MONTHS)) < 0.08, -0.3, 1),
    "quarter ends": lambda rng: usual(rng) * np.where(MONTH % 3 == 2, 1.7, 0.7),
    "closed in August": closed_in_august,
    "one huge order": one_huge_order,
    "a few packs": a_few_packs,
}


def load_tidy(url, folder, demand):
    dfu, month = np.nonzero(~np.isnan(demand))
    months = pd.period_range("2022-01", periods=N_MONTHS, freq="M").to_timestamp()
    sales = {
        "dmdunit": [f"I{number}" for number in dfu],
        "dmdgroup": [f"G{number}" for number in dfu // 3 % 4],
        "loc": [f"L{number}" for number in dfu % 20],
        "startdate": months[month],
        "qty": demand[dfu, month].round(2),
    }
    pd.DataFrame(sales).to_parquet(folder / "sales.parquet")
    load_panel(url, read_tidy_sales(folder / "sales.parquet"))


def critical_failures(url, folder, months):
    """Judge the sources as of each month, as if its load were the newest."""
    engine, config, found = connect_engine(url), load_config(), {}
    for month in months:
        run = Run.open(folder, as_of_month=str(month), config_digest="d", run_id="x")
        reports = judge_sources(config, engine, run, GatePolicy(), chosen=True, docs=False)
        checks = [check for report in reports for check in report.failures if check.severity == "critical"]
        found |= {(str(month), check.name): (check.observed, check.threshold) for check in checks}
    engine.dispose()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", TRADE)
def test_no_month_of_normal_trade_stops_a_run(postgres_url, tmp_path, name):
    load_tidy(postgres_url, tmp_path, TRADE[name](np.random.default_rng(list(TRADE).index(name))))
    assert critical_failures(postgres_url, tmp_path, ("2024-08", "2024-10", "2024-12", "2025-01", "2025-06")) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["stallion", "carparts"])
def test_no_month_of_real_sales_stops_a_run(postgres_url, tmp_path, name):
    path = REAL_PANELS / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"no real panel {path.name} beside the project")
    load_panel(postgres_url, read_tidy_sales(path))
    newest = pd.Period(pd.read_parquet(path, columns=["startdate"])["startdate"].max(), "M")
    assert critical_failures(postgres_url, tmp_path, [newest - ago for ago in range(0, 12, 3)]) == {}


@pytest.mark.parametrize(
    ("what", "dfus", "factor", "stopped"),
    [
        ("a promotion of a third of the DFUs doubles the volume", slice(0, 333), 4, False),
        ("every DFU sells twice", slice(None), 2, True),
        ("every DFU sells half", slice(None), 0.5, True),
    ],
)
def test_volume_that_some_dfus_moved_is_trade_and_what_all_moved_is_a_load(
    postgres_url, tmp_path, what, dfus, factor, stopped
):
    demand = usual(np.random.default_rng(1))
    demand[dfus, -1] *= factor
    load_tidy(postgres_url, tmp_path, demand)
    found = critical_failures(postgres_url, tmp_path, ["2025-06"])
    assert [name for _, name in found] == (["newest_month_volume"] if stopped else []), what
