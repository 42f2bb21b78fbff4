"""What changed against the published labels, as files for people and programs."""

from contextlib import suppress
from typing import TypeVar

import pandas as pd

from dfu_clustering.comparison.changes import label_changes
from dfu_clustering.comparison.recorded import RecordedNaming, RecordedTraining, recorded_settings, recorded_thresholds
from dfu_clustering.comparison.sides import Side, Thresholds
from dfu_clustering.config.clustering import RunSettings
from dfu_clustering.errors import DataError
from dfu_clustering.files.summary import Summary, read_summary, write_summary
from dfu_clustering.files.tables import write_table
from dfu_clustering.labels.churn import LabelChurn, Words
from dfu_clustering.labels.vocabulary import LABELS
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.runs.summaries import StabilitySummary, TrainingMetadata
from dfu_clustering.segments.fitted_model import FittedModel

S = TypeVar("S", bound=Summary)


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
    settings = recorded_settings(*read_recorded(published.files))
    fitted = published.fitted() if published.files.find(RunFile.MODEL) else None
    before, now = recorded_thresholds(settings, config), Thresholds.of(config)
    churn, changes = label_changes(
        published_side(published, fitted, before),
        Side(labelled, now, own_values, files.find_table(RunFile.LEFT_OUT), _trained_bounds(metadata)),
        moves=files.find_table(RunFile.MOVES),
        fitted_again=metadata.continuity is None or metadata.continuity.refit,
        other_settings=before != now,
    )
    summary = _summary(churn, metadata, published.run)
    write_table(changes, files.path(RunFile.LABEL_CHANGES))
    write_summary(summary, files.path(RunFile.STABILITY))
    return summary


def published_side(published: PublishedFiles, fitted: FittedModel | None, thresholds: Thresholds) -> Side:
    """Return the labels of a run with what they were judged on; without its clusters relative words are not judged.

    Raises:
        DataError: Labels are missing or unreadable.
    """
    meanings = fitted.clusters.meanings if fitted else ()
    bounds: dict[Words, float] = {(one.pattern, one.traits): one.sparsity_bound_months for one in meanings}
    left_out = published.files.find_table(RunFile.LEFT_OUT)
    return Side(published.labels(), thresholds, published.own_values(), left_out, bounds)


def read_recorded(files: RunFolder) -> tuple[RecordedTraining, RecordedNaming]:
    """Return what a run recorded of its training and of the naming of its labels; what is missing is unknown."""
    training = _recorded(files, RunFile.METADATA, RecordedTraining())
    return training, _recorded(files, RunFile.PROFILES, RecordedNaming())


def _recorded(files: RunFolder, file: RunFile, nothing: S) -> S:
    with suppress(DataError):  # labels alone can be compared, too
        return read_summary(type(nothing), files.require(file))
    return nothing


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
