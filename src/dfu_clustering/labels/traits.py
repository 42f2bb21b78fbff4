"""Trait words: a closed list of claims about a DFU's own values, by which segments of one pattern are distinguished."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from dfu_clustering.arrays import Flags, Floats
from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.labels.rules import Condition, Values, season_is_significant

LEAST_PEAK_CLARITY: Final = 0.5  # below it one wave a year explains less than half of the season: there is no one peak
DENSITY: Final = "density"
_PEAK_MARGIN_MONTHS = 1  # how far from its quarter a peak may lie within the margin


@dataclass(frozen=True)
class Trait:
    """A word and what it claims.

    Attributes:
        word: The word.
        conditions: Thresholds; that of a relative word is the segment's own bound.
        quarter: Of the year in which the peak must lie; None: it may lie anywhere.
    """

    word: str
    conditions: tuple[Condition, ...]
    quarter: int | None = None

    def holds(self, values: Values, config: LabelingConfig, slack: float = 0.0) -> Flags:
        """Return for which DFUs the word is true; slack as in Condition.holds()."""
        holds = np.ones(len(values["mean_demand"]), dtype=np.bool_)
        for condition in self.conditions:
            holds &= condition.holds(values, config, slack)
        if self.quarter is not None:
            if slack <= 0:
                holds &= season_is_significant(values)
            holds &= _months_outside(values["peak_month"], self.quarter) <= (_PEAK_MARGIN_MONTHS if slack > 0 else 0)
        return holds


@dataclass(frozen=True)
class Family:
    """Words of which at most one is true of a DFU.

    Attributes:
        name: Of what they speak.
        words: They.
    """

    name: str
    words: tuple[Trait, ...]


def _peak(quarter: int) -> Trait:
    conditions = (
        Condition("seasonality_strength", ">=", lambda config: config.peak_threshold),
        Condition("peak_clarity", ">=", lambda _: LEAST_PEAK_CLARITY),
    )
    return Trait(f"peak_q{quarter}", conditions, quarter)


FAMILIES: Final = (
    Family("peak", tuple(map(_peak, (1, 2, 3, 4)))),
    Family(
        "momentum",
        (
            Trait("rising", (Condition("log_growth", ">", lambda config: config.momentum_threshold),)),
            Trait("fading", (Condition("log_growth", "<", lambda config: -config.momentum_threshold),)),
        ),
    ),
    Family(
        "regularity",
        (
            Trait("erratic", (Condition("cv2_demand", ">=", lambda config: config.erratic_threshold),)),
            Trait("regular", (Condition("cv2_demand", "<", lambda config: config.erratic_threshold),)),
        ),
    ),
)


def density(bound_months: float) -> Family:
    """Return the words that distinguish DFUs by how often they sell.

    Args:
        bound_months: sparsity_score above which a DFU is sparser, and up to which it is denser.
    """
    return Family(
        DENSITY,
        (
            Trait("sparser", (Condition("sparsity_score", ">", lambda _: bound_months),)),
            Trait("denser", (Condition("sparsity_score", "<=", lambda _: bound_months),)),
        ),
    )


def trait_words(sparsity_bound_months: float) -> dict[str, Trait]:
    """Return what every trait word claims, by the word; sparser and denser are measured against the bound."""
    families = (*FAMILIES, density(sparsity_bound_months))
    return {trait.word: trait for family in families for trait in family.words}


def traits_of(words: Iterable[str], sparsity_bound_months: float) -> tuple[Trait, ...]:
    """Return what some trait words claim, in their order; bound as in trait_words()."""
    known = trait_words(sparsity_bound_months)
    return tuple(known[word] for word in words)


def _months_outside(month: Floats, quarter: int) -> Floats:
    """Return how many months a calendar month 1..12 lies outside of a quarter; 0 inside."""
    from_middle = np.abs((month - (3 * quarter - 1) + 6) % 12 - 6)
    outside: Floats = np.maximum(from_middle - 1, 0)
    return outside
