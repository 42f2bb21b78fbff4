"""Time-series features, side by side: this project, a plain pandas groupby-apply, tsfresh and catch22.

Prints one JSON line. The plain implementation computes the same features and is checked against ours value by value;
tsfresh (MinimalFCParameters) and catch22 compute their own, and tsfresh's moments are checked. The slower ones run on
a sample of the same DFUs and are compared per DFU. Every time is the best of ``--repeats``; none includes making the
input, which for the others is the long frame or the lists that they take.

    python benchmarks/features.py [--dfus 100000] [--months 36] [--repeats 3]
"""

import argparse
import json
import logging
import math
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pycatch22
import scipy.stats
from tsfresh import extract_features
from tsfresh.feature_extraction import MinimalFCParameters

from dfu_clustering.features.histories import Histories
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES, time_series_features
from dfu_clustering.months import month_range

AS_OF = np.datetime64("2026-10", "M")
SAMPLE_DFUS = {"groupby_apply": 1_000, "tsfresh_minimal": 1_000, "catch22": 2_000}
TSFRESH_NAMES = {
    "mean_demand": "qty__mean",
    "median_demand": "qty__median",
    "std_demand": "qty__standard_deviation",
    "min_demand": "qty__minimum",
    "max_demand": "qty__maximum",
    "total_demand": "qty__sum_values",
}


def simulated_histories(n_dfus: int, months: int, seed: int = 42) -> Histories:
    """Return seasonal, trending, erratic and intermittent demand; four of five histories are as long as the window."""
    rng = np.random.default_rng(seed)
    t = np.arange(months)
    level = rng.lognormal(3, 1.5, (n_dfus, 1))
    season = 1 + rng.uniform(0, 0.8, (n_dfus, 1)) * np.sin(2 * np.pi * (t + rng.integers(12, size=(n_dfus, 1))) / 12)
    trend = np.maximum(1 + rng.normal(0, 0.01, (n_dfus, 1)) * t, 0.1)
    noise = rng.lognormal(0, rng.uniform(0.1, 0.8, (n_dfus, 1)), (n_dfus, months))
    sells = rng.random((n_dfus, months)) < rng.choice([1, 1, 0.8, 0.3], (n_dfus, 1))
    demand = np.round(level * season * trend * noise * sells, 4)
    shorter = rng.integers(min(12, months), months + 1, n_dfus)
    length = np.where(rng.random(n_dfus) < 0.8, months, shorter)
    demand[t < months - length[:, np.newaxis]] = 0.0
    demand[np.arange(n_dfus), months - length] += 1.0  # a history starts with a sale
    keys = np.array([f"{i:07d}_G1_L{i % 50:02d}" for i in range(n_dfus)], dtype=object)
    return Histories(keys, demand, length, AS_OF)


def long_frame(histories: Histories) -> pd.DataFrame:
    """Return one row a DFU and month of its history."""
    window = histories.demand.shape[1]
    in_history = np.arange(window) >= window - histories.history_months[:, np.newaxis]
    dfu, month = np.nonzero(in_history)
    return pd.DataFrame(
        {
            "dfu_ck": histories.dfu_ck[dfu],
            "month": month_range(AS_OF, window)[month].astype("datetime64[s]"),
            "qty": histories.demand[dfu, month],
        }
    )


def plain_features(group: pd.DataFrame) -> pd.Series:
    """Compute the features of one DFU, one line or few for each, as METHOD defines them."""
    y = group["qty"].to_numpy()
    n, mu, std = len(y), y.mean(), y.std()
    calendar_month = group["month"].dt.month.to_numpy()
    sizes = y[y > 0]
    adi, cv2 = n / len(sizes), (sizes.std() / sizes.mean()) ** 2
    window = 12 if n >= 24 else n // 2
    first, last = y[:window].mean(), y[-window:].mean()
    recent, before = y[-6:].mean(), y[-12:-6].mean()
    m1, m2, m3 = y[: n // 3].mean(), y[n // 3 : n - n // 3].mean(), y[n - n // 3 :].mean()
    base = y[:3].mean()
    return pd.Series(
        {
            "mean_demand": mu,
            "median_demand": np.median(y),
            "std_demand": std,
            "min_demand": y.min(),
            "max_demand": y.max(),
            "total_demand": y.sum(),
            "cv_demand": std / mu,
            "trend_pct_change": 100 * (y[-3:].mean() - base) / base if base > 0 else math.nan,
            **_plain_line(y, calendar_month, mu),
            **_plain_season(y, calendar_month),
            "year_over_year_correlation": _plain_correlation(y[12:], y[:-12]) if n >= 24 else math.nan,
            "zero_demand_pct": (y == 0).mean(),
            "sparsity_score": adi,
            "cv2_demand": cv2,
            "demand_class": _plain_class(adi, cv2),
            "demand_stability": 1 / (1 + std / mu),
            "outlier_count": (abs(y - mu) > 2 * std).sum(),
            "growth_rate": np.clip((last / first) ** (12 / (n - 12 if n >= 24 else n / 2)) - 1, -1, 3) if first else 3,
            "acceleration": (m3 - 2 * m2 + m1) / mu,
            "recent_vs_historical": min(recent / before, 5) if before > 0 else (5.0 if recent > 0 else 1.0),
            "log_growth": _plain_log_ratio(y[-12:], y[-24:-12], mu) if n >= 24 else _plain_log_ratio(last, first, mu),
            "log_recent": _plain_log_ratio(recent, y[-24:-6], mu),
            "history_months": n,
        }
    )


def _plain_line(y: np.ndarray, calendar_month: np.ndarray, mu: float) -> dict[str, float]:
    line, d, detrended, residual = _plain_rest(y, calendar_month)
    return {
        "trend_slope": line.slope,
        "trend_direction": int(np.sign(line.slope)) if line.pvalue < 0.01 else 0,
        "residual_cv": np.sqrt(residual if residual < detrended else detrended) / mu,
        "lag1_autocorrelation": (d * d.shift()).sum() / (d**2).sum(),
    }


def _plain_rest(y: np.ndarray, calendar_month: np.ndarray) -> tuple[Any, pd.Series, float, float]:
    """Return the line, D, and the variances of D and R; that of R is NaN below two years."""
    n = len(y)
    t = np.arange(n)
    line = scipy.stats.linregress(t, y)
    d = pd.Series(y - line.intercept - line.slope * t)
    r = d - d.groupby(calendar_month).transform("mean")
    return line, d, (d**2).sum() / (n - 2), (r**2).sum() / (n - 13) if n >= 24 else math.nan


def _plain_season(y: np.ndarray, calendar_month: np.ndarray) -> dict[str, float]:
    """Compute the season over its own window, the newest whole years of the history; below two, over all of it."""
    season_months = len(y) // 12 * 12 if len(y) >= 24 else 0
    y, calendar_month = y[-season_months:], calendar_month[-season_months:]
    mu, means = y.mean(), pd.Series(y).groupby(calendar_month).mean()
    strength = 0.0
    if season_months and ((y[-24:] > 0).sum() >= 12 or _plain_keeps_to_four_months(y, calendar_month)):
        _, _, detrended, residual = _plain_rest(y, calendar_month)
        strength = np.clip(1 - residual / detrended, 0, 1)
    return {
        "seasonality_strength": strength,
        "seasonality_amplitude": (means.max() - means.min()) / mu,
        "peak_month": means.idxmax(),
        "peak_clarity": 2 * abs(np.fft.rfft(means)[1]) ** 2 / 144 / means.var(ddof=0),
        "season_months": season_months,
        "seasonal_index_std": (means / mu).std(ddof=0),
    }


def _plain_keeps_to_four_months(y: np.ndarray, calendar_month: np.ndarray) -> bool:
    if len(y) < 36:
        return False
    years = pd.DataFrame(y[-36:].reshape(3, 12), columns=calendar_month[-12:])
    within = years[years.sum().nlargest(4).index].sum(axis=1)
    return bool((years.sum(axis=1).gt(0) & within.ge(0.8 * years.sum(axis=1))).all())


def _plain_class(adi: float, cv2: float) -> str:
    if adi < 1.32:
        return "smooth" if cv2 < 0.49 else "erratic"
    return "intermittent" if cv2 < 0.49 else "lumpy"


def _plain_correlation(a: np.ndarray, b: np.ndarray) -> float:
    return np.corrcoef(a, b)[0, 1] if a.std() > 0 and b.std() > 0 else 0.0


def _plain_log_ratio(recent: np.ndarray | float, before: np.ndarray | float, mu: float) -> float:
    return np.clip(np.log((np.mean(recent) + 0.1 * mu) / (np.mean(before) + 0.1 * mu)), -1.5, 1.5)


def measure(histories: Histories, repeats: int) -> dict[str, object]:
    """Run all four and return seconds a DFU, ratios, and how far values differ where definitions agree."""
    n_dfus = len(histories.dfu_ck)
    samples = {name: _first(histories, min(size, n_dfus)) for name, size in SAMPLE_DFUS.items()}
    frames = {name: long_frame(samples[name]) for name in ("groupby_apply", "tsfresh_minimal")}
    lists = _histories_as_lists(samples["catch22"])
    runs: dict[str, Callable[[], Any]] = {
        "ours": lambda: time_series_features(histories),
        "groupby_apply": lambda: frames["groupby_apply"].groupby("dfu_ck")[["month", "qty"]].apply(plain_features),
        "tsfresh_minimal": lambda: _tsfresh(frames["tsfresh_minimal"]),
        "catch22": lambda: [pycatch22.catch22_all(y) for y in lists],
    }
    seconds, results = _best_of(runs, repeats)
    sizes = {"ours": n_dfus, **{name: len(sample.dfu_ck) for name, sample in samples.items()}}
    microseconds = {name: 1e6 * seconds[name] / sizes[name] for name in runs}
    return {
        "sample_dfus": sizes,
        "microseconds_per_dfu": {name: round(value, 3) for name, value in microseconds.items()},
        "dfus_per_second": {name: round(1e6 / value) for name, value in microseconds.items()},
        "features": {"ours": len(TIME_SERIES_FEATURES), "groupby_apply": results["groupby_apply"].shape[1]}
        | {"tsfresh_minimal": results["tsfresh_minimal"].shape[1], "catch22": len(results["catch22"][0]["names"])},
        "times_faster_per_dfu": {name: round(microseconds[name] / microseconds["ours"], 1) for name in samples},
        "largest_difference": _differences(results),
    }


def _first(histories: Histories, n_dfus: int) -> Histories:
    return Histories(histories.dfu_ck[:n_dfus], histories.demand[:n_dfus], histories.history_months[:n_dfus], AS_OF)


def _histories_as_lists(histories: Histories) -> list[list[float]]:
    rows = zip(histories.demand.tolist(), histories.history_months.tolist(), strict=True)
    return [row[-n:] for row, n in rows]


def _tsfresh(frame: pd.DataFrame) -> pd.DataFrame:
    return extract_features(
        frame,
        column_id="dfu_ck",
        column_sort="month",
        default_fc_parameters=MinimalFCParameters(),
        n_jobs=0,
        disable_progressbar=True,
    )


def _best_of(runs: dict[str, Callable[[], Any]], repeats: int) -> tuple[dict[str, float], dict[str, Any]]:
    seconds, results = dict.fromkeys(runs, math.inf), {}
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            results[name] = run()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds, results


def _differences(results: dict[str, Any]) -> dict[str, float]:
    """Return the largest difference, relative where a value exceeds 1, and the DFUs of another demand_class."""
    plain, tsfresh = results["groupby_apply"].sort_index(), results["tsfresh_minimal"].sort_index()
    ours = results["ours"].set_index("dfu_ck").loc[plain.index]
    numeric = [f.name for f in TIME_SERIES_FEATURES if f.name != "demand_class"]
    return {
        "groupby_apply": _largest(ours[numeric], plain[numeric]),
        "groupby_apply_demand_class": int((ours["demand_class"] != plain["demand_class"]).sum()),
        "tsfresh_minimal": _largest(ours[list(TSFRESH_NAMES)], tsfresh[list(TSFRESH_NAMES.values())]),
    }


def _largest(ours: pd.DataFrame, theirs: pd.DataFrame) -> float:
    a, b = ours.to_numpy(float), theirs.to_numpy(float)
    if not np.array_equal(np.isnan(a), np.isnan(b)):
        return math.inf
    return float(np.nanmax(np.abs(a - b) / np.maximum(np.abs(b), 1)))


def main() -> None:
    """Parse the arguments and print the JSON line."""
    parser = argparse.ArgumentParser(description="Features: this project beside groupby-apply, tsfresh and catch22.")
    parser.add_argument("--dfus", type=int, default=100_000)
    parser.add_argument("--months", type=int, default=36, help="months of the window, at least 12")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    logging.getLogger("tsfresh").setLevel(logging.ERROR)
    histories = simulated_histories(arguments.dfus, arguments.months)
    setting = {"benchmark": "features", **vars(arguments), "cpus": os.cpu_count()}
    print(json.dumps(setting | measure(histories, arguments.repeats)))


if __name__ == "__main__":
    main()
