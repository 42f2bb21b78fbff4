"""Remove folders that nobody needs any more: old runs, their restores, backfills that no longer count, downloads.

What is published, or continued by the next run, stays whatever its age, and so do the newest runs of any kind. A run
that is under way has a young folder.
"""

import logging
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from dfu_clustering.config.operations import RetentionConfig
from dfu_clustering.files.summary import Summary
from dfu_clustering.history.backfills import history_folder, read_index
from dfu_clustering.history.known_runs import KnownRuns
from dfu_clustering.loads.publication import Publication
from dfu_clustering.runs.archive import FETCHED
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.lookup import publications_to_continue
from dfu_clustering.steps.override_labels import OVERRIDES
from dfu_clustering.steps.restore_labels import RESTORES

logger = logging.getLogger(__name__)

_DAYS_OF_A_MONTH: Final = 30.44
_DRAFT: Final = ".removing-"  # what a removal that was cut off leaves; no reader takes it for a run

Kind = Literal["published", "not_published", "restore", "override", "backfill", "from_mlflow"]


class RemovedFolder(Summary):
    """A folder that was removed, or would be.

    Attributes:
        name: Below ``var``.
        kind: What it was.
        written_at: When its newest file was written.
        size_mb: Megabytes.
    """

    name: str
    kind: Kind
    written_at: datetime
    size_mb: float


class RemovalSummary(Summary):
    """What was removed, or with ``dry_run`` would be, the oldest first."""

    removed: list[RemovedFolder]
    dry_run: bool

    def __str__(self) -> str:
        """Return it in a line."""
        verb = "would remove" if self.dry_run else "removed"
        size_mb = sum(folder.size_mb for folder in self.removed)
        names = f": {', '.join(folder.name for folder in self.removed)}" if self.removed else ""
        return f"{verb} {len(self.removed)} old folders, {size_mb:,.1f} MB{names}"


def remove_old_runs(runs: Path, config: RetentionConfig, now: datetime, *, dry_run: bool = False) -> RemovalSummary:
    """Remove the folders that are older than the configuration wants them kept; once more, it finds nothing.

    Args:
        runs: The folder of the runs; backfills are in the folder ``history`` beside it.
        config: How long what is kept.
        now: The time.
        dry_run: Say what would be removed and remove nothing.

    Raises:
        DataError: The ledger or the index of the backfills cannot be read; nothing is removed.
    """
    if config.published_months is None and config.other_months is None:
        return RemovalSummary(removed=[], dry_run=dry_run)
    expired = sorted(_expired(runs, config, now), key=lambda one: (one[1].written_at, one[1].name))
    if not dry_run:
        for folder, _ in expired:
            _remove(folder)
        _remove_drafts(runs, runs / RESTORES, runs / OVERRIDES, runs / FETCHED, history_folder(runs.parent))
    summary = RemovalSummary(removed=[found for _, found in expired], dry_run=dry_run)
    logger.info("retention %s", summary)
    return summary


def _expired(runs: Path, config: RetentionConfig, now: datetime) -> Iterator[tuple[Path, RemovedFolder]]:
    limits: dict[Kind, int | None] = {
        "published": config.published_months,
        "restore": config.published_months,
        "override": config.published_months,
        "not_published": config.other_months,
        "backfill": config.other_months,
        "from_mlflow": config.other_months,
    }
    for kind, folder in _candidates(runs, config.newest_kept):
        months = limits[kind]
        if months is None:
            continue
        files = [path.stat() for path in folder.rglob("*") if path.is_file()] or [folder.stat()]
        written_at = datetime.fromtimestamp(max(file.st_mtime for file in files), now.tzinfo)
        if now - written_at > timedelta(days=months * _DAYS_OF_A_MONTH):
            size_mb = round(sum(file.st_size for file in files) / 1e6, 1)
            name = str(folder.relative_to(runs.parent))
            yield folder, RemovedFolder(name=name, kind=kind, written_at=written_at, size_mb=size_mb)


def _candidates(runs: Path, newest_kept: int) -> Iterator[tuple[Kind, Path]]:
    """Yield what may be removed once it is old enough."""
    known = [one for one in KnownRuns(runs).list() if one.kind != "backfilled_month" and one.recorded_at is not None]
    kept = {one.run for one in known[:newest_kept]} | _needed(Ledger(runs).publications(), newest_kept)
    for one in known:
        if one.run not in kept:
            yield ("published" if one.kind == "published" else "not_published"), runs / one.run
    yield from (("from_mlflow", folder) for folder in _folders(runs / FETCHED) if folder.name not in kept)
    beside: tuple[tuple[Kind, str], ...] = (("restore", RESTORES), ("override", OVERRIDES))
    for kind, parent in beside:
        oldest_first = sorted(_folders(runs / parent), key=lambda path: path.stat().st_mtime)
        yield from ((kind, folder) for folder in oldest_first[:-newest_kept])
    yield from (("backfill", folder) for folder in _uncounted_backfills(runs.parent))


def _uncounted_backfills(var: Path) -> list[Path]:
    """Return backfills of which no month is read any more; none where no backfill was ever finished."""
    counted = {one.id for one in read_index(var).backfills}
    return [folder for folder in _folders(history_folder(var)) if counted and folder.name not in counted]


def _needed(lines: list[Publication], newest_kept: int) -> set[str]:
    """Return the runs that are published, and those that the next run or a rerun of the newest month continues.

    Each warehouse that is published to has its own; lines of earlier versions name none.
    """
    needed = {line.run for line in lines[-newest_kept:]}
    for warehouse in {line.warehouse for line in lines}:
        of_one = [line for line in lines if line.warehouse == warehouse]
        continued = publications_to_continue(of_one, max(line.as_of_month for line in of_one))
        needed |= {line.run for line in (of_one[-1], *continued)}
    return needed


def _folders(parent: Path) -> list[Path]:
    return [path for path in parent.iterdir() if path.is_dir() and path.name[0] != "."] if parent.is_dir() else []


def _remove(folder: Path) -> None:
    """Remove a folder as a whole: under another name first, so that nobody reads the half of a run."""
    draft = folder.with_name(f"{_DRAFT}{folder.name}")
    folder.rename(draft)
    shutil.rmtree(draft)


def _remove_drafts(*parents: Path) -> None:
    for parent in parents:
        for draft in parent.glob(f"{_DRAFT}*"):
            shutil.rmtree(draft, ignore_errors=True)
