"""Labels, profiles and reasons in the words of a planner."""

import re
from calendar import month_name
from collections.abc import Mapping
from typing import Any

from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.figures.profile_table import month_number, sells_too_seldom
from dfu_clustering.figures.style import short
from dfu_clustering.labels.profiles import PEAK_AGREEMENT
from dfu_clustering.labels.vocabulary import PLAIN

_TIERED = re.compile(r"(?:(seasonal|intermittent)_)?(high|medium|low)_volume(?:_(\w+))?")
_TRAITS = {"erratic": "erratic sizes", "regular": "regular sizes"} | {
    f"peak_q{q}": f"peak in Q{q}" for q in range(1, 5)
}
_SIGNS = {">=": "≥", "<=": "≤"}
_MOST = 0.5
_ONE_PEAK = 0.85  # agreement from which peaks lie about a month from their mean; 1 where all are in one
_YEAR_MONTHS = 12
_MANIFOLD = 2.9  # growth a year, which the feature cuts off at 3
_NEARLY_GONE = -0.9
_ALWAYS = 0.005  # share of months without demand that rounds to none

_EXCLUSION_MEANINGS = {
    "insufficient_history": "history too short to judge: labelled new",
    "no_demand_in_window": "sold before, but not in the months that count: labelled inactive",
    "never_sold": "in {dfu_table}, but never sold: no label",
    "not_in_dim_dfu": "have sales, but are not in {dfu_table}: no label",
}


def exclusion_meaning(reason: str, dfu_table: str) -> str:
    """Return why DFUs have no label in words; ``dfu_table`` is what their table is called."""
    meaning = _EXCLUSION_MEANINGS.get(reason)
    return reason.replace("_", " ") if meaning is None else meaning.replace("{dfu_table}", dfu_table)


def label_title(base: str, traits: list[str]) -> str:
    """Return a label in words: ``intermittent_low_volume`` with ``fading`` is "Intermittent, low volume, fading"."""
    found = _TIERED.fullmatch(base)
    if not found:
        return sentence(base.replace("_", " "))
    pattern, tier, behaviour = found.groups()
    words = [pattern, f"{tier} volume", behaviour, *(_TRAITS.get(trait, trait.replace("_", " ")) for trait in traits)]
    return sentence(", ".join(word for word in words if word))


def pattern_title(pattern: str, traits: list[str]) -> str:
    """Return a pattern with its traits in words: "Seasonal, peak in Q4"."""
    name = "no pattern" if pattern == PLAIN else pattern.replace("_", " ")
    return sentence(", ".join([name, *(_TRAITS.get(trait, trait.replace("_", " ")) for trait in traits)]))


def sentence(text: str) -> str:
    """Return a text that begins with a capital."""
    return text[:1].upper() + text[1:]


def reason_lines(reason: str) -> list[str]:
    """Return a label's reason, a rule each, with the signs that people write."""
    lines = [sentence(line) for line in reason.split("; ")]
    return [re.sub(r">=|<=", lambda sign: _SIGNS[sign[0]], line) for line in lines]


def profile_words(profile: Mapping[str, Any], labeling: LabelingConfig) -> list[str]:
    """Return what is typical of a segment's DFUs, a phrase each: volume, rhythm, season, direction, steadiness.

    Args:
        profile: Values of one cluster as profile_clusters() gives them, None where undefined.
        labeling: Thresholds of the label rules.
    """
    phrases = [_volume(profile), _rhythm(profile, labeling), _season(profile, labeling), _direction(profile, labeling)]
    few = sells_too_seldom(profile["zero_demand_pct"])  # all of them are volatile, which is said by how often they sell
    return phrases if few else [*phrases, _steadiness(profile, labeling)]


def forecast_words(naive_wape: float | None, explained_share: float | None) -> list[str]:
    """Return how forecastable a segment is: what repeating last year would have missed, what trend and season explain.

    Args:
        naive_wape: Errors over demand of the last six months; None where that is not known.
        explained_share: Share (0-1) of the variance of a typical DFU; None where it is not known.
    """
    words = []
    if naive_wape is not None:
        beyond = "; a forecast of zero misses 100%" if naive_wape > 1 else ""
        words.append(
            f"Repeating last year's months would have missed the last six by {naive_wape:.0%} of the demand{beyond}"
        )
    if explained_share is not None:
        words.append(f"Trend and season explain {explained_share:.0%} of a typical DFU's ups and downs")
    return words


def _volume(profile: Mapping[str, Any]) -> str:
    middle, low, high = (profile[f"{prefix}mean_demand"] for prefix in ("", "q25_", "q75_"))
    times, period = (_YEAR_MONTHS, "year") if middle < 1 else (1, "month")  # 0.08 units a month say little
    middle, low, high = (short(times * value) for value in (middle, low, high))
    return f"{middle} unit{'' if middle == '1' else 's'} a {period}; half of the DFUs between {low} and {high}"


def _rhythm(profile: Mapping[str, Any], labeling: LabelingConfig) -> str:
    silent = profile["zero_demand_pct"]
    if silent < _ALWAYS:
        return "Sells every month"
    if silent <= labeling.zero_demand_threshold:
        return f"Sells in most months, {silent:.0%} without demand"
    months = profile["history_months"]
    selling = round((1 - silent) * months)
    return f"Sells in {max(selling, 1):.0f} of {months:.0f} months"


def _season(profile: Mapping[str, Any], labeling: LabelingConfig) -> str:
    strength, month = profile["seasonality_strength"], profile["peak_month"]
    if strength < labeling.peak_threshold:
        return "No clear season"
    kind = "Strong" if strength >= labeling.seasonality_threshold else "Some"
    if month is None or profile["peak_agreement"] < PEAK_AGREEMENT:
        return f"{kind} season, but the peaks of the DFUs differ"
    month_in_full = month_name[month_number(month)]
    if profile["peak_agreement"] < _ONE_PEAK:
        return f"{kind} season; most of the DFUs peak in the months around {month_in_full}"
    return f"{kind} season with its peak around {month_in_full}"


def _direction(profile: Mapping[str, Any], labeling: LabelingConfig) -> str:
    growth, momentum = profile["growth_rate"], profile["log_growth"]
    if sells_too_seldom(profile["zero_demand_pct"]):
        return _direction_of_few(profile, labeling)
    if growth is not None and abs(growth) >= labeling.growth_threshold:
        # the growth of a few uneven months is no trend: most of the DFUs must have one, by its test
        share = profile["rising_share" if growth > 0 else "falling_share"]
        return _growth(growth) if share > _MOST else "No clear trend"
    if momentum is not None and abs(momentum) >= labeling.momentum_threshold:
        return "Rising recently" if momentum > 0 else "Fading recently"
    return "Level: no growth and no decline"


def _growth(growth: float) -> str:
    if growth >= _MANIFOLD:
        return "Many times as much as in the first year"
    if growth <= _NEARLY_GONE:
        return "Has all but stopped selling"
    return f"{'Up' if growth > 0 else 'Down'} {abs(growth):.0%} a year"


def _direction_of_few(profile: Mapping[str, Any], labeling: LabelingConfig) -> str:
    """Return the direction of demand that is so sparse that a percentage of it means nothing."""
    momentum = profile["log_growth"]
    if momentum is None or abs(momentum) < labeling.momentum_threshold:
        return "No clear trend"
    return "Sold more in the last year than before" if momentum > 0 else "Sold less in the last year than before"


def _steadiness(profile: Mapping[str, Any], labeling: LabelingConfig) -> str:
    cv, bounds = profile["cv_demand"], labeling.cv_thresholds
    kind = "Steady" if cv <= bounds.steady else "Volatile" if cv > bounds.volatile else "Moderate swings"
    return f"{kind} from month to month: a month differs from the mean by {cv:.0%} of it (CV {cv:.2f})"


def month_in_words(month: str) -> str:
    """Return ``2026-10`` as "October 2026"; a text that is no month as it is."""
    found = re.fullmatch(r"(\d{4})-(\d{2})", month)
    return f"{month_name[int(found[2])]} {found[1]}" if found else month
