"""Clusters that continue the published ones: kept as they are, or fitted again from where they lie.

Clusters that are kept follow their members: each centroid is where those published in the cluster have come to. A new
fit costs labels, so it must be asked for: by a setting, by data that drifted away from those fitted on, or by a range
of K or a smallest size that the published clusters no longer meet. And it must pay: without being forced it is only
taken where it describes the DFUs clearly better than the published clusters do. The same holds for another K.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from dfu_clustering.arrays import Flags, Floats, Integers
from dfu_clustering.clusters.k_selection import KSelection, select_k
from dfu_clustering.clusters.kmeans import large_enough
from dfu_clustering.clusters.model import ClusterModel, fit_clusters
from dfu_clustering.config.clustering import RunSettings, SpaceSettings
from dfu_clustering.files.summary import Summary
from dfu_clustering.preprocessing.pipeline import build_preprocessing, column_names
from dfu_clustering.segments.assignment import UNPUBLISHED, Assignment, Members, SwitchRule, hold, nearest
from dfu_clustering.segments.drift import DriftReference
from dfu_clustering.segments.first_fit import Segmentation, sampled_silhouettes, segment_anew, volume_of
from dfu_clustering.segments.matching import UNMATCHED, match_clusters
from dfu_clustering.segments.published_model import PublishedDfus, PublishedModel, changed_settings


class Continuity(Summary):
    """How the clusters continue the published ones.

    Attributes:
        published_run: The run that they continue.
        refit: Whether they were fitted again.
        reason: Why, or why not.
        matched: Of each cluster the published one that it continues, UNMATCHED where it is new.
        psi: Population stability index by column of the published space; empty where that is not used any more.
        far_share: Share (0-1) of the DFUs further out than 99 % of those fitted on.
        held_share: Share (0-1) of the DFUs that hysteresis keeps in a cluster that is not the nearest.
        silhouettes: On the silhouette sample, in the space used: of the labels as they are given, of the published
            clusters by nearest centroid, and of what they were compared with.
    """

    published_run: str
    refit: bool
    reason: str
    matched: tuple[int, ...]
    psi: dict[str, float]
    far_share: float | None
    held_share: float
    silhouettes: dict[str, float]


@dataclass(frozen=True, eq=False)
class _Clusters:
    """Clusters that may become this month's.

    Attributes:
        centroids: (k, n_columns).
        continues: (k,) published cluster that each continues, UNMATCHED where it is new.
    """

    settings: SpaceSettings
    preprocessing: Pipeline
    space: Floats
    centroids: Floats
    continues: Integers
    k_selection: KSelection
    reference: DriftReference
    warnings: tuple[str, ...]


def continue_published(
    config: RunSettings,
    matrix: pd.DataFrame,
    published: PublishedModel,
    *,
    months: int,
    on_fit: Callable[[], None] | None = None,
) -> tuple[Segmentation, Continuity]:
    """Segment the DFUs so that they stay where they are published unless the evidence says otherwise.

    Args:
        config: The settings; ``refit`` says whether clusters may be fitted again.
        matrix: One row a DFU, in ascending order of dfu_ck.
        published: What is published.
        months: Since the published run's as-of month, 0 or more.
        on_fit: As in select_k(); K is chosen only where clusters are fitted again.

    Raises:
        DataError: The matrix lacks a column, or holds fewer distinct DFUs than clusters.
    """
    changed = changed_settings(config, published.settings)
    if changed and config.refit != "never":
        return _in_another_space(config, matrix, published, f"settings changed: {', '.join(changed)}", on_fit)
    before = PublishedDfus.of(matrix, published)
    rule = SwitchRule(config.switch_margin, config.stability.switch_evidence, months)
    warnings = (f"refit is never: {', '.join(changed)} stay as published",) if changed else ()
    kept = _kept(before, warnings, follow=config.refit != "never")
    held = _held(config, kept, before, rule)
    cause, forced = _cause(config, before, held)
    if cause is None:
        why = "refit is never" if config.refit == "never" else "the DFUs have not drifted"
        return _finished(config, matrix, before, kept, held, refit=False, reason=why)
    refitted, gain = _refitted(config, matrix, before, kept, on_fit)
    if not forced and gain < config.stability.refit_gain:
        why = f"{cause}, but a new fit would change the silhouette by {gain:+.1%} only"
        return _finished(config, matrix, before, kept, held, refit=False, reason=why)
    return _finished(config, matrix, before, refitted, _held(config, refitted, before, rule), refit=True, reason=cause)


def as_published(matrix: pd.DataFrame, segmentation: Segmentation, *, run: str = "the month before") -> PublishedModel:
    """Return the clusters as the next month continues them."""
    assignment = segmentation.assignment
    return PublishedModel(
        **vars(segmentation.fitted),
        run=run,
        members=pd.DataFrame(
            {"cluster_id": assignment.cluster_id, "evidence": assignment.evidence}, index=matrix["dfu_ck"]
        ),
        k_selection=segmentation.k_selection,
    )


def _kept(before: PublishedDfus, warnings: tuple[str, ...], *, follow: bool) -> _Clusters:
    """Return the published clusters, with their centroids where their members have come to if they follow these."""
    model = before.model
    continues = np.arange(len(model.centroids))
    known = before.cluster_id != UNPUBLISHED
    means = Members.of(before.space[known], before.cluster_id[known], len(continues)).mean
    centroids = np.where(np.isnan(means), model.centroids, means) if follow else model.centroids
    return _Clusters(
        *(model.settings, model.preprocessing, before.space, centroids, continues),
        *(model.k_selection, model.reference, warnings),
    )


def _cause(config: RunSettings, before: PublishedDfus, held: Assignment) -> tuple[str | None, bool]:
    """Return why clusters should be fitted again, if they should, and whether they must be."""
    if config.refit == "never":
        return None, False
    k = len(before.model.centroids)
    low, high = config.k_range
    if k > high or (k < low and before.model.k_selection.feasible):
        return f"the published K {k} is outside of k_range {low} to {high}", True
    sizes = np.bincount(held.cluster_id, minlength=k)
    if not large_enough(sizes, config.min_cluster_size_pct).all():
        return f"a published cluster holds less than {config.min_cluster_size_pct:g} % of the DFUs", True
    if config.refit == "always":
        return "refit is always", True
    drifted = before.drifted(config.stability.refit_psi)
    if drifted:
        return f"{', '.join(f'PSI of {name} {before.psi[name]:.2f}' for name in drifted)}", False
    if before.far_share > config.stability.refit_far_share:
        return f"{before.far_share:.1%} of the DFUs lie further out than 99 % of those fitted on", False
    return None, False


def _refitted(
    config: RunSettings,
    matrix: pd.DataFrame,
    before: PublishedDfus,
    kept: _Clusters,
    on_fit: Callable[[], None] | None,
) -> tuple[_Clusters, float]:
    """Fit again from where the clusters lie, in a new scaling only if columns drifted, and try the K of today.

    Returns:
        The better of both K, and by which share its silhouette exceeds that of the clusters if they are kept.
    """
    by_kept = nearest(kept.space, kept.centroids).cluster_id
    drifted = before.drifted(config.stability.refit_psi)
    preprocessing = build_preprocessing(config).fit(matrix) if drifted else before.model.preprocessing
    space = preprocessing.transform(matrix) if drifted else before.space
    means = Members.of(space, by_kept, len(kept.centroids)).mean
    warm = fit_clusters(space, means[~np.isnan(means).any(axis=1)], min_cluster_size_pct=config.min_cluster_size_pct)
    selection, centroids = select_k(space, volume=volume_of(matrix), config=config, on_fit=on_fit)
    cold = fit_clusters(space, centroids, min_cluster_size_pct=config.min_cluster_size_pct)
    partitions = [by_kept, *(nearest(space, model.centroids).cluster_id for model in (warm, cold))]
    now, of_warm, of_cold = sampled_silhouettes(config, matrix, space, partitions)
    another_k = len(cold.centroids) != len(warm.centroids)
    k_is_possible = config.k_range[0] <= len(warm.centroids) <= config.k_range[1]
    takes_cold = another_k and (not k_is_possible or _gain(of_cold, of_warm) >= config.stability.k_gain)
    model = cold if takes_cold else warm
    natural = nearest(space, model.centroids)
    clusters = _Clusters(
        *(config.of_the_space(), preprocessing, space),
        *(model.centroids, _continues(before, natural, len(model.centroids))),
        selection.model_copy(update={"selected": len(model.centroids)}),
        DriftReference.of(space, column_names(preprocessing), natural.distance),
        tuple(text for text in (selection.warning, model.warning) if text),
    )
    return clusters, _gain(of_cold if takes_cold else of_warm, now)


def _continues(before: PublishedDfus, natural: Assignment, n_clusters: int) -> Integers:
    shared = before.cluster_id != UNPUBLISHED
    n_published = len(before.model.centroids)
    return match_clusters(before.cluster_id[shared], natural.cluster_id[shared], n_published, n_clusters)


def _gain(silhouette: float, other: float) -> float:
    return (silhouette - other) / abs(other) if other else float(np.sign(silhouette))


def _held(config: RunSettings, clusters: _Clusters, before: PublishedDfus, rule: SwitchRule) -> Assignment:
    """Return the DFUs by hysteresis, and as many freed from it as clusters need to be large enough.

    A DFU whose published cluster is gone, or whose nearest cluster is new, is free: a new cluster is there because the
    evidence asked for it. Where hysteresis leaves a cluster too small those go free that are nearest to it, and all
    where that is not enough.
    """
    natural = nearest(clusters.space, clusters.centroids)
    new_id = np.full(len(before.model.centroids) + 1, UNPUBLISHED)  # the last entry is read by UNPUBLISHED, -1
    known = clusters.continues != UNMATCHED
    new_id[clusters.continues[known]] = np.flatnonzero(known)
    own = np.where(known[natural.cluster_id], new_id[before.cluster_id], UNPUBLISHED)
    borne = np.where(own == UNPUBLISHED, natural.cluster_id, own)
    members = Members.of(clusters.space, borne, len(clusters.centroids))
    held = hold(clusters.space, clusters.centroids, members, own, before.evidence, rule)
    small = ~_large_enough(config, held, len(known))
    if not small.any():
        return held
    own = np.where(small[natural.cluster_id], UNPUBLISHED, own)
    freed = hold(clusters.space, clusters.centroids, members, own, before.evidence, rule)
    possible = (of for of in (freed, natural) if _large_enough(config, of, len(known)).all())
    return next(possible, held)


def _large_enough(config: RunSettings, assignment: Assignment, n_clusters: int) -> Flags:
    return large_enough(np.bincount(assignment.cluster_id, minlength=n_clusters), config.min_cluster_size_pct)


def _in_another_space(
    config: RunSettings,
    matrix: pd.DataFrame,
    published: PublishedModel,
    reason: str,
    on_fit: Callable[[], None] | None,
) -> tuple[Segmentation, Continuity]:
    """Segment anew and say which published cluster each cluster continues: by shared DFUs, there is no distance."""
    anew = segment_anew(config, matrix, on_fit=on_fit)
    members = published.members.reindex(matrix["dfu_ck"])["cluster_id"]
    shared = members.notna().to_numpy()
    now, n_clusters = anew.assignment.cluster_id[shared], len(anew.model.centroids)
    matched = match_clusters(members[shared].to_numpy(np.int64), now, len(published.centroids), n_clusters)
    return anew, Continuity(
        published_run=published.run,
        refit=True,
        reason=reason,
        matched=tuple(matched.tolist()),
        psi={},
        far_share=None,
        held_share=0.0,
        silhouettes={"labels": anew.silhouette},
    )


def _finished(
    config: RunSettings,
    matrix: pd.DataFrame,
    before: PublishedDfus,
    clusters: _Clusters,
    held: Assignment,
    *,
    refit: bool,
    reason: str,
) -> tuple[Segmentation, Continuity]:
    """Number the clusters that have members by descending size (ties: lexicographic centroids) and sum up."""
    sizes = np.bincount(held.cluster_id, minlength=len(clusters.centroids))
    order = np.lexsort([*clusters.centroids.T[::-1], -sizes])[: np.count_nonzero(sizes)]
    number = np.full(len(sizes), UNMATCHED)
    number[order] = np.arange(len(order))
    assignment = held.renumbered(number)
    inertia = float(np.square(held.distance).sum())
    natural = nearest(clusters.space, clusters.centroids).cluster_id
    by_label, by_nearest = sampled_silhouettes(config, matrix, clusters.space, [assignment.cluster_id, natural])
    segmentation = Segmentation(
        settings=clusters.settings,
        preprocessing=clusters.preprocessing,
        space=clusters.space,
        model=ClusterModel(clusters.centroids[order], sizes[order], inertia, (), None),
        assignment=assignment,
        k_selection=clusters.k_selection,
        silhouette=by_label,
        reference=clusters.reference,
        warnings=clusters.warnings,
    )
    return segmentation, Continuity(
        published_run=before.model.run,
        refit=refit,
        reason=reason,
        matched=tuple(clusters.continues[order].tolist()),
        psi=dict(before.psi),
        far_share=before.far_share,
        held_share=float(assignment.held.mean()),
        silhouettes={"labels": by_label, "nearest": by_nearest},
    )
