"""What changed a label: the word that no longer holds, or the pattern that took over."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np

from dfu_clustering.arrays import Flags, Floats
from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.labels.rules import PATTERN_OF, PATTERNS, Bounds, Condition, Pattern, Values, tiers_within
from dfu_clustering.labels.traits import Trait
from dfu_clustering.labels.vocabulary import PATTERN_NAMES, TIERS, Label, Tier

_NEEDED: Final = ("zero_demand_pct", "trend_direction")  # by which the needs of a pattern are judged, in their order


class EndedWord(NamedTuple):
    """What changed a label: the word that no longer holds, or the pattern that took over, and how that is judged.

    Attributes:
        word: The word; where none ended, what happened.
        feature: By which it is judged; empty where that is none.
        threshold: With what the feature is compared; NaN where that is not one number.
    """

    word: str
    feature: str = ""
    threshold: float = np.nan


def ended_word(
    before: Label,
    after: Label,
    traits: Mapping[str, Trait],
    values: Values,
    bounds: Bounds,
    config: LabelingConfig,
    margin: float,
    *,
    otherwise: EndedWord,
) -> list[EndedWord]:
    """Return for each DFU that went from one label to another what changed it.

    That is the first word of the old label, of those that the new one does not have, that fails within the margin:
    pattern, traits, tier. Where all hold it is the earlier pattern that clearly took over.

    Args:
        before: The label until now.
        after: The label now.
        traits: What trait words claim; a word that is not there is not judged.
        values: (n_dfus,) each, the DFUs' own now.
        bounds: Of the volume tiers now.
        config: Thresholds.
        margin: Share of a threshold by which a word may be missed and still held.
        otherwise: What is said where all words hold and no pattern took over.
    """
    words = [otherwise] * len(values["mean_demand"])
    for ended, flags in reversed(list(_candidates(before, after, traits, values, bounds, config, margin))):
        for at in np.flatnonzero(flags).tolist():
            words[at] = ended
    return words


def _candidates(
    before: Label,
    after: Label,
    traits: Mapping[str, Trait],
    values: Values,
    bounds: Bounds,
    config: LabelingConfig,
    margin: float,
) -> Iterator[tuple[EndedWord, Flags]]:
    """Yield what may have changed a label, and for which DFUs it did; what comes first counts."""
    other_pattern = before.pattern != after.pattern
    if other_pattern and before.pattern in PATTERN_OF:
        yield from _ended_pattern(PATTERN_OF[before.pattern], values, config, margin)
    elif other_pattern:
        yield from _took_over(before.pattern, after.pattern, values, config, margin)
    for word in before.traits:
        if word in traits and word not in after.traits:
            yield from _ended_trait(traits[word], values, config, margin)
    if before.tier != after.tier:
        yield from _ended_tier(before.tier, values["mean_demand"], bounds, margin)
    if other_pattern and before.pattern in PATTERN_OF:
        yield from _took_over(before.pattern, after.pattern, values, config, margin)


def _ended_pattern(
    pattern: Pattern, values: Values, config: LabelingConfig, margin: float
) -> Iterator[tuple[EndedWord, Flags]]:
    for condition in pattern.conditions:
        yield _ended(pattern.name, condition, values, config, margin)
    for need, feature in zip(pattern.needs, _NEEDED, strict=False):
        yield EndedWord(pattern.name, feature), np.logical_not(need(values))


def _ended(
    word: str, condition: Condition, values: Values, config: LabelingConfig, margin: float
) -> tuple[EndedWord, Flags]:
    fails: Flags = np.logical_not(condition.holds(values, config, margin))
    return EndedWord(word, condition.feature, condition.threshold(config)), fails


def _ended_trait(
    trait: Trait, values: Values, config: LabelingConfig, margin: float
) -> Iterator[tuple[EndedWord, Flags]]:
    for condition in trait.conditions:
        yield _ended(trait.word, condition, values, config, margin)
    if trait.quarter is not None:
        yield EndedWord(trait.word, "peak_month"), np.logical_not(trait.holds(values, config, margin))


def _ended_tier(tier: Tier, mean_demand: Floats, bounds: Bounds, margin: float) -> Iterator[tuple[EndedWord, Flags]]:
    fails = np.logical_not(tiers_within(mean_demand, bounds, margin)[:, TIERS.index(tier)])
    if tier != "high":
        beyond = bounds.low if tier == "low" else bounds.high
        yield EndedWord(f"{tier} volume", "mean_demand", beyond), fails & (mean_demand > beyond)
    if tier != "low":
        below = bounds.high if tier == "high" else bounds.low
        yield EndedWord(f"{tier} volume", "mean_demand", below), fails & (mean_demand < below)


def _took_over(
    before: str, after: str, values: Values, config: LabelingConfig, margin: float
) -> Iterator[tuple[EndedWord, Flags]]:
    """Yield the earlier patterns that clearly hold, that of the new label first."""
    earlier = PATTERNS[: PATTERN_NAMES.index(before)]
    for pattern in sorted(earlier, key=lambda pattern: pattern.name != after):
        first = pattern.conditions[0]
        word = EndedWord(pattern.name, first.feature, first.threshold(config))
        yield word, pattern.holds(values, config, -margin)
