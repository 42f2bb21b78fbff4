"""How forecastable demand is, against values worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from dfu_clustering.features.forecastability import explained_share, seasonal_naive_errors, wape
from dfu_clustering.features.histories import Histories
from dfu_clustering.features.matrix import time_series_features
from dfu_clustering.outputs.forecastability import Forecastability, forecastability, of_segment

AS_OF = np.datetime64("2026-10", "M")


def errors_of(*months, history=1):
    """Of one DFU."""
    missed, sold = seasonal_naive_errors(np.array(months, dtype=float)[:, None], np.array([history]))
    return float(missed[0]), float(sold[0])


def explained(demand):
    """Of DFUs in rows, by the features of their histories."""
    demand = np.asarray(demand, dtype=float)
    keys = np.array([f"{i:06d}" for i in range(len(demand))], dtype=object)
    matrix = time_series_features(Histories(keys, demand, np.full(len(demand), demand.shape[1]), AS_OF))
    return explained_share(*(matrix[name].to_numpy(float) for name in ("residual_cv", "cv_demand", "history_months")))


def test_each_month_is_forecast_by_the_month_a_year_before():
    last_year, since, now = [10, 20, 30, 40, 50, 60], [7] * 6, [12, 20, 25, 40, 50, 63]
    assert errors_of(*last_year, *since, *now) == (2 + 0 + 5 + 0 + 0 + 3, 210)


def test_months_before_the_first_sale_are_forecast_by_the_mean_since():
    # first sale in the third month: the first two of the six repeat the mean of the ten months up to then
    months = [0, 0, 2, 4, 4, 4, 4, 4, 4, 4, *[3, 5], *[4, 4, 2, 5, 4, 3]]
    mean = (2 + 4 * 7 + 3 + 5) / 10
    assert errors_of(*months) == pytest.approx((abs(4 - mean) * 2 + 0 + 1 + 0 + 1, 22))


def test_a_longer_history_than_the_months_at_hand_counts():
    # the six months of a year before had no demand, but the DFU sold before them: they are zeros, not unknown
    months = [0] * 6 + [6] * 6 + [5, 0, 5, 0, 5, 0]
    assert errors_of(*months, history=24) == (15, 15)
    assert errors_of(*months) == (1 + 6 + 1 + 6 + 1 + 6, 15)


def test_the_mean_is_that_of_a_year_at_most():
    months = [100, *[0] * 4, *[2] * 12, *[2, 2, 2, 3, 2, 2]]
    assert errors_of(*months) == (100 * 0 + 1, 13)
    with_short_memory = [100, *[2] * 12, *[4] * 6]  # of the six, only one has a month a year before: y[1] = 2
    assert errors_of(*with_short_memory) == (6 * 2, 24)


def test_what_begins_within_the_six_months_cannot_be_forecast():
    assert np.isnan(errors_of(*[0] * 13, 5, 5, 5, 5, 5)).all()
    assert np.isnan(errors_of(1, 2, 3, 4, 5, 6, history=6)).all()
    assert errors_of(3, 1, 2, 3, 4, 5, 6) == (2 + 1 + 0 + 1 + 2 + 3, 21)


def test_error_share_is_undefined_without_demand():
    assert wape(np.array([3.0, 0.0, 2.0]), np.array([6.0, 0.0, 0.0])).tolist()[:1] == [0.5]
    assert np.isnan(wape(np.array([3.0, 0.0]), np.zeros(2))).all()


def test_share_is_one_less_the_variance_that_is_left():
    # n = 25, c = 0.5: variance 0.25 * 25 / 24; r = 0.25
    share = explained_share(np.array([0.25]), np.array([0.5]), np.array([25.0]))
    assert share.tolist() == [pytest.approx(1 - 0.0625 / (0.25 * 25 / 24))]
    assert explained_share(np.array([0.9]), np.array([0.5]), np.array([25.0])).tolist() == [0.0]
    assert np.isnan(explained_share(np.array([0.0, np.nan]), np.array([0.0, 0.5]), np.array([24.0, 2.0]))).all()


def test_constant_demand_is_forecast_without_error_and_has_nothing_to_explain():
    assert errors_of(*[7.3] * 24) == (0.0, pytest.approx(6 * 7.3))
    assert np.isnan(explained(np.full((1, 24), 7.3))).all()


@pytest.mark.parametrize(("n_months", "at_least"), [(24, 0.85), (36, 0.95), (48, 0.98)])
def test_a_season_that_repeats_is_forecast_without_error_and_explained(n_months, at_least):
    # not quite all: through a jagged year the line of the trend is not flat, which the shorter history shows more
    year = np.random.default_rng(n_months).gamma(1.0, 50.0, 12)
    season = np.tile(year, n_months // 12)
    assert errors_of(*season)[0] == 0.0
    assert at_least < explained(season[None, :])[0] <= 1.0


@pytest.mark.parametrize("n_months", [12, 24, 36, 48])
def test_trend_and_season_explain_next_to_nothing_of_noise(n_months):
    noise = np.random.default_rng(7).normal(100, 10, (2_000, n_months)).clip(0)
    shares = explained(noise)
    assert np.median(shares) < 0.08
    assert shares.mean() < 0.15


def test_a_straight_line_is_explained_whole():
    assert explained(np.arange(1.0, 25.0)[None, :])[0] == pytest.approx(1.0)


def test_scale_of_demand_changes_no_share():
    demand = np.random.default_rng(3).gamma(2.0, 10.0, (50, 36))
    assert explained(demand) == pytest.approx(explained(demand * 1_000))
    missed, sold = seasonal_naive_errors(demand.T, np.full(50, 36))
    more = seasonal_naive_errors(1_000 * demand.T, np.full(50, 36))
    assert wape(missed, sold) == pytest.approx(wape(*more))


def test_a_segment_pools_errors_and_demand_of_its_dfus():
    of_dfus = pd.DataFrame(
        {
            "naive_error_units": [10.0, 30.0, np.nan, 5.0],
            "tested_demand_units": [100.0, 20.0, np.nan, 0.0],
            "explained_share": [0.2, 0.6, np.nan, 0.4],
        }
    )
    assert of_segment(of_dfus, np.array([0, 1, 2, 3])) == Forecastability(45 / 120, 0.4)
    assert of_segment(of_dfus, np.array([3])) == Forecastability(None, 0.4)
    assert of_segment(of_dfus, np.array([2])) == Forecastability(None, None)


def test_without_demand_at_hand_only_the_share_is_known():
    matrix = pd.DataFrame({"dfu_ck": ["a"], "history_months": [25], "cv_demand": [0.5], "residual_cv": [0.25]})
    (row,) = forecastability(matrix, None).to_dict("records")
    assert np.isnan([row["naive_error_units"], row["tested_demand_units"], row["naive_wape"]]).all()
    assert row["explained_share"] == pytest.approx(0.76)
