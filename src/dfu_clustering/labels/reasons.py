"""Why a DFU is called so: each word of its label with the DFU's own value and the threshold, and what ended a word."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

import numpy as np

from dfu_clustering.arrays import Flags, Floats
from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.labels.rules import PATTERN_OF, PATTERNS, Bounds, Condition, Values, own_tiers
from dfu_clustering.labels.traits import Trait
from dfu_clustering.labels.vocabulary import DECLINING, GROWING, SEASONAL, Label

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
_TESTED: Final = {
    SEASONAL: ("significant at 1 %", "not significant at 1 %"),
    GROWING: ("rising trend significant at 1 %", "without a significant rising trend"),
    DECLINING: ("falling trend significant at 1 %", "without a significant falling trend"),
}


class EndedWord(NamedTuple):
    """What changed a label: the word that no longer holds, or that does now, and the feature it is judged by."""

    word: str
    feature: str


def reasons(label: Label, traits: Sequence[Trait], values: Values, bounds: Bounds, config: LabelingConfig) -> list[str]:
    """Return for each DFU of one label why it is called so.

    Args:
        label: The label.
        traits: What its trait words claim.
        values: (n_dfus,) each, the DFUs' own.
        bounds: Of the volume tiers.
        config: Thresholds.

    Returns:
        Texts as ``seasonal: strength 0.62 >= 0.5, significant at 1 %; high volume: 320 >= 254``; a word that is not
        strictly true of a DFU is there with the values that say so.
    """
    parts = [
        _pattern_reason(label.pattern, values, config),
        tier_reason(label.tier, values["mean_demand"], bounds),
        *(_trait_reason(trait, values, config) for trait in traits),
    ]
    return ["; ".join(texts) for texts in zip(*parts, strict=True)]


def tier_reason(tier: str, mean_demand: Floats, bounds: Bounds) -> list[str]:
    """Return for each DFU the comparison of its mean demand with the bounds of the tiers."""
    low, high = as_text(bounds.low), as_text(bounds.high)
    compared = (f"<= {low}", f"between {low} and {high}", f">= {high}")
    own = own_tiers(mean_demand, bounds).tolist()
    return [
        f"{tier} volume: {_apart(value, *bounds)} {compared[at]}"
        for value, at in zip(mean_demand.tolist(), own, strict=True)
    ]


def ended_word(
    before: Label, after: Label, traits: Mapping[str, Trait], values: Values, config: LabelingConfig, margin: float
) -> Iterator[EndedWord]:
    """Yield for each DFU that went from one label to another the word that ended, or the new one that took over.

    Args:
        before: The label until now.
        after: The label now.
        traits: What trait words claim.
        values: (n_dfus,) each, the DFUs' own now.
        config: Thresholds.
        margin: Share of a threshold by which a word may be missed and still held.
    """
    n_dfus = len(values["mean_demand"])
    if before.pattern != after.pattern:
        yield from _of_pattern(before.pattern, after.pattern, values, config, margin)
    elif before.tier != after.tier:
        yield from [EndedWord(f"{before.tier} volume", "mean_demand")] * n_dfus
    else:
        ended = (word for word in before.traits if word not in after.traits)
        new = (word for word in after.traits if word not in before.traits)
        word = next(chain(ended, new, before.traits))
        yield from [EndedWord(word, _feature(traits[word]))] * n_dfus


def as_text(value: float) -> str:
    """Return a value as a reader wants it: 4 significant digits, whole from a thousand on."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _apart(value: float, *limits: float) -> str:
    """Return a value as text, in full where rounding would make it one of the limits beside which it stands."""
    text = as_text(value)
    return repr(value) if any(value != limit and text == as_text(limit) for limit in limits) else text


def _pattern_reason(name: str, values: Values, config: LabelingConfig) -> list[str]:
    if name not in PATTERN_OF:
        return _plain_reason(values, config)
    pattern = PATTERN_OF[name]
    compared = [_compared(condition, values, config) for condition in pattern.conditions]
    parts = [", ".join(texts) for texts in zip(*compared, strict=True)]
    if name in _TESTED:
        passed = np.logical_and.reduce([test(values) for test in pattern.tests])
        yes, no = _TESTED[name]
        parts = [f"{text}, {yes if holds else no}" for text, holds in zip(parts, passed.tolist(), strict=True)]
    return [f"{name}: {text}" for text in parts]


def _plain_reason(values: Values, config: LabelingConfig) -> list[str]:
    """Return that no pattern holds; where one does, which."""
    holds = [pattern.holds(values, config) for pattern in PATTERNS]
    first = np.select(holds, list(range(len(PATTERNS))), len(PATTERNS))
    texts = [*(f"no other segment fits better, although {p.name}" for p in PATTERNS), "no pattern holds"]
    return [texts[at] for at in first.tolist()]


def _trait_reason(trait: Trait, values: Values, config: LabelingConfig) -> list[str]:
    compared = [_compared(condition, values, config) for condition in trait.conditions]
    if trait.quarter is not None:
        compared.append([f"peak in month {month:.0f}" for month in values["peak_month"].tolist()])
    return [f"{trait.word}: {', '.join(texts)}" for texts in zip(*compared, strict=True)]


def _compared(condition: Condition, values: Values, config: LabelingConfig) -> list[str]:
    limit = condition.threshold(config)
    threshold = as_text(limit)
    name = _NAMES.get(condition.feature, condition.feature)
    holds: Flags = condition.holds(values, config)
    told = (f"{_OPPOSITE[condition.sign]} {threshold}", f"{condition.sign} {threshold}")
    return [
        f"{name} {_apart(value, limit)} {told[yes]}" if value == value else f"{name} undefined"
        for value, yes in zip(values[condition.feature].tolist(), holds.tolist(), strict=True)
    ]


def _feature(trait: Trait) -> str:
    return "peak_month" if trait.quarter is not None else trait.conditions[0].feature


def _of_pattern(before: str, after: str, values: Values, config: LabelingConfig, margin: float) -> Iterator[EndedWord]:
    """Yield the pattern that no longer holds and its feature that fails; else the pattern that took over."""
    new = EndedWord(after, PATTERN_OF[after].conditions[0].feature) if after in PATTERN_OF else EndedWord(before, "")
    old = PATTERN_OF.get(before)
    if old is None:
        yield from [new] * len(values["mean_demand"])
        return
    feature = old.conditions[0].feature
    for holds in old.holds(values, config, margin, tested=False).tolist():
        yield EndedWord(before, feature) if not holds or after not in PATTERN_OF else new
