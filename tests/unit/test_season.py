"""The season's own window, which DFUs can have a season at all, and how clear its peak is."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from dfu_clustering.features.histories import Histories
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES, time_series_features

OF_THE_SEASON = [
    *("seasonality_strength", "seasonality_amplitude", "peak_month", "peak_clarity", "season_months"),
    "seasonal_index_std",
]
DECEMBER = np.datetime64("2024-12", "M")


def features_of(
    series: Sequence[Sequence[float] | np.ndarray] | np.ndarray, *, history: int, of_season: int
) -> pd.DataFrame:
    """Return features of DFUs whose demand is known for the same months, up to December."""
    keys = np.array([f"dfu{i:03d}" for i in range(len(series))], dtype=object)
    lengths = (np.full(len(series), months) for months in (history, of_season))
    history_months, season_months = lengths
    return time_series_features(Histories(keys, np.array(series, dtype=float), history_months, DECEMBER, season_months))


def strength_of(year: Sequence[float], years: int = 3, factor: float = 1.0) -> float:
    months = 12 * years
    return features_of([np.tile(year, years) * factor], history=months, of_season=months)["seasonality_strength"][0]


class TestOwnWindow:
    DEMAND = np.random.default_rng(5).lognormal(3, 0.5, (40, 48)) * (1.5 + np.sin(np.arange(48) * 2 * np.pi / 12))
    BOTH = features_of(DEMAND, history=24, of_season=48)

    def test_the_season_is_that_of_four_years_although_the_window_holds_two(self):
        four_years = features_of(self.DEMAND, history=48, of_season=48)
        pd.testing.assert_frame_equal(self.BOTH[OF_THE_SEASON], four_years[OF_THE_SEASON], check_exact=True)

    def test_all_other_features_are_those_of_the_window(self):
        two_years = features_of(self.DEMAND[:, -24:], history=24, of_season=24)
        others = [f.name for f in TIME_SERIES_FEATURES if f.name not in OF_THE_SEASON]
        pd.testing.assert_frame_equal(self.BOTH[others], two_years[others], check_exact=True)
        assert (self.BOTH["seasonality_strength"] != two_years["seasonality_strength"]).all()

    def test_without_a_window_of_its_own_the_history_is_measured_and_no_season_claimed(self):
        found = features_of([np.tile([1.0] * 11 + [13.0], 2)[1:]], history=23, of_season=0).iloc[0]
        assert found["seasonality_strength"] == found["season_months"] == 0
        assert found["peak_month"] == 12
        assert found["seasonality_amplitude"] == pytest.approx(12 / (47 / 23), rel=1e-12)

    def test_without_demand_in_its_window_a_season_is_undefined_and_its_peak_is_january(self):
        found = features_of([[5.0] * 12 + [0.0] * 48], history=60, of_season=48).iloc[0]
        assert (found["seasonality_strength"], found["peak_month"], found["season_months"]) == (0, 1, 48)
        assert found[["seasonality_amplitude", "peak_clarity", "seasonal_index_std"]].isna().all()


class TestSparseDemand:
    @pytest.mark.parametrize(("active", "has_season"), [(12, True), (11, False)])
    def test_half_of_the_last_24_months_must_have_demand(self, active, has_season):
        y = np.zeros(24)
        y[[5, 6, 7, 8, 9, 10, 17, 18, 19, 20, 21, 22][:active]] = 10.0
        strength = features_of([y], history=24, of_season=24)["seasonality_strength"][0]
        assert strength > 0.5 if has_season else strength == 0

    def test_months_before_the_last_24_do_not_count(self):
        y = np.concatenate([np.full(24, 10.0) + 5 * (np.arange(24) % 12 == 5), np.zeros(24)])
        y[[29, 41]] = 15.0
        assert features_of([y], history=24, of_season=48)["seasonality_strength"][0] == 0

    def test_the_same_four_months_in_three_years_are_a_season_in_two_they_are_not(self):
        strengths = [strength_of([0] * 8 + [20, 50, 60, 70], years) for years in (2, 3, 4)]
        assert strengths[0] == 0
        assert strengths[1] > 0.85
        assert strengths[2] > 0.85

    def test_four_fifths_of_the_demand_in_four_months_are_enough_at_every_scale(self):
        five_equal_months = [0] * 7 + [1] * 5  # any four of them hold exactly 80 %
        scales = np.geomspace(1e-3, 1e3, 301)
        assert min(strength_of(five_equal_months, factor=scale) for scale in scales) > 0.85

    def test_less_than_four_fifths_of_one_year_in_the_four_months_are_no_season(self):
        usual, other = [0] * 7 + [1, 10, 10, 10, 10], [0] * 7 + [9, 2, 10, 10, 10]  # 32 of 41: 78 %
        nearly = [0] * 7 + [8, 2, 10, 10, 10]  # 32 of 40: 80 %
        found = features_of([[*usual, *usual, *year] for year in (other, nearly)], history=36, of_season=36)
        assert (found["seasonality_strength"] > 0).tolist() == [False, True]

    @pytest.mark.parametrize("fails", [0, 1, 2])
    def test_each_of_the_three_years_must_keep_to_the_months(self, fails):
        faithful = np.array([0] * 8 + [20.0, 50, 60, 70])
        years = [np.roll(faithful, 2) if year == fails else faithful for year in range(3)]
        assert features_of([np.concatenate(years)], history=36, of_season=36)["seasonality_strength"][0] == 0

    def test_a_year_without_demand_is_not_one_of_three(self):
        faithful = np.array([0] * 8 + [20.0, 50, 60, 70])
        y = np.concatenate([faithful, 0 * faithful, faithful])
        assert features_of([y], history=36, of_season=36)["seasonality_strength"][0] == 0

    def test_only_the_newest_three_of_four_years_are_asked(self):
        faithful = np.array([0] * 8 + [20.0, 50, 60, 70])
        y = np.concatenate([np.roll(faithful, 6), faithful, faithful, faithful])
        assert features_of([y], history=48, of_season=48)["seasonality_strength"][0] > 0.2

    def test_rounding_does_not_choose_the_four_months(self):
        # May and June add up to 0.6, as 0.3 + 0.2 + 0.1 and, by rounding a little more, as 0.1 + 0.2 + 0.3; only with
        # May, the first of the two, do the four months hold 80 % of the last year
        y = np.zeros(36)
        for month in (0, 1, 2):
            y[month::12] = [1.0, 1.0, 0.1]
        y[4::12], y[5::12] = [0.1, 0.2, 0.3], [0.1, 0.2, 0.3][::-1]
        scaled = features_of([y * c for c in np.geomspace(1e-3, 1e3, 301)], history=36, of_season=36)
        assert set(scaled["seasonality_strength"] > 0) == {True}


class TestPeakClarity:
    @pytest.mark.parametrize(
        ("year", "clarity"),
        [
            (10 + 3 * np.cos(2 * np.pi * (np.arange(12) - 4) / 12), 1.0),  # one wave
            (np.tile([4.0, 4, 5], 4), 0.0),  # weeks of a retail quarter
            (10 + 3 * np.cos(2 * np.pi * np.arange(12) / 6), 0.0),  # two waves
            # one of 3 and, at twice the pace, one of 4: variances 9/2 and 16/2
            (10 + 3 * np.sin(2 * np.pi * np.arange(12) / 12) + 4 * np.cos(2 * np.pi * np.arange(12) / 6), 9 / 25),
            (np.eye(12)[7], 2 / 11),  # one month alone: every of five waves and a half has the same variance
        ],
    )
    @pytest.mark.parametrize("years", [1, 2, 3])
    def test_clarity_is_the_share_of_one_wave_a_year(self, year, clarity, years):
        months = 12 * years
        found = features_of([np.tile(year, years)], history=months, of_season=months if years > 1 else 0)
        assert found["peak_clarity"][0] == pytest.approx(clarity, abs=1e-12)

    @pytest.mark.parametrize("level", [0.1, 1 / 3, 123456.789])
    def test_a_flat_year_has_no_peak_to_be_clear(self, level):
        found = features_of([[level] * 36, [level] * 11 + [0] + [level] * 24], history=36, of_season=36)
        assert math.isnan(found["peak_clarity"][0])
        assert found["peak_clarity"][1] == pytest.approx(2 / 11)
