"""The season of DFUs: how much of their demand it explains, when it peaks and how clear that peak is.

A season is worth its name if it comes again, so it is looked for in the season's own window: the newest whole years of
a history, two at least and often more than the window of the other features.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dfu_clustering.arrays import Flags
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

Columns = dict[str, NDArray[np.generic]]

LEAST_SEASON_MONTHS: Final = 2 * YEAR_MONTHS  # two years: in one, a season cannot be distinguished from chance

_YEARS_ALIKE = 3  # whole years over which demand must keep to the same calendar months
_MONTHS_ALIKE = 4  # these calendar months, those with the most demand
_SHARE_ALIKE = 0.8  # of each year's demand that must fall into them
_YEAR_ANGLES = 2 * np.pi * np.arange(YEAR_MONTHS) / YEAR_MONTHS


def season_columns(season: DemandBlock, *, season_months: int) -> Columns:
    """Compute the features of the season.

    Args:
        season: Demand of the season's own window; where there is none, of the history.
        season_months: Length of the season's own window; 0: there is none, and no strength is claimed.

    Returns:
        Feature name -> (n_dfus,) values. Without demand in the window the strength is 0, all months tie for the peak,
        which is then 1, and the other features are undefined.
    """
    deviations = season.profile - mean_of(season.profile)
    squares = sum_of_squares(deviations, season.largest)
    spread = season.profile.max(axis=0) - season.profile.min(axis=0)
    strength = np.where(comes_again(season.y), season.seasonal_share, 0.0) if season_months else np.zeros(len(squares))
    return {
        "seasonality_strength": strength,
        "seasonality_amplitude": ratio_of(spread, season.mu, otherwise=np.nan),
        "peak_month": _peak_month(season),
        "peak_clarity": _peak_clarity(deviations, squares),
        "season_months": np.full(len(squares), season_months),
        "seasonal_index_std": ratio_of(np.sqrt(squares / len(deviations)), season.mu, otherwise=np.nan),
    }


def comes_again(y: Block) -> Flags:
    """Tell of which DFUs a season can be claimed at all.

    Sparse demand falls into a few months whatever it does, and the means of these explain it well by chance. So at
    least half of the last 24 months must have demand, or demand must keep to the same calendar months year by year.

    Args:
        y: (n_months, n_dfus) units a month, n_months whole years and at least two.
    """
    active = np.count_nonzero(y[-LEAST_SEASON_MONTHS:], axis=0)
    again: Flags = 2 * active >= LEAST_SEASON_MONTHS
    if len(y) >= _YEARS_ALIKE * YEAR_MONTHS:
        sparse = np.flatnonzero(~again)
        again[sparse] = _keeps_to_its_months(y[-_YEARS_ALIKE * YEAR_MONTHS :, sparse])
    return again


def _keeps_to_its_months(y: Block) -> Flags:
    """Tell whose demand falls, by 80 % of each of three years, into the same four calendar months.

    The four are those with the most demand over the three years, of equal ones the first of the window's year.
    """
    years = y.reshape(_YEARS_ALIKE, YEAR_MONTHS, -1)
    total = sum_of(years)
    fourth = np.partition(total, -_MONTHS_ALIKE, axis=0)[-_MONTHS_ALIKE]
    rank = (total > fourth * (1 + TIE)).astype(np.int64) + (total >= fourth * (1 - TIE))
    chosen = np.zeros(total.shape, dtype=np.bool_)
    np.put_along_axis(chosen, np.argsort(-rank, axis=0, kind="stable")[:_MONTHS_ALIKE], values=True, axis=0)
    alike: Flags = np.ones(total.shape[1], dtype=np.bool_)
    for year in years:
        of_year = sum_of(year)
        within = sum_of(np.where(is_chosen, month, 0.0) for is_chosen, month in zip(chosen, year, strict=True))
        alike &= (of_year > 0) & (within >= _SHARE_ALIKE * (1 - TIE) * of_year)
    return alike


def _peak_month(season: DemandBlock) -> Counts:
    means = season.mu + season.profile
    oldest = season.as_of_calendar_month - season.n
    calendar_month = (oldest + np.arange(len(means))) % YEAR_MONTHS + 1
    order = np.argsort(calendar_month)
    is_peak = means[order] >= means.max(axis=0) * (1 - TIE)
    peak: Counts = calendar_month[order][is_peak.argmax(axis=0)]
    return peak


def _peak_clarity(deviations: Block, squares: Values) -> Values:
    """Share of the variance of the twelve means m that one wave a year explains.

    With c = |sum of m_j exp(-2 pi i j / 12)| the wave has the amplitude A = 2/12 c and the variance A^2 / 2 = c^2 / 72;
    that of the means is ``squares`` / 12.

    Args:
        deviations: (12, n_dfus) calendar-month means less their mean; fewer rows for less than a year.
        squares: (n_dfus,) their sum of squares, 0 where they do not vary.
    """
    if len(deviations) < YEAR_MONTHS:
        return undefined(squares)
    cosine = sum_of(weight * month for weight, month in zip(np.cos(_YEAR_ANGLES), deviations, strict=True))
    sine = sum_of(weight * month for weight, month in zip(np.sin(_YEAR_ANGLES), deviations, strict=True))
    explained = np.square(cosine) + np.square(sine)
    return np.minimum(ratio_of(explained, squares * (YEAR_MONTHS / 2), otherwise=np.nan), 1.0)
