"""Features at their edges: sparse, constant, straight and short histories, cutoffs and clips."""

import math

import numpy as np
import pytest
from histories import features_of, histories_of

from dfu_clustering.features.matrix import time_series_features


class TestIntermittency:
    @pytest.mark.parametrize(
        ("y", "adi", "cv2", "demand_class"),
        [
            # sizes 2 4 6: variance 8/3, mean 4
            ([2, 0, 0, 4, 0, 0, 6, 0, 0, 0], 10 / 3, 1 / 6, "intermittent"),
            # sizes 1 1 10: variance 18, mean 4
            ([1, 0, 1, 0, 0, 10], 2, 18 / 16, "lumpy"),
            ([1, 1, 10], 1, 18 / 16, "erratic"),
            ([5, 0, 0, 0], 4, 0, "intermittent"),  # a single size does not vary
        ],
    )
    def test_adi_counts_zero_months_and_cv2_only_the_others(self, y, adi, cv2, demand_class):
        found = features_of(y)
        assert found["sparsity_score"] == pytest.approx(adi, rel=1e-12)
        assert found["cv2_demand"] == pytest.approx(cv2, rel=1e-12)
        assert found["demand_class"] == demand_class
        assert found["zero_demand_pct"] == pytest.approx(1 - 1 / adi, rel=1e-12)

    def test_an_adi_of_exactly_the_cutoff_is_intermittent(self):
        assert features_of([3] * 25 + [0] * 8)["demand_class"] == "intermittent"  # 33 / 25 = 1.32
        assert features_of([3] * 25 + [0] * 7)["demand_class"] == "smooth"  # 32 / 25 = 1.28

    def test_a_cv2_of_exactly_the_cutoff_is_erratic_at_every_scale(self):
        at_cutoff = np.array([3, 17] * 6)  # mean 10, std 7: 0.49
        found = time_series_features(histories_of([at_cutoff * c for c in np.geomspace(1e-3, 1e3, 301)]))
        assert set(found["demand_class"]) == {"erratic"}


class TestOutliers:
    def test_months_further_than_two_standard_deviations_are_counted(self):
        # mu = 121/11 = 11; squares 10 x 1 + 100 = 110, std = sqrt(110/11) = 3.16; 21 - 11 > 6.32 > 11 - 10
        assert features_of([10] * 10 + [21])["outlier_count"] == 1

    def test_a_month_at_exactly_two_standard_deviations_is_none_at_any_scale(self):
        # a fifth of the months at 1: mu = 0.2, std = sqrt(0.2 x 0.8) = 0.4, and 1 - 0.2 = 2 x 0.4
        at_limit = np.array([1, 0, 0, 0, 0] * 5)
        found = time_series_features(histories_of([at_limit * c for c in np.geomspace(1e-3, 1e3, 301)]))
        assert set(found["outlier_count"]) == {0}


class TestGrowth:
    @pytest.mark.parametrize(
        ("y", "expected"),
        [
            ([2] * 9 + [3] * 9, 1.5 ** (12 / 9) - 1),
            ([1] * 6 + [100] + [2] * 6, 2 ** (12 / 6.5) - 1),  # 13 months: halves of 6, the middle month in neither
            ([1] * 12 + [2] * 12, 1.0),  # 24 months: (2/1)^(12/12) - 1
            ([1] * 12 + [100], 3.0),  # clipped
            ([5] * 12 + [0] * 12, -1.0),
            ([0] * 12 + [1] * 12 + [0] * 12, 3.0),  # zero base
        ],
    )
    def test_growth_rate_is_compound_and_clipped(self, y, expected):
        assert features_of(y)["growth_rate"] == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize(
        ("recent", "before", "expected"),
        [(0, 0, 1.0), (3, 0, 5.0), (60, 10, 5.0), (0, 3, 0.0), (3, 4, 0.75)],
    )
    def test_recent_vs_historical_is_clipped_and_one_where_both_are_zero(self, recent, before, expected):
        assert features_of([1] * 6 + [before] * 6 + [recent] * 6)["recent_vs_historical"] == expected

    def test_log_ratios_are_clipped(self):
        rising = features_of([0] * 18 + [9] * 6)  # (9 + 0.225) / 0.225 = 41, log 3.7
        falling = features_of([9] * 12 + [0] * 12)
        assert rising["log_recent"] == 1.5
        assert falling["log_growth"] == -1.5

    def test_log_recent_compares_with_all_months_before_where_there_are_fewer_than_18(self):
        found = features_of([6, 2, 1, 1, 1, 1, 2, 2])  # mu = 16/8; the last six 8/6, the two before 4
        assert found["log_recent"] == pytest.approx(math.log((8 / 6 + 0.2) / (4 + 0.2)), rel=1e-12)

    def test_trend_pct_change_without_a_base_is_undefined(self):
        assert math.isnan(features_of([0, 0, 0, 1, 2, 3])["trend_pct_change"])


class TestConstantHistories:
    @pytest.mark.parametrize("n", [2, 3, 7, 13, 24, 25, 36, 60])
    @pytest.mark.parametrize("level", [0.1, 1 / 3, 7, 123456.789])
    def test_nothing_varies(self, n, level):
        found = features_of([level] * n)
        zero = ["std_demand", "cv_demand", "trend_slope", "trend_direction", "seasonality_strength"]
        zero += ["seasonality_amplitude", "seasonal_index_std", "cv2_demand", "outlier_count"]
        assert [found[name] for name in zero] == [0] * len(zero)
        assert found["mean_demand"] == found["median_demand"] == level
        assert found["demand_stability"] == 1
        assert math.isnan(found["lag1_autocorrelation"])

    def test_a_history_flat_but_for_rounding_has_no_trend(self):
        found = features_of(7 + 1e-14 * np.arange(24))
        assert found["std_demand"] == found["trend_slope"] == found["trend_direction"] == found["outlier_count"] == 0

    def test_nothing_changes_over_two_years(self):
        found = features_of([0.1] * 24)
        assert found["year_over_year_correlation"] == 0
        assert found["residual_cv"] == found["growth_rate"] == found["log_growth"] == found["log_recent"] == 0
        assert found["acceleration"] == 0
        assert found["peak_month"] == 1


class TestYearOverYear:
    def test_a_constant_side_has_no_correlation(self):
        assert features_of([0.1] * 12 + list(range(12)))["year_over_year_correlation"] == 0

    def test_a_year_repeated_at_another_level_correlates_perfectly(self):
        year = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8])
        assert features_of([*year, *(2 * year + 1)])["year_over_year_correlation"] == pytest.approx(1, rel=1e-12)


class TestStraightHistories:
    @pytest.mark.parametrize("n", [3, 12, 24, 37, 60])
    @pytest.mark.parametrize("step", [0.1, -0.1, 1 / 3, 1e-4])
    def test_a_perfect_line_has_the_direction_of_its_sign_and_no_residual(self, n, step):
        found = features_of(10 + step * np.arange(n))
        assert found["trend_direction"] == np.sign(step)
        assert found["trend_slope"] == pytest.approx(step, rel=1e-9)
        assert found["residual_cv"] == 0
        assert found["seasonality_strength"] == 0
        assert math.isnan(found["lag1_autocorrelation"])


class TestShortHistories:
    def test_one_month_is_its_own_mean_without_spread_or_trend(self):
        found = features_of([7.0], as_of="2024-05")
        assert found["mean_demand"] == found["max_demand"] == found["total_demand"] == 7
        assert found["std_demand"] == found["seasonality_amplitude"] == found["trend_direction"] == 0
        assert found["peak_month"] == 5
        undefined = ["trend_slope", "trend_pct_change", "acceleration", "residual_cv", "lag1_autocorrelation"]
        undefined += ["peak_clarity"]
        assert found[[*undefined, "log_growth", "log_recent", "growth_rate"]].isna().all()

    @pytest.mark.parametrize(
        ("feature", "enough"),
        [
            ("trend_slope", 2),
            ("log_growth", 2),
            ("trend_pct_change", 3),
            ("acceleration", 3),
            ("residual_cv", 3),
            ("lag1_autocorrelation", 3),
            ("log_recent", 7),
            ("growth_rate", 12),
            ("recent_vs_historical", 12),
            ("peak_clarity", 12),
            ("year_over_year_correlation", 24),
        ],
    )
    def test_a_feature_is_defined_from_its_shortest_history_on(self, feature, enough):
        y = np.random.default_rng(5).uniform(1, 9, 30)
        defined = [not math.isnan(features_of(y[:n])[feature]) for n in range(1, 31)]
        assert defined == [n >= enough for n in range(1, 31)]

    def test_seasonality_needs_two_years(self):
        y = np.tile([1, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], 3)
        assert features_of(y[:23])["seasonality_strength"] == 0
        assert features_of(y[:24])["seasonality_strength"] > 0.9

    def test_calendar_month_means_use_the_months_present(self):
        found = features_of([2, 6, 4], as_of="2024-01")  # November, December, January; mu = 4
        assert found["seasonality_amplitude"] == 1.0
        assert found["peak_month"] == 12
        assert found["seasonal_index_std"] == pytest.approx(math.sqrt(8 / 3) / 4, rel=1e-12)
