"""What changed a label: the word that no longer holds, or the pattern that took over, by what was not so before."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np

from dfu_clustering.arrays import Flags
from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.labels.rules import (
    PATTERN_OF,
    PATTERNS,
    Bounds,
    Condition,
    Pattern,
    Values,
    own_tiers,
    tiers_within,
)
from dfu_clustering.labels.traits import Trait
from dfu_clustering.labels.vocabulary import PATTERN_NAMES, TIERS, Label, Tier

_PEAK: Final = "peak_month"


class EndedWord(NamedTuple):
    """What changed a label: the word that no longer holds, or the pattern that took over, and how that is judged.

    Attributes:
        word: The word; behind a colon what of it changed, where that is no threshold; where no word did, what happened.
        feature: By which it is judged; empty where that is none.
        threshold: Which the feature has passed, with the margin; NaN where that is not one number.
    """

    word: str
    feature: str = ""
    threshold: float = np.nan


class Judged(NamedTuple):
    """What words are judged on at one time.

    Attributes:
        values: (n_dfus,) each, the DFUs' own; NaN where they are not known.
        bounds: Of the volume tiers.
    """

    values: Values
    bounds: Bounds


Cause = tuple[EndedWord, Flags, Flags]  # what it is, of which DFUs it is so now, and of which it was so before


def ended_word(
    before: Label,
    after: Label,
    traits: Mapping[str, Trait],
    then: Judged,
    now: Judged,
    config: LabelingConfig,
    margin: float,
    *,
    otherwise: EndedWord,
) -> list[EndedWord]:
    """Return for each DFU that went from one label to another what changed it.

    That is the first of these that was not so before: a word of the old label, of those that the new one does not have,
    fails within the margin (pattern, traits, tier); an earlier pattern clearly took over; the test of the old pattern
    is not passed any more; the DFU's own tier has DFUs enough. Of a DFU whose earlier values are not known it is the
    first that is so now.

    Args:
        before: The label until now.
        after: The label now.
        traits: What trait words claim; a word that is not there is not judged.
        then: What the old label was judged on.
        now: What the new one is judged on.
        config: Thresholds.
        margin: Share of a threshold by which a word may be missed and still held.
        otherwise: What is said where nothing of that changed.
    """
    words = [otherwise] * len(now.values["mean_demand"])
    known = ~np.isnan(then.values["mean_demand"])
    for ended, is_so, was_so in reversed(list(_causes(before, after, traits, then, now, config, margin))):
        for at in np.flatnonzero(is_so & ~(was_so & known)).tolist():
            words[at] = ended
    return words


def _causes(
    before: Label,
    after: Label,
    traits: Mapping[str, Trait],
    then: Judged,
    now: Judged,
    config: LabelingConfig,
    margin: float,
) -> Iterator[Cause]:
    """Yield what may have changed a label; what comes first counts."""
    other_pattern = before.pattern != after.pattern
    pattern = PATTERN_OF.get(before.pattern) if other_pattern else None
    if pattern:
        yield from _ended_pattern(pattern, then, now, config, margin)
    elif other_pattern:
        yield from _took_over(before.pattern, after.pattern, then, now, config, margin)
    for word in before.traits:
        if word in traits and word not in after.traits:
            yield from _ended_trait(traits[word], then, now, config, margin)
    if before.tier != after.tier:
        yield from _ended_tier(before.tier, then, now, margin)
    if pattern:
        yield from _took_over(before.pattern, after.pattern, then, now, config, margin)
        yield from _lost_test(pattern, then, now)
    if before.tier != after.tier:
        yield _own_tier_again(after, then, now)


def _ended_pattern(
    pattern: Pattern, then: Judged, now: Judged, config: LabelingConfig, margin: float
) -> Iterator[Cause]:
    for condition in pattern.conditions:
        yield _ended(pattern.name, condition, then, now, config, margin)
    for need in pattern.needs:
        yield EndedWord(pattern.name, need.feature), ~need.passes(now.values), ~need.passes(then.values)


def _ended(word: str, condition: Condition, then: Judged, now: Judged, config: LabelingConfig, margin: float) -> Cause:
    is_so, was_so = (~condition.holds(at.values, config, margin) for at in (now, then))
    was_so &= ~np.isnan(then.values[condition.feature])  # of which a run may have kept none
    return EndedWord(word, condition.feature, condition.limit(config, margin)), is_so, was_so


def _ended_trait(trait: Trait, then: Judged, now: Judged, config: LabelingConfig, margin: float) -> Iterator[Cause]:
    for condition in trait.conditions:
        yield _ended(trait.word, condition, then, now, config, margin)
    if trait.quarter is not None:
        is_so, was_so = (~trait.holds(at.values, config, margin) for at in (now, then))
        yield EndedWord(trait.word, _PEAK), is_so, was_so


def _ended_tier(tier: Tier, then: Judged, now: Judged, margin: float) -> Iterator[Cause]:
    """Yield the bounds that the mean passed, or that passed the mean."""
    is_out, was_out = (
        ~tiers_within(at.values["mean_demand"], at.bounds, margin)[:, TIERS.index(tier)] for at in (now, then)
    )
    mean, mean_then = now.values["mean_demand"], then.values["mean_demand"]
    if tier != "high":
        limit = (now.bounds.low if tier == "low" else now.bounds.high) * (1 + margin)
        yield EndedWord(f"{tier} volume", "mean_demand", limit), is_out & (mean > limit), mean_then > limit
    if tier != "low":
        limit = (now.bounds.high if tier == "high" else now.bounds.low) * (1 - margin)
        yield EndedWord(f"{tier} volume", "mean_demand", limit), is_out & (mean < limit), mean_then < limit
    yield EndedWord(f"{tier} volume: its bounds moved", "mean_demand"), is_out, was_out


def _took_over(
    before: str, after: str, then: Judged, now: Judged, config: LabelingConfig, margin: float
) -> Iterator[Cause]:
    """Yield what earlier patterns that clearly hold did not meet before, that of the new label first."""
    earlier = PATTERNS[: PATTERN_NAMES.index(before)]
    for pattern in sorted(earlier, key=lambda pattern: pattern.name != after):
        holds = pattern.holds(now.values, config, -margin)
        for condition in pattern.conditions:
            word = EndedWord(pattern.name, condition.feature, condition.limit(config, -margin))
            yield word, holds, condition.holds(then.values, config, -margin)
        for check in (*pattern.tests, *pattern.needs):
            word = EndedWord(": ".join(filter(None, (pattern.name, check.passed))), check.feature)
            yield word, holds, check.passes(then.values)


def _lost_test(pattern: Pattern, then: Judged, now: Judged) -> Iterator[Cause]:
    """Yield the tests that a word passed when it was taken up, and that nothing but a new fit asks again."""
    for test in pattern.tests:
        word = EndedWord(f"{pattern.name}: {test.failed}", test.feature)
        is_so = ~test.passes(now.values) & test.passes(then.values)
        yield word, is_so, np.zeros_like(is_so)


def _own_tier_again(after: Label, then: Judged, now: Judged) -> Cause:
    """Return that a DFU, kept with those of another tier as long as too few were of its own, is with these now."""
    own, own_then = (own_tiers(at.values["mean_demand"], at.bounds) for at in (now, then))
    is_so = (own == TIERS.index(after.tier)) & (own_then == own) & ~np.isnan(then.values["mean_demand"])
    return EndedWord(f"enough DFUs in {after.text}"), is_so, np.zeros_like(is_so)
