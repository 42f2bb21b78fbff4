"""What each word claims, judged on a DFU's own values: whether it holds, strictly or within a margin of its bounds.

Every function takes values of many DFUs, or of the medians of clusters, one array a feature.
"""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import fdtri

from dfu_clustering.arrays import Flags, Floats, Integers
from dfu_clustering.config.clustering import LabelingConfig, VolumeThresholds
from dfu_clustering.labels.vocabulary import (
    DECLINING,
    GROWING,
    INTERMITTENT,
    PATTERN_NAMES,
    SEASONAL,
    STEADY,
    VOLATILE,
)

Sign = Literal[">=", ">", "<=", "<"]
Values = Mapping[str, Floats]

# the features that words are judged by: what a training writes of every DFU
JUDGED_FEATURES: Final = (
    *("mean_demand", "seasonality_strength", "season_months", "peak_month", "peak_clarity"),
    *("growth_rate", "trend_direction", "log_growth"),
    *("zero_demand_pct", "sparsity_score", "cv_demand", "cv2_demand", "history_months"),
)

_LEAST_DEMAND_MONTHS = 4  # with demand in fewer months no growth and no season is claimed
_SIGNIFICANCE = 0.01  # of the F-test of the season
_COMPARE: Final = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}


class Bounds(NamedTuple):
    """mean_demand at and above which a DFU is high and at and below which it is low, units a month."""

    low: float
    high: float


@dataclass(frozen=True)
class Condition:
    """What one feature must be.

    Attributes:
        feature: Its name.
        sign: How it is compared.
        threshold: With what, out of the configuration.
    """

    feature: str
    sign: Sign
    threshold: Callable[[LabelingConfig], float]

    def holds(self, values: Values, config: LabelingConfig, slack: float = 0.0) -> Flags:
        """Return for which DFUs the feature is on the right side; NaN never is.

        Args:
            values: Of the DFUs.
            config: Thresholds.
            slack: Share of the threshold by which a value may miss it; negative: must exceed it.
        """
        holds: Flags = _COMPARE[self.sign](values[self.feature], self.limit(config, slack))
        return holds

    def limit(self, config: LabelingConfig, slack: float = 0.0) -> float:
        """Return with what the feature is compared; slack as in holds()."""
        threshold = self.threshold(config)
        easier = -slack if self.sign in (">=", ">") else slack
        return threshold + easier * abs(threshold)


@dataclass(frozen=True)
class Check:
    """What a margin cannot ease.

    Attributes:
        feature: By which it is judged.
        passes: Tells for which DFUs it holds.
        passed: What is said where it holds; empty: nothing.
        failed: What is said where it does not.
    """

    feature: str
    passes: Callable[[Values], Flags]
    passed: str = ""
    failed: str = ""


@dataclass(frozen=True)
class Pattern:
    """A pattern of demand: what must hold, and the tests without which the word is not taken up.

    Attributes:
        name: Its word.
        conditions: Thresholds, which a margin can ease.
        tests: Of significance; a word that is kept needs none.
        needs: What must hold of any word, kept or taken up.
    """

    name: str
    conditions: tuple[Condition, ...]
    tests: tuple[Check, ...] = ()
    needs: tuple[Check, ...] = ()

    def holds(self, values: Values, config: LabelingConfig, slack: float = 0.0, *, tested: bool = True) -> Flags:
        """Return for which DFUs the pattern holds; slack as in Condition.holds()."""
        holds = np.ones(len(values["mean_demand"]), dtype=np.bool_)
        for condition in self.conditions:
            holds &= condition.holds(values, config, slack)
        for check in (*self.needs, *(self.tests if tested else ())):
            holds &= check.passes(values)
        return holds


def significant_strength(season_months: Floats) -> Floats:
    """Return the seasonality_strength from which twelve calendar-month means differ significantly at 1 %.

    With S = 1 - (SSR / (n - 13)) / (SSD / (n - 2)), F on 11 and n - 13 degrees of freedom reaches its critical value
    at S = 1 - (n - 2) / (11 F + n - 13): 0.63 at 24 months, 0.41 at 36, 0.30 at 48.

    Args:
        season_months: (n_dfus,) months that the strength was measured on; infinite where these are below 24.
    """
    months, inverse = np.unique(season_months, return_inverse=True)
    critical: Floats = np.array([_significant_strength(float(n)) for n in months])[inverse]
    return critical


@cache
def _significant_strength(n: float) -> float:
    if not n >= 24:  # NaN neither
        return math.inf
    critical_f = float(fdtri(11, n - 13, 1 - _SIGNIFICANCE))
    return 1 - (n - 2) / (11 * critical_f + n - 13)


def season_is_significant(values: Values) -> Flags:
    """Return for which DFUs the twelve calendar-month means differ significantly at 1 %."""
    significant: Flags = values["seasonality_strength"] >= significant_strength(values["season_months"])
    return significant


def sells_often_enough(values: Values) -> Flags:
    """Return for which DFUs growth, trend and season may be claimed at all: demand in at least four months."""
    months = values["history_months"] * (1 - values["zero_demand_pct"])
    enough: Flags = np.round(months) >= _LEAST_DEMAND_MONTHS
    return enough


def _rises(values: Values) -> Flags:
    rises: Flags = values["trend_direction"] > 0
    return rises


def _falls(values: Values) -> Flags:
    falls: Flags = values["trend_direction"] < 0
    return falls


def _does_not_fall(values: Values) -> Flags:
    return np.logical_not(_falls(values))


def _does_not_rise(values: Values) -> Flags:
    return np.logical_not(_rises(values))


_OFTEN_ENOUGH: Final = Check("zero_demand_pct", sells_often_enough, failed="demand in fewer than 4 months")
_SEASON: Final = Check("seasonality_strength", season_is_significant, "significant at 1 %", "not significant at 1 %")
_RISING: Final = Check(
    "trend_direction", _rises, "rising trend significant at 1 %", "without a significant rising trend"
)
_FALLING: Final = Check(
    "trend_direction", _falls, "falling trend significant at 1 %", "without a significant falling trend"
)

PATTERNS: Final = (  # in the order in which they are looked for: the first that holds is a DFU's own
    Pattern(
        SEASONAL,
        (Condition("seasonality_strength", ">=", lambda config: config.seasonality_threshold),),
        tests=(_SEASON,),
        needs=(_OFTEN_ENOUGH,),
    ),
    Pattern(
        GROWING,
        (Condition("growth_rate", ">=", lambda config: config.growth_threshold),),
        tests=(_RISING,),
        needs=(_OFTEN_ENOUGH, Check("trend_direction", _does_not_fall)),
    ),
    Pattern(
        DECLINING,
        (Condition("growth_rate", "<=", lambda config: -config.growth_threshold),),
        tests=(_FALLING,),
        needs=(_OFTEN_ENOUGH, Check("trend_direction", _does_not_rise)),
    ),
    Pattern(INTERMITTENT, (Condition("zero_demand_pct", ">", lambda config: config.zero_demand_threshold),)),
    Pattern(VOLATILE, (Condition("cv_demand", ">", lambda config: config.cv_thresholds.volatile),)),
    Pattern(STEADY, (Condition("cv_demand", "<=", lambda config: config.cv_thresholds.steady),)),
)
PATTERN_OF: Final = {pattern.name: pattern for pattern in PATTERNS}
_PLAIN = len(PATTERNS)  # where no pattern holds


def own_values(matrix: pd.DataFrame) -> dict[str, Floats]:
    """Return JUDGED_FEATURES of a feature matrix, or of another table that has them, one array each."""
    return {name: matrix[name].to_numpy(dtype=np.float64) for name in JUDGED_FEATURES}


def own_patterns(values: Values, config: LabelingConfig) -> Integers:
    """Return of each DFU the place in PATTERN_NAMES of the first pattern that holds, the last where none does."""
    holds = [pattern.holds(values, config) for pattern in PATTERNS]
    own: Integers = np.select(holds, list(range(_PLAIN)), _PLAIN)
    return own


def patterns_open(values: Values, config: LabelingConfig, margin: float, *, tested: bool) -> Flags:
    """Return which patterns a DFU may be called by: the own values meet it, and no earlier pattern is clearly its own.

    Args:
        values: (n_dfus,) each.
        config: Thresholds.
        margin: Share of a threshold by which the pattern may be missed, and by which an earlier one must be exceeded
            to count.
        tested: Whether the pattern must pass its tests too, as a word that is taken up.

    Returns:
        (n_dfus, n_patterns), in the order of PATTERN_NAMES.
    """
    n_dfus = len(values["mean_demand"])
    is_open = np.empty((n_dfus, len(PATTERN_NAMES)), dtype=np.bool_)
    clear = np.zeros(n_dfus, dtype=np.bool_)
    for i, pattern in enumerate(PATTERNS):
        is_open[:, i] = pattern.holds(values, config, margin, tested=tested) & ~clear
        clear |= pattern.holds(values, config, -margin)
    is_open[:, _PLAIN] = ~clear
    return is_open


def true_of(values: Values, config: LabelingConfig, pattern: str, margin: float) -> Flags:
    """Return for which DFUs a pattern's word is true, whichever earlier pattern may hold too.

    Args:
        values: (n_dfus,) each.
        config: Thresholds.
        pattern: One of PATTERN_NAMES; the plain one is true where no pattern holds.
        margin: 0: strictly; above: the thresholds eased by this share, and without tests.
    """
    if pattern in PATTERN_OF:
        return PATTERN_OF[pattern].holds(values, config, margin, tested=margin == 0)
    any_holds: Flags = np.logical_or.reduce([other.holds(values, config, -margin) for other in PATTERNS])
    return ~any_holds


def volume_bounds(mean_demand: Floats, thresholds: VolumeThresholds) -> Bounds:
    """Return the mean_demand that bounds the tiers low and high, the configured quantiles over all clustered DFUs.

    Args:
        mean_demand: (n_dfus,) units a month.
        thresholds: The quantiles, interpolated linearly.
    """
    low, high = np.quantile(np.asarray(mean_demand, dtype=np.float64), [thresholds.low, thresholds.high])
    return Bounds(float(low), float(high))


def own_tiers(mean_demand: Floats, bounds: Bounds) -> Integers:
    """Return of each DFU the place of its tier in TIERS; where both bounds are one value, that value is medium."""
    high = (mean_demand >= bounds.high) & (mean_demand > bounds.low)
    low = (mean_demand <= bounds.low) & (mean_demand < bounds.high)
    tiers: Integers = np.select([high, low], [2, 0], 1)
    return tiers


def tiers_within(mean_demand: Floats, bounds: Bounds, margin: float) -> Flags:
    """Return (n_dfus, 3) which tiers, in the order of TIERS, a DFU is in with bounds that reach a margin further."""
    low, high = bounds
    if margin:
        within = np.column_stack(
            [
                mean_demand <= low * (1 + margin),
                (mean_demand >= low * (1 - margin)) & (mean_demand <= high * (1 + margin)),
                mean_demand >= high * (1 - margin),
            ]
        )
    else:
        within = np.zeros((len(mean_demand), 3), dtype=np.bool_)
    within[np.arange(len(within)), own_tiers(mean_demand, bounds)] = True
    return within
