"""Segments that continue the published ones: a DFU keeps the words of its label while they are nearly true of it.

A word is held while the DFU's own value misses its threshold by less than a margin and no earlier pattern is exceeded
by more than that. The clusters are kept as well, and follow their members. Fitting them again costs labels, so it must
be asked for: by a setting, by data that drifted away from those fitted on, or by another range of K. And it must pay:
without being forced it is only taken where it explains the DFUs clearly better.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from dfu_clustering.arrays import Floats, Integers
from dfu_clustering.config.clustering import RunSettings
from dfu_clustering.files.summary import Summary
from dfu_clustering.labels.rules import Values, own_values
from dfu_clustering.segments.first_fit import Fit, fit_from_scratch
from dfu_clustering.segments.membership import FREE, Membership, admissible, means, settle
from dfu_clustering.segments.published_model import Drift, PublishedModel, PublishedWords, changed_settings
from dfu_clustering.segments.segmentation import Segmentation, explained_share, segmentation_of


class Continuity(Summary):
    """How the segments continue the published ones.

    Attributes:
        published_run: The run that they continue.
        refit: Whether the clusters were fitted again.
        reason: Why, or why not.
        psi: Population stability index by column of the published space; empty where that is not used any more.
        far_share: Share (0-1) of the DFUs further out than 99 % of those fitted on; None where that is not known.
        held_share: Share (0-1) of the DFUs that keep a label although one of its words is not strictly true of them.
    """

    published_run: str
    refit: bool
    reason: str
    psi: dict[str, float]
    far_share: float | None
    held_share: float


@dataclass(frozen=True, eq=False)
class _Base:
    """The clusters in which the DFUs are held, and why these."""

    fit: Fit
    refit: bool
    reason: str


def continue_published(
    config: RunSettings,
    matrix: pd.DataFrame,
    published: PublishedModel,
    *,
    on_fit: Callable[[], None] | None = None,
) -> tuple[Segmentation, Continuity]:
    """Segment the DFUs so that they keep the published words that still hold.

    Args:
        config: The settings; ``refit`` says whether clusters may be fitted again.
        matrix: One row a DFU, in ascending order of dfu_ck.
        published: What is published.
        on_fit: As in select_k(); K is chosen only where clusters are fitted again.

    Raises:
        DataError: The matrix lacks a column, or holds fewer distinct DFUs than clusters.
    """
    words = PublishedWords.of(matrix["dfu_ck"], published.labels)
    base, drift = _base(config, matrix, published, words, on_fit)
    values, fit = own_values(matrix), base.fit
    held = held_cluster(config, values, words, fit.membership)
    membership = settle(
        fit.membership.clusters,
        fit.space,
        values,
        config.labeling,
        min_cluster_size_pct=config.min_cluster_size_pct,
        held=held,
    )
    membership = replace(membership, added=(*fit.membership.added, *membership.added))
    clusters = membership.clusters if config.refit != "never" else fit.membership.clusters
    fitted = replace(fit.fitted, clusters=clusters)
    segmentation = segmentation_of(
        config, matrix, fitted, fit.space, membership, fit.k_selection, fit.warnings, published_tier=words.tier
    )
    return segmentation, Continuity(
        published_run=published.run,
        refit=base.refit,
        reason=base.reason,
        psi=dict(drift.psi) if drift else {},
        far_share=drift.far_share if drift else None,
        held_share=1.0 - segmentation.figures.true_share,
    )


def as_published(matrix: pd.DataFrame, segmentation: Segmentation, *, run: str = "the month before") -> PublishedModel:
    """Return the segments as the next month continues them."""
    texts = np.array([label.text for label in segmentation.labels], dtype=object)[segmentation.segment]
    labels = pd.Series(texts, index=matrix["dfu_ck"])
    return PublishedModel(segmentation.fitted, run, labels, segmentation.k_selection)


def held_cluster(config: RunSettings, values: Values, words: PublishedWords, membership: Membership) -> Integers:
    """Return the (n_dfus,) cluster whose words each DFU keeps, FREE where it keeps none."""
    cluster = words.cluster(membership.clusters)
    margin = config.stability.label_margin
    nearly_true = admissible(
        membership.clusters.meanings, values, config.labeling, margin, trait_margin=margin, tested=False
    )
    keeps = nearly_true[np.arange(len(cluster)), cluster] & (cluster != FREE)
    held: Integers = np.where(keeps, cluster, FREE)
    return held


def _base(
    config: RunSettings,
    matrix: pd.DataFrame,
    published: PublishedModel,
    words: PublishedWords,
    on_fit: Callable[[], None] | None,
) -> tuple[_Base, Drift | None]:
    changed = changed_settings(config, published.fitted.settings)
    if changed and config.refit != "never":
        reason = f"settings changed: {', '.join(changed)}"
        return _Base(fit_from_scratch(config, matrix, on_fit=on_fit), refit=True, reason=reason), None
    warnings = (f"refit is never: {', '.join(changed)} stay as published",) if changed else ()
    kept = _kept(config, matrix, published, words, warnings)
    drift = Drift.of(kept.space, published.fitted)
    cause, forced = _cause(config, published, drift)
    if cause is None:
        reason = "refit is never" if config.refit == "never" else "the DFUs have not drifted"
        return _Base(kept, refit=False, reason=reason), drift
    fresh = fit_from_scratch(config, matrix, on_fit=on_fit)
    gain = _gain(fresh.space, fresh.membership.cluster_id, kept.membership.cluster_id)
    if not forced and gain < config.stability.refit_gain:
        reason = f"{cause}, but a new fit would explain {gain:+.1%} of the variance more only"
        return _Base(kept, refit=False, reason=reason), drift
    return _Base(fresh, refit=True, reason=cause), drift


def _kept(
    config: RunSettings,
    matrix: pd.DataFrame,
    published: PublishedModel,
    words: PublishedWords,
    warnings: tuple[str, ...],
) -> Fit:
    """Return the published clusters, with their centroids where their members have come to if they follow these."""
    fitted = published.fitted
    space = fitted.preprocessing.transform(matrix)
    clusters = fitted.clusters
    cluster = words.cluster(clusters)
    known = cluster != FREE
    if config.refit != "never" and known.any():
        clusters = replace(clusters, centroids=means(space[known], cluster[known], clusters.centroids))
    values, least = own_values(matrix), config.min_cluster_size_pct
    membership = settle(clusters, space, values, config.labeling, min_cluster_size_pct=least, held=cluster)
    kept = replace(membership, clusters=clusters, added=())  # what was added is not among these clusters
    return Fit(fitted, space, kept, published.k_selection, warnings)


def _cause(config: RunSettings, published: PublishedModel, drift: Drift) -> tuple[str | None, bool]:
    """Return why clusters should be fitted again, if they should, and whether they must be."""
    if config.refit == "never":
        return None, False
    k, (low, high) = len(published.fitted.kmeans_centroids), config.k_range
    if k > high or (k < low and published.k_selection.feasible):
        return f"the published K {k} is outside of k_range {low} to {high}", True
    if config.refit == "always":
        return "refit is always", True
    drifted = drift.drifted(config.stability.refit_psi)
    if drifted:
        return ", ".join(f"PSI of {name} {drift.psi[name]:.2f}" for name in drifted), False
    if drift.far_share > config.stability.refit_far_share:
        return f"{drift.far_share:.1%} of the DFUs lie further out than 99 % of those fitted on", False
    return None, False


def _gain(space: Floats, fresh: Integers, kept: Integers) -> float:
    """Return by which share the new clusters explain more of the variance than the kept ones, in the new space."""
    before = explained_share(space, kept)
    return (explained_share(space, fresh) - before) / before if before else 1.0
