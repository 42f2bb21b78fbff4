"""The result: which label each DFU has, and how true, how distinct and how large the segments are."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from dfu_clustering.arrays import Flags, Floats, Integers, Objects
from dfu_clustering.clusters.kmeans import nearest_centroids
from dfu_clustering.clusters.nominations import KSelection
from dfu_clustering.config.clustering import RunSettings
from dfu_clustering.labels.rules import Bounds, Values, own_patterns, own_values, volume_bounds
from dfu_clustering.labels.truth import Claim, claims_are_true
from dfu_clustering.labels.vocabulary import PATTERN_NAMES, TIERS, Label
from dfu_clustering.preprocessing.pipeline import column_names
from dfu_clustering.segments.fitted_model import FittedModel
from dfu_clustering.segments.meaning import Meaning
from dfu_clustering.segments.measures import Figures, distances, explained_share, silhouette
from dfu_clustering.segments.membership import Membership, admissible
from dfu_clustering.segments.published_model import PublishedWords
from dfu_clustering.segments.tiers import held_tiers, joined_tiers, least_sizes_pct, with_tiers


@dataclass(frozen=True, eq=False)
class Fit:
    """Clusters with their words.

    Attributes:
        fitted: What a later month needs of it.
        space: (n_dfus, n_columns).
        membership: Of all DFUs.
        k_selection: How K was chosen.
        warnings: What did not go by the rules.
    """

    fitted: FittedModel
    space: Floats
    membership: Membership
    k_selection: KSelection
    warnings: tuple[str, ...]

    def with_members(self, membership: Membership) -> "Fit":
        """Return the same with other members; the model takes their clusters over."""
        return replace(self, membership=membership, fitted=replace(self.fitted, clusters=membership.clusters))


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Segments of all DFUs and how they came about.

    Attributes:
        fitted: What a later month or another program needs of it.
        space: (n_dfus, n_columns).
        claims: (n_segments,) labels of the segments, the largest first (ties: by text).
        segment: (n_dfus,) place of each DFU's label in ``claims``.
        is_true: (n_dfus,) whether all words of the label are strictly true of the DFU.
        distance: (n_dfus,) to the centroid of its cluster, Euclidean.
        margin: (n_dfus,) distance to the nearest other centroid less ``distance``: negative where the words of the
            nearest cluster are not true of a DFU; NaN where there is one cluster only.
        next_label: (n_dfus,) label of the segment that a DFU would be in, were it in the nearest other cluster; None:
            there is no other.
        kmeans_cluster: (n_dfus,) the nearest of the centroids that K-means found.
        bounds: Of the volume tiers.
        figures: How true and how distinct they are.
        k_selection: How K was chosen.
        warnings: What did not go by the rules.
    """

    fitted: FittedModel
    space: Floats
    claims: tuple[Claim, ...]
    segment: Integers
    is_true: Flags
    distance: Floats
    margin: Floats
    next_label: Objects
    kmeans_cluster: Integers
    bounds: Bounds
    figures: Figures
    k_selection: KSelection
    warnings: tuple[str, ...]

    @property
    def labels(self) -> tuple[Label, ...]:
        """Return the labels of the segments, in the order of ``claims``."""
        return tuple(claim.label for claim in self.claims)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns of the space."""
        return column_names(self.fitted.preprocessing)

    @property
    def sizes(self) -> Integers:
        """Return the number of DFUs of each segment."""
        return np.bincount(self.segment, minlength=len(self.claims))


def segmentation_of(
    config: RunSettings, matrix: pd.DataFrame, fit: Fit, published: PublishedWords | None = None
) -> Segmentation:
    """Name the segments, which are clusters by tier, and measure them.

    Args:
        config: The settings.
        matrix: One row a DFU.
        fit: Clusters and their members.
        published: Labels that are published; a DFU keeps its tier within label_margin of the bounds.
    """
    values = own_values(matrix)
    bounds = volume_bounds(values["mean_demand"], config.labeling.volume_thresholds)
    membership, tier = _with_tiers(config, fit, values, bounds, published)
    claims, segment = _named(membership, tier)
    true, within = (
        claims_are_true(claims, segment, values, bounds, config.labeling, margin)
        for margin in (0.0, config.stability.label_margin)
    )
    distance, margin, other = distances(fit.space, membership.clusters.centroids, membership.cluster_id)
    kmeans_cluster, _ = nearest_centroids(fit.space, fit.fitted.kmeans_centroids)
    figures = Figures(
        true_share=float(true.mean()),
        within_margin_share=float(within.mean()),
        first_rule_share=_first_rule_share(config, claims, segment, values),
        variance_explained_share=explained_share(fit.space, membership.cluster_id),
        kmeans_variance_explained_share=explained_share(fit.space, kmeans_cluster),
        silhouette=silhouette(config, values["mean_demand"], fit.space, membership.cluster_id),
        inertia=float(np.square(distance).sum()),
        added_patterns=membership.added,
        moved_dfus=int((margin < 0).sum()),
    )
    return Segmentation(
        fitted=fit.fitted,
        space=fit.space,
        claims=claims,
        segment=segment,
        is_true=true,
        distance=distance,
        margin=margin,
        next_label=_next_labels(claims, membership.clusters.meanings, other, tier),
        kmeans_cluster=kmeans_cluster,
        bounds=bounds,
        figures=figures,
        k_selection=fit.k_selection,
        warnings=fit.warnings,
    )


def _with_tiers(
    config: RunSettings, fit: Fit, values: Values, bounds: Bounds, published: PublishedWords | None
) -> tuple[Membership, Integers]:
    """Return the members of each cluster once every tier is large enough, and the tier under which each is labelled."""
    meanings, margin = fit.membership.clusters.meanings, config.stability.label_margin
    known = None if published is None else set(published.labels)
    least_pct = least_sizes_pct(meanings, config.min_cluster_size_pct, known, margin)
    tier = held_tiers(values["mean_demand"], bounds, published.tier if published else None, margin)
    allowed = admissible(meanings, values, config.labeling, config.labeling.membership_margin)
    membership = with_tiers(fit.membership, fit.space, tier, allowed, least_pct)
    return membership, joined_tiers(membership.cluster_id, tier, least_pct)


def _named(membership: Membership, tier: Integers) -> tuple[tuple[Claim, ...], Integers]:
    meanings = membership.clusters.meanings
    cells = membership.cluster_id * len(TIERS) + tier
    sizes = np.bincount(cells, minlength=len(meanings) * len(TIERS))
    claim_of = {}
    for cell in np.flatnonzero(sizes).tolist():
        meaning = meanings[cell // len(TIERS)]
        label = Label(meaning.pattern, TIERS[cell % len(TIERS)], meaning.traits)
        claim_of[cell] = Claim(label, meaning.sparsity_bound_months)
    in_order = sorted(claim_of, key=lambda cell: (-sizes[cell], claim_of[cell].label.text))
    place = np.zeros(len(sizes), dtype=np.int64)
    place[in_order] = np.arange(len(in_order))
    return tuple(claim_of[cell] for cell in in_order), place[cells]


def _next_labels(claims: tuple[Claim, ...], meanings: tuple[Meaning, ...], other: Integers, tier: Integers) -> Objects:
    """Return the label of each DFU's nearest other cluster, in the tier of it that is nearest to the DFU's own."""
    texts = np.full((len(meanings) + 1, len(TIERS)), None, dtype=object)  # the last row: there is no other
    for row, meaning in enumerate(meanings):
        alike = [
            one.label for one in claims if (one.label.pattern, one.label.traits) == (meaning.pattern, meaning.traits)
        ]
        for at in range(len(TIERS)) if alike else ():
            texts[row, at] = min(alike, key=lambda label: abs(TIERS.index(label.tier) - at)).text
    labels: Objects = texts[other, tier]
    return labels


def _first_rule_share(config: RunSettings, claims: tuple[Claim, ...], segment: Integers, values: Values) -> float:
    patterns = np.array([PATTERN_NAMES.index(claim.label.pattern) for claim in claims])[segment]
    return float((patterns == own_patterns(values, config.labeling)).mean())
