"""Golden numbers of every feature, edge cases, and the kernels against a plain reference, one history at a time."""

import math
import statistics
import warnings
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from dfu_clustering.errors import ConfigError, DataError
from dfu_clustering.features.attributes import DFU_ATTRIBUTES, ITEM_ATTRIBUTES, add_attributes
from dfu_clustering.features.histories import Histories
from dfu_clustering.features.kernels import feature_columns
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES, time_series_features

INTEGER_FEATURES = ["trend_direction", "peak_month", "season_months", "outlier_count", "history_months"]


def histories_of(series: Sequence[Sequence[float] | np.ndarray], as_of: str = "2024-12") -> Histories:
    """Right-align histories of any lengths."""
    window = max(len(y) for y in series)
    demand = np.zeros((len(series), window))
    for row, y in zip(demand, series, strict=True):
        row[window - len(y) :] = y
    keys = np.array([f"dfu{i:05d}" for i in range(len(series))], dtype=object)
    return Histories(keys, demand, np.array([len(y) for y in series]), np.datetime64(as_of, "M"))


def features_of(y: Sequence[float] | np.ndarray, as_of: str = "2024-12") -> pd.Series:
    return time_series_features(histories_of([y], as_of)).iloc[0]


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


@pytest.fixture(scope="module")
def series() -> list[np.ndarray]:
    """Twelve random histories of every length from 1 to 60 months."""
    rng = np.random.default_rng(11)
    return [_random_history(rng, n) for n in range(1, 61) for _ in range(12)]


class TestAgainstPlainReference:
    """Every feature of random panels, recomputed for one history at a time with statistics, NumPy and SciPy."""

    @pytest.mark.parametrize("as_of", ["2024-01", "2023-09"])
    def test_every_feature_agrees(self, series, as_of):
        found = time_series_features(histories_of(series, as_of))
        expected = pd.DataFrame([reference_features(y, int(as_of[-2:])) for y in series])
        numeric = [f.name for f in TIME_SERIES_FEATURES if f.name != "demand_class"]
        assert found["demand_class"].tolist() == expected["demand_class"].tolist()
        for name in numeric:
            np.testing.assert_allclose(
                found[name].to_numpy(float), expected[name].to_numpy(float), rtol=1e-8, atol=1e-9, err_msg=name
            )

    @pytest.mark.parametrize(("history", "of_season"), [(24, 48), (30, 36), (13, 24), (60, 24)])
    def test_every_feature_agrees_where_the_season_has_a_window_of_its_own(self, series, history, of_season):
        known = np.array([y for y in series if len(y) == 60 and y[-history:].any() and y[-of_season:].any()])
        keys, n = np.array([f"dfu{i:05d}" for i in range(len(known))], dtype=object), len(known)
        as_of = np.datetime64("2024-03", "M")
        found = time_series_features(Histories(keys, known, np.full(n, history), as_of, np.full(n, of_season)))
        expected = pd.DataFrame(
            [{**reference_features(y[-history:], 3), **_reference_season(y[-of_season:], 3)} for y in known]
        )
        assert n >= 10
        for name in [f.name for f in TIME_SERIES_FEATURES if f.name != "demand_class"]:
            np.testing.assert_allclose(
                found[name].to_numpy(float), expected[name].to_numpy(float), rtol=1e-8, atol=1e-9, err_msg=name
            )

    def test_the_panel_holds_every_demand_class_and_every_direction(self, series):
        found = time_series_features(histories_of(series))
        assert set(found["demand_class"]) == {"smooth", "erratic", "intermittent", "lumpy"}
        assert set(found["trend_direction"]) == {-1, 0, 1}
        assert set(found["peak_month"]) == set(range(1, 13))


def _random_history(rng: np.random.Generator, n: int) -> np.ndarray:
    t = np.arange(n)
    level = rng.lognormal(3, 1.5)
    season = 1 + rng.uniform(0, 0.9) * np.sin(2 * np.pi * (t + rng.integers(12)) / 12)
    trend = np.maximum(1 + rng.normal(0, 0.04) * t, 0.05)
    noise = rng.lognormal(0, rng.uniform(0.05, 1), n)
    y = np.round(level * season * trend * noise * (rng.random(n) < rng.choice([1, 1, 0.6, 0.3])), 4)
    y[rng.integers(n)] += 1.0
    return y


def reference_features(y: np.ndarray, as_of_calendar_month: int) -> dict[str, float | str]:
    """METHOD's table, read aloud for a single history."""
    n, mu, std = len(y), statistics.fmean(y), statistics.pstdev(y)
    calendar = _calendar(n, as_of_calendar_month)
    sizes = [v for v in y if v > 0]
    adi, cv2 = n / len(sizes), (statistics.pstdev(sizes) / statistics.fmean(sizes)) ** 2
    half = n // 2
    return {
        "mean_demand": mu,
        "median_demand": statistics.median(y),
        "std_demand": std,
        "min_demand": min(y),
        "max_demand": max(y),
        "total_demand": math.fsum(y),
        "cv_demand": std / mu,
        "trend_pct_change": _pct_change(y),
        **_reference_line(y, calendar, mu),
        **_reference_season(y, as_of_calendar_month),
        "year_over_year_correlation": _correlation(y[12:], y[:-12]) if n >= 24 else math.nan,
        "zero_demand_pct": sum(v == 0 for v in y) / n,
        "sparsity_score": adi,
        "cv2_demand": cv2,
        "demand_class": [["smooth", "erratic"], ["intermittent", "lumpy"]][adi >= 1.32][cv2 >= 0.49],
        "demand_stability": 1 / (1 + std / mu),
        "outlier_count": sum(abs(v - mu) > 2 * std for v in y),
        "growth_rate": _growth(y),
        "acceleration": _acceleration(y, mu),
        "recent_vs_historical": _recent(y),
        "log_growth": _log_ratio(y[-12:], y[-24:-12], mu) if n >= 24 else _log_ratio(y[n - half :], y[:half], mu),
        "log_recent": _log_ratio(y[-6:], y[max(n - 24, 0) : n - 6], mu) if n >= 7 else math.nan,
        "history_months": n,
    }


def _calendar(n: int, as_of_calendar_month: int) -> list[int]:
    return [(as_of_calendar_month - 1 - (n - 1 - t)) % 12 + 1 for t in range(n)]


def _reference_line(y: np.ndarray, calendar: Sequence[int], mu: float) -> dict[str, float]:
    n = len(y)
    if n < 3:
        empty = {"residual_cv": math.nan, "lag1_autocorrelation": math.nan}
        return {"trend_slope": y[1] - y[0] if n == 2 else math.nan, "trend_direction": 0, **empty}
    line, d, residual = _line_and_rest(y, calendar)
    ssd, ssr = float(d @ d), float(residual @ residual)
    variance = ssr / (n - 13) if _share(ssd, ssr, n) > 0 else ssd / (n - 2)
    return {
        "trend_slope": line.slope,
        "trend_direction": np.sign(line.slope) if line.pvalue < 0.01 else 0,
        "residual_cv": math.sqrt(variance) / mu,
        "lag1_autocorrelation": float(d[1:] @ d[:-1]) / ssd,
    }


def _line_and_rest(y: np.ndarray, calendar: Sequence[int]) -> tuple[Any, np.ndarray, np.ndarray]:
    n = len(y)
    with warnings.catch_warnings(action="ignore"):
        line = scipy.stats.linregress(np.arange(n), y)
    d = y - (line.intercept + line.slope * np.arange(n))
    seasonal = np.array([np.mean([d[s] for s in range(n) if calendar[s] == calendar[t]]) for t in range(n)])
    return line, d, d - seasonal


def _share(ssd: float, ssr: float, n: int) -> float:
    return min(max(1 - (ssr / (n - 13)) / (ssd / (n - 2)), 0), 1) if n >= 24 else 0.0


def _reference_season(y: np.ndarray, as_of_calendar_month: int) -> dict[str, float]:
    """Read METHOD's rows on the season aloud; a history without a season's own window is measured as it is."""
    season_months = len(y) // 12 * 12 if len(y) >= 24 else 0
    own = y[-season_months:]  # all of it for 0
    calendar, mu = _calendar(len(own), as_of_calendar_month), statistics.fmean(own)
    means = {m: statistics.fmean(own[t] for t in range(len(own)) if calendar[t] == m) for m in sorted(set(calendar))}
    _, d, residual = _line_and_rest(own, calendar) if season_months else (None, own, own)
    claimed = season_months > 0 and (sum(own[-24:] > 0) >= 12 or _same_four_months(own, calendar))
    return {
        "seasonality_strength": _share(float(d @ d), float(residual @ residual), len(own)) if claimed else 0.0,
        "seasonality_amplitude": (max(means.values()) - min(means.values())) / mu,
        "peak_month": min(m for m, v in means.items() if v == max(means.values())),
        "peak_clarity": _clarity(list(means.values())),
        "season_months": season_months,
        "seasonal_index_std": statistics.pstdev([v / mu for v in means.values()]),
    }


def _clarity(means: Sequence[float]) -> float:
    """Variance of the first harmonic, from NumPy's Fourier transform, over that of the means."""
    if len(means) < 12:
        return math.nan
    amplitude = 2 / 12 * abs(np.fft.rfft(means)[1])
    return float(amplitude**2 / 2 / np.var(means))


def _same_four_months(y: np.ndarray, calendar: Sequence[int]) -> bool:
    if len(y) < 36:
        return False
    years = [pd.Series(y[len(y) - back : len(y) - back + 12], list(calendar[:12])) for back in (36, 24, 12)]
    largest = pd.concat(years, axis=1).sum(axis=1).nlargest(4).index
    return all(year.sum() > 0 and year[largest].sum() >= 0.8 * year.sum() for year in years)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0


def _pct_change(y: np.ndarray) -> float:
    base = float(np.mean(y[:3]))
    return 100 * (float(np.mean(y[-3:])) - base) / base if len(y) >= 3 and base > 0 else math.nan


def _growth(y: np.ndarray) -> float:
    n = len(y)
    if n < 12:
        return math.nan
    first, last = (y[:12], y[-12:]) if n >= 24 else (y[: n // 2], y[n - n // 2 :])
    if np.mean(first) == 0:
        return 3.0
    exponent = 12 / (n - 12) if n >= 24 else 12 / (n / 2)
    return float(np.clip((np.mean(last) / np.mean(first)) ** exponent - 1, -1, 3))


def _acceleration(y: np.ndarray, mu: float) -> float:
    n, third = len(y), len(y) // 3
    if third == 0:
        return math.nan
    return float(np.mean(y[n - third :]) - 2 * np.mean(y[third : n - third]) + np.mean(y[:third])) / mu


def _recent(y: np.ndarray) -> float:
    if len(y) < 12:
        return math.nan
    recent, before = float(np.mean(y[-6:])), float(np.mean(y[-12:-6]))
    if before == 0:
        return 1.0 if recent == 0 else 5.0
    return min(recent / before, 5.0)


def _log_ratio(recent: np.ndarray, before: np.ndarray, mu: float) -> float:
    if len(before) == 0:
        return math.nan
    ratio = (float(np.mean(recent)) + 0.1 * mu) / (float(np.mean(before)) + 0.1 * mu)
    return min(max(math.log(ratio), -1.5), 1.5)


class TestMatrix:
    def test_kernels_return_exactly_the_declared_features(self):
        computed = feature_columns(
            np.array([[1.0, 2.0], [3.0, 4.0]]), history_months=2, season_months=0, as_of_calendar_month=1
        )
        assert sorted(computed) == sorted(feature.name for feature in TIME_SERIES_FEATURES)

    def test_columns_are_in_the_declared_order_with_their_types(self):
        matrix = time_series_features(histories_of([[1, 2, 3], [4, 5]]))
        assert matrix.columns.tolist() == ["dfu_ck", *(feature.name for feature in TIME_SERIES_FEATURES)]
        assert set(matrix[INTEGER_FEATURES].dtypes.astype(str)) == {"int64"}
        others = matrix.drop(columns=[*INTEGER_FEATURES, "dfu_ck", "demand_class"])
        assert set(others.dtypes.astype(str)) == {"float64"}

    def test_rows_are_in_the_order_of_the_histories(self):
        matrix = time_series_features(histories_of([[5] * 30, [1, 2, 3], [7] * 30, [4]]))
        assert matrix["dfu_ck"].tolist() == ["dfu00000", "dfu00001", "dfu00002", "dfu00003"]
        assert matrix["max_demand"].tolist() == [5, 3, 7, 4]
        assert matrix["history_months"].tolist() == [30, 3, 30, 1]


class TestRefusals:
    @pytest.mark.parametrize(
        ("y", "rule"),
        [
            ([1, -1, 2], "finite and not negative"),
            ([1, math.nan, 2], "finite and not negative"),
            ([1, math.inf, 2], "finite and not negative"),
            ([0, 0, 0], "a month with demand"),
        ],
    )
    def test_bad_demand_is_refused_with_its_key(self, y, rule):
        with pytest.raises(DataError, match=rule) as refusal:
            time_series_features(histories_of([[1, 2, 3], y]))
        assert refusal.value.keys == ("dfu00001",)

    @pytest.mark.parametrize("months", [12, 25, -24, 48])
    def test_a_season_of_other_than_whole_years_of_demand_is_refused(self, months):
        keys, of_season = np.array(["a", "b"], dtype=object), np.array([24, months])
        histories = Histories(keys, np.ones((2, 36)), np.array([36, 36]), np.datetime64("2024-01", "M"), of_season)
        with pytest.raises(DataError, match="at least two whole years of demand") as refusal:
            time_series_features(histories)
        assert refusal.value.keys == ("b",)

    @pytest.mark.parametrize("lengths", [[0, 2], [2, 4], [2]])
    def test_lengths_that_do_not_fit_are_refused(self, lengths):
        histories = Histories(
            np.array(["a", "b"], dtype=object), np.ones((2, 3)), np.array(lengths), np.datetime64("2024-01", "M")
        )
        with pytest.raises(DataError, match="1 to window months"):
            time_series_features(histories)

    def test_a_panel_without_dfus_is_refused(self):
        none = Histories(np.array([], dtype=object), np.ones((0, 3)), np.array([], int), np.datetime64("2024-01", "M"))
        with pytest.raises(DataError, match="at least one DFU"):
            time_series_features(none)

    def test_a_chunk_without_rows_is_refused(self):
        with pytest.raises(ConfigError, match="chunk_rows"):
            time_series_features(histories_of([[1, 2]]), chunk_rows=0)


def items_of(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["item_no", *(a.name for a in ITEM_ATTRIBUTES)], dtype=object)


def dfus_of(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["dfu_ck", "dmdunit", *(a.name for a in DFU_ATTRIBUTES)], dtype=object)


def texts(column: pd.Series) -> list[str | None]:
    assert column.dtype == "str"
    return column.astype(object).where(column.notna(), None).tolist()


class TestAttributes:
    FEATURES = pd.DataFrame({"dfu_ck": ["A_G_1", "B_G_1", "A_G_2"], "mean_demand": [1.0, 2.0, 3.0]}, index=[7, 8, 9])
    DFUS = dfus_of(
        [
            {"dfu_ck": "B_G_1", "dmdunit": "B", "brand": "beer", "execution_lag": 2},
            {"dfu_ck": "A_G_2", "dmdunit": "A", "brand": "wine", "execution_lag": None},
            {"dfu_ck": "A_G_1", "dmdunit": "A", "proof": Decimal("80.5")},
        ]
    )
    ITEMS = items_of(
        [{"item_no": "A", "category": "spirits", "class": "whisky", "bpc": 6, "case_weight": Decimal("12.25")}]
    )

    def test_items_are_joined_by_dmdunit_and_dfus_by_key(self):
        joined = add_attributes(self.FEATURES, self.ITEMS, self.DFUS)
        assert texts(joined["category"]) == ["spirits", None, "spirits"]
        assert texts(joined["brand"]) == [None, "beer", "wine"]
        np.testing.assert_array_equal(joined["bpc"], [6, math.nan, 6])
        np.testing.assert_array_equal(joined["case_weight"], [12.25, math.nan, 12.25])
        np.testing.assert_array_equal(joined["execution_lag"], [math.nan, 2, math.nan])
        np.testing.assert_array_equal(joined["proof"], [80.5, math.nan, math.nan])

    def test_rows_index_and_features_stay_and_attributes_follow(self):
        joined = add_attributes(self.FEATURES, self.ITEMS, self.DFUS)
        added = [a.name for a in (*ITEM_ATTRIBUTES, *DFU_ATTRIBUTES)]
        assert joined.columns.tolist() == ["dfu_ck", "mean_demand", *added]
        pd.testing.assert_frame_equal(joined[["dfu_ck", "mean_demand"]], self.FEATURES)

    def test_columns_wholly_null_stay_null_in_their_own_type(self):
        joined = add_attributes(self.FEATURES, self.ITEMS, self.DFUS)
        assert texts(joined["country"]) == [None, None, None]
        assert joined["item_proof"].dtype == np.float64
        assert joined["item_proof"].isna().all()

    def test_an_unknown_dfu_gets_nulls(self):
        unknown = pd.DataFrame({"dfu_ck": ["C_G_1"]})
        joined = add_attributes(unknown, self.ITEMS, self.DFUS)
        assert len(joined) == 1
        assert joined.drop(columns="dfu_ck").isna().all(axis=None)

    def test_a_repeated_item_no_multiplies_no_row_and_the_order_of_items_changes_nothing(self):
        items = items_of(
            [
                {"item_no": "A", "category": "wine", "bpc": 12},
                {"item_no": "A", "category": "beer", "bpc": 24},
                {"item_no": "A", "category": None, "bpc": 1},
            ]
        )
        joined = add_attributes(self.FEATURES, items, self.DFUS)
        reversed_items = add_attributes(self.FEATURES, items[::-1], self.DFUS)
        assert texts(joined["category"]) == ["beer", None, "beer"]
        np.testing.assert_array_equal(joined["bpc"], [24, math.nan, 24])
        pd.testing.assert_frame_equal(joined, reversed_items)

    def test_item_ck_decides_between_repeated_item_nos_where_it_is_given(self):
        items = items_of([{"item_no": "A", "category": "wine"}, {"item_no": "A", "category": "beer"}])
        joined = add_attributes(self.FEATURES, items.assign(item_ck=["A_1", "A_2"]), self.DFUS)
        assert texts(joined["category"]) == ["wine", None, "wine"]

    def test_a_missing_column_is_refused_by_name(self):
        with pytest.raises(DataError, match="brand_name") as refusal:
            add_attributes(self.FEATURES, self.ITEMS.drop(columns="brand_name"), self.DFUS)
        assert refusal.value.keys == ("brand_name",)

    def test_a_repeated_dfu_ck_is_refused(self):
        with pytest.raises(DataError, match="once") as refusal:
            add_attributes(self.FEATURES, self.ITEMS, pd.concat([self.DFUS, self.DFUS[:1]]))
        assert refusal.value.keys == ("B_G_1",)

    def test_a_numeric_attribute_that_is_no_number_is_refused_by_name(self):
        with pytest.raises(DataError, match="bpc"):
            add_attributes(self.FEATURES, items_of([{"item_no": "A", "bpc": "six"}]), self.DFUS)
