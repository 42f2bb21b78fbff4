"""Why a DFU is called so: each word of its label with the DFU's own value and the threshold, and what ended a word."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from dfu_clustering.arrays import Flags, Floats, Integers, Objects
from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.labels.rules import (
    PATTERN_OF,
    PATTERNS,
    Bounds,
    Condition,
    Pattern,
    Values,
    own_patterns,
    own_tiers,
    season_is_significant,
    sells_often_enough,
    tiers_within,
)
from dfu_clustering.labels.traits import Trait
from dfu_clustering.labels.vocabulary import DECLINING, GROWING, PATTERN_NAMES, SEASONAL, TIERS, Label, Tier

_OPPOSITE: Final = {">=": "<", ">": "<=", "<=": ">", "<": ">="}
_NAMES: Final = {
    "seasonality_strength": "strength",
    "growth_rate": "growth a year",
    "zero_demand_pct": "share of months without demand",
    "cv_demand": "CV",
    "log_growth": "momentum",
    "cv2_demand": "CV² of sizes",
    "sparsity_score": "months from demand to demand",
    "peak_clarity": "peak clarity",
}
_SIGNIFICANT: Final = ("not significant at 1 %", "significant at 1 %")
_SEASON_SIGNIFICANT: Final = ("season not significant at 1 %", "season significant at 1 %")
_OFTEN_ENOUGH: Final = ("demand in fewer than 4 months", "")
# what is said where a test of a pattern is not passed, and where it is, in the order of its tests
_TESTED: Final = {
    SEASONAL: (_SIGNIFICANT, _OFTEN_ENOUGH),
    GROWING: (("without a significant rising trend", "rising trend significant at 1 %"), _OFTEN_ENOUGH),
    DECLINING: (("without a significant falling trend", "falling trend significant at 1 %"), _OFTEN_ENOUGH),
}
_NEEDED: Final = ("zero_demand_pct", "trend_direction")  # by which the needs of a pattern are judged, in their order
_NO_PATTERN: Final = "no pattern holds"
_ALTHOUGH: Final = "no other segment fits better, although "
_WHOLE_FROM: Final = 999.95  # four digits make 1,000 of it
_DECADES: Final = np.array([1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2])
_PER_UNIT: Final = np.array([1e7, 1e6, 1e5, 1e4, 1e3, 1e2, 1e1])  # steps of the fourth digit, by decade
_MAY_LOOK_ALIKE: Final = 0.002  # relative difference: numbers further apart differ in four digits

Column = list[str]  # a piece of the reasons, one text a DFU
Written = Callable[[float], str]  # how numbers are written


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


def reasons(
    label: Label,
    traits: Sequence[Trait],
    values: Values,
    bounds: Bounds,
    config: LabelingConfig,
    *,
    label_margin: float | None = None,
) -> list[str]:
    """Return for each DFU of one label why it is called so.

    Args:
        label: The label.
        traits: What its trait words claim.
        values: (n_dfus,) each, the DFUs' own.
        bounds: Of the volume tiers.
        config: Thresholds.
        label_margin: Share of a bound by which a DFU may miss its tier and keep it; None: not known, so nothing says
            why a DFU is in another tier than its own.

    Returns:
        Texts as ``seasonal: strength 0.62 >= 0.5, significant at 1 %; high volume: 320 >= 254``; a word that is not
        strictly true of a DFU is there with the values that say so.
    """
    columns = [
        *_pattern_reason(label.pattern, values, config),
        *_tier_reason(f"; {label.tier} volume: ", label.tier, values["mean_demand"], bounds, label_margin),
    ]
    for trait in traits:
        columns += _trait_reason(trait, values, config)
    return _joined(columns)


def tier_reason(tier: Tier, mean_demand: Floats, bounds: Bounds, *, label_margin: float | None = None) -> list[str]:
    """Return for each DFU of one tier the comparison of its mean demand with the bounds; label_margin as in reasons().

    Where a DFU is of another tier by itself, the text says so: it is still within the margin, or too few DFUs of its
    pattern are of its own tier.
    """
    return _joined(_tier_reason(f"{tier} volume: ", tier, mean_demand, bounds, label_margin))


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
        otherwise: What is told where all words hold and no pattern took over.
    """
    told = [otherwise] * len(values["mean_demand"])
    for ended, flags in reversed(list(_candidates(before, after, traits, values, bounds, config, margin))):
        for at in np.flatnonzero(flags).tolist():
            told[at] = ended
    return told


def as_text(value: float) -> str:
    """Return a value as a reader wants it: 4 significant digits, whole from a thousand on."""
    return f"{value:.4g}" if abs(value) < _WHOLE_FROM else f"{value:,.0f}"


def _in_full(value: float) -> str:
    """Return a value as text that rounds nothing away."""
    return as_text(value) if _rounded(value) == value else f"{value:,}"


def _rounded(value: float) -> float:
    return float(as_text(value).replace(",", ""))


def _joined(columns: Sequence[Column]) -> list[str]:
    return list(map("".join, zip(*columns, strict=True)))


def _told(
    lead: str, values: Floats, place: Integers, endings: Callable[[Written], Sequence[str]], *limits: float
) -> list[Column]:
    """Return each value with a lead, and its ending; in full beside a limit from which it only seems not to differ.

    Args:
        lead: Before the value.
        values: (n_dfus,); undefined ones have no ending.
        place: (n_dfus,) of each DFU's ending.
        endings: How they are, by how numbers are written.
        limits: With which the endings compare.
    """
    texts, ends = _texts(lead, values), _looked_up(endings(as_text), place)
    for limit in limits:
        texts[values == limit] = f"{lead}{as_text(limit)}"
    for at in np.flatnonzero(_close_to(values, limits)).tolist():
        value = float(values[at])
        texts[at] = f"{lead}{as_text(value)}"
        if any(value != limit and _rounded(value) == _rounded(limit) for limit in limits):
            texts[at], ends[at] = f"{lead}{_in_full(value)}", endings(_in_full)[place[at]]
    undefined = np.isnan(values)
    texts[undefined], ends[undefined] = f"{lead}undefined", ""
    return [texts.tolist(), ends.tolist()]


def _texts(lead: str, values: Floats) -> Objects:
    """Return as_text() of each value behind a lead; a number that many values round to is written once."""
    different, place = np.unique(_four_digits(values), return_inverse=True)
    return _looked_up([f"{lead}{as_text(value)}" for value in different.tolist()], place)


def _looked_up(texts: Sequence[str], place: Integers) -> Objects:
    found: Objects = np.array(texts, dtype=object)[place]
    return found


def _four_digits(values: Floats) -> Floats:
    """Return the numbers that as_text() writes, but for ties, which go to the even digit."""
    size = np.abs(values)
    per_unit = _PER_UNIT[np.searchsorted(_DECADES, size, side="right") - 1]
    rounded = np.where(size < _DECADES[0], values, np.rint(values * per_unit) / per_unit)
    return np.where(size < _WHOLE_FROM, rounded, np.rint(values))


def _close_to(values: Floats, limits: Sequence[float]) -> Flags:
    """Return which values differ from a limit by so little that their texts may not."""
    close = np.zeros(len(values), dtype=np.bool_)
    for limit in limits:
        close |= (np.abs(values - limit) <= _MAY_LOOK_ALIKE * abs(limit)) & (values != limit)
    return close


def _compared(lead: str, condition: Condition, values: Values, config: LabelingConfig) -> list[Column]:
    limit, sign = condition.threshold(config), condition.sign
    name = _NAMES.get(condition.feature, condition.feature.replace("_", " "))
    return _told(
        f"{lead}{name} ",
        values[condition.feature],
        condition.holds(values, config).astype(np.int64),
        lambda written: (f" {_OPPOSITE[sign]} {written(limit)}", f" {sign} {written(limit)}"),
        limit,
    )


def _all_compared(
    lead: str, conditions: Sequence[Condition], values: Values, config: LabelingConfig
) -> Iterator[Column]:
    for condition in conditions:
        yield from _compared(lead, condition, values, config)
        lead = ", "


def _tested(passed: Flags, texts: tuple[str, str]) -> Column:
    """Return what is said of a test, after a comma, where anything is."""
    told: Column = _looked_up([f", {text}" if text else "" for text in texts], passed.astype(np.int64)).tolist()
    return told


def _pattern_reason(name: str, values: Values, config: LabelingConfig) -> list[Column]:
    if name not in PATTERN_OF:
        return [_plain_reason(values, config)]
    pattern = PATTERN_OF[name]
    checks = (*pattern.tests, sells_often_enough) if name in _TESTED else ()
    tested = zip(checks, _TESTED.get(name, ()), strict=True)
    return [
        *_all_compared(f"{name}: ", pattern.conditions, values, config),
        *(_tested(test(values), texts) for test, texts in tested),
    ]


def _plain_reason(values: Values, config: LabelingConfig) -> Column:
    """Return that no pattern holds; where one does, which, and why."""
    own = own_patterns(values, config)
    told = [_NO_PATTERN] * len(own)
    for at, pattern in enumerate(PATTERNS):
        rows = np.flatnonzero(own == at)
        of_rows = {name: of_all[rows] for name, of_all in values.items()}
        for row, text in zip(rows.tolist(), _joined(_pattern_reason(pattern.name, of_rows, config)), strict=True):
            told[row] = f"{_ALTHOUGH}{text}"
    return told


def _tier_reason(
    lead: str, tier: Tier, mean_demand: Floats, bounds: Bounds, label_margin: float | None
) -> list[Column]:
    own = own_tiers(mean_demand, bounds)
    kept = tiers_within(mean_demand, bounds, label_margin or 0.0)[:, TIERS.index(tier)]
    endings = partial(_tier_endings, tier, bounds, label_margin)
    return _told(lead, mean_demand, len(TIERS) * kept + own, endings, *bounds)


def _tier_endings(tier: Tier, bounds: Bounds, label_margin: float | None, written: Written) -> list[str]:
    """Return what is said behind a mean demand, by a DFU's own tier: first of those beyond the margin."""
    low, high = written(bounds.low), written(bounds.high)
    compared = (f"<= {low}", f"between {low} and {high}", f">= {high}")
    beyond = kept = [f" ({one})" for one in compared]
    if label_margin is not None:
        missed = {"low": (low, low, low), "medium": (low, low, high), "high": (high, high, high)}[tier]
        beyond = [f", too few {own} DFUs of this pattern" for own in TIERS]
        kept = [f", within {100 * label_margin:g} % of {bound}" for bound in missed]
    return [
        f" {one}" if own == tier else f" is {own} by itself{why}"
        for whys in (beyond, kept)
        for own, one, why in zip(TIERS, compared, whys, strict=True)
    ]


def _trait_reason(trait: Trait, values: Values, config: LabelingConfig) -> list[Column]:
    columns = [*_all_compared(f"; {trait.word}: ", trait.conditions, values, config)]
    if trait.quarter is None:
        return columns
    significant = _tested(season_is_significant(values), _SEASON_SIGNIFICANT)
    return [*columns, significant, _peak_reason(trait.quarter, values["peak_month"])]


def _peak_reason(quarter: int, peak_month: Floats) -> Column:
    months, place = np.unique(peak_month, return_inverse=True)
    told: Column = _looked_up([_peak(quarter, month) for month in months.tolist()], place).tolist()
    return told


def _peak(quarter: int, month: float) -> str:
    if month != month:
        return ", peak undefined"
    inside = 3 * quarter - 2 <= month <= 3 * quarter
    return f", peak in month {as_text(month)}" + ("" if inside else f", outside of Q{quarter}")


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
    if other_pattern:
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
