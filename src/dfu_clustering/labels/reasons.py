"""Why a DFU is called so: each word of its label with the DFU's own value and the threshold."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

import numpy as np

from dfu_clustering.arrays import Flags, Floats
from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.labels.number_texts import Column, Written, as_text, beside_limits, looked_up
from dfu_clustering.labels.rules import (
    PATTERN_OF,
    PATTERNS,
    Bounds,
    Condition,
    Values,
    own_patterns,
    own_tiers,
    season_is_significant,
    tiers_within,
)
from dfu_clustering.labels.traits import Trait
from dfu_clustering.labels.vocabulary import TIERS, Label, Tier

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
_SEASON_SIGNIFICANT: Final = ("season not significant at 1 %", "season significant at 1 %")
_NO_PATTERN: Final = "no pattern holds"
_ALTHOUGH: Final = "no other segment fits better, although "


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


def _joined(columns: Sequence[Column]) -> list[str]:
    return list(map("".join, zip(*columns, strict=True)))


def feature_in_words(name: str) -> str:
    """Return the name of a feature as reasons have it: ``growth_rate`` is "growth a year"."""
    return _NAMES.get(name, name.replace("_", " "))


def _compared(lead: str, condition: Condition, values: Values, config: LabelingConfig) -> list[Column]:
    limit, sign = condition.threshold(config), condition.sign
    return beside_limits(
        f"{lead}{feature_in_words(condition.feature)} ",
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
    said: Column = looked_up([f", {text}" if text else "" for text in texts], passed.astype(np.int64)).tolist()
    return said


def _pattern_reason(name: str, values: Values, config: LabelingConfig) -> list[Column]:
    if name not in PATTERN_OF:
        return [_plain_reason(values, config)]
    pattern = PATTERN_OF[name]
    checks = [check for check in (*pattern.tests, *pattern.needs) if check.passed or check.failed]
    return [
        *_all_compared(f"{name}: ", pattern.conditions, values, config),
        *(_tested(check.passes(values), (check.failed, check.passed)) for check in checks),
    ]


def _plain_reason(values: Values, config: LabelingConfig) -> Column:
    """Return that no pattern holds; where one does, which, and why."""
    own = own_patterns(values, config)
    said = [_NO_PATTERN] * len(own)
    for at, pattern in enumerate(PATTERNS):
        rows = np.flatnonzero(own == at)
        of_rows = {name: of_all[rows] for name, of_all in values.items()}
        for row, text in zip(rows.tolist(), _joined(_pattern_reason(pattern.name, of_rows, config)), strict=True):
            said[row] = f"{_ALTHOUGH}{text}"
    return said


def _tier_reason(
    lead: str, tier: Tier, mean_demand: Floats, bounds: Bounds, label_margin: float | None
) -> list[Column]:
    own = own_tiers(mean_demand, bounds)
    kept = tiers_within(mean_demand, bounds, label_margin or 0.0)[:, TIERS.index(tier)]
    endings = partial(_tier_endings, tier, bounds, label_margin)
    return beside_limits(lead, mean_demand, len(TIERS) * kept + own, endings, *bounds)


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
    said: Column = looked_up([_peak(quarter, month) for month in months.tolist()], place).tolist()
    return said


def _peak(quarter: int, month: float) -> str:
    if month != month:
        return ", peak undefined"
    inside = 3 * quarter - 2 <= month <= 3 * quarter
    return f", peak in month {as_text(month)}" + ("" if inside else f", outside of Q{quarter}")
