"""What must hold of the features whatever the demand: scale, order, chunks, bounds, and what white noise scores."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dfu_clustering.features.histories import Histories
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES, time_series_features
from dfu_clustering.labels.rules import significant_strength

VOLUME_FEATURES = [
    "mean_demand",
    "median_demand",
    "std_demand",
    "min_demand",
    "max_demand",
    "total_demand",
    "trend_slope",
]
SHAPE_FEATURES = [f.name for f in TIME_SERIES_FEATURES if f.name not in [*VOLUME_FEATURES, "demand_class"]]
AS_OF = np.datetime64("2024-05", "M")


@st.composite
def panels(draw: st.DrawFn, max_dfus: int = 12) -> Histories:
    """Histories of 1 to 40 months: pieces or litres to two decimals, many zeros, some demand in each.

    The season's window is longer or shorter than the history, and may hold no demand.
    """
    n_dfus, window = draw(st.integers(1, max_dfus)), draw(st.integers(1, 40))
    size = st.just(0) | st.integers(0, 20) | st.integers(0, 1_000_000).map(lambda hundredths: hundredths / 100)
    demand = draw(arrays(np.float64, (n_dfus, window), elements=size.map(float)))
    demand[:, -1] += demand.sum(axis=1) == 0
    lengths = draw(arrays(np.int64, n_dfus, elements=st.integers(1, window)))
    lengths[[not row[window - n :].any() for row, n in zip(demand, lengths, strict=True)]] = window
    of_season = draw(arrays(np.int64, n_dfus, elements=st.sampled_from([m for m in (0, 24, 36) if m <= window])))
    keys = np.array([f"dfu{i:02d}" for i in range(n_dfus)], dtype=object)
    return Histories(keys, demand, lengths, AS_OF, of_season)


@settings(max_examples=60, deadline=None)
@given(panels(), st.floats(1e-3, 1e3))
def test_scaling_demand_changes_only_volume_features(histories, factor):
    scaled = replace(histories, demand=histories.demand * factor)
    before, after = time_series_features(histories), time_series_features(scaled)
    np.testing.assert_allclose(after[VOLUME_FEATURES], before[VOLUME_FEATURES] * factor, rtol=1e-6, atol=1e-7 * factor)
    np.testing.assert_allclose(after[SHAPE_FEATURES].astype(float), before[SHAPE_FEATURES].astype(float), atol=1e-6)
    assert after["demand_class"].tolist() == before["demand_class"].tolist()


@settings(max_examples=40, deadline=None)
@given(panels(), st.randoms(use_true_random=False))
def test_the_order_of_dfus_changes_no_bit(histories, random):
    order = np.array(random.sample(range(len(histories.dfu_ck)), len(histories.dfu_ck)))
    shuffled = Histories(
        *(histories.dfu_ck[order], histories.demand[order], histories.history_months[order]),
        *(histories.as_of_month, histories.season_months[order]),
    )
    expected = time_series_features(histories).iloc[order].reset_index(drop=True)
    pd.testing.assert_frame_equal(time_series_features(shuffled), expected, check_exact=True)


@settings(max_examples=40, deadline=None)
@given(panels(), st.integers(1, 12))
def test_the_chunk_size_changes_no_bit(histories, chunk_rows):
    chunked = time_series_features(histories, chunk_rows=chunk_rows)
    pd.testing.assert_frame_equal(chunked, time_series_features(histories), check_exact=True)


@pytest.mark.parametrize(
    ("chunk_rows", "n_dfus"),
    [(1, 150), (2, 300), (3, 450), (7, 1_000), (8, 1_000), (100, 1_500), (511, 1_500), (1000, 1_500)],
)
def test_the_chunk_size_changes_no_bit_of_a_large_panel(chunk_rows, n_dfus):
    histories = _noise(np.random.default_rng(3).lognormal(3, 1, (n_dfus, 36)))
    lengths, of_season = np.resize([36, 36, 24, 30, 17], n_dfus), np.resize([36, 24, 36, 24, 0, 0, 24], n_dfus)
    histories = replace(histories, history_months=lengths, season_months=of_season)
    chunked = time_series_features(histories, chunk_rows=chunk_rows)
    pd.testing.assert_frame_equal(chunked, time_series_features(histories), check_exact=True)


@settings(max_examples=60, deadline=None)
@given(panels())
def test_features_keep_within_their_bounds(histories):
    found = time_series_features(histories)
    bounds = {
        "seasonality_strength": (0, 1),
        "peak_clarity": (0, 1),
        "zero_demand_pct": (0, 1),
        "demand_stability": (0, 1),
        "year_over_year_correlation": (-1, 1),
        "lag1_autocorrelation": (-1 - 1e-9, 1 + 1e-9),
        "growth_rate": (-1, 3),
        "recent_vs_historical": (0, 5),
        "log_growth": (-1.5, 1.5),
        "log_recent": (-1.5, 1.5),
        "peak_month": (1, 12),
        "trend_direction": (-1, 1),
        "sparsity_score": (1, 40),
    }
    for name, (low, high) in bounds.items():
        assert found[name].dropna().between(low, high).all(), name
    assert (found["min_demand"] <= found["mean_demand"]).all()
    assert (found["mean_demand"] <= found["max_demand"]).all()
    assert not np.isinf(found[[*VOLUME_FEATURES, *SHAPE_FEATURES]].to_numpy(float)).any()


@settings(max_examples=40, deadline=None)
@given(panels(max_dfus=1), st.integers(0, 60))
def test_months_before_the_history_change_nothing(histories, older_months):
    padded = np.hstack([np.zeros((1, older_months)), histories.demand])
    longer = replace(histories, demand=padded)
    pd.testing.assert_frame_equal(time_series_features(longer), time_series_features(histories), check_exact=True)


@pytest.mark.parametrize("k", [1, 5, 11])
def test_moving_the_calendar_moves_the_peak_month_and_nothing_else(k):
    rng = np.random.default_rng(7)
    demand = rng.lognormal(3, 1, (600, 48)) * (rng.random((600, 48)) < rng.choice([1, 0.5, 0.2], (600, 1)))
    demand[:, -1] += 1
    lengths, of_season = np.resize([24, 24, 24, 13, 5], 600), np.resize([48, 36, 24, 0, 0], 600)
    keys = np.array([f"dfu{i:03d}" for i in range(600)], dtype=object)
    histories = Histories(keys, demand, lengths, AS_OF, of_season)
    before, after = (time_series_features(replace(histories, as_of_month=AS_OF + months)) for months in (0, k))
    assert after["peak_month"].tolist() == ((before["peak_month"] - 1 + k) % 12 + 1).tolist()
    pd.testing.assert_frame_equal(after.drop(columns="peak_month"), before.drop(columns="peak_month"), check_exact=True)


def critical_strength(months: int) -> float:
    """F of the twelve means at 1 %, on 11 and n - 13 degrees of freedom, solved for the strength."""
    return 1 - (months - 2) / (11 * scipy.stats.f.ppf(0.99, 11, months - 13) + months - 13)


def test_the_rules_ask_of_a_season_what_the_f_test_asks():
    asked = significant_strength(np.array([0.0, 12, 24, 36, 48]))
    assert asked.tolist() == pytest.approx([np.inf, np.inf, *map(critical_strength, (24, 36, 48))], rel=1e-12)
    assert asked[2] == pytest.approx(0.63, abs=0.005)  # as METHOD has it


@pytest.mark.parametrize("months", [36, 48])
def test_an_item_that_sells_four_months_a_year_has_a_significant_season(months):
    rng = np.random.default_rng(12)
    demand = np.zeros((500, months))
    for month in (8, 9, 10, 11):
        demand[:, month::12] = rng.lognormal(4, 0.3, (500, months // 12))
    assert time_series_features(_noise(demand))["seasonality_strength"].min() > critical_strength(months)


@pytest.mark.parametrize("months", [24, 36, 48])
def test_spare_parts_that_sell_in_a_third_of_the_months_have_no_season(months):
    rng = np.random.default_rng(13)
    sells = rng.permuted(np.tile(np.arange(12) < 4, (5_000 * months // 12, 1)), axis=1).reshape(5_000, months)
    demand = sells * (1.0 + rng.poisson(1, sells.shape))
    strength = time_series_features(_noise(demand))["seasonality_strength"]
    assert (strength > 0).mean() <= (0.0 if months == 24 else 0.015)  # 1 % keep to four months, by chance three times
    assert (strength >= max(critical_strength(months), 0.5)).mean() <= 0.01


NOISE = {
    "normal": lambda rng, shape: np.maximum(rng.normal(100, 20, shape), 0),
    "poisson": lambda rng, shape: rng.poisson(5, shape).astype(float),
    "intermittent": lambda rng, shape: (rng.random(shape) < 0.3) * rng.poisson(5, shape).astype(float),
    "lognormal": lambda rng, shape: rng.lognormal(3, 1, shape),
}


# months of history -> share of noise that METHOD lets pass as seasonal
@pytest.mark.parametrize(("months", "most"), [(24, 0.02), (36, 0.01), (48, 0.01)])
@pytest.mark.parametrize("kind", NOISE)
def test_noise_is_rarely_called_seasonal(kind, months, most):
    noise = NOISE[kind](np.random.default_rng(20_240_601), (20_000, months))
    found = time_series_features(_noise(noise))
    asked = np.maximum(significant_strength(found["season_months"].to_numpy(float)), 0.5)
    # METHOD: 0.7 to 1.7 % at 24 months; with 20,000 DFUs the standard error is 0.1 %
    assert set(found["season_months"]) == {months}
    assert (found["seasonality_strength"] >= asked).mean() <= most


@pytest.mark.parametrize("kind", ["normal", "poisson", "lognormal"])
def test_the_strength_of_noise_is_adjusted_for_degrees_of_freedom(kind):
    noise = NOISE[kind](np.random.default_rng(20_240_601), (20_000, 24))
    strength = time_series_features(_noise(noise))["seasonality_strength"]
    assert 0.03 < strength.mean() < 0.12  # about 0.1; unadjusted it would be 0.5


def _noise(demand: np.ndarray) -> Histories:
    demand = demand[demand.any(axis=1)]
    keys = np.array([f"dfu{i:05d}" for i in range(len(demand))], dtype=object)
    return Histories(keys, demand, np.full(len(demand), demand.shape[1]), AS_OF)
