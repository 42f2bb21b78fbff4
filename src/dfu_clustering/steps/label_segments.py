"""Step 3: clusters get their business labels, each with its reason."""

import logging
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import Field

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.errors import DataError
from dfu_clustering.files.summary import Summary
from dfu_clustering.files.tables import read_json, read_table, require_columns, write_json, write_table
from dfu_clustering.labels.churn import RenamedSegment
from dfu_clustering.labels.naming import ClusterLabel, label_clusters
from dfu_clustering.labels.profiles import volume_bounds
from dfu_clustering.runs.label_history import LABEL_HISTORY, label_history
from dfu_clustering.steps.compare_labels import StabilitySummary, published_label_of, write_stability
from dfu_clustering.steps.model_files import SPACE_PREFIX, ModelFiles
from dfu_clustering.steps.pictures import draw_segments
from dfu_clustering.steps.published_files import PublishedFiles

logger = logging.getLogger(__name__)

_ASSIGNMENT_COLUMNS = ("dfu_ck", "cluster_id", "distance", "mean_demand")
_TEXT_COLUMNS = frozenset({"dfu_ck", "demand_class"})


class SegmentSummary(Summary):
    """One segment: its label, why it is called so, how large it is, what is typical of it."""

    cluster_id: int
    label: Annotated[str, Field(description="cluster_assignment", examples=["high_volume_steady"])]
    base: Annotated[str, Field(description="the label before traits were added to tell it from others")]
    traits: list[str]
    reason: Annotated[str, Field(description="why it is called so")]
    size: Annotated[int, Field(description="DFUs in the run")]
    share: Annotated[float, Field(ge=0, le=1, description="of the clustered DFUs")]
    volume_share: Annotated[float, Field(ge=0, le=1, description="of their demand in the window")]
    profile: Annotated[dict[str, Any], Field(description="medians of the features in original units, and quartiles")]
    published_label: Annotated[
        str | None, Field(description="what the segment that it continues was called; null: it continues none")
    ] = None


class LabelSummary(Summary):
    """The segments, the largest first, and how they differ from the published ones; None: nothing to compare with."""

    segments: list[SegmentSummary]
    stability: StabilitySummary | None = None


def label_segments(
    config: ClusteringConfig, *, model: ModelFiles, output: Path, published: PublishedFiles | None = None
) -> LabelSummary:
    """Label the clusters of a trained model; write dfu_ck, cluster_id, cluster_label and the profiles beside them.

    Args:
        config: Thresholds of the label rules.
        model: Centroids, assignments and metadata that training wrote.
        output: cluster_labels.csv or .parquet; cluster_profiles.json goes into the same folder.
        published: The run whose labels are kept while their meaning holds, and compared with in stability.json and
            label_changes.parquet; None: labels by the rules alone.

    Raises:
        DataError: A file is unreadable, lacks columns, or the files do not belong together.
    """
    centroids = read_table(model.centroids, text_columns=_TEXT_COLUMNS)
    assignments = read_table(model.assignments, text_columns=_TEXT_COLUMNS)
    metadata = read_json(model.metadata)
    _require_same_training(centroids, assignments, metadata, model)
    profiles = centroids.set_index("cluster_id")
    scales = pd.DataFrame.from_dict(metadata["feature_scales"], orient="index")
    bounds = volume_bounds(assignments["mean_demand"], config.labeling.volume_thresholds)
    borne = published_label_of(assignments, metadata, published) if published else {}
    margin = config.stability.label_margin
    labels = label_clusters(profiles, scales, bounds, config.labeling, published=borne, margin=margin)
    by_id = profiles.to_dict(orient="index")
    segments = [_segment(label, by_id[label.cluster_id]) for label in labels]
    labelled = _labelled(assignments, segments)
    write_table(labelled, output)
    if metadata["as_of_month"] is not None:
        write_table(label_history(assignments, labelled, metadata["as_of_month"]), output.with_name(LABEL_HISTORY))
    _write_profiles(segments, _origin(config, metadata), output.with_name("cluster_profiles.json"))
    stability = write_stability(
        config, labelled, metadata, _renamed(labels), published=published, model=model, folder=output.parent
    )
    draw_segments(model, {label.cluster_id: label.label for label in labels}, config, output.parent)
    logger.info("labels=%d %s", len(labels), " ".join(f"{s.label}={s.size}" for s in segments))
    return LabelSummary(segments=segments, stability=stability)


def _require_same_training(
    centroids: pd.DataFrame, assignments: pd.DataFrame, metadata: dict[str, Any], model: ModelFiles
) -> None:
    require_columns(assignments, _ASSIGNMENT_COLUMNS, of="A file of cluster assignments")
    require_columns(centroids, ("cluster_id", "size", "share"), of="A file of cluster centroids")
    sizes: dict[str, dict[Any, int]] = {
        str(model.centroids): centroids.set_index("cluster_id")["size"].to_dict(),
        str(model.assignments): assignments["cluster_id"].value_counts().to_dict(),
        str(model.metadata): dict(enumerate(metadata.get("sizes", []))),
    }
    first, *others = sizes.values()
    if any(other != first for other in others):
        told = "; ".join(f"{path} has clusters of {_listed(counts)} DFUs" for path, counts in sizes.items())
        raise DataError(
            "Centroids, assignments and metadata must come from the same training",
            found=told,
            remedy="give the files of one train_clustering_model.py run",
        )


def _listed(sizes: dict[Any, int]) -> str:
    return ", ".join(str(size) for _, size in sorted(sizes.items())) or "no"


def _origin(config: ClusteringConfig, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return what the labels come from: the data and the training, and the thresholds of this step."""
    told = {key: metadata.get(key) for key in ("as_of_month", "code_version", "seed")}
    return {**told, "training_digest": metadata.get("config_digest"), "labeling": config.labeling.model_dump()}


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


def _write_profiles(segments: Sequence[SegmentSummary], origin: dict[str, Any], path: Path) -> None:
    unpublished = [{"published_label"} if segment.published_label is None else None for segment in segments]
    told = [segment.model_dump(exclude=left_out) for segment, left_out in zip(segments, unpublished, strict=True)]
    write_json({**origin, "segments": told}, path)
