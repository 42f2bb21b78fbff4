"""The formulas of the time-series features, each beside its name, over many histories of one length at once."""

from functools import cache

import numpy as np
from scipy.special import stdtrit

from dfu_clustering.features.demand_block import (
    TIE,
    YEAR_MONTHS,
    Block,
    Counts,
    DemandBlock,
    Values,
    mean_of,
    ratio_of,
    sum_of,
    sum_of_squares,
    undefined,
)
from dfu_clustering.features.season import Columns, season_columns

ADI_CUTOFF = 1.32  # Syntetos, Boylan & Croston (2005), "On the categorization of demand patterns"
CV2_CUTOFF = 0.49  # same source
DEMAND_CLASSES = np.array(["smooth", "erratic", "intermittent", "lumpy"], dtype=object)

_TREND_P_VALUE = 0.01
_DAMPING = 0.1  # share of mu added to both sides of a log ratio, so that a window without demand stays finite


def feature_columns(demand: Block, *, history_months: int, season_months: int, as_of_calendar_month: int) -> Columns:
    """Compute every time-series feature of DFUs whose histories, and whose windows of the season, are of one length.

    Args:
        demand: (n_months, n_dfus) units a month, C-contiguous; never negative, no history without demand. As many
            months as the longer of the two.
        history_months: Length of the histories.
        season_months: Length of the season's own window; 0: there is none.
        as_of_calendar_month: Calendar month 1..12 of the last month.

    Returns:
        Feature name -> (n_dfus,) values.
    """
    history = DemandBlock(demand[-history_months:], as_of_calendar_month)
    same = season_months in (0, history_months)
    season = history if same else DemandBlock(demand[-season_months:], as_of_calendar_month)
    return {
        **_level_and_trend(history),
        **season_columns(season, season_months=season_months),
        **_pattern(history),
        **_change_and_memory(history),
    }


def _level_and_trend(demand: DemandBlock) -> Columns:
    ascending = demand.y.T.copy()  # a row a DFU: contiguous rows sort several times faster
    ascending.sort(axis=1)
    return {
        "mean_demand": demand.mu,
        "median_demand": (ascending[:, (demand.n - 1) // 2] + ascending[:, demand.n // 2]) / 2,
        "std_demand": demand.std,
        "min_demand": demand.y.min(axis=0),
        "max_demand": demand.largest,
        "total_demand": demand.total,
        "cv_demand": demand.cv,
        "trend_slope": demand.slope,
        "trend_pct_change": _trend_pct_change(demand),
        "trend_direction": _trend_direction(demand),
    }


def _pattern(demand: DemandBlock) -> Columns:
    adi = demand.n / demand.active_months
    cv2 = _cv2(demand)
    return {
        "zero_demand_pct": (demand.n - demand.active_months) / demand.n,
        "sparsity_score": adi,
        "cv2_demand": cv2,
        "demand_class": DEMAND_CLASSES[2 * (adi >= ADI_CUTOFF) + (cv2 >= CV2_CUTOFF * (1 - TIE))],
        "demand_stability": 1 / (1 + demand.cv),
        "outlier_count": _outlier_count(demand),
    }


def _change_and_memory(demand: DemandBlock) -> Columns:
    return {
        "year_over_year_correlation": _year_over_year_correlation(demand.y),
        "growth_rate": _growth_rate(demand),
        "acceleration": _acceleration(demand),
        "recent_vs_historical": _recent_vs_historical(demand),
        "residual_cv": _residual_cv(demand),
        "lag1_autocorrelation": _lag1_autocorrelation(demand),
        "log_growth": _log_growth(demand),
        "log_recent": _log_recent(demand),
        "history_months": np.full(demand.mu.shape, demand.n),
    }


def _trend_pct_change(demand: DemandBlock) -> Values:
    if demand.n < 3:
        return undefined(demand.mu)
    first, last = mean_of(demand.y[:3]), mean_of(demand.y[-3:])
    return 100 * ratio_of(last - first, first, otherwise=np.nan)


def _trend_direction(demand: DemandBlock) -> Counts:
    """Sign of the slope where t = slope / sqrt(SSD / (n-2) / Sxx) is beyond the two-sided quantile."""
    if demand.n < 3:
        return np.zeros(demand.mu.shape, dtype=np.int64)
    explained = np.square(demand.slope) * demand.sxx
    significant = explained * (demand.n - 2) > _critical_t(demand.n - 2) ** 2 * demand.ssd
    return np.where(significant, np.sign(demand.slope), 0.0).astype(np.int64)


def _year_over_year_correlation(y: Block) -> Values:
    """Pearson correlation of y[t] with y[t-12]."""
    if len(y) < 2 * YEAR_MONTHS:
        return undefined(y[0])
    this_year, year_before = y[YEAR_MONTHS:], y[:-YEAR_MONTHS]
    mean_a, mean_b = mean_of(this_year), mean_of(year_before)
    spread_a = np.sqrt(sum_of_squares((a - mean_a for a in this_year), this_year.max(axis=0)))
    spread_b = np.sqrt(sum_of_squares((b - mean_b for b in year_before), year_before.max(axis=0)))
    together = sum_of((a - mean_a) * (b - mean_b) for a, b in zip(this_year, year_before, strict=True))
    return np.clip(ratio_of(together, spread_a * spread_b, otherwise=0.0), -1.0, 1.0)


def _cv2(demand: DemandBlock) -> Values:
    """Squared coefficient of variation (ddof 0) of the sizes of demand, months without demand left out."""
    mean_size = demand.total / demand.active_months
    deviations = (np.where(month > 0, month - mean_size, 0.0) for month in demand.y)
    return sum_of_squares(deviations, demand.largest) / demand.active_months / np.square(mean_size)


def _outlier_count(demand: DemandBlock) -> Counts:
    limit = np.where(demand.std > 0, 2 * demand.std * (1 + TIE), np.inf)
    count: Counts = np.count_nonzero(np.abs(demand.centred) > limit, axis=0)
    return count


def _growth_rate(demand: DemandBlock) -> Values:
    """Compound growth a year from the first to the last window; a half of n months lies n/2 months from the other."""
    n = demand.n
    if n < YEAR_MONTHS:
        return undefined(demand.mu)
    window = min(YEAR_MONTHS, n // 2)
    apart_months = n - YEAR_MONTHS if n >= 2 * YEAR_MONTHS else n / 2
    ratio = ratio_of(mean_of(demand.y[-window:]), mean_of(demand.y[:window]), otherwise=np.inf)
    return np.clip(ratio ** (YEAR_MONTHS / apart_months) - 1, -1.0, 3.0)


def _acceleration(demand: DemandBlock) -> Values:
    third = demand.n // 3
    if third == 0:
        return undefined(demand.mu)
    m1, m2, m3 = mean_of(demand.y[:third]), mean_of(demand.y[third:-third]), mean_of(demand.y[-third:])
    return (m3 - 2 * m2 + m1) / demand.mu


def _recent_vs_historical(demand: DemandBlock) -> Values:
    if demand.n < 12:
        return undefined(demand.mu)
    recent, before = mean_of(demand.y[-6:]), mean_of(demand.y[-12:-6])
    return np.minimum(ratio_of(recent, before, otherwise=np.where(recent > 0, np.inf, 1.0)), 5.0)


def _residual_cv(demand: DemandBlock) -> Values:
    """RMS of R where calendar months explain anything of the history, else of D, by degrees of freedom, over mu."""
    if demand.n < 3:
        return undefined(demand.mu)
    variance = demand.ssd / (demand.n - 2)
    if demand.n >= 2 * YEAR_MONTHS:
        variance = np.where(demand.seasonal_share > 0, demand.ssr / (demand.n - 13), variance)
    return np.sqrt(variance) / demand.mu


def _lag1_autocorrelation(demand: DemandBlock) -> Values:
    """Sum of D[t] D[t-1] over the sum of D[t]^2 (Box & Jenkins); NaN for a straight history."""
    if demand.n < 3:
        return undefined(demand.mu)
    neighbours = zip(demand.detrended[1:], demand.detrended[:-1], strict=True)
    return ratio_of(sum_of(month * before for month, before in neighbours), demand.ssd, otherwise=np.nan)


def _log_growth(demand: DemandBlock) -> Values:
    n = demand.n
    if n < 2:
        return undefined(demand.mu)
    if n >= 2 * YEAR_MONTHS:
        return _damped_log_ratio(demand.y[-12:], demand.y[-24:-12], demand.mu)
    return _damped_log_ratio(demand.y[-(n // 2) :], demand.y[: n // 2], demand.mu)


def _log_recent(demand: DemandBlock) -> Values:
    if demand.n < 7:
        return undefined(demand.mu)
    return _damped_log_ratio(demand.y[-6:], demand.y[-24:-6], demand.mu)


def _damped_log_ratio(recent: Block, before: Block, mu: Values) -> Values:
    ratio = (mean_of(recent) + _DAMPING * mu) / (mean_of(before) + _DAMPING * mu)
    return np.clip(np.log(ratio), -1.5, 1.5)


@cache
def _critical_t(degrees_of_freedom: int) -> float:
    return float(stdtrit(degrees_of_freedom, 1 - _TREND_P_VALUE / 2))
