"""What a cluster claims of its members: a pattern and, where several clusters have one pattern, trait words.

K-means says where DFUs differ; words say how. Clusters of one pattern get the words that keep most of what K-means
found, and those that no true word distinguishes become one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from dfu_clustering.arrays import Flags, Floats, Integers
from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.labels.rules import Values, true_of
from dfu_clustering.labels.traits import DENSITY, FAMILIES, Family, Trait, density, traits_of
from dfu_clustering.labels.vocabulary import MOST_TRAITS, TRAIT_NUMBERS

_TELLING_SHARE: Final = 0.75  # of a cluster's members, for which a word must be true that is to stand for it

Group = tuple[int, ...]  # clusters of one pattern, by number


@dataclass(frozen=True, order=True)
class Meaning:
    """The words of a cluster.

    Attributes:
        pattern: One of PATTERN_NAMES.
        traits: Words, in the order in which they are written.
        sparsity_bound_months: What ``sparser`` and ``denser`` are measured against; 0 where neither is said.
    """

    pattern: str
    traits: tuple[str, ...] = ()
    sparsity_bound_months: float = 0.0

    def traits_hold(self, values: Values, config: LabelingConfig, slack: float = 0.0) -> Flags:
        """Return for which DFUs all trait words are true; slack as in Condition.holds()."""
        holds = np.ones(len(values["mean_demand"]), dtype=np.bool_)
        for trait in self.trait_words():
            holds &= trait.holds(values, config, slack)
        return holds

    def true_of(self, values: Values, config: LabelingConfig, margin: float = 0.0) -> Flags:
        """Return for which DFUs pattern and traits are true: strictly, or within a margin."""
        return true_of(values, config, self.pattern, margin) & self.traits_hold(values, config, margin)

    def trait_words(self) -> tuple[Trait, ...]:
        """Return what the trait words claim."""
        return traits_of(self.traits, self.sparsity_bound_months)

    def also(self, word: str | None, bound_months: float) -> "Meaning":
        """Return the meaning with another word; None: without one."""
        if word is None:
            return self
        bound = bound_months if word in ("sparser", "denser") else self.sparsity_bound_months
        traits = sorted((*self.traits, word), key=lambda trait: TRAIT_NUMBERS[trait])
        return replace(self, traits=tuple(traits), sparsity_bound_months=bound)


class Found(NamedTuple):
    """Clusters of DFUs, before they are distinguished.

    Attributes:
        patterns: (k,) words.
        cluster_id: (n,) of each DFU.
        centroids: (k, n_columns).
        values: The DFUs' own.
    """

    patterns: tuple[str, ...]
    cluster_id: Integers
    centroids: Floats
    values: Values

    @property
    def sizes(self) -> Integers:
        """Return the number of members of each cluster."""
        return np.bincount(self.cluster_id, minlength=len(self.patterns))


class _Question(NamedTuple):
    """How clusters of one pattern are distinguished: by how many words at most, and ``sparser`` than what."""

    found: Found
    config: LabelingConfig
    most_words: int
    bound_months: float | None

    def bounds_months(self, group: Group) -> list[float]:
        """Return what sparser and denser may be measured against: as before, else halfway between two clusters."""
        if self.bound_months is not None:
            return [self.bound_months]
        sparsity, cluster_id = self.found.values["sparsity_score"], self.found.cluster_id
        medians = sorted(float(np.median(sparsity[cluster_id == i])) for i in group)
        return [float(np.sqrt(one * other)) for one, other in pairwise(medians) if one < other]


class _Split(NamedTuple):
    """A group parted by the words of one family: members by word, and the sum of squares lost where they are one."""

    family: str
    blocks: dict[str | None, Group]
    bound_months: float
    loss: float


def distinguish(
    found: Found, config: LabelingConfig, *, most: int, known: Iterable[Meaning] = ()
) -> tuple[Meaning, ...]:
    """Return of each cluster what it means; clusters of one meaning are one segment.

    In every group of clusters of one pattern the family of words is taken that leaves least of their sum of squares
    unexplained when clusters of one word are joined; a block that still joins clusters may be parted once more.
    A cluster has a word that is true of three quarters of its members. Where that makes too many meanings, clusters
    are distinguished by fewer words, first of the pattern that loses least.

    Args:
        found: The clusters.
        config: Thresholds of the words.
        most: Different meanings that there may be, unless there are more patterns.
        known: Published meanings: ``sparser`` and ``denser`` are still measured against what they were.
    """
    bounds = {meaning.pattern: meaning.sparsity_bound_months for meaning in known if meaning.sparsity_bound_months}
    words = dict.fromkeys(sorted(set(found.patterns)), MOST_TRAITS)
    meanings = _meanings(found, config, words, bounds)
    while len(set(meanings)) > most and any(words.values()):
        fewer = [{**words, pattern: n - 1} for pattern, n in words.items() if n]
        worded = [_meanings(found, config, option, bounds) for option in fewer]
        losses = [_loss(found, option) for option in worded]
        best = losses.index(min(losses))
        words, meanings = fewer[best], worded[best]
    return meanings


def _meanings(
    found: Found, config: LabelingConfig, words: Mapping[str, int], bounds: Mapping[str, float]
) -> tuple[Meaning, ...]:
    meanings: dict[int, Meaning] = {}
    for pattern, most in words.items():
        group = tuple(i for i, of in enumerate(found.patterns) if of == pattern)
        meanings |= _worded(_Question(found, config, most, bounds.get(pattern)), group, Meaning(pattern))
    return tuple(meanings[i] for i in range(len(found.patterns)))


def _loss(found: Found, meanings: tuple[Meaning, ...]) -> float:
    blocks: dict[Meaning, list[int]] = {}
    for i, meaning in enumerate(meanings):
        blocks.setdefault(meaning, []).append(i)
    return sum(_sum_of_squares(found, block) for block in blocks.values())


def _worded(
    question: _Question, group: Group, meaning: Meaning, asked: frozenset[str] = frozenset()
) -> dict[int, Meaning]:
    """Return what the clusters of a group mean; no family is asked twice, so that a word has one bound in a group."""
    if len(group) == 1 or len(meaning.traits) == question.most_words:
        return dict.fromkeys(group, meaning)
    splits = [split for split in _splits(question, group, asked) if len(split.blocks) > 1]
    if not splits:
        return dict.fromkeys(group, meaning)
    best = min(splits, key=lambda split: split.loss)
    worded: dict[int, Meaning] = {}
    for word, block in best.blocks.items():
        worded |= _worded(question, block, meaning.also(word, best.bound_months), asked | {best.family})
    return worded


def _splits(question: _Question, group: Group, asked: frozenset[str]) -> Iterator[_Split]:
    found, config = question.found, question.config
    for family in FAMILIES:
        if family.name not in asked:
            yield _split(found, config, group, family, 0.0)
    if DENSITY not in asked:
        for bound in question.bounds_months(group):
            yield _split(found, config, group, density(bound), bound)


def _split(found: Found, config: LabelingConfig, group: Group, family: Family, bound: float) -> _Split:
    holds = {trait.word: trait.holds(found.values, config) for trait in family.words}
    blocks: dict[str | None, list[int]] = {}
    for cluster in group:
        members = found.cluster_id == cluster
        shares = {word: float(flags[members].mean()) for word, flags in holds.items()}
        word = max(shares, key=lambda word: shares[word])
        blocks.setdefault(word if shares[word] >= _TELLING_SHARE else None, []).append(cluster)
    in_order = {word: tuple(blocks[word]) for word in sorted(blocks, key=str)}
    return _Split(family.name, in_order, bound, sum(_sum_of_squares(found, block) for block in in_order.values()))


def _sum_of_squares(found: Found, block: Sequence[int]) -> float:
    """Return how far the centroids of a block lie from their common mean, weighted by their members."""
    centroids, sizes = found.centroids[list(block)], found.sizes[list(block)]
    mean = sizes @ centroids / sizes.sum()
    return float(sizes @ np.square(centroids - mean).sum(axis=1))
