"""Labels and features as of past months, computed from the sales up to each and published nowhere."""

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dfu_clustering.config.clustering import ClusteringConfig, RunSettings
from dfu_clustering.files.summary import Summary, read_summary, write_summary
from dfu_clustering.files.tables import write_json, write_table
from dfu_clustering.history.backfills import (
    SALES_FOLDER,
    Backfill,
    BackfilledMonth,
    Succession,
    backfill_folder,
    places_of_month,
    read_index,
    write_index,
)
from dfu_clustering.history.stored_sales import stored_parts
from dfu_clustering.labels.lifecycle import lifecycle_labels
from dfu_clustering.months import parse_month
from dfu_clustering.outputs.feature_matrix import read_matrix
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.label_history import HISTORY_COLUMNS
from dfu_clustering.runs.manifest import BUILD_FEATURES, LABEL_MONTH, once
from dfu_clustering.runs.month_training import MonthSummary, MonthTraining, NamingSettings, trained_segments
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.runs.run import Run, code_version
from dfu_clustering.runs.summaries import FeatureSummary
from dfu_clustering.segments.continuation import continue_published, without_drift
from dfu_clustering.segments.continuity import Continuity
from dfu_clustering.segments.first_fit import segment_from_scratch
from dfu_clustering.segments.segmentation import Segmentation
from dfu_clustering.steps.backfill_plan import BackfillPlan
from dfu_clustering.steps.build_features import join_parts, write_features
from dfu_clustering.steps.sales_source import CutSales

logger = logging.getLogger(__name__)

_SUCCESSION = "succession.json"  # of a backfill that is finished
_SILHOUETTE_SAMPLE = 1000  # of the months that continue; nobody reads their silhouette


class BackfillSummary(Summary):
    """A backfill that is finished; history.load() finds it.

    Attributes:
        months: Its months, the oldest first.
        too_early: Months that were asked for, but as of which no DFU had enough history.
        before_first_sale: Months that were asked for, but lie before the first sale of any DFU.
        continues: What its first month continues, in words; None: nothing.
        succession: What became of the months of earlier backfills.
    """

    id: str
    months: list[MonthSummary]
    too_early: list[str]
    before_first_sale: list[str]
    continues: str | None
    succession: Succession
    folder: str

    def notes(self) -> list[str]:
        """Return in words what is not a month of it: left out, continued, extended or replaced."""
        reasons = (("not enough history", self.too_early), ("before the first sale", self.before_first_sale))
        left_out = [f"{reason} as of {', '.join(months)}" for reason, months in reasons if months]
        continues = [f"continues {self.continues}"] if self.continues else []
        return [*left_out, *continues, *self.succession.lines()]


def backfill_month(
    config: ClusteringConfig, folder: Path, as_of_month: str, before: Path | None = None
) -> MonthSummary:
    """Compute features and labels as of a month from the stored sales up to it; steps that are done stay done.

    Args:
        config: The settings.
        folder: Of the backfill.
        as_of_month: ``2026-10``.
        before: The folder of the month whose clusters and labels this one continues; None: it is the first.

    Raises:
        DataError: The sales of that time cannot be clustered.
    """
    run = Run(folder / as_of_month, places_of_month(folder / as_of_month), as_of_month=as_of_month)
    _build_features(run, config, folder / SALES_FOLDER)
    return _label(run, config, PublishedFiles(BackfilledMonth.in_folder(before)) if before else None)


def finish_backfill(
    config: ClusteringConfig, var: Path, backfill_id: str, plan: BackfillPlan, months: list[MonthSummary]
) -> BackfillSummary:
    """Let history.load() read a backfill once all its months are there, and say what it extends or replaces."""
    path = backfill_folder(var, backfill_id) / _SUCCESSION
    if path.exists():  # resumed after its end: another may have replaced its months since
        succession = read_summary(Succession, path)
    else:
        new = Backfill(id=backfill_id, months=plan.months, config_digest=config.digest())
        index, succession = read_index(var).followed_by(new)
        write_index(var, index)
        write_summary(succession, path)
    summary = BackfillSummary(
        id=backfill_id,
        months=months,
        too_early=plan.too_early,
        before_first_sale=plan.before_first_sale,
        continues=f"{plan.continues.month} of backfill {plan.continues.id}" if plan.continues else None,
        succession=succession,
        folder=str(backfill_folder(var, backfill_id)),
    )
    logger.info("backfill id=%s months=%d too_early=%d", backfill_id, len(plan.months), len(plan.too_early))
    for note in summary.notes():
        logger.info("backfill %s", note)
    return summary


@once(BUILD_FEATURES)
def _build_features(run: Run, config: ClusteringConfig, sales: Path) -> FeatureSummary:
    parts, month = stored_parts(sales), parse_month(run.as_of_month)
    if len(parts) == 1:
        read = CutSales(parts[0].panel(month), parts[0].attributes())
        return write_features(run, config, read, config.warehouse, pictured=False)
    shutil.rmtree(run.parts, ignore_errors=True)  # of a try that was cut off
    folders = [run.part(number) for number in range(len(parts))]
    for part, files in zip(parts, folders, strict=True):
        read = CutSales(part.panel(month), part.attributes())
        write_features(files, config, read, config.warehouse, may_be_empty=True, pictured=False)
    summary = join_parts(run, config, parts=folders)
    shutil.rmtree(run.parts)
    return summary


@once(LABEL_MONTH)
def _label(run: Run, config: RunSettings, before: PublishedFiles | None) -> MonthSummary:
    """Find the segments, or continue those of the month before, and write what later months and readers need."""
    matrix = read_matrix(run, config, before)
    segmentation, continuity = _segmented(config, matrix, before, run.as_of_month)
    left_out = run.table(RunFile.EXCLUDED)
    others = lifecycle_labels(left_out if config.labeling.lifecycle else left_out.iloc[:0], segmentation.bounds)
    labels = _labels(matrix, segmentation, others)
    write_table(labels[["dfu_ck", "cluster_id", "cluster_label"]], run.path(RunFile.LABELS))
    write_json(segmentation.fitted.to_dict(), run.path(RunFile.MODEL))
    history = labels.rename(columns={"cluster_label": "label"}).assign(as_of_month=run.as_of_month)
    write_table(history[list(HISTORY_COLUMNS)].astype({"as_of_month": "str"}), run.path(RunFile.LABEL_HISTORY))
    write_summary(_training(run, config, segmentation, continuity), run.path(RunFile.METADATA))
    return MonthSummary(
        as_of_month=run.as_of_month,
        clustered=len(matrix),
        k=len(segmentation.fitted.kmeans_centroids),
        labels=_sizes(segmentation, others),
        refit=continuity.reason if continuity and continuity.refit else None,
    )


def _segmented(
    config: RunSettings, matrix: pd.DataFrame, before: PublishedFiles | None, as_of_month: str
) -> tuple[Segmentation, Continuity | None]:
    """Return the segments of a month.

    K is chosen in the first month of the chain alone, and whether the DFUs have drifted from those fitted on is looked
    at in January alone: as many clusters are fitted again then. What the settings demand is done in any month.
    """
    if before is None:
        return segment_from_scratch(config, matrix), None
    published = before.model
    k = len(published.fitted.kmeans_centroids)
    changes: dict[str, Any] = {
        "k_range": (k, k) if k > 1 else config.k_range,
        "silhouette_sample": min(_SILHOUETTE_SAMPLE, config.silhouette_sample),
    }
    if as_of_month.endswith("-01"):
        return continue_published(config.model_copy(update=changes), matrix, published)
    quick = without_drift(config.model_copy(update=changes))
    segmentation, continuity = continue_published(quick, matrix, published)
    if not continuity.refit and config.refit == "auto":
        continuity = continuity.model_copy(update={"reason": "a backfill looks for drift in January"})
    return segmentation, continuity


def _labels(matrix: pd.DataFrame, segmentation: Segmentation, others: pd.DataFrame) -> pd.DataFrame:
    """Return dfu_ck, cluster_id, cluster_label, distance, margin of every DFU that has a label, in key order."""
    labels = segmentation.labels
    columns = {
        "dfu_ck": matrix["dfu_ck"],
        "cluster_id": np.array([label.segment_id for label in labels])[segmentation.segment],
        "cluster_label": pd.array([label.text for label in labels], dtype="str")[segmentation.segment],
        "distance": segmentation.distance,
        "margin": segmentation.margin,
    }
    clustered = pd.DataFrame(columns)
    if others.empty:
        return clustered
    named = others[["dfu_ck", "cluster_id", "cluster_label"]].assign(distance=np.nan, margin=np.nan)
    both = pd.concat([clustered, named.astype({"dfu_ck": "str", "cluster_label": "str"})])
    return both.sort_values("dfu_ck", ignore_index=True)


def _training(
    run: Run, config: RunSettings, segmentation: Segmentation, continuity: Continuity | None
) -> MonthTraining:
    return MonthTraining(
        as_of_month=run.as_of_month,
        k_selection=segmentation.k_selection,
        segments=trained_segments(segmentation),
        volume_bounds=segmentation.bounds,
        config=NamingSettings(labeling=config.labeling),
        code_version=code_version(),
        continuity=continuity,
    )


def _sizes(segmentation: Segmentation, others: pd.DataFrame) -> dict[str, int]:
    clustered = dict(zip((label.text for label in segmentation.labels), segmentation.sizes.tolist(), strict=True))
    return clustered | {str(label): int(size) for label, size in others["cluster_label"].value_counts().items()}
