"""Which cluster a DFU belongs to: the nearest of those whose words are true of it.

This is Lloyd's algorithm with a rule of admission. A DFU may join the clusters that are open to it: its own values meet
the cluster's words within a margin, and no earlier pattern is clearly its own.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.spatial.distance import cdist

from dfu_clustering.arrays import Flags, Floats, Integers
from dfu_clustering.clusters.kmeans import large_enough
from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.labels.rules import Values, own_patterns, patterns_open
from dfu_clustering.labels.vocabulary import PATTERN_NAMES
from dfu_clustering.segments.meaning import Meaning

FREE: Final = -1  # of a DFU that stays in no cluster

_MOST_ROUNDS = 100
_ROWS_AT_A_TIME = 65_536  # bounds the memory of the distance table


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters with their words.

    Attributes:
        meanings: (k,) all different.
        centroids: (k, n_columns).
    """

    meanings: tuple[Meaning, ...]
    centroids: Floats

    def without(self, cluster: int) -> "Clusters":
        """Return the others."""
        kept = [i for i in range(len(self.meanings)) if i != cluster]
        return Clusters(tuple(self.meanings[i] for i in kept), self.centroids[kept])

    def with_centroids_of(self, others: "Clusters") -> "Clusters":
        """Return the same with the centroids that clusters of the same meaning have elsewhere."""
        known = dict(zip(others.meanings, others.centroids, strict=True))
        centroids = [known.get(meaning, own) for meaning, own in zip(self.meanings, self.centroids, strict=True)]
        return Clusters(self.meanings, np.array(centroids))

    def also(self, meaning: Meaning, centroid: Floats) -> "Clusters":
        """Return the same with one more."""
        return Clusters((*self.meanings, meaning), np.vstack([self.centroids, centroid]))


@dataclass(frozen=True, eq=False)
class Membership:
    """Members of clusters.

    Attributes:
        clusters: With centroids that are the means of their members.
        cluster_id: (n,) of each DFU.
        homeless: (n,) DFUs to which no cluster is open; they are in the nearest whose words are least untrue.
        added: Patterns of clusters that were added to those given.
    """

    clusters: Clusters
    cluster_id: Integers
    homeless: Flags
    added: tuple[str, ...] = ()


def admissible(
    meanings: tuple[Meaning, ...],
    values: Values,
    config: LabelingConfig,
    margin: float,
    *,
    trait_margin: float = 0.0,
    tested: bool = True,
) -> Flags:
    """Return (n_dfus, n_clusters) which clusters are open to a DFU.

    Args:
        meanings: (n_clusters,) what the clusters claim.
        values: (n_dfus,) each.
        config: Thresholds of the words.
        margin: Share of a threshold by which a pattern may be missed, and by which an earlier one must be exceeded to
            count.
        trait_margin: The same for trait words; these part clusters of one pattern, so that each has its side.
        tested: Whether a pattern must pass its tests of significance.
    """
    by_pattern = patterns_open(values, config, margin, tested=tested)
    is_open = np.empty((len(by_pattern), len(meanings)), dtype=np.bool_)
    for i, meaning in enumerate(meanings):
        pattern = by_pattern[:, PATTERN_NAMES.index(meaning.pattern)]
        is_open[:, i] = pattern & meaning.traits_hold(values, config, trait_margin)
    return is_open


def nearest_of(space: Floats, centroids: Floats, allowed: Flags) -> Integers:
    """Return each row's nearest allowed centroid; ties go to the first in lexicographic order.

    Args:
        space: (n, n_columns).
        centroids: (k, n_columns).
        allowed: (n, k), one at least in each row.
    """
    lexicographic = np.lexsort(centroids.T[::-1])
    nearest = np.empty(len(space), dtype=np.int64)
    for first in range(0, len(space), _ROWS_AT_A_TIME):
        rows = slice(first, first + _ROWS_AT_A_TIME)
        table = cdist(space[rows], centroids[lexicographic], "sqeuclidean")
        table[~allowed[rows][:, lexicographic]] = np.inf
        nearest[rows] = lexicographic[table.argmin(axis=1)]
    return nearest


def settle(
    clusters: Clusters,
    space: Floats,
    values: Values,
    config: LabelingConfig,
    *,
    min_cluster_size_pct: float,
    held: Integers | None = None,
    least_added_pct: float | None = None,
) -> Membership:
    """Assign and move the centroids to their members until no DFU moves and every cluster is large enough.

    A pattern gets a cluster where enough DFUs show it and there is none, or none that is open to them. The smallest
    cluster that is too small gives its members to the others.

    Args:
        clusters: To start from.
        space: (n, n_columns), rows in ascending order of their keys.
        values: (n,) each, the DFUs' own.
        config: Thresholds of the words, and the margin by which a DFU may miss those of its cluster.
        min_cluster_size_pct: Percent (0-100) of the DFUs that every cluster must hold.
        held: (n,) cluster in which a DFU stays while there is that cluster, FREE where it may go anywhere.
        least_added_pct: Percent of the DFUs that make a new cluster; None: as many as every cluster must hold.
    """
    held = np.full(len(space), FREE) if held is None else held
    own = own_patterns(values, config)
    enough_pct = min_cluster_size_pct if least_added_pct is None else least_added_pct
    dissolved: set[Meaning] = set()
    added: list[str] = []
    while True:
        membership = _lloyd(clusters, space, values, config, held)
        without = _without_a_cluster(membership, own, held)
        missing = _missing(membership, without, len(own), enough_pct, dissolved)
        if missing is not None:
            members = without == PATTERN_NAMES.index(missing.pattern)
            clusters = membership.clusters.also(missing, space[members].mean(axis=0))
            added.append(missing.pattern)
            continue
        sizes = np.bincount(membership.cluster_id, minlength=len(membership.clusters.meanings))
        if len(sizes) == 1 or large_enough(sizes, min_cluster_size_pct).all():
            return replace(membership, added=tuple(added))
        smallest = int(sizes.argmin())
        dissolved.add(membership.clusters.meanings[smallest])
        clusters = membership.clusters.without(smallest)
        held = np.where(held == smallest, FREE, held - (held > smallest))


def _lloyd(clusters: Clusters, space: Floats, values: Values, config: LabelingConfig, held: Integers) -> Membership:
    allowed, homeless = open_to(clusters.meanings, values, config, held)
    choosing = np.flatnonzero(allowed.sum(axis=1) > 1)  # the others have nowhere else to go
    cluster_id: Integers = allowed.argmax(axis=1)
    cluster_id[choosing] = FREE  # so that the first round moves the centroids, wherever it puts whom
    centroids = clusters.centroids
    for _ in range(_MOST_ROUNDS):
        now = nearest_of(space[choosing], centroids, allowed[choosing])
        if (now == cluster_id[choosing]).all():
            break
        cluster_id[choosing] = now
        centroids = means(space, cluster_id, centroids)
    return Membership(Clusters(clusters.meanings, means(space, cluster_id, centroids)), cluster_id, homeless)


def open_to(
    meanings: tuple[Meaning, ...], values: Values, config: LabelingConfig, held: Integers | None = None
) -> tuple[Flags, Flags]:
    """Return (n, k) where each DFU may go, somewhere at least, and the (n,) DFUs to which no cluster is open.

    Args:
        meanings: (k,) what the clusters claim.
        values: (n,) each, the DFUs' own.
        config: Thresholds of the words, and the margin by which a DFU may miss those of its cluster.
        held: (n,) as in settle(); None: all DFUs may go anywhere.
    """
    allowed = admissible(meanings, values, config, config.membership_margin)
    if held is not None:
        stays = np.flatnonzero(held != FREE)
        allowed[stays] = False
        allowed[stays, held[stays]] = True
    homeless: Flags = np.logical_not(allowed.any(axis=1))
    if homeless.any():
        of_homeless = {name: of_all[homeless] for name, of_all in values.items()}
        allowed[homeless] = _least_untrue(meanings, of_homeless, config)
    return allowed, homeless


def means(space: Floats, cluster_id: Integers, centroids: Floats) -> Floats:
    """Return the means of the members of each cluster; the centroid as it was where a cluster has none."""
    sizes = np.bincount(cluster_id, minlength=len(centroids))
    sums = np.column_stack([np.bincount(cluster_id, weights=column, minlength=len(centroids)) for column in space.T])
    return np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centroids)


def _without_a_cluster(membership: Membership, own: Integers, held: Integers) -> Integers:
    """Return the (n,) own pattern of the DFUs that may go anywhere and find no cluster of it; FREE for the others."""
    there = {PATTERN_NAMES.index(meaning.pattern) for meaning in membership.clusters.meanings}
    lacks = membership.homeless | ~np.isin(own, list(there))
    without: Integers = np.where(lacks & (held == FREE), own, FREE)
    return without


def _missing(
    membership: Membership, without: Integers, n_dfus: int, enough_pct: float, dissolved: set[Meaning]
) -> Meaning | None:
    """Return the pattern that most DFUs show without a cluster of it, where these are enough for one."""
    shown = np.bincount(without[without != FREE], minlength=len(PATTERN_NAMES))
    for pattern in np.argsort(-shown, kind="stable"):
        meaning = Meaning(PATTERN_NAMES[pattern])
        enough = shown[pattern] > 0 and 100 * shown[pattern] / n_dfus >= enough_pct
        if enough and meaning not in dissolved and meaning not in membership.clusters.meanings:
            return meaning
    return None


def _least_untrue(meanings: tuple[Meaning, ...], values: Values, config: LabelingConfig) -> Flags:
    """Return the clusters whose words are true whichever earlier pattern holds; else of the own pattern; else all."""
    is_true: Flags = np.column_stack([meaning.true_of(values, config) for meaning in meanings])
    own = own_patterns(values, config)
    pattern = np.array([PATTERN_NAMES.index(meaning.pattern) for meaning in meanings])
    of_own: Flags = np.equal(own[:, None], pattern)
    best: Flags = np.where(is_true.any(axis=1, keepdims=True), is_true, of_own)
    best[np.logical_not(best.any(axis=1))] = True
    return best
