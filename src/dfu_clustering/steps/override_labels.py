"""Overrides: a person's label for some DFUs is entered, ended, and put on top of the labels that are published."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError
from sqlalchemy import Engine

from dfu_clustering.config.operations import TrackingConfig
from dfu_clustering.config.problems import problem_in_words
from dfu_clustering.config.warehouse_names import WarehouseNames
from dfu_clustering.errors import DataError
from dfu_clustering.files.summary import Summary
from dfu_clustering.loads.publication import Publication
from dfu_clustering.months import parse_month
from dfu_clustering.overrides.override import Ending, Override, newest_states
from dfu_clustering.overrides.register import Overrides
from dfu_clustering.overrides.wanted import Wanted, require_sound
from dfu_clustering.publishing.lock import LockedTable, publish_lock
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.runs.archive import EarlierRuns
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.manifest import Step
from dfu_clustering.runs.overtaken import OvertakenError
from dfu_clustering.runs.publish_record import LedgerRecord, OverridesChangedError, find_done_publish
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.standing import Standing, standing_under_lock
from dfu_clustering.steps.find_published import find_standing_runs
from dfu_clustering.steps.publish_labels import line_of_overlay, overlay_of, preview_publish, update_assignments
from dfu_clustering.warehouse.chosen_dfus import dfus_of_filter, dfus_of_keys, require_filter_columns

logger = logging.getLogger(__name__)

OVERRIDES: Final = ".overrides"  # in the runs' folder; the publish of an override is no run
_TRIES: Final = 5

K = TypeVar("K", bound=Summary)

ENTER_OVERRIDE: Final = Step("enter_override", Override)
END_OVERRIDE: Final = Step("end_override", Ending)


class OverrideSummary(Summary):
    """What an override did, or with dry_run would do.

    Attributes:
        override: As it was entered or ended.
        as_of_month: Of the labels that are published; None: nothing is.
        published: What changed in dim_dfu; None: nothing was published with it.
        waits: Why it was not published at once; None: it was.
        publication: The ledger's line; None: nothing was published.
        dry_run: Whether nothing was entered, ended or written.
        already_ended: Whether it had been ended before: it is as it was.
    """

    override: Override
    as_of_month: str | None
    published: PublishSummary | None
    waits: str | None = None
    publication: Publication | None = None
    dry_run: bool = False
    already_ended: bool = False

    def __str__(self) -> str:
        """Return what was entered or ended, or would be, for terminals."""
        one = self.override
        of = f"of {len(one.dfu_cks):,} DFUs to {one.label}"
        if one.ended is not None:
            how = "already " if self.already_ended else "dry run, nothing ended: would be " if self.dry_run else ""
            return f"override {one.id} {of}: {how}{one.ended}"
        if self.dry_run:
            return f"dry run, nothing entered: an override {of} would hold until {one.until_month}"
        return f"override {one.id} {of}: holds until {one.until_month}"


@dataclass(frozen=True)
class Ended:
    """An override that has ended.

    Attributes:
        override: As it is now.
        already: Whether somebody else had ended it.
    """

    override: Override
    already: bool


def open_override(runs: Path, override_id: str) -> Run:
    """Return the folder of an override, where its steps and the labels before it are kept."""
    return Run(runs / OVERRIDES / f"override-{override_id}")


def open_ending(runs: Path, ending_id: str) -> Run:
    """Return the folder of an override's end, by the id of what ends it: who ends it once more has another."""
    return Run(runs / OVERRIDES / f"end-{ending_id}")


def enter_override(folder: Run, engine: Engine, wanted: Wanted, *, dry_run: bool = False) -> Override:
    """Enter an override; it holds from the next publish.

    Args:
        folder: Of the override; where it is entered already, nothing is done.
        engine: The warehouse.
        wanted: What the person wants.
        dry_run: Check everything and enter nothing.

    Raises:
        DataError: A DFU or the label is unknown, the last month is over, or a text is missing; nothing is entered.
        ConcurrentChangeError: Somebody publishes, and does not come to an end.
    """
    overrides = Overrides(folder.runs.parent)

    def work() -> Override:
        with publish_lock(engine) as table:
            standing = standing_under_lock(Ledger(overrides.runs), table)
            override_id = folder.name.removeprefix("override-")
            entered = overrides.named([override_id])
            if entered:  # by a try that did not come to its end
                return entered[0]
            override = _override(override_id, wanted, standing, table)
            if not dry_run:
                overrides.append(override)
        return override

    return work() if dry_run else folder.once(ENTER_OVERRIDE, work)


def find_override(runs: Path, override_id: str) -> Override:
    """Return an override as it is now.

    Raises:
        DataError: There is none of this id.
    """
    known = Overrides(runs).all()
    override = next((one for one in known if one.id == override_id), None)
    if override is None:
        held = [one.id for one in known if one.ended is None]
        raise DataError(
            "An override must be there to be ended",
            found=f"none of id {override_id!r}; {'those that are not ended are' if held else 'all have ended'}",
            keys=held,
            remedy="give the id that its entry said, or that the list of overrides shows",
        )
    return override


def end_override(folder: Run, engine: Engine, override_id: str, *, owner: str, reason: str, dry_run: bool) -> Ended:
    """End an override before its last month; the machine's labels are back from the next publish.

    Args:
        folder: Of its end. Keeps how it is ended before it is, so that an end that is resumed knows its own.
        engine: The warehouse.
        override_id: The override; one that has ended stays as it is.
        owner: Who ends it.
        reason: Why.
        dry_run: Check everything and end nothing.

    Raises:
        DataError: There is no override of this id, or a text is missing.
    """
    overrides = Overrides(folder.runs.parent)
    with publish_lock(engine) as table:
        standing = standing_under_lock(Ledger(overrides.runs), table)
        override = find_override(overrides.runs, override_id)
        if override.ended is not None:
            return Ended(override, already=override.ended != folder.find_result(END_OVERRIDE))

        def work() -> Ending:
            month = standing.newest.as_of_month if standing.newest else None
            return _checked(Ending, month=month, owner=owner, reason=reason, time=standing.time)

        ended = override.model_copy(update={"ended": work() if dry_run else folder.once(END_OVERRIDE, work)})
        if not dry_run:
            overrides.append(ended)
        return Ended(ended, already=False)


def publish_overrides(
    folder: Run,
    engine: Engine,
    tracking: TrackingConfig,
    override: Override,
    *,
    publish: bool = True,
    dry_run: bool = False,
) -> OverrideSummary:
    """Publish the labels that stand once more, with the overrides that hold now.

    The labels of the machine stay as they are, and the ledger's line says so: a run under way is not overtaken by it.

    Args:
        folder: Of the override or its end; gets the labels before. Where it has published already, nothing is done.
        engine: The warehouse.
        tracking: Where MLflow keeps the labels of a run whose folder is gone.
        override: That was entered or ended.
        publish: Whether to publish at all; else the next publish has it.
        dry_run: Report what would change with it and write nothing.

    Raises:
        OvertakenError, OverridesChangedError: Somebody publishes or overrides again and again; the next publish has it.
        DataError, ConcurrentChangeError, SlowStatementError, CommitUnknownError: As update_assignments().
    """
    if not (publish or dry_run):
        return OverrideSummary(override=override, as_of_month=None, published=None, waits="the next publish has it")
    for _ in range(_TRIES - 1):
        try:
            return _publish_overrides(folder, engine, tracking, override, dry_run=dry_run)
        except (OvertakenError, OverridesChangedError) as error:
            logger.info("publish_overrides again=true %s", error)
    return _publish_overrides(folder, engine, tracking, override, dry_run=dry_run)


def _publish_overrides(
    folder: Run, engine: Engine, tracking: TrackingConfig, override: Override, *, dry_run: bool
) -> OverrideSummary:
    runs = folder.runs.parent
    standing = find_standing_runs(engine, runs, tracking)
    done = find_done_publish(Ledger(runs), folder)
    if done is not None:  # by a try that did not come to its end
        own = done.publication
        return OverrideSummary(
            override=override, as_of_month=own.as_of_month, published=done.published, publication=own
        )
    newest, waits = standing.newest, _waits(standing, override)
    month = newest.as_of_month if newest else None
    if newest is None or waits:
        return OverrideSummary(override=override, as_of_month=month, published=None, waits=waits, dry_run=dry_run)
    overrides = Overrides(runs)
    earlier = EarlierRuns.in_folder(runs.parent, tracking).named(newest.run)
    if dry_run:
        as_wanted = newest_states([*overrides.all(), override])
        published = preview_publish(earlier, engine, [one for one in as_wanted if one.holds_in(newest.as_of_month)])
        return OverrideSummary(override=override, as_of_month=month, published=published, dry_run=True)

    def holding() -> list[Override]:
        return overrides.holding_in(newest.as_of_month)

    overlay = overlay_of(earlier, holding())
    line = line_of_overlay(overlay, newest)
    line = line.model_copy(update={"labels_at": newest.labels_at or newest.published_at})
    record = LedgerRecord(
        Ledger(runs),
        folder,
        line,
        lambda found: _require_same(found, newest),
        overlay=overlay,
        overrides_of_now=holding,
    )
    published = update_assignments(overlay, engine, unknown="report", record=record)
    return OverrideSummary(override=override, as_of_month=month, published=published, publication=record.publication())


def require_wanted(runs: Path, names: WarehouseNames, wanted: Wanted) -> None:
    """Check what is known without the warehouse of what a person wants; to enter it checks all.

    Raises:
        DataError: The label is no word of labels or was never published, the last month is over, or DFUs are missing.
    """
    newest = {line.warehouse: line for line in Ledger(runs).publications()}.values()  # a folder may serve several
    labels = {label for line in newest for label in line.labels}
    require_sound(wanted, labels, min((line.as_of_month for line in newest), default=None))
    require_filter_columns(names, wanted.values)


def _override(override_id: str, wanted: Wanted, standing: Standing, table: LockedTable) -> Override:
    newest = standing.newest
    require_sound(wanted, newest.labels if newest else (), newest.as_of_month if newest else None)
    if wanted.dfu_cks:
        dfu_cks = dfus_of_keys(table.connection, table.names, wanted.dfu_cks)
    else:
        dfu_cks = dfus_of_filter(table.connection, table.names, wanted.values)
    return _checked(
        Override,
        id=override_id,
        label=wanted.label,
        reason=wanted.reason,
        owner=wanted.owner,
        first_month=newest.as_of_month if newest else None,
        until_month=str(parse_month(wanted.until_month)),
        entered_at=standing.time,
        dfu_cks=dfu_cks,
    )


def _checked(kind: type[K], **values: object) -> K:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems = [problem_in_words(detail) for detail in error.errors()]
        raise DataError(
            "An override must say who wants it and why, on one line and of a length that people read",
            found="wrong or missing texts",
            keys=problems,
            remedy="give owner and reason; nothing was written",
        ) from error


def _waits(standing: Standing, override: Override) -> str | None:
    """Return why labels are not published at once; None where they are."""
    if standing.newest is None:
        return "nothing is published: it holds from the first publish"
    if standing.problem:
        return f"{standing.problem}: it holds from the next publish, which replaces these"
    if override.ended is not None and override.id not in standing.newest.overrides:
        return "the labels that are published do not have it"
    if override.ended is None and not override.holds_in(standing.newest.as_of_month):
        return f"its last month {override.until_month} is over"
    return None


def _require_same(found: Publication | None, noted: Publication) -> None:
    if found is None or not found.is_of_same_labels(noted):
        raise OvertakenError(f"not published: other labels were published meanwhile, {found}")
