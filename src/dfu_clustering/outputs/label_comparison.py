"""What changed against the published labels, as files for people and programs."""

import pandas as pd

from dfu_clustering.config.clustering import RunSettings
from dfu_clustering.files.summary import write_summary
from dfu_clustering.files.tables import write_table
from dfu_clustering.labels.churn import LabelChurn, compare_with_published, with_ended_words
from dfu_clustering.labels.traits import trait_words
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
        DataError: The published labels are missing or unreadable.
    """
    if published is None:
        files.remove(RunFile.STABILITY, RunFile.LABEL_CHANGES)
        return None
    moves, limits = files.find_table(RunFile.MOVES), config.stability
    churn, changes = compare_with_published(published.labels(), labelled, moves, unchanged_move=limits.unchanged_move)
    bound = max((segment.sparsity_bound_months for segment in metadata.segments), default=0.0)
    told = with_ended_words(
        changes, published.own_values(), own_values, trait_words(bound), config.labeling, limits.label_margin
    )
    summary = _summary(churn, metadata, published.run)
    write_table(told, files.path(RunFile.LABEL_CHANGES))
    write_summary(summary, files.path(RunFile.STABILITY))
    return summary


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
