"""Step 4: the labels go to dim_dfu."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pandas as pd
from sqlalchemy import Engine

from dfu_clustering.files.tables import read_table
from dfu_clustering.publishing.journal import Attempt, PublishJournal
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.publishing.transaction import Publishing, publish_labels

_TEXT_COLUMNS = frozenset({"dfu_ck", "cluster_label"})


def update_assignments(
    engine: Engine,
    *,
    labels: Path,
    dry_run: bool = False,
    unknown: Literal["error", "report"] = "error",
    least_known_share: float = 0.0,
    excluded: Path | None = None,
    journal_folder: Path | None = None,
    record: Callable[[Path], None] | None = None,
) -> PublishSummary:
    """Write a labels file to dim_dfu.cluster_assignment in one transaction.

    previous_labels.parquet keeps the labels of all rows that change, before they do.

    Args:
        engine: The warehouse.
        labels: cluster_labels.csv or .parquet.
        dry_run: Report what would change and write nothing.
        unknown: What labels of DFUs outside dim_dfu mean: an error, or a count in the report.
        least_known_share: Share (0-1) of the labelled DFUs that must be in dim_dfu for it to be their warehouse.
        excluded: DFUs that the run knows and left out, by reason; with it, DFUs that have come since are counted.
        journal_folder: Where the previous labels are kept, one folder a publish: a second publish of the same labels
            into it is taken for the first one, resumed. Default: beside the labels.
        record: Takes the previous labels elsewhere, too, once they are on disk and before the change is committed.

    Raises:
        DataError: The file is unreadable or breaks a rule of labels files; nothing is written.
        ConcurrentChangeError: Somebody else works on dim_dfu; nothing is written.
        SlowStatementError: A statement took too long; nothing is written.
        CommitUnknownError: The connection was lost at the very end; publishing again sets it right.
    """
    table = read_table(labels, text_columns=_TEXT_COLUMNS)
    journal = PublishJournal(journal_folder or labels.parent)

    def keep(attempt: Attempt, previous: pd.DataFrame) -> None:
        journal.write(attempt, previous)
        if record is not None and len(previous):
            record(journal.previous_labels)

    how = Publishing(
        dry_run=dry_run,
        unknown=unknown,
        least_known_share=least_known_share,
        known_unlabelled=_known_unlabelled(excluded),
        last_attempt=None if dry_run else journal.last_attempt(),
        keep=keep,
    )
    return publish_labels(engine, table, how)


def _known_unlabelled(excluded: Path | None) -> "pd.Series[str] | None":
    if excluded is None:
        return None
    table = read_table(excluded, text_columns=frozenset({"dfu_ck", "reason"}))
    return table["dfu_ck"].astype("str")
