"""Step 3: every DFU gets the label of its segment, with the reason in its own values."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from dfu_clustering.config.clustering import LabelingConfig, RunSettings
from dfu_clustering.errors import DataError
from dfu_clustering.files.keys import places_of
from dfu_clustering.files.summary import write_summary
from dfu_clustering.files.tables import require_columns, write_table
from dfu_clustering.labels.abc_class import abc_classes
from dfu_clustering.labels.lifecycle import lifecycle_labels
from dfu_clustering.labels.renaming import renamed
from dfu_clustering.labels.rules import JUDGED_FEATURES, Bounds, Values, own_values, volume_bounds
from dfu_clustering.labels.truth import Claim, claims_are_true
from dfu_clustering.labels.vocabulary import LABELS
from dfu_clustering.outputs.label_comparison import write_stability
from dfu_clustering.outputs.pictures import draw_segments
from dfu_clustering.outputs.segment_summaries import Labelled, Named, lifecycle_segments, segment_summaries
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.label_history import label_history
from dfu_clustering.runs.manifest import LABEL_SEGMENTS, once
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.runs.summaries import LabelSummary, LifecycleSegment, Profiles, SegmentSummary, TrainingMetadata

logger = logging.getLogger(__name__)

_ASSIGNMENT_COLUMNS = ("dfu_ck", "cluster_id", "distance", "margin", *JUDGED_FEATURES)
_CENTROID_COLUMNS = ("cluster_id", "size", "share", "volume_share")


@once(LABEL_SEGMENTS)
def label_segments(
    files: RunFolder, config: RunSettings, published: PublishedFiles | None = None, *, pictures: bool = True
) -> LabelSummary:
    """Label the DFUs of a trained model, and write labels, profiles and what changed.

    Where the thresholds are other than those of the training, segments are renamed by the words that most of their
    DFUs have by themselves; who is in a segment stays as it was trained.

    Args:
        files: Centroids, assignments and metadata of one training, and where the labels are written.
        config: Thresholds of the label rules.
        published: The run whose labels these are compared with; None: with none.
        pictures: Whether to draw.

    Raises:
        DataError: A file is unreadable, lacks columns, or the files do not belong together; or the published run is of
            other DFUs.
    """
    centroids, assignments = files.table(RunFile.CENTROIDS), files.table(RunFile.ASSIGNMENTS)
    metadata = files.metadata()
    _require_same_training(centroids, assignments, metadata, files)
    if published is not None:
        published.require_shared(_known_dfus(files, assignments))
    labelled, within_margin_share = _labelled(assignments, metadata, config)
    true_share = float(labelled.is_true.mean())
    truth = {"true_share": true_share, "within_margin_share": within_margin_share}  # of the labels as they are written
    metadata = metadata.model_copy(update={"figures": metadata.figures.model_copy(update=truth)})
    lifecycle = _lifecycle(files, labelled)
    segments = segment_summaries(labelled, centroids, _forecastability(files, assignments))
    others = lifecycle_segments(lifecycle)
    table = _label_table(assignments, labelled, lifecycle)
    _write(files, config, metadata, segments, others, assignments, table)
    stability = write_stability(files, table, assignments.set_index("dfu_ck"), metadata, published, config)
    if pictures:
        names = {one.trained.cluster_id: one.claim.label.text for one in labelled.named}
        draw_segments(files, names, peak_threshold=config.labeling.peak_threshold)
    logger.info("labels=%d %s", len(segments), " ".join(f"{s.label}={s.size}" for s in segments))
    return LabelSummary(segments=segments, lifecycle=others, figures=metadata.figures, stability=stability)


def _labelled(assignments: pd.DataFrame, metadata: TrainingMetadata, config: RunSettings) -> tuple[Labelled, float]:
    """Return the segments under their labels, and the share (0-1) of the DFUs of which all words are nearly true."""
    values = own_values(assignments)
    bounds = volume_bounds(values["mean_demand"], config.labeling.volume_thresholds)
    named = _named(assignments, values, bounds, metadata, config)
    place = np.zeros(len(assignments), dtype=np.int64)
    for at, one in enumerate(named):
        place[one.rows] = at
    is_true, nearly = (
        claims_are_true([one.claim for one in named], place, values, bounds, config.labeling, margin)
        for margin in (0.0, config.stability.label_margin)
    )
    # a first fit keeps nobody in a tier: who is in another than the own one is there because too few are of the own
    margin = 0.0 if metadata.continuity is None else config.stability.label_margin
    labelled = Labelled(named, values, bounds, is_true, config.labeling, margin)
    return labelled, float(nearly.mean())


def _named(
    assignments: pd.DataFrame, values: Values, bounds: Bounds, metadata: TrainingMetadata, config: RunSettings
) -> list[Named]:
    as_trained = _thresholds(config.labeling) == _thresholds(metadata.config.labeling)
    if not as_trained:
        logger.warning(
            "the thresholds differ from those of the training: they change the names, not the DFUs of a segment"
        )
    cluster_id = assignments["cluster_id"].to_numpy()
    named = []
    for trained in metadata.segments:
        rows = np.flatnonzero(cluster_id == trained.cluster_id)
        label = LABELS.get(trained.label)
        if label is None:
            raise DataError(
                "A training must name its segments by words of the label rules",
                found=f"{trained.label!r} in the metadata",
                remedy="run the training again",
            )
        if not as_trained:
            members = {name: of_all[rows] for name, of_all in values.items()}
            label = renamed(label, trained.sparsity_bound_months, members, bounds, config.labeling)
        named.append(Named(trained, Claim(label, trained.sparsity_bound_months), rows))
    return named


def _thresholds(labeling: LabelingConfig) -> dict[str, Any]:
    """Return what labels are named by; the rest of the section says who is in a segment, and who has a label."""
    return labeling.model_dump(exclude={"lifecycle", "membership_margin"})


def _forecastability(files: RunFolder, assignments: pd.DataFrame) -> pd.DataFrame | None:
    """Return how forecastable each DFU is, in the order of the assignments; None where an earlier version trained."""
    found = files.find_table(RunFile.FORECASTABILITY)
    if found is None:
        return None
    return found.reindex(places_of(assignments["dfu_ck"], found["dfu_ck"])).reset_index(drop=True)


def _known_dfus(files: RunFolder, assignments: pd.DataFrame) -> "pd.Series[str]":
    left_out = files.find_table(RunFile.LEFT_OUT)
    others = [] if left_out is None else [left_out["dfu_ck"]]
    known: pd.Series[str] = pd.concat([assignments["dfu_ck"], *others])
    return known


def _lifecycle(files: RunFolder, labelled: Labelled) -> pd.DataFrame:
    """Return labels of the DFUs that are not clustered; none where they are to have none, or are not known."""
    left_out = files.find_table(RunFile.LEFT_OUT) if labelled.labeling.lifecycle else None
    if left_out is None:
        left_out = pd.DataFrame({"dfu_ck": [], "reason": [], "mean_demand": []})
    return lifecycle_labels(left_out, labelled.bounds)


def _label_table(assignments: pd.DataFrame, labelled: Labelled, lifecycle: pd.DataFrame) -> pd.DataFrame:
    """Return dfu_ck, cluster_id, cluster_label, abc_class and reason of every DFU that has a label, in key order."""
    n_dfus = len(assignments)
    cluster_id, text, reason = np.zeros(n_dfus, np.int64), np.empty(n_dfus, object), np.empty(n_dfus, object)
    for one in labelled.named:
        cluster_id[one.rows], text[one.rows] = one.claim.label.segment_id, one.claim.label.text
        reason[one.rows] = labelled.reasons_of(one.claim, labelled.values_of(one.rows))
    columns = {"dfu_ck": assignments["dfu_ck"], "cluster_id": cluster_id, "cluster_label": text, "reason": reason}
    table = pd.DataFrame(columns).assign(mean_demand=labelled.own["mean_demand"])
    if len(lifecycle):
        table = pd.concat([table, lifecycle[table.columns]]).sort_values("dfu_ck", ignore_index=True)
    table["abc_class"] = abc_classes(table["mean_demand"].to_numpy(np.float64))
    texts = ["dfu_ck", "cluster_label", "abc_class", "reason"]
    return table[["dfu_ck", "cluster_id", *texts[1:]]].astype(dict.fromkeys(texts, "str"))


def _write(
    files: RunFolder,
    config: RunSettings,
    metadata: TrainingMetadata,
    segments: list[SegmentSummary],
    lifecycle: list[LifecycleSegment],
    assignments: pd.DataFrame,
    table: pd.DataFrame,
) -> None:
    write_table(table, files.path(RunFile.LABELS))
    if metadata.as_of_month is not None:
        history = label_history(assignments, table, metadata.as_of_month)
        write_table(history, files.path(RunFile.LABEL_HISTORY))
    profiles = Profiles(
        as_of_month=metadata.as_of_month,
        code_version=metadata.code_version,
        seed=metadata.seed,
        training_digest=metadata.config_digest,
        labeling=config.labeling,
        figures=metadata.figures,
        segments=segments,
        lifecycle=lifecycle,
    )
    write_summary(profiles, files.path(RunFile.PROFILES))


def _require_same_training(
    centroids: pd.DataFrame, assignments: pd.DataFrame, metadata: TrainingMetadata, files: RunFolder
) -> None:
    remedy = "give the files of one train_clustering_model.py run"
    for table, columns in ((assignments, _ASSIGNMENT_COLUMNS), (centroids, _CENTROID_COLUMNS)):
        require_columns(
            table, columns, rule=f"A table of a training must have the columns {', '.join(columns)}", remedy=remedy
        )
    sizes: dict[RunFile, dict[Any, int]] = {
        RunFile.CENTROIDS: centroids.set_index("cluster_id")["size"].to_dict(),
        RunFile.ASSIGNMENTS: assignments["cluster_id"].value_counts().to_dict(),
        RunFile.METADATA: {segment.cluster_id: segment.size for segment in metadata.segments},
    }
    first, *others = sizes.values()
    if any(other != first for other in others):
        sizes_in_words = (
            f"{files.path(file)} has segments of {_listed(counts)} DFUs" for file, counts in sizes.items()
        )
        raise DataError(
            "Centroids, assignments and metadata must come from the same training",
            found="; ".join(sizes_in_words),
            remedy=remedy,
        )


def _listed(sizes: dict[Any, int]) -> str:
    return ", ".join(str(size) for _, size in sorted(sizes.items())) or "no"
