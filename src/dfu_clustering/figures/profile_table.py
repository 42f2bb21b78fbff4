"""What people are shown of a cluster's profile, the same in pictures and report: columns, texts, what is unusual."""

from calendar import month_abbr
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from dfu_clustering.figures.style import short
from dfu_clustering.labels.profiles import PEAK_AGREEMENT, comparable

UNDEFINED: Final = "–"

_TOO_SELDOM: Final = 0.5  # share of months without demand
_FEW_MONTHS: Final = 12.0  # from demand to demand: more are one or two sales, which have no rhythm


def _months_apart(months: float) -> str:
    return f"{months:.1f}" if months < _FEW_MONTHS else f"over {_FEW_MONTHS:.0f}"


class ProfileColumn(NamedTuple):
    """The profile's feature, its heading and how its values are written."""

    feature: str
    heading: str
    text: Callable[[float], str]


PROFILE_COLUMNS: Final = (
    ProfileColumn("mean_demand", "Volume,\nunits\na month", short),
    ProfileColumn("cv_demand", "Variability,\nCV", "{:.2f}".format),
    ProfileColumn("zero_demand_pct", "Months\nwithout\ndemand", "{:.0%}".format),
    ProfileColumn("sparsity_score", "Months from\ndemand to\ndemand", _months_apart),
    ProfileColumn("cv2_demand", "Variability\nof sizes,\nCV²", "{:.2f}".format),
    ProfileColumn("seasonality_strength", "Seasonality\n0 to 1", "{:.2f}".format),
    ProfileColumn("growth_rate", "Growth\na year", "{:+.0%}".format),
    ProfileColumn("log_growth", "Momentum,\nlog ratio", "{:+.2f}".format),
)
PEAK_HEADING: Final = "Peak\nmonth"


def sells_too_seldom(zero_demand_pct: float) -> bool:
    """Tell whether demand is so sparse that growth of it means nothing: 4 units a year and none are -100 %."""
    return zero_demand_pct > _TOO_SELDOM


def profile_texts(profiles: pd.DataFrame) -> list[list[str]]:
    """Return the texts of PROFILE_COLUMNS, one list a cluster, an undefined value as a dash."""
    profiles = _without_growth_of_few(profiles)
    columns = [[_text(column, value) for value in profiles[column.feature]] for column in PROFILE_COLUMNS]
    return [list(row) for row in zip(*columns, strict=True)]


def unusualness(profiles: pd.DataFrame, scales: pd.DataFrame) -> pd.DataFrame:
    """Return how far each median lies from the median of all DFUs, in robust standard deviations.

    Args:
        profiles: What profile_clusters() returned.
        scales: What feature_scales() returned.

    Returns:
        One row a cluster, one column each of PROFILE_COLUMNS; NaN where the value is undefined.
    """
    distance = (comparable(_without_growth_of_few(profiles)) - scales["median"]) / scales["scale"]
    return distance[[column.feature for column in PROFILE_COLUMNS]]


def peak_months(profiles: pd.DataFrame, peak_threshold: float) -> list[str]:
    """Return each cluster's peak month as ``Jul``; a dash where its season is weak or its members do not agree."""
    has_peak = (profiles["seasonality_strength"] >= peak_threshold) & (profiles["peak_agreement"] >= PEAK_AGREEMENT)
    months = profiles["peak_month"].where(has_peak)
    return [UNDEFINED if np.isnan(month) else month_abbr[month_number(month)] for month in months]


def _without_growth_of_few(profiles: pd.DataFrame) -> pd.DataFrame:
    few = profiles["zero_demand_pct"].map(sells_too_seldom)
    return profiles.assign(growth_rate=profiles["growth_rate"].mask(few))


def month_number(month: float) -> int:
    """Return the calendar month of a mean on (0.5, 12.5], of which 1.0 is mid-January."""
    return int(np.ceil(month - 0.5))


def _text(column: ProfileColumn, value: float) -> str:
    return UNDEFINED if np.isnan(value) else column.text(value)
