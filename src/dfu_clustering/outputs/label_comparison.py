"""What changed against the published labels, as files for people and programs."""

import pandas as pd

from dfu_clustering.comparison.changes import Thresholds, label_changes
from dfu_clustering.comparison.sides import Side
from dfu_clustering.config.clustering import RunSettings
from dfu_clustering.errors import DataError
from dfu_clustering.files.summary import write_summary
from dfu_clustering.files.tables import write_table
from dfu_clustering.labels.churn import LabelChurn, Words
from dfu_clustering.labels.vocabulary import LABELS
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.runs.summaries import StabilitySummary, TrainingMetadata
from dfu_clustering.segments.fitted_model import FittedModel


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
    churn, changes = label_changes(
        published_side(published, published.fitted() if published.files.find(RunFile.MODEL) else None),
        Side(labelled, own_values, files.find_table(RunFile.LEFT_OUT), _trained_bounds(metadata)),
        Thresholds.of(config),
        moves=files.find_table(RunFile.MOVES),
        fitted_again=metadata.continuity is None or metadata.continuity.refit,
        other_settings=_other_thresholds(published, config),
    )
    summary = _summary(churn, metadata, published.run)
    write_table(changes, files.path(RunFile.LABEL_CHANGES))
    write_summary(summary, files.path(RunFile.STABILITY))
    return summary


def _other_thresholds(published: PublishedFiles, config: RunSettings) -> bool:
    """Tell whether labels are made by other thresholds than the published ones, where these are known."""
    try:
        return published.files.profiles().labeling != config.labeling
    except DataError:  # of another version, or gone
        return False


def published_side(published: PublishedFiles, fitted: FittedModel | None) -> Side:
    """Return the labels of a run with what they were judged on; without its clusters relative words are not judged.

    Raises:
        DataError: Labels are missing or unreadable.
    """
    meanings = fitted.clusters.meanings if fitted else ()
    bounds: dict[Words, float] = {(one.pattern, one.traits): one.sparsity_bound_months for one in meanings}
    left_out = published.files.find_table(RunFile.LEFT_OUT)
    return Side(published.labels(), published.own_values(), left_out, bounds)


def _trained_bounds(metadata: TrainingMetadata) -> dict[Words, float]:
    """Return the bounds of relative words of today's segments; clusters that are gone are in the published run."""
    known = ((LABELS.get(segment.label), segment.sparsity_bound_months) for segment in metadata.segments)
    return {(label.pattern, label.traits): bound for label, bound in known if label is not None}


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
