"""A publish is written down: the previous labels and the attempt in its folder, its line in the ledger."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from dfu_clustering.errors import DfuClusteringError
from dfu_clustering.files.summary import parse_summary, write_summary
from dfu_clustering.files.tables import read_json, write_table
from dfu_clustering.loads.publication import Publication
from dfu_clustering.overrides.overlay import Overlay
from dfu_clustering.overrides.override import Override
from dfu_clustering.publishing.lock import LockedTable
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.publishing.record import Attempt
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.ledger import Ledger, Pending
from dfu_clustering.runs.standing import standing_under_lock

logger = logging.getLogger(__name__)


class OverridesChangedError(DfuClusteringError):
    """The overrides are no longer those that were laid over the labels; nothing was written."""


@dataclass(frozen=True)
class DonePublish:
    """A publish that was committed.

    Attributes:
        published: What it changed.
        publication: Its line.
    """

    published: PublishSummary
    publication: Publication


def find_done_publish(ledger: Ledger, folder: RunFolder) -> DonePublish | None:
    """Return what a folder has published, as its attempt and the ledger know; None: nothing.

    One that was cut off counts once it is settled.
    """
    attempt = _attempt_of(folder)
    if attempt is None:
        return None
    of_attempt = (attempt.warehouse, attempt.time)
    lines = (line for line in ledger.publications() if (line.warehouse, line.published_at) == of_attempt)
    return next((DonePublish(attempt.report, line) for line in lines), None)


@dataclass
class LedgerRecord:
    """The record of one publish: of a run, of a restore, or of the program.

    Attributes:
        ledger: Gets its line.
        folder: Gets the previous labels and the attempt; by that it knows itself when it is tried again.
        line: What the line says, but for what only the attempt knows.
        require_allowed: Gets what was published last, and raises where this must not replace it.
        take_along: Gets the file of the previous labels, before anything changes; None: it stays in the folder.
        overlay: The labels that are published, with overrides on top; None: there are none.
        overrides_of_now: Returns the overrides that hold.
    """

    ledger: Ledger
    folder: RunFolder
    line: Publication
    require_allowed: Callable[[Publication | None], None] = lambda _: None
    take_along: Callable[[Path], None] | None = None
    overlay: Overlay | None = None
    overrides_of_now: Callable[[], Sequence[Override]] = tuple
    _moved_from: str | None = field(default=None, init=False)

    def begin(self, table: LockedTable) -> PublishSummary | None:
        """See PublishRecord."""
        standing = standing_under_lock(self.ledger, table)
        done = self._done()
        if done is not None:
            return done.published
        if standing.problem:
            logger.warning("publishing %s", standing.problem)
        self.require_allowed(standing.newest)
        if self.overlay is not None and self.overlay.overrides != tuple(self.overrides_of_now()):
            raise OverridesChangedError("overrides were entered or ended while these labels were made ready")
        if standing.newest and standing.newest.warehouse != table.warehouse:
            self._moved_from = standing.newest.warehouse
        return None

    def keep_previous(self, previous: pd.DataFrame) -> None:
        """See PublishRecord."""
        path = self.folder.path(RunFile.PREVIOUS_LABELS)
        write_table(previous.sort_values("dfu_ck", ignore_index=True), path)
        if self.overlay is not None:
            write_table(self.overlay.overridden, self.folder.path(RunFile.OVERRIDES))
        if self.take_along is not None and len(previous):
            self.take_along(path)

    def prepare(self, attempt: Attempt) -> None:
        """See PublishRecord."""
        write_summary(attempt, self.folder.path(RunFile.PUBLISH_ATTEMPT))
        self.ledger.prepare(Pending(transaction=attempt.transaction, publication=self._line_of(attempt)))

    def committed(self, attempt: Attempt) -> None:
        """See PublishRecord."""
        self.ledger.settle(attempt.warehouse, lambda _: True)

    def publication(self) -> Publication | None:
        """Return the line of this publish; None where the ledger has none."""
        done = self._done()
        return done.publication if done else None

    def _done(self) -> DonePublish | None:
        done = find_done_publish(self.ledger, self.folder)
        return done if done and done.publication.run == self.line.run else None

    def _line_of(self, attempt: Attempt) -> Publication:
        return self.line.model_copy(
            update={
                "published_at": attempt.time,
                "warehouse": attempt.warehouse,
                "labels_digest": attempt.labels_digest,
                "moved_from": self._moved_from,
            }
        )


def _attempt_of(folder: RunFolder) -> Attempt | None:
    path = folder.find(RunFile.PUBLISH_ATTEMPT)
    if path is None:
        return None
    content = read_json(path)
    # one of an earlier version says no time, and has no line
    of_earlier_version = isinstance(content, dict) and "transaction" in content and "time" not in content
    return None if of_earlier_version else parse_summary(Attempt, content, path)
