"""What changed against the published labels, as files for people and programs."""

import numpy as np
import pandas as pd

from dfu_clustering.config.clustering import RunSettings
from dfu_clustering.files.summary import write_summary
from dfu_clustering.files.tables import write_table
from dfu_clustering.labels.churn import LabelChurn, Words, compare_with_published, with_ended_words
from dfu_clustering.labels.rules import JUDGED_FEATURES, Bounds, volume_bounds
from dfu_clustering.labels.vocabulary import LABELS
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.runs.summaries import StabilitySummary, TrainingMetadata


def write_stability(
    files: RunFolder,
    labelled: pd.DataFrame,
    own_values: pd.DataFrame,
    metadata: TrainingMetadata,
    published: PublishedFiles | None,
    config: RunSettings,
) -> StabilitySummary | None:
    """Compare the labels with the published ones, and write how they follow them and which changed.

    Args:
        files: Of the training, and where both files go.
        labelled: dfu_ck and cluster_label.
        own_values: What words are judged by, indexed by dfu_ck.
        metadata: How the clusters came about.
        published: The run compared with; None: with none, and what was written of earlier labels is removed.
        config: Thresholds of the words.

    Raises:
        DataError: Published labels or clusters are missing or unreadable.
    """
    if published is None:
        files.remove(RunFile.STABILITY, RunFile.LABEL_CHANGES)
        return None
    moves, limits = files.find_table(RunFile.MOVES), config.stability
    churn, changes = compare_with_published(published.labels(), labelled, moves, unchanged_move=limits.unchanged_move)
    published_values = published.own_values()
    with_words = with_ended_words(
        changes,
        _also_of_lifecycle(published_values, published.files),
        _also_of_lifecycle(own_values, files),
        _sparsity_bounds(metadata, published),
        (_tier_bounds(published_values, config), _tier_bounds(own_values, config)),
        config.labeling,
        margin=limits.label_margin,
        min_months_history=config.min_months_history,
        fitted_again=metadata.continuity is None or metadata.continuity.refit,
    )
    summary = _summary(churn, metadata, published.run)
    write_table(with_words, files.path(RunFile.LABEL_CHANGES))
    write_summary(summary, files.path(RunFile.STABILITY))
    return summary


def _tier_bounds(own_values: pd.DataFrame, config: RunSettings) -> Bounds:
    """Return the bounds of the volume tiers; of a run that kept no values they are not known."""
    if own_values.empty:
        return Bounds(np.nan, np.nan)
    return volume_bounds(own_values["mean_demand"].to_numpy(np.float64), config.labeling.volume_thresholds)


def _also_of_lifecycle(own_values: pd.DataFrame, files: RunFolder) -> pd.DataFrame:
    """Return what words are judged by, and the mean demand of new and inactive DFUs where the run kept it."""
    judged = own_values[own_values.columns.intersection(list(JUDGED_FEATURES))]
    others = files.find_table(RunFile.LEFT_OUT)
    if others is None or others.empty:
        return judged
    return pd.concat([judged, others.set_index("dfu_ck")[["mean_demand"]]])


def _sparsity_bounds(metadata: TrainingMetadata, published: PublishedFiles) -> dict[Words, float]:
    """Return the bounds of relative words: today's, and the published ones of clusters that are gone."""
    bounds: dict[Words, float] = {}
    if published.files.find(RunFile.MODEL) is not None:
        meanings = published.fitted().clusters.meanings
        bounds = {(meaning.pattern, meaning.traits): meaning.sparsity_bound_months for meaning in meanings}
    for segment in metadata.segments:
        if (label := LABELS.get(segment.label)) is not None:
            bounds[label.pattern, label.traits] = segment.sparsity_bound_months
    return bounds


def _summary(churn: LabelChurn, metadata: TrainingMetadata, published_run: str) -> StabilitySummary:
    continuity = metadata.continuity
    return StabilitySummary(
        **dict(churn),
        published_run=published_run,
        refit=continuity.refit if continuity else True,
        refit_reason=continuity.reason if continuity else "trained without the published run",
        psi=continuity.psi if continuity else {},
        far_share=continuity.far_share if continuity else None,
        held_share=continuity.held_share if continuity else None,
        figures=metadata.figures,
    )
