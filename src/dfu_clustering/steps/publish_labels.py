"""Step 4: the labels go to dim_dfu, and their line into the ledger."""

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from sqlalchemy import Engine

from dfu_clustering.config.operations import TrackingConfig
from dfu_clustering.files.tables import sha256, write_table
from dfu_clustering.loads.publication import NOT_YET, Publication
from dfu_clustering.overrides.overlay import Overlay, lay_over
from dfu_clustering.overrides.override import Override
from dfu_clustering.overrides.register import Overrides
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.publishing.record import PublishRecord
from dfu_clustering.publishing.staging import LABEL_COLUMNS
from dfu_clustering.publishing.transaction import Publishing, publish_labels
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.manifest import BUILD_REPORT, NOTE_PUBLISHED, PUBLISH_LABELS, READ_SALES_STATE, RECORD_RUN
from dfu_clustering.runs.overtaken import require_newest
from dfu_clustering.runs.publish_record import LedgerRecord, OverridesChangedError
from dfu_clustering.runs.run import Run, RunName
from dfu_clustering.steps.record_run import record_early

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

LEAST_KNOWN_SHARE: Final = 0.5  # with fewer of its DFUs in dim_dfu a run is of another warehouse
_TRIES: Final = 5

T = TypeVar("T")


def publish_run(
    run: Run,
    engine: Engine,
    tracking: TrackingConfig,
    *,
    dry_run: bool = False,
    load_id: str | None = None,
    publish_older_month: bool = False,
) -> PublishSummary:
    """Publish the labels of a run; DFUs that left dim_dfu or came since its features were read are reported.

    It is done once a run; what a dry run has only compared can be published after all, and is reported and recorded
    once more then.

    Args:
        run: Its labels are written, and its sales state is read.
        engine: The warehouse.
        tracking: Where the previous labels are kept, too.
        dry_run: Report what would change and write nothing.
        load_id: The load that asks for the run.
        publish_older_month: Whether labels of a later month may be replaced.

    Raises:
        OvertakenError: Newer labels were published since this one began; nothing is written.
        DataError: Most of the labels are of DFUs that dim_dfu does not have, or as update_assignments().
        OverridesChangedError, ConcurrentChangeError, SlowStatementError, CommitUnknownError: A retry may succeed.
    """

    def require_allowed(newest: Publication | None) -> None:
        require_newest(run, newest, publish_older_month=publish_older_month)

    def work(overlay: Overlay) -> PublishSummary:
        record = LedgerRecord(
            Ledger(run.runs),
            run,
            line_of_run(run, overlay, load_id=load_id),
            require_allowed,
            lambda previous: record_early(run, previous, tracking),
            overlay,
            lambda: _holding(run),
        )
        return update_assignments(
            overlay,
            engine,
            dry_run=dry_run,
            unknown="report",
            least_known_share=LEAST_KNOWN_SHARE,
            excluded=run.table(RunFile.EXCLUDED)["dfu_ck"].astype("str"),
            record=record,
        )

    if dry_run:
        return run.once(PUBLISH_LABELS, lambda: work(_kept_overlay(run)))
    return run.once(
        PUBLISH_LABELS,
        lambda: with_overrides_of_now(lambda: work(overlay_of(run, _holding(run)))),
        again_if=lambda done: done.dry_run,
        forgetting=(BUILD_REPORT, RECORD_RUN),
    )


def with_overrides_of_now(publish: Callable[[], T]) -> T:
    """Return what a publish returns; where overrides are entered or ended meanwhile, it is made ready again.

    Raises:
        OverridesChangedError: They change again and again.
    """
    for _ in range(_TRIES - 1):
        try:
            return publish()
        except OverridesChangedError as error:
            logger.info("publishing again: %s", error)
    return publish()


def overlay_of(files: RunFolder, overrides: Sequence[Override]) -> Overlay:
    """Return the labels of a run as they are published with overrides on top.

    Raises:
        DataError: The file of labels is missing or unreadable, or lacks a column.
    """
    return lay_over(files.table(RunFile.LABELS, LABEL_COLUMNS), overrides)


def line_of_run(run: Run, overlay: Overlay, *, load_id: str | None) -> Publication:
    """Return what a run's line in the ledger says, but for what only its publish knows.

    Raises:
        KeyError: What was there when the run began is not noted.
    """
    noted, name = run.find_result(NOTE_PUBLISHED), RunName.parse(run.name)
    return line_of_labels(
        run,
        overlay,
        Publication(
            as_of_month=run.as_of_month,
            load_id=load_id,
            fingerprint=run.result(READ_SALES_STATE).fingerprint,
            config_digest=name.config_digest if name else "",
            run=run.name,
            labels={},
            published_at=NOT_YET,
            began=noted.began if noted else None,
        ),
    )


def line_of_labels(files: RunFolder, overlay: Overlay, line: Publication) -> Publication:
    """Return a line with what the labels that are published say, and which stored model is behind them."""
    model = files.find(RunFile.MODEL)
    return line_of_overlay(overlay, line).model_copy(update={"model_sha256": sha256(model) if model else None})


def line_of_overlay(overlay: Overlay, line: Publication) -> Publication:
    """Return a line with the labels that are published and the overrides among them."""
    sizes = overlay.labels["cluster_label"].value_counts()
    labels = {str(label): int(dfus) for label, dfus in sizes.items()}
    return line.model_copy(update={"labels": labels, "overrides": overlay.ids})


def preview_run(run: Run, engine: Engine) -> PublishSummary:
    """Return what publishing a run would change now; the report of the run finds which labels people have set."""
    return update_assignments(_kept_overlay(run), engine, dry_run=True, unknown="report")


def _kept_overlay(run: Run) -> Overlay:
    """Return the labels of a run with the overrides of now on top; which these are is kept with the run."""
    overlay = overlay_of(run, _holding(run))
    write_table(overlay.overridden, run.path(RunFile.OVERRIDES))
    return overlay


def _holding(run: Run) -> list[Override]:
    return Overrides(run.runs).holding_in(run.as_of_month)


def preview_publish(run: RunFolder, engine: Engine, overrides: Sequence[Override]) -> PublishSummary:
    """Return what publishing the labels of a run with overrides on top would change; nothing is written."""
    return update_assignments(overlay_of(run, overrides), engine, dry_run=True, unknown="report")


def update_assignments(
    overlay: Overlay,
    engine: Engine,
    *,
    dry_run: bool = False,
    unknown: Literal["error", "report"] = "error",
    least_known_share: float = 0.0,
    excluded: "pd.Series[str] | None" = None,
    record: PublishRecord | None = None,
) -> PublishSummary:
    """Write labels to dim_dfu.cluster_assignment in one transaction.

    Args:
        overlay: The labels, with overrides on top.
        engine: The warehouse.
        dry_run: Report what would change and write nothing.
        unknown: What labels of DFUs outside dim_dfu mean: an error, or a count in the report.
        least_known_share: Share (0-1) of the labelled DFUs that must be in dim_dfu for it to be their warehouse.
        excluded: DFUs that the run knows and left out; with it, DFUs that have come since are counted.
        record: Where the publish is written down; None: nowhere.

    Raises:
        DataError: The labels break a rule of labels files; nothing is written.
        ConcurrentChangeError: Somebody else works on dim_dfu; nothing is written.
        SlowStatementError: A statement took too long; nothing is written.
        CommitUnknownError: The connection was lost at the very end; publishing again sets it right.
    """
    how = Publishing(
        dry_run=dry_run,
        unknown=unknown,
        least_known_share=least_known_share,
        known_unlabelled=excluded,
        overrides=overlay.counts,
        may_be_unknown=frozenset(overlay.overridden["dfu_ck"]),
        record=record,
    )
    return publish_labels(engine, overlay.labels, how)
