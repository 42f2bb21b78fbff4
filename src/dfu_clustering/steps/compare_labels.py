"""What changed against the published labels, as files for people and programs."""

from pathlib import Path
from typing import Any

import pandas as pd

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.files.tables import read_json, read_table, write_json, write_table
from dfu_clustering.labels.churn import LabelChurn, RenamedSegment, compare_with_published
from dfu_clustering.segments.matching import match_clusters
from dfu_clustering.steps.model_files import ModelFiles
from dfu_clustering.steps.published_files import PublishedFiles

STABILITY = "stability.json"
LABEL_CHANGES = "label_changes.parquet"


class StabilitySummary(LabelChurn):
    """Labels beside the published ones; written to stability.json.

    Attributes:
        published_run: The run compared with.
        refit: Whether the clusters were fitted again.
        refit_reason: Why, or why not.
        renamed: Segments that continue under another name.
        psi: Population stability index by column, against the DFUs that the clusters were fitted on.
        far_share: Share (0-1) of the DFUs further out than 99 % of those.
        held_share: Share (0-1) of the DFUs that stay in a segment although another one is nearer.
        silhouette: Of the labels, in the clustered space.
        silhouette_nearest: With every DFU in the segment that is nearest; None after a change of settings.
    """

    published_run: str
    refit: bool
    refit_reason: str
    renamed: list[RenamedSegment]
    psi: dict[str, float]
    far_share: float | None
    held_share: float | None
    silhouette: float
    silhouette_nearest: float | None


def published_label_of(
    assignments: pd.DataFrame, metadata: dict[str, Any], published: PublishedFiles
) -> dict[int, str]:
    """Return for each cluster the label of the published cluster that it continues, if it continues one.

    Clusters that were trained beside the same published run know it; others are matched by the DFUs they share.

    Raises:
        DataError: The published labels are missing or unreadable.
    """
    labels = published.labels()
    name_of = labels.drop_duplicates("cluster_id").set_index("cluster_id")["cluster_label"].to_dict()
    continuity = metadata.get("continuity")
    if continuity is not None and continuity["published_run"] == published.run:
        matched = continuity["matched"]
    else:
        both = assignments[["dfu_ck", "cluster_id"]].merge(labels[["dfu_ck", "cluster_id"]], on="dfu_ck")
        n_published, n_clusters = int(labels["cluster_id"].max()) + 1, int(assignments["cluster_id"].max()) + 1
        before, now = both["cluster_id_y"].to_numpy(), both["cluster_id_x"].to_numpy()
        matched = match_clusters(before, now, n_published, n_clusters).tolist()
    return {cluster: name_of[before] for cluster, before in enumerate(matched) if before in name_of}


def write_stability(
    config: ClusteringConfig,
    labelled: pd.DataFrame,
    metadata: dict[str, Any],
    renamed: list[RenamedSegment],
    *,
    published: PublishedFiles | None,
    model: ModelFiles,
    folder: Path,
) -> StabilitySummary | None:
    """Compare the labels with the published ones and write stability.json and label_changes.parquet.

    Args:
        config: What a barely changed history is.
        labelled: dfu_ck and cluster_label.
        metadata: How the clusters came about.
        renamed: Segments that go on under another name.
        published: The run compared with; None: with none, and what was written of earlier labels is removed.
        model: The files of the training.
        folder: Where the two files go.

    Raises:
        DataError: The published labels are missing or unreadable.
    """
    if published is None:
        for name in (STABILITY, LABEL_CHANGES):
            (folder / name).unlink(missing_ok=True)
        return None
    moves = read_table(model.moves) if model.moves.exists() else None
    churn, changes = compare_with_published(
        published.labels(), labelled, moves, unchanged_move=config.stability.unchanged_move
    )
    summary = _summary(churn, metadata, renamed, published)
    write_table(changes, folder / LABEL_CHANGES)
    write_json(summary.model_dump(), folder / STABILITY)
    return summary


def read_stability(folder: Path) -> StabilitySummary | None:
    """Return how the labels in a folder follow the published ones; None where they were compared with none.

    Raises:
        DataError: The file is unreadable.
    """
    path = folder / STABILITY
    return StabilitySummary.model_validate(read_json(path)) if path.exists() else None


def _summary(
    churn: LabelChurn, metadata: dict[str, Any], renamed: list[RenamedSegment], published: PublishedFiles
) -> StabilitySummary:
    continuity = metadata.get("continuity") or {}
    silhouettes = continuity.get("silhouettes", {})
    return StabilitySummary(
        published_run=published.run,
        refit=continuity.get("refit", True),
        refit_reason=continuity.get("reason", "trained without the published run"),
        **dict(churn),
        renamed=renamed,
        psi=continuity.get("psi", {}),
        far_share=continuity.get("far_share"),
        held_share=continuity.get("held_share"),
        silhouette=metadata["silhouette"],
        silhouette_nearest=silhouettes.get("nearest"),
    )
