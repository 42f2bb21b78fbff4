"""The demo panel is what it says: seeded, of known classes, and dirty in the stated ways."""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dfu_clustering.demo.archetypes import (
    ARCHETYPE_NAMES,
    ARCHETYPES,
    TIERS,
    Traits,
    _life,
    _season,
    _trend,
    by_share,
    draw_traits,
    simulate_demand,
)
from dfu_clustering.demo.catalog import pick_member
from dfu_clustering.demo.generated import DemoPanel, book_demand, generate_panel
from dfu_clustering.demo.loading import panel_digest
from dfu_clustering.errors import DataError
from dfu_clustering.months import month_range, parse_month

N_DFUS, N_MONTHS = 3_000, 48
MONTHS = month_range(parse_month("2026-10"), N_MONTHS)
CALENDAR_MONTH = MONTHS.astype(np.int64) % 12 + 1


@pytest.fixture(scope="module")
def panel() -> DemoPanel:
    return generate_panel(N_DFUS, N_MONTHS, seed=7)


@pytest.fixture(scope="module")
def sales(panel: DemoPanel) -> pd.DataFrame:
    return panel.sales.to_pandas()


@pytest.fixture(scope="module")
def traits() -> Traits:
    return draw_traits(np.random.default_rng(3), N_DFUS, N_MONTHS)


@pytest.fixture(scope="module")
def demand(traits: Traits) -> np.ndarray:
    return simulate_demand(np.random.default_rng(4), traits, MONTHS)


def of(traits: Traits, name: str) -> np.ndarray:
    return traits.archetype == ARCHETYPE_NAMES.index(name)


def traits_of(**values: float) -> Traits:
    """One DFU with the given parameters, otherwise without season, trend, noise or end."""
    plain = {
        "archetype": 0, "tier": 0, "level": 1.0, "first_month": -24, "last_month": 11, "noise_cv": 0.0,
        "noise_memory": 0.0, "peak": 6.0, "sharpness": 0.0, "log_growth": 0.0, "adi": 1.0, "return_share": 0.0,
    }  # fmt: skip
    return Traits(**{name: np.array([value]) for name, value in (plain | values).items()})


# Determinism


def test_the_same_arguments_give_the_same_bytes(panel: DemoPanel) -> None:
    again = generate_panel(N_DFUS, N_MONTHS, seed=7)
    assert panel_digest(again) == panel_digest(panel)
    assert again.truth.equals(panel.truth)


@pytest.mark.parametrize("change", [{"seed": 8}, {"last_month": "2026-09"}, {"n_dfus": 2_999}])
def test_another_argument_gives_another_panel(panel: DemoPanel, change: dict[str, Any]) -> None:
    changed = generate_panel(**({"n_dfus": N_DFUS, "n_months": N_MONTHS, "seed": 7} | change))
    assert panel_digest(changed) != panel_digest(panel)


@pytest.mark.parametrize("wrong", [{"n_dfus": 0}, {"n_months": 11}, {"seed": -1}, {"last_month": "October"}])
def test_arguments_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        generate_panel(**({"n_dfus": 10, "n_months": 12} | wrong))


@pytest.mark.parametrize(("n_dfus", "n_months"), [(1, 12), (13, 12), (100, 24), (240, 31)])
def test_small_panels_are_whole(n_dfus: int, n_months: int) -> None:
    small = generate_panel(n_dfus, n_months)
    assert len(small.dfus) == len(small.truth) == n_dfus
    assert len(set(small.dfus["dfu_ck"].to_pylist())) == n_dfus
    months = small.sales["startdate"].to_numpy().astype("datetime64[M]")
    assert months.min() >= np.datetime64("2026-10") - (n_months - 1)
    assert months.max() <= np.datetime64("2026-10")


# Shares


def test_shares_of_the_archetypes_add_up_to_one() -> None:
    assert sum(archetype.share for archetype in ARCHETYPES) == pytest.approx(1)
    assert all(sum(archetype.tier_shares) == pytest.approx(1) for archetype in ARCHETYPES)


def test_by_share_divides_without_loss() -> None:
    # 7 in shares 0.5, 0.3, 0.2: ends at 3.5, 5.6, 7, rounded (half to even) to 4, 6, 7: sizes 4, 2, 1
    assert by_share(np.array([0.5, 0.3, 0.2]), 7).tolist() == [0, 0, 0, 0, 1, 1, 2]


def test_classes_come_in_their_stated_shares(panel: DemoPanel) -> None:
    counts = Counter(panel.truth["archetype"].to_pylist())
    for archetype in ARCHETYPES:
        # truth leaves out 1 % of the draw, so that a class may miss up to that many
        assert abs(counts[archetype.name] - archetype.share * N_DFUS) <= 0.01 * N_DFUS


def test_truth_has_one_row_for_each_row_of_dim_dfu(panel: DemoPanel) -> None:
    assert panel.truth["dfu_ck"].to_pylist() == panel.dfus["dfu_ck"].to_pylist()
    assert set(panel.truth["tier"].to_pylist()) == set(TIERS)


# The parts of the formula, against hand-worked values and plain loops


def test_a_launch_takes_three_months_and_a_fade_four() -> None:
    launched = _life(traits_of(first_month=2), 12)[0]
    assert launched == pytest.approx([0, 0, 1 / 3, 2 / 3, 1, 1, 1, 1, 1, 1, 1, 1])
    ended = _life(traits_of(last_month=8), 12)[0]
    assert ended == pytest.approx([1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0, 0, 0])


def test_a_season_has_mean_one_and_its_peak_where_stated() -> None:
    months = month_range(parse_month("2026-12"), 12)  # January to December
    season = _season(traits_of(peak=7.0, sharpness=0.8), months)[0]
    assert season.mean() == pytest.approx(1, abs=1e-6)
    assert season.argmax() + 1 == 7
    assert season.max() / season.min() == pytest.approx(np.exp(2 * 0.8))  # exp(k) over exp(-k)


def test_a_trend_grows_by_its_rate_in_a_year_and_is_one_at_the_middle_of_24_months() -> None:
    trend = _trend(traits_of(log_growth=np.log(1.3)), 36)[0]
    assert trend[35] / trend[23] == pytest.approx(1.3)
    assert trend[23] == pytest.approx(1)


def test_simulated_rates_follow_the_formula_of_the_module() -> None:
    # without noise, promotions and stockouts aside, Poisson counts of a large level stay within 5 standard deviations
    quiet = traits_of(level=1e6, peak=3.0, sharpness=0.5, log_growth=np.log(1.2), first_month=-24, last_month=23)
    months = month_range(parse_month("2026-10"), 24)
    simulated = simulate_demand(np.random.default_rng(0), quiet, months)[0]
    expected = []
    for t, month in enumerate(months):
        calendar = int(str(month)[5:])
        season = np.exp(0.5 * np.cos(2 * np.pi * (calendar - 3.0) / 12)) / np.i0(0.5)
        expected.append(1e6 * season * 1.2 ** ((t - 23 + 12) / 12))
    usual = np.abs(simulated - expected) < 5 * np.sqrt(expected)
    assert usual.sum() >= 22


def test_pick_member_stays_within_the_wanted_group_and_takes_any_where_there_is_none() -> None:
    group = np.array([1, 0, 1, 3])
    picked = pick_member(np.random.default_rng(1), np.array([0, 1, 2, 3] * 500), group)
    by_wanted = {wanted: set(picked[wanted::4].tolist()) for wanted in range(4)}
    assert by_wanted == {0: {1}, 1: {0, 2}, 2: {0, 1, 2, 3}, 3: {3}}


# Class character, in plain numbers


def test_seasonal_classes_peak_in_their_months(traits: Traits, demand: np.ndarray) -> None:
    last_three_years = demand[:, -36:]
    for name, months in (
        ("seasonal_summer", {6, 7, 8}),
        ("seasonal_holiday", {11, 12, 1}),
        ("seasonal_spring", {3, 4, 5}),
    ):
        old = of(traits, name) & (traits.first_month < 12)
        means = np.stack(
            [last_three_years[old][:, CALENDAR_MONTH[-36:] == m].mean(axis=1) for m in range(1, 13)], axis=1
        )
        peaks = means.argmax(axis=1) + 1
        assert np.isin(peaks, list(months)).mean() > 0.85
        # the season is of consequence, not a ripple: the typical swing is above 80 % of the mean
        swing = (means.max(axis=1) - means.min(axis=1)) / means.mean(axis=1)
        assert 0.8 < np.median(swing) < 2.5


def test_steady_demand_varies_little_and_volatile_demand_much(traits: Traits, demand: np.ndarray) -> None:
    window = demand[:, -24:]
    mean = window.mean(axis=1)
    cv = np.divide(window.std(axis=1), mean, out=np.zeros(len(mean)), where=mean > 0)
    assert np.median(cv[of(traits, "steady")]) < 0.3
    assert np.median(cv[of(traits, "volatile")]) > 0.8
    assert (window[of(traits, "volatile")] == 0).mean() < 0.05


def test_growing_demand_grows_by_half_to_double_a_year_and_declining_demand_is_its_mirror(
    traits: Traits, demand: np.ndarray
) -> None:
    log_ratio = np.log((demand[:, -12:].sum(axis=1) + 1) / (demand[:, -24:-12].sum(axis=1) + 1))
    grown, shrunk = np.median(log_ratio[of(traits, "growing")]), np.median(log_ratio[of(traits, "declining")])
    assert np.log(1.5) < grown < np.log(2.0)
    assert -np.log(2.0) < shrunk < -np.log(1.5)
    assert traits.log_growth[of(traits, "growing")].min() >= np.log(1.5)
    assert traits.log_growth[of(traits, "growing")].max() <= np.log(2.0)
    assert (traits.log_growth[of(traits, "declining")] < 0).all()


def test_intermittent_and_lumpy_demand_differ_by_the_sizes_and_not_by_the_gaps(
    traits: Traits, demand: np.ndarray
) -> None:
    cv2 = {}
    for name in ("intermittent", "lumpy"):
        rows = demand[of(traits, name) & (traits.first_month < 0)]
        interval = rows.shape[1] / np.maximum((rows > 0).sum(axis=1), 1)
        assert 1.32 < np.quantile(interval, 0.05) < np.quantile(interval, 0.95) < 8
        assert 0.3 < (rows == 0).mean() < 0.8
        sizes = [row[row > 0] for row in rows]
        cv2[name] = np.array([(size.std() / size.mean()) ** 2 for size in sizes if len(size) > 3])
    assert np.mean(cv2["intermittent"] < 0.49) > 0.9
    assert np.mean(cv2["lumpy"] > 0.49) > 0.6


def test_new_items_start_three_to_23_months_ago(traits: Traits, demand: np.ndarray) -> None:
    new = of(traits, "new")
    age = N_MONTHS - traits.first_month[new]
    assert age.min() >= 3
    assert age.max() <= 23
    assert 0.25 < np.mean(age < 12) < 0.55
    before = np.arange(N_MONTHS) < traits.first_month[:, None]
    assert not demand[before].any()
    assert (demand[new, traits.first_month[new] + 2] > 0).mean() > 0.95


def test_discontinued_items_stop_some_within_24_months_and_some_before(traits: Traits, demand: np.ndarray) -> None:
    gone = of(traits, "discontinued")
    after = np.arange(N_MONTHS) > traits.last_month[:, None]
    assert not demand[after].any()
    in_window = (demand[gone, -24:] > 0).any(axis=1)
    assert 0.3 < in_window.mean() < 0.7
    assert (demand[gone, -3:] == 0).all()


def test_returns_push_some_months_below_zero(traits: Traits, demand: np.ndarray) -> None:
    negative = demand < 0
    assert 0.04 < negative[of(traits, "returns")].mean() < 0.2
    assert negative[~of(traits, "returns")].mean() < 0.01


def test_an_item_that_never_sold_has_no_sales(panel: DemoPanel, sales: pd.DataFrame) -> None:
    truth = panel.truth.to_pandas()
    never = set(truth.dfu_ck[truth.archetype == "never_sold"])
    sold = set(sales.dmdunit + "_" + sales.dmdgroup + "_" + sales["loc"])
    assert never
    assert not never & sold


def test_volume_is_spread_within_tiers_and_ordered_between_them(traits: Traits) -> None:
    low, medium, high = (np.log(traits.level[traits.tier == tier]) for tier in range(3))
    assert np.median(low) < np.median(medium) < np.median(high)
    assert all(0.4 < level.std() < 0.5 for level in (low, medium, high))
    assert np.quantile(low, 0.99) > np.quantile(medium, 0.01)  # tiers meet at their borders


# Booking


def test_bookings_of_a_dfu_and_month_add_up_to_its_demand(traits: Traits, demand: np.ndarray) -> None:
    bookings = book_demand(np.random.default_rng(5), demand, traits, MONTHS)
    booked = np.zeros_like(demand)
    for dfu, month, qty in zip(bookings.dfu, bookings.month, bookings.qty.to_pylist(), strict=True):
        booked[dfu, int((month - MONTHS[0]).astype(int))] += qty or 0.0
    assert np.array_equal(booked, demand)


def test_a_month_without_demand_has_no_row_or_one_without_qty(sales: pd.DataFrame) -> None:
    assert not (sales.qty == 0).any()
    assert 0.001 < sales.qty.isna().mean() < 0.05


def test_corrections_are_second_rows_of_a_later_load(sales: pd.DataFrame) -> None:
    second = sales.sales_ck.str.endswith("_2")
    assert 0.005 < second.mean() < 0.03
    first_of_next = pd.to_datetime(sales.startdate) + pd.offsets.MonthBegin(1)
    delay_days = (sales.load_ts.dt.tz_localize(None) - first_of_next).dt.days
    assert (delay_days[~second] == 4).all()
    assert delay_days[second].min() > 28
    assert sales.load_ts.is_monotonic_increasing
    assert sales.load_ts.max() == pd.Timestamp("2026-11-05 06:00", tz="UTC")


def test_sales_keys_are_unique_and_dates_start_a_month(sales: pd.DataFrame) -> None:
    assert sales.sales_ck.is_unique
    assert {date.day for date in sales.startdate} == {1}


def test_shipments_fall_short_of_orders_now_and_then(sales: pd.DataFrame) -> None:
    assert sales.qty_ordered.equals(sales.qty)
    short = sales.qty_shipped.abs() < sales.qty_ordered.abs()
    assert 0.02 < short.mean() < 0.06


# Dimensions


def test_items_dfus_and_sales_are_partly_missing_from_each_other(panel: DemoPanel, sales: pd.DataFrame) -> None:
    known = set(panel.dfus["dfu_ck"].to_pylist())
    sold = set(sales.dmdunit + "_" + sales.dmdgroup + "_" + sales["loc"])
    assert 0.005 < len(sold - known) / len(known) < 0.015
    assert 0.005 < len(known - sold) / len(known) < 0.02
    without_item = ~np.isin(panel.dfus["dmdunit"].to_numpy(), panel.items["item_no"].to_numpy())
    assert 0 < without_item.mean() < 0.05


def test_item_numbers_hold_underscores_and_letters_beyond_ascii(panel: DemoPanel) -> None:
    numbers = panel.items["item_no"].to_pylist()
    assert 0.02 < np.mean(["_" in number for number in numbers]) < 0.12
    assert 0.005 < np.mean([not number.isascii() for number in numbers]) < 0.08


def test_attribute_columns_may_be_null_constant_or_all_different(panel: DemoPanel) -> None:
    dfus, items = panel.dfus.to_pandas(), panel.items.to_pandas()
    assert dfus.supergroup.isna().all()
    assert set(items.national_service_model) == {"DSD"}
    assert dfus.state_plan.nunique() > 0.5 * len(dfus)
    assert 0.01 < dfus.region.isna().mean() < 0.05


def test_attributes_go_with_behaviour(panel: DemoPanel) -> None:
    merged = panel.dfus.to_pandas().merge(panel.truth.to_pandas(), on="dfu_ck")
    is_beer = merged.prod_cat_desc == "BEER"
    assert is_beer[merged.archetype == "seasonal_summer"].mean() > 0.45
    assert is_beer[merged.archetype == "seasonal_holiday"].mean() < 0.3
    tiers = pd.Categorical(merged.tier, categories=TIERS, ordered=True).codes
    assert (
        tiers[merged.abc_vol == "A"].mean() > tiers[merged.abc_vol == "B"].mean() > tiers[merged.abc_vol == "C"].mean()
    )
    assert np.allclose(merged.proof, 2 * merged.alcoh_pct)
    imported = merged.dom_imp_opt == "I"
    assert merged.total_lt[imported].min() > merged.total_lt[~imported].max()
