"""The result: which label each DFU bears, and how true, how distinct and how large the segments are."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dfu_clustering.arrays import Flags, Floats, Integers
from dfu_clustering.clusters.k_selection import KSelection
from dfu_clustering.clusters.kmeans import nearest_centroids
from dfu_clustering.clusters.sampling import stratified_sample
from dfu_clustering.clusters.silhouette import mean_silhouettes
from dfu_clustering.config.clustering import RunSettings
from dfu_clustering.files.summary import Summary
from dfu_clustering.labels.rules import Bounds, own_patterns, own_tiers, own_values, tiers_within, volume_bounds
from dfu_clustering.labels.vocabulary import PATTERN_NAMES, TIERS, Label
from dfu_clustering.preprocessing.determinism import single_threaded
from dfu_clustering.preprocessing.pipeline import column_names
from dfu_clustering.segments.fitted_model import FittedModel
from dfu_clustering.segments.membership import Membership, admissible
from dfu_clustering.segments.tiers import joined_tiers, with_tiers


class Figures(Summary):
    """How far the words of the labels can be relied on, and what they cost.

    Attributes:
        true_share: Share (0-1) of the DFUs for which all words of their label are strictly true.
        within_margin_share: The same with every threshold eased by label_margin.
        first_rule_share: Share of the DFUs whose pattern is the first that holds for them.
        variance_explained_share: Share (0-1) of the variance of the clustered space that clusters with words explain.
        kmeans_variance_explained_share: The same for the clusters that K-means found.
        added_patterns: Patterns that K-means found no cluster of and enough DFUs show.
        silhouette: Of the clusters with words, on the silhouette sample.
        inertia: Sum of squared distances of the DFUs to the centroids of their clusters.
        moved_dfus: DFUs that are not in the cluster whose centroid is nearest, because its words are not true of them.
    """

    true_share: float
    within_margin_share: float
    first_rule_share: float
    variance_explained_share: float
    kmeans_variance_explained_share: float
    silhouette: float
    inertia: float
    added_patterns: tuple[str, ...]
    moved_dfus: int


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Segments of all DFUs and how they came about.

    Attributes:
        fitted: What a later month or another program needs of it.
        space: (n_dfus, n_columns).
        labels: (n_segments,) of the segments, the largest first (ties: by text).
        segment: (n_dfus,) place of each DFU's label in ``labels``.
        cluster: (n_dfus,) place of each DFU's cluster in those of ``fitted``: segments are clusters by tier.
        distance: (n_dfus,) to the centroid of its cluster, Euclidean.
        margin: (n_dfus,) distance to the nearest other centroid less ``distance``: negative where the words of the
            nearest cluster are not true of a DFU; NaN where there is one cluster only.
        kmeans_cluster: (n_dfus,) the nearest of the centroids that K-means found.
        bounds: Of the volume tiers.
        figures: How true and how distinct they are.
        k_selection: How K was chosen.
        warnings: What did not go by the rules.
    """

    fitted: FittedModel
    space: Floats
    labels: tuple[Label, ...]
    segment: Integers
    cluster: Integers
    distance: Floats
    margin: Floats
    kmeans_cluster: Integers
    bounds: Bounds
    figures: Figures
    k_selection: KSelection
    warnings: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns of the space."""
        return column_names(self.fitted.preprocessing)

    @property
    def sizes(self) -> Integers:
        """Return the number of DFUs of each segment."""
        return np.bincount(self.segment, minlength=len(self.labels))


def segmentation_of(
    config: RunSettings,
    matrix: pd.DataFrame,
    fitted: FittedModel,
    space: Floats,
    membership: Membership,
    k_selection: KSelection,
    warnings: tuple[str, ...],
    published_tier: Integers | None = None,
) -> Segmentation:
    """Name the segments, which are clusters by tier, and measure them.

    Args:
        config: The settings.
        matrix: One row a DFU.
        fitted: The model.
        space: (n_dfus, n_columns).
        membership: Cluster of every DFU.
        k_selection: How K was chosen.
        warnings: Of the fit.
        published_tier: (n_dfus,) place in TIERS that is kept within label_margin of its bounds; -1: none.
    """
    values = own_values(matrix)
    bounds = volume_bounds(values["mean_demand"], config.labeling.volume_thresholds)
    clusters = membership.clusters
    tier = _tiers(values["mean_demand"], bounds, published_tier, config.stability.label_margin)
    allowed = admissible(clusters.meanings, values, config.labeling, config.labeling.membership_margin)
    membership = with_tiers(membership, space, tier, allowed, config.min_cluster_size_pct)
    cluster_id = membership.cluster_id
    called = joined_tiers(cluster_id, tier, len(clusters.meanings), config.min_cluster_size_pct)
    labels, segment = _named(membership, called)
    distance, margin = _distances(space, clusters.centroids, cluster_id)
    kmeans_cluster, _ = nearest_centroids(space, fitted.kmeans_centroids)
    true, within = (_truth(config, matrix, membership, called, bounds, m) for m in (0.0, config.stability.label_margin))
    patterns = np.array([PATTERN_NAMES.index(meaning.pattern) for meaning in clusters.meanings])[cluster_id]
    figures = Figures(
        true_share=float(true.mean()),
        within_margin_share=float(within.mean()),
        first_rule_share=float((patterns == own_patterns(values, config.labeling)).mean()),
        variance_explained_share=explained_share(space, cluster_id),
        kmeans_variance_explained_share=explained_share(space, kmeans_cluster),
        silhouette=_silhouette(config, values["mean_demand"], space, cluster_id),
        inertia=float(np.square(distance).sum()),
        added_patterns=membership.added,
        moved_dfus=int((margin < 0).sum()),
    )
    return Segmentation(
        *(
            fitted,
            space,
            labels,
            segment,
            cluster_id,
            distance,
            margin,
            kmeans_cluster,
            bounds,
            figures,
            k_selection,
            warnings,
        )
    )


def explained_share(space: Floats, groups: Integers) -> float:
    """Return the share (0-1) of the sum of squares of a space that groups of its rows explain; 0 where it has none."""
    sizes = np.bincount(groups)
    total, between = 0.0, 0.0
    for column in space.T:
        centred = column - column.mean()
        sums = np.bincount(groups, weights=centred)
        total += float(np.square(centred).sum())
        between += float((np.square(sums) / np.maximum(sizes, 1)).sum())
    return between / total if total > 0 else 0.0


def _silhouette(config: RunSettings, volume: Floats, space: Floats, cluster_id: Integers) -> float:
    rows = stratified_sample(volume, config.silhouette_sample, np.random.default_rng(config.seed))
    with single_threaded():
        return float(mean_silhouettes(space[rows], [cluster_id[rows]])[0])


def _tiers(mean_demand: Floats, bounds: Bounds, published: Integers | None, margin: float) -> Integers:
    own = own_tiers(mean_demand, bounds)
    if published is None:
        return own
    rows = np.arange(len(own))
    kept = (published >= 0) & tiers_within(mean_demand, bounds, margin)[rows, published]
    tiers: Integers = np.where(kept, published, own)
    return tiers


def _named(membership: Membership, tier: Integers) -> tuple[tuple[Label, ...], Integers]:
    meanings = membership.clusters.meanings
    cells = membership.cluster_id * len(TIERS) + tier
    sizes = np.bincount(cells, minlength=len(meanings) * len(TIERS))
    label_of = {
        cell: Label(meanings[cell // len(TIERS)].pattern, TIERS[cell % len(TIERS)], meanings[cell // len(TIERS)].traits)
        for cell in np.flatnonzero(sizes).tolist()
    }
    in_order = sorted(label_of, key=lambda cell: (-sizes[cell], label_of[cell].text))
    place = np.zeros(len(sizes), dtype=np.int64)
    place[in_order] = np.arange(len(in_order))
    return tuple(label_of[cell] for cell in in_order), place[cells]


def _distances(space: Floats, centroids: Floats, cluster_id: Integers) -> tuple[Floats, Floats]:
    """Return the distances to the own centroid, and how much further the nearest other one is."""
    own = np.sqrt(np.square(space - centroids[cluster_id]).sum(axis=1))
    if len(centroids) == 1:
        return own, np.full(len(space), np.nan)
    between = np.full(len(space), np.inf)
    for i, centroid in enumerate(centroids):
        away = np.sqrt(np.square(space - centroid).sum(axis=1))
        between = np.where(cluster_id == i, between, np.minimum(between, away))
    return own, between - own


def _truth(
    config: RunSettings, matrix: pd.DataFrame, membership: Membership, tier: Integers, bounds: Bounds, margin: float
) -> Flags:
    """Return for which DFUs all words of their label are true, strictly (margin 0) or within a margin."""
    values = own_values(matrix)
    true = tiers_within(values["mean_demand"], bounds, margin)[np.arange(len(tier)), tier]
    for i, meaning in enumerate(membership.clusters.meanings):
        members = membership.cluster_id == i
        of_members = {name: of_all[members] for name, of_all in values.items()}
        true[members] &= meaning.true_of(of_members, config.labeling, margin)
    return true
