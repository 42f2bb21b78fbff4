"""Taking back: the labels of an earlier run go to dim_dfu again, and that run is the champion again."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import AwareDatetime
from sqlalchemy import Engine

from dfu_clustering.config.operations import TrackingConfig
from dfu_clustering.errors import DataError
from dfu_clustering.files.summary import Summary, read_summary, write_summary
from dfu_clustering.history.known_runs import KnownRuns, UnknownRunError
from dfu_clustering.loads.publication import Publication
from dfu_clustering.overrides.overlay import Overlay
from dfu_clustering.overrides.override import Override
from dfu_clustering.overrides.register import Overrides
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.runs.archive import EarlierRun, EarlierRuns
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.manifest import Step
from dfu_clustering.runs.overtaken import note_published, require_nothing_new
from dfu_clustering.runs.publish_record import LedgerRecord
from dfu_clustering.runs.run import Run, var_folder
from dfu_clustering.runs.standing import find_standing
from dfu_clustering.runs.summaries import NotedPublish
from dfu_clustering.steps.publish_labels import (
    LEAST_KNOWN_SHARE,
    line_of_overlay,
    overlay_of,
    update_assignments,
    with_overrides_of_now,
)
from dfu_clustering.steps.record_run import record_early
from dfu_clustering.tracking.store import TrackingUnavailableError
from dfu_clustering.tracking.writer import record_restore as record_in_mlflow

logger = logging.getLogger(__name__)

RESTORES = ".restores"  # in the runs' folder; a restore is no run

Alias = Literal["moved", "no model of this run", "MLflow did not answer", "not moved (dry run)"]


class RestoreSummary(Summary):
    """What taking back did, or with dry_run would do.

    Attributes:
        run: The earlier run whose labels are published again.
        as_of_month: Of that run.
        replaced_run: The run whose labels were published until then; None: the ledger knows none.
        published: What changed in dim_dfu.
        alias: What became of MLflow's alias ``champion``.
        folder: Where the previous labels and this summary are kept.
        published_at: When, as the ledger has it; None with dry_run.
    """

    run: str
    as_of_month: str
    replaced_run: str | None
    published: PublishSummary
    alias: Alias
    folder: str
    published_at: AwareDatetime | None = None


FIND_RUN: Final = Step("find_run", Publication)
RESTORE_LABELS: Final = Step("restore_labels", PublishSummary)
RECORD_RESTORE: Final = Step("record_restore", Publication)


def find_run_to_restore(
    runs: Path, tracking: TrackingConfig, *, run: str | None, before: datetime | None, restore: Run | None = None
) -> tuple[EarlierRun, Publication]:
    """Return the run whose labels are wanted back, by name or by time, and its publish; a time without zone is in UTC.

    What only MLflow may know is read here: once the labels are restored, the ledger is written without MLflow.

    Args:
        runs: The folder of the runs.
        tracking: Where MLflow keeps the labels of a run whose folder is gone.
        run: A name by which people name runs (KnownRuns.find).
        before: Or a time.
        restore: Its folder, which keeps what is found. A restore that is resumed reads it there: once its own line is
            in the ledger, ``previous`` is another run. None: nothing is kept.

    Raises:
        DataError: Not exactly one of run and before is given, nothing was published then, or the labels are nowhere.
        TrackingUnavailableError: Ledger or folder do not have what is wanted, and MLflow does not answer.
    """
    earlier_runs = EarlierRuns.in_folder(runs.parent, tracking)

    def find() -> Publication:
        return _wanted_publication(earlier_runs, run, before)

    publication = restore.once(FIND_RUN, find) if restore else find()
    earlier = earlier_runs.named(publication.run)
    earlier.require(RunFile.LABELS)
    return earlier, publication


def _wanted_publication(earlier_runs: EarlierRuns, run: str | None, before: datetime | None) -> Publication:
    if run is not None and before is None:
        return _publication_of(earlier_runs, run)
    if before is not None and run is None:
        return earlier_runs.publication_before(before if before.tzinfo else before.replace(tzinfo=UTC))
    raise DataError(
        "A restore must name either a run or a time",
        found="both" if run is not None else "neither",
        remedy="give the run whose labels you want back, or the time before which they were published",
    )


def _publication_of(earlier_runs: EarlierRuns, wanted: str) -> Publication:
    try:
        run = KnownRuns(earlier_runs.runs).find(wanted).run
    except UnknownRunError:
        recorded = earlier_runs.recorded_publication(wanted)  # folder and ledger may be lost
        if recorded is None:
            raise
        return recorded
    return earlier_runs.publication(run)


def open_restore(runs: Path, restore_id: str) -> Run:
    """Return the folder of a restore, where its steps and the previous labels are kept."""
    return Run(runs / RESTORES / f"restore-{restore_id}")


def find_restore(runs: Path, publication: Publication) -> RestoreSummary | None:
    """Return what the restore did that a line of the ledger stands for; None where it is not written down."""
    summaries = (read_summary(RestoreSummary, path) for path in (runs / RESTORES).glob(f"*/{RunFile.RESTORE}"))
    return next((one for one in summaries if _is_of(one, publication)), None)


def restore_folder(runs: Path, restore: RestoreSummary) -> RunFolder:
    """Return the folder of a restore; where the runs lie may be called otherwise than where it was done."""
    return RunFolder(runs / RESTORES / Path(restore.folder).name)


def _is_of(summary: RestoreSummary, publication: Publication) -> bool:
    return (summary.run, summary.published_at) == (publication.run, publication.published_at)


def note_replaced(restore: Run, engine: Engine, *, dry_run: bool) -> NotedPublish:
    """Return what is published when the restore begins.

    A restore that is resumed says what it said at first: meanwhile the restored run may be the newest.
    """
    standing = find_standing(engine, restore.runs.parent, lambda _: True)
    if dry_run:
        return NotedPublish(newest=standing.newest, began=standing.time)
    return note_published(restore, standing)


def restore_labels(
    restore: Run,
    engine: Engine,
    earlier: EarlierRun,
    before: Publication,
    tracking: TrackingConfig,
    *,
    dry_run: bool = False,
) -> PublishSummary:
    """Publish the labels of an earlier run, in one transaction; DFUs that have left dim_dfu since are reported.

    Overrides that hold as of its month are on top of them, also those that were entered since. The ledger gets a line
    by which its publish holds again; its run is the champion of the next one. No load asked for it, so a load that was
    published before stays published: its announcement, repeated, starts nothing.

    Args:
        restore: Its folder; what is published was noted there.
        engine: The warehouse.
        earlier: The run whose labels are wanted.
        before: Its publish.
        tracking: Where the previous labels are kept, too.
        dry_run: Report what would change and write nothing.

    Raises:
        DataError: The labels are neither in the run's folder nor in MLflow, or most of them are of DFUs that dim_dfu
            does not have; nothing is written.
        TrackingUnavailableError: They are not in the run's folder, and MLflow does not answer.
        ConcurrentChangeError: Somebody else works on dim_dfu; nothing is written.
        OvertakenError: Somebody has published since the restore began; nothing is written.
    """

    def holding() -> list[Override]:
        return Overrides(restore.runs.parent).holding_in(earlier.as_of_month)

    def work() -> PublishSummary:
        overlay = overlay_of(earlier, holding())
        return update_assignments(
            overlay,
            engine,
            dry_run=dry_run,
            unknown="report",
            least_known_share=LEAST_KNOWN_SHARE,
            record=_record(restore, line_of_overlay(overlay, before), tracking, overlay, holding),
        )

    return work() if dry_run else restore.once(RESTORE_LABELS, lambda: with_overrides_of_now(work))


def _record(
    restore: Run,
    before: Publication,
    tracking: TrackingConfig,
    overlay: Overlay | None = None,
    overrides_of_now: Callable[[], Sequence[Override]] = tuple,
) -> LedgerRecord:
    line = before.model_copy(update={"load_id": None, "restored": True, "labels_at": None})
    return LedgerRecord(
        Ledger(restore.runs.parent),
        restore,
        line,
        lambda newest: require_nothing_new(restore, newest),
        lambda previous: record_early(restore, previous, tracking),
        overlay,
        overrides_of_now,
    )


def record_restore(restore: Run, before: Publication, tracking: TrackingConfig) -> Publication:
    """Return the line that the restore has in the ledger."""

    def work() -> Publication:
        publication = _record(restore, before, tracking).publication()
        if publication is None:
            raise KeyError(RESTORE_LABELS.name)
        return publication

    return restore.once(RECORD_RESTORE, work)


def move_champion(restore: Run, earlier: EarlierRun, tracking: TrackingConfig) -> Alias:
    """Move MLflow's alias ``champion`` to the earlier run's model; where MLflow is down, log it and continue."""
    try:
        moved = record_in_mlflow(restore.name, earlier.name, config=tracking, default_folder=var_folder() / "mlflow")
    except TrackingUnavailableError as error:
        logger.warning("MLflow's alias champion was not moved: %s", error)
        return "MLflow did not answer"
    return "moved" if moved else "no model of this run"


def summarize_restore(
    restore: Run,
    earlier: EarlierRun,
    published: PublishSummary,
    *,
    replaced: NotedPublish,
    alias: Alias,
    published_at: datetime | None = None,
) -> RestoreSummary:
    """Return what was done, and keep it beside the previous labels, unless nothing was written."""
    summary = RestoreSummary(
        run=earlier.name,
        as_of_month=earlier.as_of_month,
        replaced_run=replaced.newest.run if replaced.newest else None,
        published=published,
        alias=alias,
        folder=str(restore.folder),
        published_at=published_at,
    )
    if not published.dry_run:
        write_summary(summary, restore.path(RunFile.RESTORE))
    return summary
