"""What a cluster claims of its members: a pattern and, where clusters of one pattern must be told apart, trait words.

K-means says where DFUs differ; words say how. Clusters of one pattern get the words that keep most of what K-means
found, and those that no true word tells apart become one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from dfu_clustering.arrays import Flags, Floats, Integers
from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.labels.rules import Values, true_of
from dfu_clustering.labels.traits import DENSITY, FAMILIES, Family, Trait, density, trait_words

_MOST_WORDS: Final = 2
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
        known = trait_words(self.sparsity_bound_months)
        return tuple(known[word] for word in self.traits)

    def also(self, word: str | None, bound_months: float) -> "Meaning":
        """Return the meaning with another word; None: without one."""
        if word is None:
            return self
        bound = bound_months if word in ("sparser", "denser") else self.sparsity_bound_months
        return replace(self, traits=(*self.traits, word), sparsity_bound_months=bound)


class Found(NamedTuple):
    """Clusters of DFUs, before they are told apart.

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


class _Split(NamedTuple):
    """A group parted by the words of one family: members by word, and the sum of squares lost where they are one."""

    family: str
    blocks: dict[str | None, Group]
    bound_months: float
    loss: float


def tell_apart(found: Found, config: LabelingConfig) -> tuple[Meaning, ...]:
    """Return of each cluster what it means; clusters of one meaning are one segment.

    In every group of clusters of one pattern the family of words is taken that leaves least of their sum of squares
    unexplained when clusters of one word are joined; a block that still joins clusters may be parted once more.
    A cluster bears a word that is true of three quarters of its members.

    Args:
        found: The clusters.
        config: Thresholds of the words.
    """
    meanings: dict[int, Meaning] = {}
    for pattern in sorted(set(found.patterns)):
        group = tuple(i for i, of in enumerate(found.patterns) if of == pattern)
        meanings |= _told(found, config, group, Meaning(pattern))
    return tuple(meanings[i] for i in range(len(found.patterns)))


def _told(
    found: Found, config: LabelingConfig, group: Group, meaning: Meaning, asked: frozenset[str] = frozenset()
) -> dict[int, Meaning]:
    """Return what the clusters of a group mean; no family is asked twice, so that a word has one bound in a group."""
    if len(group) == 1 or len(meaning.traits) == _MOST_WORDS:
        return dict.fromkeys(group, meaning)
    splits = [split for split in _splits(found, config, group, meaning.pattern, asked) if len(split.blocks) > 1]
    if not splits:
        return dict.fromkeys(group, meaning)
    best = min(splits, key=lambda split: split.loss)
    told: dict[int, Meaning] = {}
    for word, block in best.blocks.items():
        told |= _told(found, config, block, meaning.also(word, best.bound_months), asked | {best.family})
    return told


def _splits(
    found: Found, config: LabelingConfig, group: Group, pattern: str, asked: frozenset[str]
) -> Iterator[_Split]:
    for family in FAMILIES:
        if family.speaks_of(pattern) and family.name not in asked:
            yield _split(found, config, group, family, 0.0)
    if DENSITY not in asked:
        medians = sorted(float(np.median(found.values["sparsity_score"][found.cluster_id == i])) for i in group)
        for bound in (float(np.sqrt(one * other)) for one, other in pairwise(medians) if one < other):
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
