"""Segments that continue the published ones: a DFU keeps the words of its label while they are nearly true of it.

A word is held while the DFU's own value misses its threshold by less than a margin and no earlier pattern is exceeded
by more than that. The clusters are kept as well, and follow their members. Fitting them again costs labels, so it must
be asked for: by a setting, by data that drifted away from those fitted on, or by another range of K. And it must pay:
without being forced it is only taken where it explains the DFUs clearly better.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from dfu_clustering.arrays import Floats, Integers
from dfu_clustering.config.clustering import RunSettings
from dfu_clustering.labels.rules import Values, own_values
from dfu_clustering.segments.continuity import Continuity
from dfu_clustering.segments.first_fit import fit_from_scratch
from dfu_clustering.segments.measures import explained_share
from dfu_clustering.segments.membership import FREE, Clusters, Membership, admissible, means, settle
from dfu_clustering.segments.published_model import Drift, PublishedModel, PublishedWords, changed_settings
from dfu_clustering.segments.segmentation import Fit, Segmentation, segmentation_of


@dataclass(frozen=True, eq=False)
class _Choice:
    """The clusters in which the DFUs are held, and why these.

    Attributes:
        fit: The clusters, with their members.
        refit: Whether they were fitted again.
        reason: Why, or why not.
        drift: How far the DFUs are from those fitted on; None where the published space is not used any more.
    """

    fit: Fit
    refit: bool
    reason: str
    drift: Drift | None = None


@dataclass(frozen=True, eq=False)
class _Month:
    """This month's DFUs and what is published of them.

    Attributes:
        config: The settings.
        matrix: One row a DFU.
        values: Their own.
        published: What is published.
        words: Their published labels.
    """

    config: RunSettings
    matrix: pd.DataFrame
    values: Values
    published: PublishedModel
    words: PublishedWords

    def settled(self, fit: Fit, clusters: Clusters) -> Fit:
        """Return a fit with the DFUs in these clusters: held where their published words are nearly true."""
        least = self.config.min_cluster_size_pct
        membership = settle(
            clusters,
            fit.space,
            self.values,
            self.config.labeling,
            min_cluster_size_pct=least,
            held=held_cluster(self.config, self.values, self.words, clusters),
            least_added_pct=least * (1 + self.config.stability.label_margin),
        )
        return fit.with_members(replace(membership, added=(*fit.membership.added, *membership.added)))


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
        DataError: The matrix lacks a column, or holds fewer DFUs than clusters.
    """
    words = PublishedWords.of(matrix["dfu_ck"], published.labels)
    month = _Month(config, matrix, own_values(matrix), published, words)
    choice = _chosen(month, on_fit)
    segmentation = segmentation_of(config, matrix, choice.fit, words)
    return segmentation, Continuity(
        published_run=published.run,
        refit=choice.refit,
        reason=choice.reason,
        psi=dict(choice.drift.psi) if choice.drift else {},
        far_share=choice.drift.far_share if choice.drift else None,
        held_share=float((words.keeps(segmentation.labels, segmentation.segment) & ~segmentation.is_true).mean()),
    )


def without_drift(config: RunSettings) -> RunSettings:
    """Return settings with which clusters stay as they are however far the DFUs have moved."""
    limits = {"refit_psi": math.inf, "refit_far_share": 1.0}  # that nothing exceeds
    return config.model_copy(update={"stability": config.stability.model_copy(update=limits)})


def as_published(matrix: pd.DataFrame, segmentation: Segmentation, *, run: str = "the month before") -> PublishedModel:
    """Return the segments as the next month continues them."""
    texts = np.array([label.text for label in segmentation.labels], dtype=object)[segmentation.segment]
    labels = pd.Series(texts, index=matrix["dfu_ck"])
    return PublishedModel(segmentation.fitted, run, labels, segmentation.k_selection)


def held_cluster(config: RunSettings, values: Values, words: PublishedWords, clusters: Clusters) -> Integers:
    """Return the (n_dfus,) cluster whose words each DFU keeps, FREE where it keeps none."""
    cluster = words.cluster(clusters)
    margin = config.stability.label_margin
    nearly_true = admissible(clusters.meanings, values, config.labeling, margin, trait_margin=margin, tested=False)
    keeps = nearly_true[np.arange(len(cluster)), cluster] & (cluster != FREE)
    held: Integers = np.where(keeps, cluster, FREE)
    return held


def _chosen(month: _Month, on_fit: Callable[[], None] | None) -> _Choice:
    config, published = month.config, month.published
    changed = changed_settings(config, published.fitted.settings)
    if changed and config.refit != "never":
        return _Choice(_fresh(month, on_fit), refit=True, reason=f"settings changed: {', '.join(changed)}")
    warnings = (f"refit is never, so {', '.join(changed)} stay as published",) if changed else ()
    kept = _kept(month, warnings)
    drift = Drift.of(kept.space, published.fitted)
    cause, forced = _cause(config, published, drift)
    if cause is None:
        reason = "refit is never" if config.refit == "never" else "the DFUs have not drifted"
        return _Choice(kept, refit=False, reason=reason, drift=drift)
    fresh = _fresh(month, on_fit)
    gain = _gain(fresh.space, fresh.membership.cluster_id, kept.membership.cluster_id)
    if not forced and gain < config.stability.refit_gain:
        reason = f"{cause}, but a new fit would explain only {gain:+.1%} more of the variance"
        return _Choice(kept, refit=False, reason=reason, drift=drift)
    return _Choice(fresh, refit=True, reason=cause, drift=drift)


def _kept(month: _Month, warnings: tuple[str, ...]) -> Fit:
    """Return the published clusters with this month's DFUs.

    Centroids follow the DFUs that have the words of their cluster; with refit ``never`` they stay as published.
    """
    fitted, stays = month.published.fitted, month.config.refit == "never"
    space, clusters = fitted.preprocessing.transform(month.matrix), fitted.clusters
    cluster = month.words.cluster(clusters)
    known = cluster != FREE
    if not stays and known.any():
        clusters = replace(clusters, centroids=means(space[known], cluster[known], clusters.centroids))
    unheld = Membership(clusters, cluster, np.zeros(len(space), dtype=np.bool_))
    kept = month.settled(Fit(fitted, space, unheld, month.published.k_selection, warnings), clusters)
    if not stays:
        return kept
    still = kept.membership.clusters.with_centroids_of(fitted.clusters)
    return kept.with_members(replace(kept.membership, clusters=still))


def _fresh(month: _Month, on_fit: Callable[[], None] | None) -> Fit:
    """Return clusters fitted again, in which the DFUs keep what they can."""
    known = month.published.fitted.clusters.meanings
    fit = fit_from_scratch(month.config, month.matrix, known=known, on_fit=on_fit)
    return month.settled(fit, fit.membership.clusters)


def _cause(config: RunSettings, published: PublishedModel, drift: Drift) -> tuple[str | None, bool]:
    """Return why clusters should be fitted again, if they should, and whether they must be."""
    if config.refit == "never":
        return None, False
    k, (low, high) = len(published.fitted.kmeans_centroids), config.k_range
    if k > high or (k < low and published.k_selection.feasible):
        return f"the published K {k} is outside k_range {low} to {high}", True
    if config.refit == "always":
        return "refit is always", True
    drifted = drift.drifted(config.stability.refit_psi)
    if drifted:
        return ", ".join(f"PSI of {name} {drift.psi[name]:.2f}" for name in drifted), False
    if drift.far_share > config.stability.refit_far_share:
        return (
            f"{drift.far_share:.1%} of the DFUs are further from every cluster than 99 % of those fitted on",
            False,
        )
    return None, False


def _gain(space: Floats, fresh: Integers, kept: Integers) -> float:
    """Return by which share the new clusters explain more of the variance than the kept ones, in the new space."""
    before = explained_share(space, kept)
    return (explained_share(space, fresh) - before) / before if before else 1.0
