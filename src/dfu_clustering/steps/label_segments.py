"""Step 3: clusters get their business labels, each with its reason."""

import logging
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import pandas as pd

from dfu_clustering.config.clustering import RunSettings
from dfu_clustering.errors import DataError
from dfu_clustering.files.summary import write_summary
from dfu_clustering.files.tables import require_columns, write_table
from dfu_clustering.labels.churn import RenamedSegment
from dfu_clustering.labels.naming import ClusterLabel, label_clusters
from dfu_clustering.labels.profiles import volume_bounds
from dfu_clustering.outputs.label_comparison import published_label_of, write_stability
from dfu_clustering.outputs.pictures import draw_segments
from dfu_clustering.outputs.training_files import SPACE_PREFIX
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.label_history import label_history
from dfu_clustering.runs.manifest import LABEL_SEGMENTS, once
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.runs.summaries import LabelSummary, Profiles, SegmentSummary, TrainingMetadata

logger = logging.getLogger(__name__)

_ASSIGNMENT_COLUMNS = ("dfu_ck", "cluster_id", "distance", "mean_demand")
_CENTROID_COLUMNS = ("cluster_id", "size", "share")


@once(LABEL_SEGMENTS)
def label_segments(files: RunFolder, config: RunSettings, published: PublishedFiles | None = None) -> LabelSummary:
    """Label the clusters of a trained model, and write labels, profiles and what changed.

    Args:
        files: Centroids, assignments and metadata of one training, and where the labels are written.
        config: Thresholds of the label rules.
        published: The run whose labels are kept while their meaning holds, and compared with; None: labels by the
            rules alone.

    Raises:
        DataError: A file is unreadable, lacks columns, or the files do not belong together.
    """
    centroids, assignments = files.table(RunFile.CENTROIDS), files.table(RunFile.ASSIGNMENTS)
    metadata = files.metadata()
    _require_same_training(centroids, assignments, metadata, files)
    profiles = centroids.set_index("cluster_id")
    bounds = volume_bounds(assignments["mean_demand"], config.labeling.volume_thresholds)
    previous = published_label_of(assignments, metadata, published) if published else {}
    margin = config.stability.label_margin
    labels = label_clusters(profiles, metadata.scales(), bounds, config.labeling, published=previous, margin=margin)
    by_id = profiles.to_dict(orient="index")
    segments = [_segment(label, by_id[label.cluster_id]) for label in labels]
    labelled = _labelled(assignments, segments)
    _write(files, config, metadata, segments, assignments, labelled)
    stability = write_stability(
        files, labelled, metadata, _renamed(labels), published, unchanged_move=config.stability.unchanged_move
    )
    names = {label.cluster_id: label.label for label in labels}
    draw_segments(files, names, peak_threshold=config.labeling.peak_threshold)
    logger.info("labels=%d %s", len(labels), " ".join(f"{s.label}={s.size}" for s in segments))
    return LabelSummary(segments=segments, stability=stability)


def _write(
    files: RunFolder,
    config: RunSettings,
    metadata: TrainingMetadata,
    segments: list[SegmentSummary],
    assignments: pd.DataFrame,
    labelled: pd.DataFrame,
) -> None:
    write_table(labelled, files.path(RunFile.LABELS))
    if metadata.as_of_month is not None:
        history = label_history(assignments, labelled, metadata.as_of_month)
        write_table(history, files.path(RunFile.LABEL_HISTORY))
    profiles = Profiles(
        as_of_month=metadata.as_of_month,
        code_version=metadata.code_version,
        seed=metadata.seed,
        training_digest=metadata.config_digest,
        labeling=config.labeling,
        segments=segments,
    )
    write_summary(profiles, files.path(RunFile.PROFILES))


def _require_same_training(
    centroids: pd.DataFrame, assignments: pd.DataFrame, metadata: TrainingMetadata, files: RunFolder
) -> None:
    remedy = "give the files of one train_clustering_model.py run"
    for table, columns in ((assignments, _ASSIGNMENT_COLUMNS), (centroids, _CENTROID_COLUMNS)):
        require_columns(table, columns, rule=f"A training writes the columns {', '.join(columns)}", remedy=remedy)
    sizes: dict[RunFile, dict[Any, int]] = {
        RunFile.CENTROIDS: centroids.set_index("cluster_id")["size"].to_dict(),
        RunFile.ASSIGNMENTS: assignments["cluster_id"].value_counts().to_dict(),
        RunFile.METADATA: dict(enumerate(metadata.sizes)),
    }
    first, *others = sizes.values()
    if any(other != first for other in others):
        told = (f"{files.path(file)} has clusters of {_listed(counts)} DFUs" for file, counts in sizes.items())
        raise DataError(
            "Centroids, assignments and metadata must come from the same training",
            found="; ".join(told),
            remedy=remedy,
        )


def _listed(sizes: dict[Any, int]) -> str:
    return ", ".join(str(size) for _, size in sorted(sizes.items())) or "no"


def _segment(label: ClusterLabel, profile: dict[Hashable, Any]) -> SegmentSummary:
    return SegmentSummary(
        cluster_id=label.cluster_id,
        label=label.label,
        base=label.base,
        traits=list(label.traits),
        reason=label.reason,
        size=int(profile["size"]),
        share=float(profile["share"]),
        volume_share=float(profile["volume_share"]),
        profile={str(name): value for name, value in profile.items() if not str(name).startswith(SPACE_PREFIX)},
        published_label=label.published,
    )


def _renamed(labels: Iterable[ClusterLabel]) -> list[RenamedSegment]:
    return [
        RenamedSegment(old_label=label.published, new_label=label.label, reason=label.reason)
        for label in labels
        if label.published is not None and label.published != label.label
    ]


def _labelled(assignments: pd.DataFrame, segments: Sequence[SegmentSummary]) -> pd.DataFrame:
    names = {segment.cluster_id: segment.label for segment in segments}
    labelled = assignments[["dfu_ck", "cluster_id"]].copy()
    labelled["cluster_label"] = labelled["cluster_id"].map(names).astype("str")
    return labelled
