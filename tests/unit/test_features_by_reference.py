"""Every feature of random histories against a plain reference, one history at a time."""

import math
import statistics
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from histories import histories_of

from dfu_clustering.features.histories import Histories
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES, time_series_features


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
    means = {month: np.mean([d[t] for t in range(n) if calendar[t] == month]) for month in set(calendar)}
    return line, d, d - np.array([means[month] for month in calendar])


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
    years = [pd.Series(y[len(y) - back : len(y) - back + 12], calendar[:12]) for back in (36, 24, 12)]
    largest = sum(years).nlargest(4).index
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
