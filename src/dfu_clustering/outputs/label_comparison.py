"""What changed against the published labels, as files for people and programs."""

import pandas as pd

from dfu_clustering.files.summary import write_summary
from dfu_clustering.files.tables import write_table
from dfu_clustering.labels.churn import LabelChurn, RenamedSegment, compare_with_published
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.runs.summaries import StabilitySummary, TrainingMetadata
from dfu_clustering.segments.matching import match_clusters


def published_label_of(
    assignments: pd.DataFrame, metadata: TrainingMetadata, published: PublishedFiles
) -> dict[int, str]:
    """Return for each cluster the label of the published cluster that it continues, if it continues one.

    Clusters that were trained beside the same published run know it; others are matched by the DFUs they share.

    Raises:
        DataError: The published labels are missing or unreadable.
    """
    labels = published.labels()
    name_of = labels.drop_duplicates("cluster_id").set_index("cluster_id")["cluster_label"].to_dict()
    continuity = metadata.continuity
    if continuity is not None and continuity.published_run == published.run:
        matched = list(continuity.matched)
    else:
        both = assignments[["dfu_ck", "cluster_id"]].merge(labels[["dfu_ck", "cluster_id"]], on="dfu_ck")
        n_published, n_clusters = int(labels["cluster_id"].max()) + 1, int(assignments["cluster_id"].max()) + 1
        before, now = both["cluster_id_y"].to_numpy(), both["cluster_id_x"].to_numpy()
        matched = match_clusters(before, now, n_published, n_clusters).tolist()
    return {cluster: name_of[before] for cluster, before in enumerate(matched) if before in name_of}


def write_stability(
    files: RunFolder,
    labelled: pd.DataFrame,
    metadata: TrainingMetadata,
    renamed: list[RenamedSegment],
    published: PublishedFiles | None,
    *,
    unchanged_move: float,
) -> StabilitySummary | None:
    """Compare the labels with the published ones, and write how they follow them and which changed.

    Args:
        files: Of the training, and where both files go.
        labelled: dfu_ck and cluster_label.
        metadata: How the clusters came about.
        renamed: Segments that continue under another name.
        published: The run compared with; None: with none, and what was written of earlier labels is removed.
        unchanged_move: Move up to which a DFU's history barely changed.

    Raises:
        DataError: The published labels are missing or unreadable.
    """
    if published is None:
        files.remove(RunFile.STABILITY, RunFile.LABEL_CHANGES)
        return None
    moves = files.find_table(RunFile.MOVES)
    churn, changes = compare_with_published(published.labels(), labelled, moves, unchanged_move=unchanged_move)
    summary = _summary(churn, metadata, renamed, published.run)
    write_table(changes, files.path(RunFile.LABEL_CHANGES))
    write_summary(summary, files.path(RunFile.STABILITY))
    return summary


def _summary(
    churn: LabelChurn, metadata: TrainingMetadata, renamed: list[RenamedSegment], published_run: str
) -> StabilitySummary:
    continuity = metadata.continuity
    return StabilitySummary(
        **dict(churn),
        published_run=published_run,
        refit=continuity.refit if continuity else True,
        refit_reason=continuity.reason if continuity else "trained without the published run",
        renamed=renamed,
        psi=continuity.psi if continuity else {},
        far_share=continuity.far_share if continuity else None,
        held_share=continuity.held_share if continuity else None,
        silhouette=metadata.silhouette,
        silhouette_nearest=continuity.silhouettes.get("nearest") if continuity else None,
    )
