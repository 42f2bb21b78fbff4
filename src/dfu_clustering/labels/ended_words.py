"""What changed a label: the word that no longer holds, or the pattern that took over, by what was not so before."""

from collections.abc import Iterator, Mapping, Sequence
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
        own: (n_dfus,) each, their own values; NaN where they are not known.
        bounds: Of the volume tiers.
        config: Thresholds of the words.
        margin: Share of a threshold by which a word may be missed and still held.
    """

    own: Values
    bounds: Bounds
    config: LabelingConfig
    margin: float

    def at(self, rows: Sequence[int]) -> "Judged":
        """Return what some of the DFUs are judged on."""
        return self._replace(own={name: of_all[rows] for name, of_all in self.own.items()})

    def fail(self, condition: Condition) -> Flags:
        """Return for which DFUs a value misses its threshold by more than the margin."""
        return ~condition.holds(self.own, self.config, self.margin)

    def clearly_meet(self, condition: Condition) -> Flags:
        """Return for which DFUs a value meets its threshold by more than the margin."""
        return condition.holds(self.own, self.config, -self.margin)

    def by(self, other: "Judged") -> "Judged":
        """Return the same values, judged by the thresholds of another time."""
        return self._replace(config=other.config, margin=other.margin)


Cause = tuple[EndedWord, Flags, Flags]  # what it is, of which DFUs it is so now, and of which it was so before


def ended_word(
    before: Label,
    after: Label,
    traits: Mapping[str, Trait],
    then: Judged,
    now: Judged,
    *,
    otherwise: EndedWord,
) -> list[EndedWord]:
    """Return for each DFU that went from one label to another what changed it.

    That is the first of these that was not so before: a word of the old label, of those that the new one does not have,
    fails within the margin (pattern, traits, tier), because its threshold moved or its value; an earlier pattern
    clearly took over; the test of the old pattern is not passed any more; the DFU's own tier has DFUs enough. Of a DFU
    whose earlier values are not known it is the first that is so now.

    Args:
        before: The label until now.
        after: The label now.
        traits: What trait words claim; a word that is not there is not judged.
        then: What the old label was judged on.
        now: What the new one is judged on.
        otherwise: What is said where nothing of that changed.
    """
    words = [otherwise] * len(now.own["mean_demand"])
    known = ~np.isnan(then.own["mean_demand"])
    for ended, is_so, was_so in reversed(list(_causes(before, after, traits, then, now))):
        for at in np.flatnonzero(is_so & ~(was_so & known)).tolist():
            words[at] = ended
    return words


def _causes(
    before: Label,
    after: Label,
    traits: Mapping[str, Trait],
    then: Judged,
    now: Judged,
) -> Iterator[Cause]:
    """Yield what may have changed a label; what comes first counts."""
    other_pattern = before.pattern != after.pattern
    pattern = PATTERN_OF.get(before.pattern) if other_pattern else None
    if pattern:
        yield from _ended_pattern(pattern, then, now)
    elif other_pattern:
        yield from _took_over(before.pattern, after.pattern, then, now)
    for word in before.traits:
        if word in traits and word not in after.traits:
            yield from _ended_trait(traits[word], then, now)
    if before.tier != after.tier:
        yield from _ended_tier(before.tier, then, now)
    if pattern:
        yield from _took_over(before.pattern, after.pattern, then, now)
        yield from _lost_test(pattern, then, now)
    if before.tier != after.tier:
        yield _own_tier_again(after, then, now)


def _ended_pattern(pattern: Pattern, then: Judged, now: Judged) -> Iterator[Cause]:
    for condition in pattern.conditions:
        yield from _ended(pattern.name, condition, then, now)
    for need in pattern.needs:
        yield EndedWord(pattern.name, need.feature), ~need.passes(now.own), ~need.passes(then.own)


def _ended(word: str, condition: Condition, then: Judged, now: Judged) -> Iterator[Cause]:
    known = ~np.isnan(then.own[condition.feature])  # of which a run may have kept none
    limit, limit_then = (condition.limit(at.config, at.margin) for at in (now, then))
    is_so, was_so = now.fail(condition), then.fail(condition) & known
    if limit != limit_then:
        yield _by_threshold(word, condition, limit, is_so & then.by(now).fail(condition) & known, was_so)
    yield EndedWord(word, condition.feature, limit), is_so, was_so


def _by_threshold(word: str, condition: Condition, limit: float, is_so: Flags, was_so: Flags) -> Cause:
    """Return that a threshold moved past values that did not need to change."""
    return EndedWord(f"{word}: its threshold moved", condition.feature, limit), is_so, was_so


def _ended_trait(trait: Trait, then: Judged, now: Judged) -> Iterator[Cause]:
    for condition in trait.conditions:
        yield from _ended(trait.word, condition, then, now)
    if trait.quarter is not None:
        is_so, was_so = (~trait.holds(at.own, at.config, at.margin) for at in (now, then))
        yield EndedWord(trait.word, _PEAK), is_so, was_so


def _ended_tier(tier: Tier, then: Judged, now: Judged) -> Iterator[Cause]:
    """Yield the bounds that the mean passed, or that passed the mean."""
    is_out, was_out = (
        ~tiers_within(at.own["mean_demand"], at.bounds, at.margin)[:, TIERS.index(tier)] for at in (now, then)
    )
    mean, mean_then = now.own["mean_demand"], then.own["mean_demand"]
    if tier != "high":
        limit = (now.bounds.low if tier == "low" else now.bounds.high) * (1 + now.margin)
        yield EndedWord(f"{tier} volume", "mean_demand", limit), is_out & (mean > limit), mean_then > limit
    if tier != "low":
        limit = (now.bounds.high if tier == "high" else now.bounds.low) * (1 - now.margin)
        yield EndedWord(f"{tier} volume", "mean_demand", limit), is_out & (mean < limit), mean_then < limit
    yield EndedWord(f"{tier} volume: its bounds moved", "mean_demand"), is_out, was_out


def _took_over(before: str, after: str, then: Judged, now: Judged) -> Iterator[Cause]:
    """Yield what earlier patterns that clearly hold did not meet before, that of the new label first."""
    earlier = PATTERNS[: PATTERN_NAMES.index(before)]
    for pattern in sorted(earlier, key=lambda pattern: pattern.name != after):
        holds = pattern.holds(now.own, now.config, -now.margin)
        for condition in pattern.conditions:
            yield from _met(pattern.name, condition, holds, then, now)
        for check in (*pattern.tests, *pattern.needs):
            word = EndedWord(": ".join(filter(None, (pattern.name, check.passed))), check.feature)
            yield word, holds, check.passes(then.own)


def _met(word: str, condition: Condition, holds: Flags, then: Judged, now: Judged) -> Iterator[Cause]:
    limit, limit_then = (condition.limit(at.config, -at.margin) for at in (now, then))
    was_so = then.clearly_meet(condition)
    if limit != limit_then:
        yield _by_threshold(word, condition, limit, holds & then.by(now).clearly_meet(condition), was_so)
    yield EndedWord(word, condition.feature, limit), holds, was_so


def _lost_test(pattern: Pattern, then: Judged, now: Judged) -> Iterator[Cause]:
    """Yield the tests that a word passed when it was taken up, and that nothing but a new fit asks again."""
    for test in pattern.tests:
        word = EndedWord(f"{pattern.name}: {test.failed}", test.feature)
        is_so = ~test.passes(now.own) & test.passes(then.own)
        yield word, is_so, np.zeros_like(is_so)


def _own_tier_again(after: Label, then: Judged, now: Judged) -> Cause:
    """Return that a DFU, kept with those of another tier as long as too few were of its own, is with these now."""
    own, own_then = (own_tiers(at.own["mean_demand"], at.bounds) for at in (now, then))
    is_so = (own == TIERS.index(after.tier)) & (own_then == own) & ~np.isnan(then.own["mean_demand"])
    return EndedWord(f"enough DFUs in {after.text}"), is_so, np.zeros_like(is_so)
