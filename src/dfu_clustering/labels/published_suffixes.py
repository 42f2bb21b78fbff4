"""Words of published labels: kept while they are still true, so that a newcomer of the same base renames nobody."""

import math
from collections.abc import Mapping
from typing import Final

from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.labels.traits import PEAK_AGREEMENT, Word, as_suffix

_OPPOSED: Final = (("sparsity_score", "denser", "sparser"), ("mean_demand", "smaller", "larger"))
_QUARTER_MONTHS = 1.5  # from a quarter's middle to its ends
_PEAK_SLACK_MONTHS = 0.5

Words = tuple[str, ...]
Values = Mapping[str, float]


def keep_words(
    values: Mapping[int, Values],
    config: LabelingConfig,
    published: Mapping[int, Words],
    told_apart: Mapping[int, tuple[Word, ...]],
    margin: float,
) -> dict[int, tuple[Word, ...]]:
    """Return the words of the clusters of one base name, the published ones kept where they are still true.

    Words that say what a cluster is by itself may miss their threshold by the margin; words that set clusters of one
    base against each other are kept while no cluster of the opposite word lies on the wrong side. Where a kept suffix
    is wanted by another cluster too, that one gets a number behind it.

    Args:
        values: Profile of every cluster of the group, by cluster_id.
        config: Thresholds of the traits.
        published: Words of the published suffix of the clusters that were published under this base name.
        told_apart: What tell_apart() makes of the group.
        margin: Share of a threshold by which a value may miss it.
    """
    kept = {
        cluster: words
        for cluster, words in published.items()
        if all(_is_true(word, values[cluster], config, margin) for word in words)
    }
    new = {cluster: told_apart[cluster] for cluster in told_apart if cluster not in kept}
    if not _consistent(values, kept, new):
        return dict(told_apart)
    taken = {as_suffix(words) for words in kept.values()}
    words = {cluster: _kept_words(texts, told_apart[cluster], margin) for cluster, texts in kept.items()}
    for cluster, texts in new.items():
        words[cluster] = _free(texts, taken)
        taken.add(as_suffix(word.text for word in words[cluster]))
    return words


def _kept_words(texts: Words, told_apart: tuple[Word, ...], margin: float) -> tuple[Word, ...]:
    because = {word.text: word.because for word in told_apart}
    return tuple(Word(text, because.get(text, f"published, and still true within {margin:.0%}")) for text in texts)


def _is_true(word: str, values: Values, config: LabelingConfig, margin: float) -> bool:
    less, more = 1 - margin, 1 + margin
    if word.startswith("peak_q"):
        strong = values["seasonality_strength"] >= less * config.peak_threshold
        agreed = values["peak_agreement"] >= less * PEAK_AGREEMENT
        return bool(
            strong and agreed and _months_from_quarter(values["peak_month"], int(word[-1])) <= _PEAK_SLACK_MONTHS
        )
    truths = {
        "rising": values["log_growth"] > less * config.momentum_threshold,
        "fading": values["log_growth"] < -less * config.momentum_threshold,
        "erratic": values["cv2_demand"] >= less * config.erratic_threshold,
        "regular": values["cv2_demand"] < more * config.erratic_threshold,
    }
    return truths.get(word, True)


def _months_from_quarter(month: float, quarter: int) -> float:
    """Return how far a month lies outside of a quarter; 0 inside. Months are 1.0 to 12.0 around the middle of each."""
    from_middle = abs((month - (3 * quarter - 1) + 6) % 12 - 6)
    return math.inf if math.isnan(month) else max(from_middle - _QUARTER_MONTHS, 0.0)


def _consistent(values: Mapping[int, Values], kept: Mapping[int, Words], new: Mapping[int, tuple[Word, ...]]) -> bool:
    words = {**kept, **{cluster: tuple(word.text for word in texts) for cluster, texts in new.items()}}
    for feature, below, above in _OPPOSED:
        of = {word: [values[c][feature] for c in words if word in words[c]] for word in (below, above)}
        if of[below] and of[above] and max(of[below]) >= min(of[above]):
            return False
    return True


def _free(words: tuple[Word, ...], taken: set[str]) -> tuple[Word, ...]:
    suffix = as_suffix(word.text for word in words)
    if suffix not in taken:
        return words
    number = next(n for n in range(2, len(taken) + 3) if f"{suffix}_{n}" not in taken)
    return (*words, Word(str(number), f"a published segment bears {suffix or 'the plain name'} already"))
