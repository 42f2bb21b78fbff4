"""Traits tell clusters of one base name apart: words of a closed list, each true of every cluster that bears it.

A group of clusters is split by one trait into blocks, and what a block still holds together by another trait. Of all
ways to do so the one is taken that keeps most published suffixes, needs fewest numbers, separates clearly, uses fewest
traits, makes the shortest names and separates widest, in this order.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, count
from typing import Final, NamedTuple, Protocol

import numpy as np
import pandas as pd

from dfu_clustering.arrays import Floats
from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.labels.profiles import comparable

MOST_WORDS: Final = 2
PEAK_AGREEMENT: Final = 0.5  # below it the members' peak months lie too far apart for one quarter to be true of them

_CLEAR_GAP = 0.25  # robust units: up to here a wider gap is worth more than a name with fewer traits or words
_MOST_CUTS = 8  # cuts tried where values are ordered, the widest gaps first: all cuts of a group of nine
_NO_GAP = 1e-9

Members = tuple[int, ...]


class Word(NamedTuple):
    """A word of a suffix and the values that make it true of a cluster."""

    text: str
    because: str


class _Split(NamedTuple):
    """Blocks of members, each with its word if it has one, and the gap between the two nearest blocks."""

    blocks: tuple[tuple[str | None, Members], ...]
    gap: float


class _Trait(Protocol):
    """One way in which the clusters of a group differ."""

    @property
    def words(self) -> tuple[Word | None, ...]:
        """The word that is true of each cluster of the group, if any."""

    def splits(self, members: Members) -> Iterator[_Split]:
        """Yield every way in which the trait parts the members."""


@dataclass(frozen=True)
class _Absolute:
    """A trait whose words say what a cluster is by itself: position (n_clusters, d) in robust units."""

    position: Floats
    words: tuple[Word | None, ...]

    def splits(self, members: Members) -> Iterator[_Split]:
        text = {member: word.text if (word := self.words[member]) else None for member in members}
        found = sorted(set(text.values()), key=lambda word: word or "")
        blocks = tuple((word, tuple(m for m in members if text[m] == word)) for word in found)
        if len(blocks) > 1:
            yield _Split(blocks, min(self._gap(one, other) for (_, one), (_, other) in combinations(blocks, 2)))

    def _gap(self, one: Members, other: Members) -> float:
        apart = self.position[list(one), None] - self.position[None, list(other)]
        return float(np.sqrt((apart**2).sum(axis=-1)).min())


@dataclass(frozen=True)
class _Relative:
    """A trait whose words say on which side of the group's middle a cluster lies: position (n_clusters,).

    A block is named only if all of it lies on one side, so that every ``_sparser`` is sparser than every ``_denser``.
    """

    position: Floats
    words: tuple[Word | None, ...]
    below: str
    above: str

    def splits(self, members: Members) -> Iterator[_Split]:
        ordered = sorted(members, key=lambda member: (self.position[member], member))
        texts = [word.text if (word := self.words[member]) else None for member in ordered]
        n_below, first_above = texts.count(self.below), len(texts) - texts.count(self.above)
        gaps = np.diff(self.position[ordered])
        cuts = [int(i) + 1 for i in np.argsort(-gaps, kind="stable")[:_MOST_CUTS] if gaps[i] > _NO_GAP]
        for cut in cuts:
            lower, upper = self.below if cut <= n_below else None, self.above if cut >= first_above else None
            if lower or upper:
                yield _Split(((lower, tuple(ordered[:cut])), (upper, tuple(ordered[cut:]))), float(gaps[cut - 1]))
        for low, high in combinations(sorted(cuts), 2):
            if low <= n_below and high >= first_above:
                blocks = (self.below, ordered[:low]), (None, ordered[low:high]), (self.above, ordered[high:])
                gap = float(min(gaps[low - 1], gaps[high - 1]))
                yield _Split(tuple((word, tuple(block)) for word, block in blocks), gap)


class _Naming(NamedTuple):
    """Suffixes of some clusters, as texts, and what they cost."""

    suffixes: Mapping[int, tuple[str, ...]]
    changed: int
    numbered: int
    gap: float = np.inf
    splits: int = 0
    traits: int = 0

    def cost(self) -> tuple[float, ...]:
        longest = max(len(suffix) for suffix in self.suffixes.values())
        return self.changed, self.numbered, -min(self.gap, _CLEAR_GAP), self.traits, longest, self.splits, -self.gap


def tell_apart(
    group: pd.DataFrame, scales: pd.DataFrame, config: LabelingConfig, published: Mapping[int, str]
) -> dict[int, tuple[Word, ...]]:
    """Return for each cluster of a group that shares one base name the words that tell it from the others.

    Args:
        group: Profiles of the clusters, indexed by cluster_id.
        scales: What feature_scales() returned for all clustered DFUs.
        config: Thresholds of the traits.
        published: Suffix such as ``_larger`` that a cluster has borne so far; kept where it is still true.

    Returns:
        At most two words a cluster and, where no two traits tell clusters apart, a number by descending volume.
    """
    group = group.iloc[np.lexsort((group.index, -group["mean_demand"]))]
    traits = _traits(group, scales, config)
    cluster_ids = [int(cluster_id) for cluster_id in group.index]
    naming = _best_naming(traits, tuple(published.get(cluster_id) for cluster_id in cluster_ids))
    return {
        cluster_id: tuple(_word(text, member, traits) for text in naming.suffixes[member])
        for member, cluster_id in enumerate(cluster_ids)
    }


def as_suffix(texts: Iterable[str]) -> str:
    """Return the words as they end a label: ``_larger``, ``_sparser_fading``, or nothing."""
    return "".join(f"_{text}" for text in texts)


def as_text(value: float) -> str:
    """Return a value as a reader wants it: 4 significant digits, whole from a thousand on."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _best_naming(traits: Sequence[_Trait], published: tuple[str | None, ...]) -> _Naming:
    @cache
    def best(members: Members, prefix: tuple[str, ...], unused: tuple[int, ...]) -> _Naming:
        if len(members) == 1:
            return _leaf(members[0], prefix, published)
        options = [_numbered(members, prefix, published)]
        for i in unused if len(prefix) < MOST_WORDS else ():
            others = tuple(other for other in unused if other != i)
            for split in traits[i].splits(members):
                parts = [
                    best(tuple(sorted(block)), (*prefix, word) if word else prefix, others)
                    for word, block in split.blocks
                ]
                options.append(_joined(parts, split.gap))
        return min(options, key=_Naming.cost)

    everyone = tuple(range(len(published)))
    choices = [used for n in range(1, len(traits) + 1) for used in combinations(range(len(traits)), n)]
    return min((best(everyone, (), used)._replace(traits=len(used)) for used in choices), key=_Naming.cost)


def _leaf(member: int, suffix: tuple[str, ...], published: tuple[str | None, ...]) -> _Naming:
    changed = published[member] is not None and published[member] != as_suffix(suffix)
    return _Naming({member: suffix}, changed=int(changed), numbered=0)


def _numbered(members: Members, prefix: tuple[str, ...], published: tuple[str | None, ...]) -> _Naming:
    stem = as_suffix(prefix) + "_"
    borne = {(published[member] or "").removeprefix(stem): member for member in members}
    kept = {member: number for number, member in borne.items() if number.isdecimal()}
    free = (str(number) for number in count(1) if str(number) not in borne)
    leaves = [_leaf(member, (*prefix, kept.get(member) or next(free)), published) for member in members]
    return _joined(leaves, np.inf)._replace(numbered=len(members))


def _joined(parts: Sequence[_Naming], gap: float) -> _Naming:
    return _Naming(
        suffixes={member: suffix for part in parts for member, suffix in part.suffixes.items()},
        changed=sum(part.changed for part in parts),
        numbered=sum(part.numbered for part in parts),
        gap=min(gap, *(part.gap for part in parts)),
        splits=1 + sum(part.splits for part in parts),
    )


def _word(text: str, member: int, traits: Sequence[_Trait]) -> Word:
    for trait in traits:
        word = trait.words[member]
        if word and word.text == text:
            return word
    return Word(text, "no two traits tell it from its like, so they are numbered by volume")


def _traits(group: pd.DataFrame, scales: pd.DataFrame, config: LabelingConfig) -> tuple[_Trait, ...]:
    units = (comparable(group) - scales["median"]) / scales["scale"]
    return (
        _momentum(group, units, config.momentum_threshold),
        _peak(group, scales, config.peak_threshold),
        _relative(group, units, "sparsity_score", "denser", "sparser"),
        _regularity(group, units, config.erratic_threshold),
        _relative(group, units, "mean_demand", "smaller", "larger"),
    )


def _momentum(group: pd.DataFrame, units: pd.DataFrame, threshold: float) -> _Absolute:
    def word(log_growth: float) -> Word | None:
        if abs(log_growth) <= threshold:
            return None
        text, sign = ("rising", "> ") if log_growth > 0 else ("fading", "< -")
        return Word(text, f"median log_growth {as_text(log_growth)} {sign}{as_text(threshold)}")

    return _Absolute(units[["log_growth"]].to_numpy(), tuple(map(word, group["log_growth"])))


def _regularity(group: pd.DataFrame, units: pd.DataFrame, threshold: float) -> _Absolute:
    def word(cv2: float) -> Word:
        text, sign = ("erratic", ">=") if cv2 >= threshold else ("regular", "<")
        return Word(text, f"median cv2_demand {as_text(cv2)} {sign} {as_text(threshold)}")

    return _Absolute(units[["cv2_demand"]].to_numpy(), tuple(map(word, group["cv2_demand"])))


def _peak(group: pd.DataFrame, scales: pd.DataFrame, threshold: float) -> _Absolute:
    def word(strength: float, month: float, agreement: float) -> Word | None:
        if not (strength >= threshold and agreement >= PEAK_AGREEMENT):
            return None
        because = f"median seasonality_strength {as_text(strength)} >= {as_text(threshold)}, peak_month {month:.1f}"
        return Word(f"peak_q{math.ceil((month - 0.5) / 3)}", because)

    strength, month, agreement = (group[c] for c in ("seasonality_strength", "peak_month", "peak_agreement"))
    angle = month.fillna(0.0).to_numpy() * (2 * np.pi / 12)
    length = (strength * agreement).to_numpy() / scales.loc["seasonality_strength", "scale"]
    position = length[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return _Absolute(position, tuple(map(word, strength, month, agreement)))


def _relative(group: pd.DataFrame, units: pd.DataFrame, feature: str, below: str, above: str) -> _Relative:
    middle = float(group[feature].median())

    def word(value: float) -> Word | None:
        if value == middle:
            return None
        text, sign = (above, ">") if value > middle else (below, "<")
        of_all = f"the median of the {len(group)} clusters of this base name"
        return Word(text, f"median {feature} {as_text(value)} {sign} {as_text(middle)}, {of_all}")

    return _Relative(units[feature].to_numpy(), tuple(map(word, group[feature])), below, above)
