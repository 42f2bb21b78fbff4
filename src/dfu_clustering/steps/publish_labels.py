"""Step 4: the labels go to dim_dfu."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pandas as pd
from sqlalchemy import Engine

from dfu_clustering.config.operations import TrackingConfig
from dfu_clustering.publishing.journal import Attempt, PublishJournal
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.publishing.transaction import Publishing, publish_labels
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.manifest import PUBLISH_LABELS, once
from dfu_clustering.runs.overtaken import require_not_overtaken
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.record_run import record_early


@once(PUBLISH_LABELS)
def publish_run(run: Run, engine: Engine, tracking: TrackingConfig, *, dry_run: bool) -> PublishSummary:
    """Publish the labels of a run; DFUs that left dim_dfu or came since its features were read are reported.

    Raises:
        OvertakenError: Another run has published since this one began; nothing is written.
        DataError, ConcurrentChangeError, SlowStatementError, CommitUnknownError: As update_assignments().
    """
    return update_assignments(
        run,
        engine,
        dry_run=dry_run,
        unknown="report",
        excluded=run.table(RunFile.EXCLUDED)["dfu_ck"].astype("str"),
        allowed=lambda: require_not_overtaken(run),
        record=lambda previous: record_early(run, previous, tracking),
    )


def preview_publish(run: RunFolder, engine: Engine) -> PublishSummary:
    """Return what publishing the labels of a run would change; nothing is written."""
    return update_assignments(run, engine, dry_run=True, unknown="report")


def update_assignments(
    files: RunFolder,
    engine: Engine,
    *,
    dry_run: bool = False,
    unknown: Literal["error", "report"] = "error",
    least_known_share: float = 0.0,
    excluded: "pd.Series[str] | None" = None,
    journal: RunFolder | None = None,
    allowed: Callable[[], None] | None = None,
    record: Callable[[Path], None] | None = None,
) -> PublishSummary:
    """Write labels to dim_dfu.cluster_assignment in one transaction.

    The labels of all rows that change are kept before they do.

    Args:
        files: The labels, in a run's folder or where it says they lie.
        engine: The warehouse.
        dry_run: Report what would change and write nothing.
        unknown: What labels of DFUs outside dim_dfu mean: an error, or a count in the report.
        least_known_share: Share (0-1) of the labelled DFUs that must be in dim_dfu for it to be their warehouse.
        excluded: DFUs that the run knows and left out; with it, DFUs that have come since are counted.
        journal: Where the previous labels are kept; None: beside the labels.
        allowed: Is asked under the publish lock before anything is committed; it raises where it is not.
        record: Gets the file of the previous labels before the change is committed.

    Raises:
        DataError: The file is unreadable or breaks a rule of labels files; nothing is written.
        ConcurrentChangeError: Somebody else works on dim_dfu; nothing is written.
        SlowStatementError: A statement took too long; nothing is written.
        CommitUnknownError: The connection was lost at the very end; publishing again sets it right.
    """
    labels = files.table(RunFile.LABELS)
    kept_in = journal or RunFolder(files.path(RunFile.LABELS).parent)
    publish_journal = PublishJournal(kept_in.path(RunFile.PREVIOUS_LABELS), kept_in.path(RunFile.PUBLISH_ATTEMPT))

    def keep(attempt: Attempt, previous: pd.DataFrame) -> None:
        if allowed is not None:
            allowed()
        publish_journal.write(attempt, previous)
        if record is not None and len(previous):
            record(publish_journal.previous_labels)

    how = Publishing(
        dry_run=dry_run,
        unknown=unknown,
        least_known_share=least_known_share,
        known_unlabelled=excluded,
        last_attempt=None if dry_run else publish_journal.last_attempt(),
        keep=keep,
    )
    return publish_labels(engine, labels, how)
