"""Step 3: every DFU gets the label of its segment, with the reason in its own values."""

import logging
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dfu_clustering.arrays import Integers
from dfu_clustering.config.clustering import RunSettings
from dfu_clustering.errors import DataError
from dfu_clustering.files.summary import write_summary
from dfu_clustering.files.tables import require_columns, write_table
from dfu_clustering.labels.abc_class import abc_classes
from dfu_clustering.labels.reasons import reasons
from dfu_clustering.labels.renaming import label_is_true, renamed
from dfu_clustering.labels.rules import JUDGED_FEATURES, Bounds, Values, own_values, volume_bounds
from dfu_clustering.labels.traits import trait_words
from dfu_clustering.labels.vocabulary import Label, parse_label
from dfu_clustering.outputs.label_comparison import write_stability
from dfu_clustering.outputs.pictures import draw_segments
from dfu_clustering.outputs.training_files import SPACE_PREFIX
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.label_history import label_history
from dfu_clustering.runs.manifest import LABEL_SEGMENTS, once
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.runs.summaries import (
    LabelSummary,
    LifecycleSegment,
    Profiles,
    SegmentSummary,
    TrainedSegment,
    TrainingMetadata,
)

logger = logging.getLogger(__name__)

_ASSIGNMENT_COLUMNS = ("dfu_ck", "cluster_id", "distance", "margin", *JUDGED_FEATURES)
_CENTROID_COLUMNS = ("cluster_id", "size", "share", "volume_share")


@dataclass(frozen=True, eq=False)
class _Named:
    """A segment of the training under its label.

    Attributes:
        trained: What the training says of it.
        label: Its label by the thresholds of today.
        rows: (n_members,) its rows of the assignments.
    """

    trained: TrainedSegment
    label: Label
    rows: Integers


@once(LABEL_SEGMENTS)
def label_segments(files: RunFolder, config: RunSettings, published: PublishedFiles | None = None) -> LabelSummary:
    """Label the DFUs of a trained model, and write labels, profiles and what changed.

    Where the thresholds are other than those of the training, segments are renamed by the words that most of their
    DFUs have by themselves; who is in a segment stays as it was trained.

    Args:
        files: Centroids, assignments and metadata of one training, and where the labels are written.
        config: Thresholds of the label rules.
        published: The run whose labels these are compared with; None: with none.

    Raises:
        DataError: A file is unreadable, lacks columns, or the files do not belong together.
    """
    centroids, assignments = files.table(RunFile.CENTROIDS), files.table(RunFile.ASSIGNMENTS)
    metadata = files.metadata()
    _require_same_training(centroids, assignments, metadata, files)
    values = own_values(assignments)
    bounds = volume_bounds(values["mean_demand"], config.labeling.volume_thresholds)
    named = _named(assignments, values, bounds, metadata, config)
    labelled = _labelled(files, assignments, values, bounds, named, config)
    segments = _segments(centroids, values, bounds, named, config)
    lifecycle = _lifecycle(labelled, assignments)
    _write(files, config, metadata, segments, lifecycle, assignments, labelled)
    of_dfu = assignments.set_index("dfu_ck")
    stability = write_stability(files, labelled, of_dfu, metadata, published, config)
    names = {one.trained.cluster_id: one.label.text for one in named}
    draw_segments(files, names, peak_threshold=config.labeling.peak_threshold)
    logger.info("labels=%d %s", len(segments), " ".join(f"{s.label}={s.size}" for s in segments))
    return LabelSummary(segments=segments, lifecycle=lifecycle, figures=metadata.figures, stability=stability)


def _named(
    assignments: pd.DataFrame, values: Values, bounds: Bounds, metadata: TrainingMetadata, config: RunSettings
) -> list[_Named]:
    as_trained = config.labeling == metadata.config.labeling
    if not as_trained:
        logger.warning("other thresholds than in the training: names are by these, who is in a segment is by those")
    cluster_id = assignments["cluster_id"].to_numpy()
    named = []
    for trained in metadata.segments:
        rows = np.flatnonzero(cluster_id == trained.cluster_id)
        label = parse_label(trained.label)
        if label is None:
            raise DataError(
                "A training names its segments by words of the label rules",
                found=f"{trained.label!r} in the metadata",
                remedy="run the training again",
            )
        if not as_trained:
            members = {name: of_all[rows] for name, of_all in values.items()}
            label = renamed(label, trained.sparsity_bound_months, members, bounds, config.labeling)
        named.append(_Named(trained, label, rows))
    return named


def _labelled(
    files: RunFolder,
    assignments: pd.DataFrame,
    values: Values,
    bounds: Bounds,
    named: list[_Named],
    config: RunSettings,
) -> pd.DataFrame:
    """Return dfu_ck, cluster_id, cluster_label, abc_class and reason of every DFU that has a label, in key order."""
    n_dfus = len(assignments)
    cluster_id, text, reason = np.zeros(n_dfus, np.int64), np.empty(n_dfus, object), np.empty(n_dfus, object)
    for one in named:
        members = {name: of_all[one.rows] for name, of_all in values.items()}
        known = trait_words(one.trained.sparsity_bound_months)
        traits = [known[word] for word in one.label.traits]
        cluster_id[one.rows], text[one.rows] = one.label.segment_id, one.label.text
        reason[one.rows] = reasons(one.label, traits, members, bounds, config.labeling)
    columns = {"dfu_ck": assignments["dfu_ck"], "cluster_id": cluster_id, "cluster_label": text, "reason": reason}
    labelled = pd.DataFrame(columns).assign(mean_demand=values["mean_demand"])
    lifecycle = files.find_table(RunFile.LIFECYCLE)
    if lifecycle is not None and len(lifecycle) and config.labeling.lifecycle:
        labelled = pd.concat([labelled, lifecycle[labelled.columns]]).sort_values("dfu_ck", ignore_index=True)
    labelled["abc_class"] = abc_classes(labelled["mean_demand"].to_numpy(np.float64))
    text_columns = ["dfu_ck", "cluster_label", "abc_class", "reason"]
    return labelled[["dfu_ck", "cluster_id", "cluster_label", "abc_class", "reason"]].astype(
        dict.fromkeys(text_columns, "str")
    )


def _segments(
    centroids: pd.DataFrame, values: Values, bounds: Bounds, named: list[_Named], config: RunSettings
) -> list[SegmentSummary]:
    """Return the segments, the largest first; where two are renamed alike, the larger one speaks for both."""
    profiles = centroids.set_index("cluster_id").to_dict(orient="index")
    by_label: dict[str, list[_Named]] = {}
    for one in named:
        by_label.setdefault(one.label.text, []).append(one)
    summaries = [_segment(alike, profiles, values, bounds, config) for alike in by_label.values()]
    return sorted(summaries, key=lambda segment: (-segment.size, segment.label))


def _segment(
    alike: list[_Named],
    profiles: Mapping[Hashable, Mapping[Hashable, Any]],
    values: Values,
    bounds: Bounds,
    config: RunSettings,
) -> SegmentSummary:
    label, largest = alike[0].label, max(alike, key=lambda one: one.trained.size)
    rows = np.concatenate([one.rows for one in alike])
    members = {name: of_all[rows] for name, of_all in values.items()}
    bound = largest.trained.sparsity_bound_months
    of_training = [profiles[one.trained.cluster_id] for one in alike]
    true = label_is_true(label, bound, members, bounds, config.labeling)
    return SegmentSummary(
        cluster_id=label.segment_id,
        label=label.text,
        base=label.base,
        traits=list(label.traits),
        pattern=label.pattern,
        tier=label.tier,
        reason=_segment_reason(label, bound, members, bounds, config),
        size=len(rows),
        share=float(sum(profile["share"] for profile in of_training)),
        volume_share=float(sum(profile["volume_share"] for profile in of_training)),
        true_share=float(true.mean()),
        profile=_profile(profiles[largest.trained.cluster_id]),
    )


def _segment_reason(label: Label, bound: float, members: Values, bounds: Bounds, config: RunSettings) -> str:
    medians = {name: np.array([np.nanmedian(of_all)]) for name, of_all in members.items() if not np.isnan(of_all).all()}
    medians |= {name: np.array([np.nan]) for name in members if name not in medians}
    known = trait_words(bound)
    texts = reasons(label, [known[word] for word in label.traits], medians, bounds, config.labeling)
    return f"by its medians {texts[0]}"


def _profile(profile: Mapping[Hashable, Any]) -> dict[str, Any]:
    return {
        str(name): value
        for name, value in profile.items()
        if not str(name).startswith(SPACE_PREFIX) and name != "cluster_label"
    }


def _lifecycle(labelled: pd.DataFrame, assignments: pd.DataFrame) -> list[LifecycleSegment]:
    others = labelled[~labelled["dfu_ck"].isin(assignments["dfu_ck"])]
    counts = Counter(zip(others["cluster_id"].tolist(), others["cluster_label"].tolist(), strict=True))
    return [
        LifecycleSegment(cluster_id=cluster_id, label=label, size=size)
        for (cluster_id, label), size in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def _write(
    files: RunFolder,
    config: RunSettings,
    metadata: TrainingMetadata,
    segments: list[SegmentSummary],
    lifecycle: list[LifecycleSegment],
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
        lifecycle=lifecycle,
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
        RunFile.METADATA: {segment.cluster_id: segment.size for segment in metadata.segments},
    }
    first, *others = sizes.values()
    if any(other != first for other in others):
        told = (f"{files.path(file)} has segments of {_listed(counts)} DFUs" for file, counts in sizes.items())
        raise DataError(
            "Centroids, assignments and metadata must come from the same training",
            found="; ".join(told),
            remedy=remedy,
        )


def _listed(sizes: dict[Any, int]) -> str:
    return ", ".join(str(size) for _, size in sorted(sizes.items())) or "no"
