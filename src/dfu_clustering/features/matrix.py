"""The feature matrix: one row a DFU, what it is made of, and the checks that its input must pass.

The declarations below are METHOD's list, in its order; the formulas are in ``kernels``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dfu_clustering.arrays import Flags, Integers, Objects
from dfu_clustering.errors import ConfigError, DataError
from dfu_clustering.features.demand_block import YEAR_MONTHS
from dfu_clustering.features.histories import Histories
from dfu_clustering.features.kernels import feature_columns
from dfu_clustering.features.season import LEAST_SEASON_MONTHS, Columns
from dfu_clustering.months import calendar_month

DEFAULT_CHUNK_ROWS = 4_096  # a few arrays of 4,096 DFUs x 36 months stay in a core's cache; larger is no faster


@dataclass(frozen=True)
class Feature:
    """One column of the matrix that is computed from demand."""

    name: str
    unit: str
    description: str


TIME_SERIES_FEATURES: tuple[Feature, ...] = (
    Feature("mean_demand", "units a month", "mean of y, called mu below"),
    Feature("median_demand", "units a month", "median of y"),
    Feature("std_demand", "units a month", "standard deviation of y, ddof 0"),
    Feature("min_demand", "units a month", "smallest month"),
    Feature("max_demand", "units a month", "largest month"),
    Feature("total_demand", "units", "sum of y"),
    Feature("cv_demand", "ratio", "std_demand / mu"),
    Feature("trend_slope", "units a month, per month", "OLS slope of y on t; NaN for a single month"),
    Feature(
        "trend_pct_change", "percent", "change from the mean of the first 3 months to that of the last 3; base 0: NaN"
    ),
    Feature("trend_direction", "-1, 0 or 1", "sign of the slope where its t-test has p < 0.01, else 0 (as for n < 3)"),
    Feature(
        "seasonality_strength",
        "share (0-1)",
        "over the season's window: share of the detrended variance that calendar-month means explain, adjusted for "
        "degrees of freedom; 0 without such a window, where the line leaves no variance, and where fewer than half of "
        "the last 24 months have demand, unless 80 % of each of three years falls into the same four calendar months",
    ),
    Feature(
        "seasonality_amplitude",
        "ratio",
        "over the season's window, else of the history: (largest - smallest calendar-month mean) / mean, of the months "
        "present; NaN without demand there",
    ),
    Feature(
        "peak_month",
        "calendar month 1-12",
        "over the same months: month of the highest mean; the earliest of equal ones, so 1 without demand there",
    ),
    Feature(
        "peak_clarity",
        "share (0-1)",
        "over the same months: share of the variance of the twelve calendar-month means that one wave a year explains; "
        "NaN where there are fewer than twelve or they do not vary",
    ),
    Feature(
        "season_months",
        "months",
        "length of the season's window: the newest whole years of the DFU's whole history, at most "
        "season_window_months; 0 where it is shorter than 24 months",
    ),
    Feature(
        "seasonal_index_std",
        "ratio",
        "over the same months: standard deviation, ddof 0, of calendar-month mean / mean; NaN without demand there",
    ),
    Feature(
        "year_over_year_correlation",
        "correlation",
        "Pearson, y[t] with y[t-12]; a constant side: 0; NaN for n < 24",
    ),
    Feature("zero_demand_pct", "share (0-1)", "share of months without demand"),
    Feature("sparsity_score", "months", "ADI, average inter-demand interval: n / months with demand"),
    Feature("cv2_demand", "ratio", "squared CV, ddof 0, of the sizes of demand in the months that have any"),
    Feature(
        "demand_class", "class", "smooth, erratic, intermittent or lumpy; from ADI 1.32 and from CV2 0.49 the latter"
    ),
    Feature("demand_stability", "share (0-1)", "1 / (1 + cv_demand)"),
    Feature("outlier_count", "months", "months more than 2 std_demand from mu"),
    Feature(
        "growth_rate",
        "fraction a year",
        "compound growth from the first to the last 12 months (first to last n//2 months for n < 24), "
        "clipped to [-1, 3]; base 0: 3; NaN for n < 12",
    ),
    Feature(
        "acceleration",
        "ratio",
        "(m3 - 2 m2 + m1) / mu; m1 and m3 are the means of n//3 months at the ends, m2 of those between; NaN for n < 3",
    ),
    Feature(
        "recent_vs_historical",
        "ratio",
        "mean of the last 6 months / mean of the 6 before, clipped to [0, 5]; 0/0: 1; NaN for n < 12",
    ),
    Feature("residual_cv", "ratio", "RMS of what trend and season leave, by degrees of freedom, / mu; NaN for n < 3"),
    Feature("lag1_autocorrelation", "correlation", "of the detrended demand; NaN where the line leaves nothing"),
    Feature(
        "log_growth",
        "log ratio",
        "last 12 months to the 12 before (last to first n//2 for n < 24), damped by 0.1 mu, clipped to +-1.5; "
        "NaN for n < 2",
    ),
    Feature(
        "log_recent",
        "log ratio",
        "last 6 months to the up to 18 before, damped by 0.1 mu, clipped to +-1.5; NaN for n < 7",
    ),
    Feature("history_months", "months", "n, length of the history"),
)


def time_series_features(histories: Histories, *, chunk_rows: int = DEFAULT_CHUNK_ROWS) -> pd.DataFrame:
    """Compute TIME_SERIES_FEATURES of every history.

    y[0..n-1] is a DFU's history, t = 0..n-1, and every history ends at ``histories.as_of_month``, as does the window
    over which its season is measured. What is undefined is NaN. A history or residual that varies by less than 1e-10 of
    its largest month (root mean square) counts as constant, and values that differ by less than 1e-9 count as equal, so
    that neither rounding nor the unit in which demand is counted decides a tie.

    Args:
        histories: Demand in units a month; never negative, and every history with some.
        chunk_rows: DFUs computed together; changes speed, never a value.

    Returns:
        ``dfu_ck``, then one column a feature in the order declared; rows in the order of ``histories``. demand_class is
        text, trend_direction, peak_month, season_months, outlier_count and history_months are int64, all others
        float64.

    Raises:
        DataError: No DFU, arrays that do not fit each other, or demand that is not finite, negative or all zero.
        ConfigError: chunk_rows is below 1.
    """
    _require_chunk_rows(chunk_rows)
    _require_shapes(histories)
    _require_demand(histories)
    season_months = histories.months_of_season()
    _require_season(histories, season_months)
    chunks = list(_chunks_of_one_length(histories.history_months, season_months, chunk_rows))
    results = [_chunk_features(histories, season_months, dfus) for dfus in chunks]
    original_order = np.argsort(np.concatenate(chunks))
    columns = {
        feature.name: np.concatenate([result[feature.name] for result in results])[original_order]
        for feature in TIME_SERIES_FEATURES
    }
    return pd.DataFrame({"dfu_ck": histories.dfu_ck, **columns})


def _chunks_of_one_length(
    history_months: Integers, season_months: Integers, chunk_rows: int
) -> Iterator[NDArray[np.intp]]:
    """Yield rows of DFUs that have the length of the history and that of the season's window in common."""
    both = history_months * (season_months.max() + 1) + season_months
    for lengths in np.unique(both):
        dfus = np.flatnonzero(both == lengths)
        for start in range(0, len(dfus), chunk_rows):
            yield dfus[start : start + chunk_rows]


def _chunk_features(histories: Histories, season_months: Integers, dfus: NDArray[np.intp]) -> Columns:
    n, of_season = int(histories.history_months[dfus[0]]), int(season_months[dfus[0]])
    return feature_columns(
        np.ascontiguousarray(histories.demand.T[-max(n, of_season) :, dfus]),
        history_months=n,
        season_months=of_season,
        as_of_calendar_month=calendar_month(histories.as_of_month),
    )


def _require_chunk_rows(chunk_rows: int) -> None:
    if chunk_rows < 1:
        raise ConfigError("chunk_rows must be at least 1", found=str(chunk_rows), remedy="leave it at its default")


def _require_shapes(histories: Histories) -> None:
    shape, n = histories.demand.shape, histories.history_months
    fits = len(shape) == 2 and len(histories.dfu_ck) == len(n) == shape[0] > 0
    if not fits or n.min() < 1 or n.max() > shape[1]:
        raise DataError(
            "Histories must hold at least one DFU, each with one key and 1 to window months of demand",
            found=f"{len(histories.dfu_ck)} keys, {len(n)} lengths, demand of shape {shape}, or a length out of range",
            remedy="make histories with select_histories; if it finds no DFU, lower min_months_history",
        )


def _require_season(histories: Histories, season_months: Integers) -> None:
    of_whole_years = (season_months % YEAR_MONTHS == 0) & (season_months <= histories.demand.shape[1])
    valid = of_whole_years & ((season_months == 0) | (season_months >= LEAST_SEASON_MONTHS))
    _require_of_all(histories.dfu_ck, valid, rule="A season's window must be 0, or at least two whole years of demand")


def _require_demand(histories: Histories) -> None:
    by_month = histories.demand.T
    months = np.arange(len(by_month))[:, np.newaxis]
    valid = np.all(np.isfinite(by_month) & (by_month >= 0), axis=0)
    _require_of_all(histories.dfu_ck, valid, rule="Demand must be finite and not negative")
    sold = np.any((by_month > 0) & (months >= len(by_month) - histories.history_months), axis=0)
    _require_of_all(histories.dfu_ck, sold, rule="Every history must hold a month with demand")


def _require_of_all(dfu_ck: Objects, holds: Flags, *, rule: str) -> None:
    if not holds.all():
        raise DataError(
            rule,
            found=f"{np.count_nonzero(~holds)} of {len(holds)} DFUs that break it",
            keys=dfu_ck[~holds].tolist(),
            remedy="make histories with select_histories, which excludes and counts such DFUs",
        )
