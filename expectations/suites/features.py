"""What a run's feature matrix must be like before clusters are made of it."""

import sys
from collections.abc import Mapping
from typing import Any

import great_expectations.expectations as gxe
import pandas as pd
from great_expectations.expectations.expectation import Expectation

from dfu_clustering.preprocessing.shape import SHAPE_SOURCES
from dfu_clustering.quality.gate_reports import Suite
from dfu_clustering.runs.summaries import FeatureSummary
from expectations.engine.checks import Batch, bounded, declare, parameter
from expectations.suites.feature_profile import FeatureProfile

SUITE: Suite = "features"

_ANY = sys.float_info.max  # beyond it only infinity
_ROUNDING = 1e-9

# METHOD: feature -> smallest and largest value
RANGES: Mapping[str, tuple[float, float]] = {
    "mean_demand": (0, _ANY),
    "median_demand": (0, _ANY),
    "std_demand": (0, _ANY),
    "min_demand": (0, _ANY),
    "max_demand": (0, _ANY),
    "total_demand": (0, _ANY),
    "cv_demand": (0, _ANY),
    "trend_slope": (-_ANY, _ANY),
    "trend_pct_change": (-100, _ANY),
    "trend_direction": (-1, 1),
    "seasonality_strength": (0, 1),
    "seasonality_amplitude": (0, _ANY),
    "peak_month": (1, 12),
    "peak_clarity": (0, 1),
    "season_months": (0, _ANY),
    "seasonal_index_std": (0, _ANY),
    "year_over_year_correlation": (-1, 1),
    "zero_demand_pct": (0, 1),
    "sparsity_score": (1, _ANY),
    "cv2_demand": (0, _ANY),
    "demand_stability": (0, 1),
    "outlier_count": (0, _ANY),
    "growth_rate": (-1, 3),
    "acceleration": (-_ANY, _ANY),
    "recent_vs_historical": (0, 5),
    "residual_cv": (0, _ANY),
    "lag1_autocorrelation": (-1, 1),
    "log_growth": (-1.5, 1.5),
    "log_recent": (-1.5, 1.5),
    "history_months": (1, _ANY),
}
# undefined for a base of 0, a short history, demand without variation, or none in the season's window
MAY_BE_UNDEFINED = frozenset(
    {
        "trend_pct_change",
        "seasonality_amplitude",
        "peak_clarity",
        "seasonal_index_std",
        "year_over_year_correlation",
        "growth_rate",
        "recent_vs_historical",
        "lag1_autocorrelation",
        "log_recent",
    }
)
# what the shape space is made of; every DFU may well peak in one month or have the whole window behind it
CLUSTERED = tuple(name for name in SHAPE_SOURCES if name not in ("peak_month", "history_months"))


def batches(profile: FeatureProfile, excluded: pd.DataFrame, summary: FeatureSummary) -> list[Batch]:
    """Return what is judged.

    Args:
        profile: What the feature matrix holds; see profile_features().
        excluded: dfu_ck and reason of the DFUs that are not clustered.
        summary: What the step that made both says of them.
    """
    distinct = pd.DataFrame({"feature": CLUSTERED, "distinct_values": map(profile.distinct_values, CLUSTERED)})
    return [
        Batch("features of every DFU", _counts(profile), _of_every_dfu(profile)),
        Batch("features that are clustered", distinct, [_ALIVE], key="feature"),
        Batch("features cover the DFUs", _coverage(profile, excluded, summary), _COVERAGE),
    ]


def bounds(name: str) -> tuple[float, float]:
    """Return the range of a feature with room for rounding."""
    low, high = RANGES[name]
    return max(low - _ROUNDING, -_ANY), min(high + _ROUNDING, _ANY)


def _counts(profile: FeatureProfile) -> pd.DataFrame:
    undefined = {f"{name}_undefined": profile.undefined[name].rows for name in RANGES}
    outside = {f"{name}_outside": profile.outside[name].rows for name in RANGES}
    return pd.DataFrame([{"repeated_dfus": profile.repeated.rows, **undefined, **outside}])


def _of_every_dfu(profile: FeatureProfile) -> list[Expectation]:
    once = bounded(
        "dfu_occurs_once",
        "critical",
        "Every DFU has one row.",
        "DFUs have more than one row (rows).",
        "repeated_dfus",
        high=0,
        keys=profile.repeated.keys,
    )
    defined = [
        bounded(
            f"{name}_is_defined",
            "critical",
            f"{name} is defined for every DFU that is clustered.",
            f"{name} is not defined for DFUs that are clustered (DFUs).",
            f"{name}_undefined",
            high=0,
            keys=profile.undefined[name].keys,
        )
        for name in RANGES
        if name not in MAY_BE_UNDEFINED
    ]
    within = [
        bounded(
            f"{name}_is_in_range",
            "critical",
            f"{name} is finite and within its range.",
            f"{name} is infinite or outside of its range (DFUs).",
            f"{name}_outside",
            high=0,
            keys=profile.outside[name].keys,
        )
        for name in RANGES
    ]
    return [once, *defined, *within]


_ALIVE = declare(
    gxe.ExpectColumnValuesToBeBetween,
    "no_feature_is_dead",
    "warning",
    "Features that are clustered differ between DFUs.",
    "Features that are clustered are the same for all DFUs, so they say nothing.",
    column="distinct_values",
    min_value=2,
)


def _coverage(profile: FeatureProfile, excluded: pd.DataFrame, summary: FeatureSummary) -> pd.DataFrame:
    facts: dict[str, Any] = {
        "missing_rows": summary.clustered - profile.rows,
        "unaccounted_dfus": summary.n_dfus - summary.clustered - len(excluded),
        "dfus_of_dim_dfu": summary.n_dfus - int((excluded["reason"] == "not_in_dim_dfu").sum()),
        "sales_rows": summary.sales_rows,
    }
    return pd.DataFrame([facts])


_COVERAGE = (
    bounded(
        "every_clustered_dfu_has_features",
        "critical",
        "The matrix has a row for every DFU that is clustered.",
        "The matrix has too {many|few} rows for the DFUs that are clustered (rows missing).",
        "missing_rows",
        low=0,
        high=0,
    ),
    bounded(
        "no_dfu_vanishes",
        "critical",
        "Clustered and left-out DFUs add up to all DFUs.",
        "Clustered and left-out DFUs do not add up to all DFUs (DFUs missing).",
        "unaccounted_dfus",
        low=0,
        high=0,
    ),
    bounded(
        "every_dfu_of_dim_dfu_counts",
        "critical",
        "The features are of as many DFUs as the DFU table had when it was judged.",
        "The features are of {fewer|more} DFUs than the DFU table had when it was judged: it changed in the meantime.",
        "dfus_of_dim_dfu",
        low=parameter("dfus"),
        high=parameter("dfus"),
    ),
    bounded(
        "sales_are_those_that_were_judged",
        "critical",
        "The features are made from as many sales rows as were judged.",
        "The features are made from {fewer|more} sales rows than were judged: the sales changed in the meantime.",
        "sales_rows",
        low=parameter("sales_rows"),
        high=parameter("sales_rows"),
    ),
)
