"""Golden numbers of every feature, worked by hand from three short histories."""

import math

import numpy as np
import pytest
from histories import features_of, histories_of

from dfu_clustering.features.matrix import time_series_features


class TestFiveMonthsWorkedByHand:
    """y = 1, 3, 2, 6, 8 from November to March.

    mu = 20/5 = 4; deviations -3 -1 -2 2 4; their squares add up to 34.
    t = -2..2: sum t^2 = 10, sum t y = -2 - 3 + 0 + 6 + 16 = 17, slope 1.7.
    D = 0.4 0.7 -2 0.3 0.6; SSD = 0.16 + 0.49 + 4 + 0.09 + 0.36 = 5.1.
    """

    FEATURES = features_of([1, 3, 2, 6, 8], as_of="2024-03")

    @pytest.mark.parametrize(
        ("feature", "expected"),
        [
            ("mean_demand", 4),
            ("median_demand", 3),
            ("std_demand", math.sqrt(34 / 5)),
            ("min_demand", 1),
            ("max_demand", 8),
            ("total_demand", 20),
            ("cv_demand", math.sqrt(34 / 5) / 4),
            ("trend_slope", 1.7),
            ("trend_pct_change", 100 * (16 / 3 - 2) / 2),  # last three 2 6 8, first three 1 3 2
            ("trend_direction", 0),  # t = 1.7 / sqrt(5.1 / 3 / 10) = 4.123 < 5.841, the table's value for 3 d.f.
            ("seasonality_strength", 0),  # less than 24 months
            ("seasonality_amplitude", (8 - 1) / 4),
            ("peak_month", 3),
            ("season_months", 0),
            ("seasonal_index_std", math.sqrt(34 / 5) / 4),  # one month each: the spread of y / mu
            ("zero_demand_pct", 0),
            ("sparsity_score", 1),
            ("cv2_demand", 34 / 5 / 16),
            ("demand_stability", 1 / (1 + math.sqrt(34 / 5) / 4)),
            ("outlier_count", 0),  # 2 std = 5.2
            ("acceleration", (8 - 2 * 11 / 3 + 1) / 4),  # thirds 1 | 3 2 6 | 8
            ("residual_cv", math.sqrt(5.1 / 3) / 4),  # two degrees of freedom go to the line
            ("lag1_autocorrelation", (0.28 - 1.4 - 0.6 + 0.18) / 5.1),
            ("log_growth", math.log((7 + 0.4) / (2 + 0.4))),  # halves 1 3 | 6 8
            ("history_months", 5),
        ],
    )
    def test_feature_has_the_hand_worked_value(self, feature, expected):
        assert self.FEATURES[feature] == pytest.approx(expected, rel=1e-12)

    def test_demand_every_month_of_moderate_spread_is_smooth(self):
        assert self.FEATURES["demand_class"] == "smooth"

    @pytest.mark.parametrize(
        "feature", ["year_over_year_correlation", "growth_rate", "recent_vs_historical", "log_recent"]
    )
    def test_features_that_need_longer_histories_are_undefined(self, feature):
        assert math.isnan(self.FEATURES[feature])


class TestTwoSeasonalYearsWorkedByHand:
    """y = 10 + s + e: s is +10 in the 6th and 7th month of a year, else -2; e is +1, -1 in turn, reversed a year on.

    s is symmetric about the middle of the year and e adds up to 0 over a year, so the slope is 0 and D = s + e.
    A year's s^2 add up to 2 x 100 + 10 x 4 = 240; SSD = 480 + 24 = 504; R = e, SSR = 24.
    """

    SEASON = np.array([-2, -2, -2, -2, -2, 10, 10, -2, -2, -2, -2, -2])
    NOISE = np.array([1, -1] * 6)
    Y = np.concatenate([10 + SEASON + NOISE, 10 + SEASON - NOISE])
    FEATURES = features_of(Y)

    @pytest.mark.parametrize(
        ("feature", "expected"),
        [
            ("trend_slope", 0),
            ("trend_direction", 0),
            ("seasonality_strength", 1 - (24 / 11) / (504 / 22)),
            ("seasonality_amplitude", (20 - 8) / 10),
            ("peak_month", 6),  # June and July are equal
            # the means are 12 higher in both than in the others: |12 + 12 exp(-i pi / 6)|^2 = 144 (2 + sqrt 3), a
            # 72nd of it is the variance of the wave, and 240/12 that of the means
            ("peak_clarity", 2 * (2 + math.sqrt(3)) / 20),
            ("season_months", 24),
            ("seasonal_index_std", math.sqrt(240 / 12) / 10),
            # covariance sum (s - e)(s + e) = 240 - 12; both variances 240 + 12, as e in June and July adds up to 0
            ("year_over_year_correlation", 228 / 252),
            ("outlier_count", 2),  # 2 std = 2 sqrt(21) = 9.17: the two months of 21; those of 19 are 9 from mu
            ("residual_cv", math.sqrt(24 / 11) / 10),
            ("growth_rate", 0),
            ("recent_vs_historical", 1),
            ("log_growth", 0),
            ("log_recent", 0),
        ],
    )
    def test_feature_has_the_hand_worked_value(self, feature, expected):
        assert self.FEATURES[feature] == pytest.approx(expected, abs=1e-12)

    @pytest.mark.parametrize(
        ("as_of", "peak"),
        [("2024-12", 6), ("2024-11", 5), ("2024-05", 11), ("2024-06", 1)],  # the last: December and January tie
    )
    def test_peak_month_is_the_earliest_calendar_month_of_the_highest_mean(self, as_of, peak):
        assert features_of(self.Y, as_of)["peak_month"] == peak

    def test_no_scale_breaks_the_tie_of_the_peak(self):
        # May and June hold the same three sizes, but 0.3 + 0.2 + 0.1 = 0.6 and 0.1 + 0.2 + 0.3 = 0.6000000000000001
        y = np.zeros(36)
        y[4::12], y[5::12] = [0.3, 0.2, 0.1], [0.1, 0.2, 0.3]
        scaled = time_series_features(histories_of([y * c for c in np.geomspace(1e-3, 1e3, 301)]))
        assert set(scaled["peak_month"]) == {5}


class TestThreeGrowingYearsWorkedByHand:
    """Twelve months of 4, twelve of 6, six of 8, six of 10; total 48 + 72 + 48 + 60 = 228, mu = 19/3."""

    FEATURES = features_of([4] * 12 + [6] * 12 + [8] * 6 + [10] * 6)

    @pytest.mark.parametrize(
        ("feature", "expected"),
        [
            ("trend_pct_change", 150),
            ("growth_rate", 0.5),  # (9/4)^(12/24) - 1
            ("acceleration", (9 - 2 * 6 + 4) / (19 / 3)),
            ("recent_vs_historical", 1.25),
            ("log_growth", math.log((9 + 1.9 / 3) / (6 + 1.9 / 3))),
            ("log_recent", math.log((10 + 1.9 / 3) / (120 / 18 + 1.9 / 3))),  # 18 before: 12 x 6 and 6 x 8
            ("trend_direction", 1),
        ],
    )
    def test_feature_has_the_hand_worked_value(self, feature, expected):
        assert self.FEATURES[feature] == pytest.approx(expected, rel=1e-12)
