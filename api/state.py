"""What readers see at one moment: the labels of all DFUs and the newest publish, exchanged as a whole.

An answer never mixes two states of dim_dfu. The labels are read by one statement and kept; a page is either cut from
them or read with its total in one transaction. At most ``refresh_s`` after an answer was right the service looks
whether rows of dim_dfu or the ledger have changed, and reads again only then.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from api.database import Database, LabelSnapshot
from api.problem_details import NotFoundError, UnavailableError
from api.published_run import PublishedRun
from api.response_cache import Answers
from api.settings import ApiSettings
from dfu_clustering.errors import DataError
from dfu_clustering.overrides.register import Overrides
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.lookup import brought_labels

logger = logging.getLogger(__name__)


class View:
    """One state of dim_dfu and the ledger, with the answers made from it.

    Attributes:
        labels: Which DFU carries which label.
        published: All publishes, the oldest first.
        newest: The newest of them; None: nothing has been published yet.
        answers: What has been answered from this state.
    """

    def __init__(self, labels: LabelSnapshot, published: Sequence[PublishedRun]) -> None:
        self.labels = labels
        self.published = published
        self.newest = published[-1] if published else None
        self.answers = Answers()

    @property
    def as_of_month(self) -> str | None:
        """Return the month of the newest publish."""
        return self.newest.publication.as_of_month if self.newest else None

    def require_newest(self) -> PublishedRun:
        """Return the newest publish.

        Raises:
            NotFoundError: Nothing has been published yet.
        """
        if self.newest is None:
            raise NotFoundError("Nothing has been published yet.")
        return self.newest

    def newest_of_months(self, n: int) -> list[PublishedRun]:
        """Return the newest publish of each of the last n months that were published, the oldest month first."""
        by_month = {run.publication.as_of_month: run for run in self.published}
        return [by_month[month] for month in sorted(by_month)[-n:]]

    def newest_with_report(self) -> PublishedRun:
        """Return the newest publish whose report is written: a report comes a minute after its publish.

        Raises:
            NotFoundError: There is none.
        """
        for run in reversed(self.published):
            if run.report.is_file():
                return run
        raise NotFoundError("No published run has a report.")


@dataclass(frozen=True)
class _Marks:
    """What shows a change without reading it all: of dim_dfu, and of the ledger's file."""

    table: tuple[Any, ...]
    ledger: tuple[int, ...]


class Views:
    """Keeps the newest view; one thread looks for changes, the others meanwhile get the view that is there."""

    def __init__(self, settings: ApiSettings, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._database = database
        self._ledger = Ledger(settings.runs)
        self._clock = clock
        self._lock = threading.Lock()
        self._view: View | None = None
        self._marks: _Marks | None = None
        self._reading_labels = False
        self._read_at = self._confirmed_at = float("-inf")
        self._prober = ThreadPoolExecutor(1, thread_name_prefix="readiness")
        self._probe: Future[View] | None = None

    def current(self) -> View:
        """Return a view that was right at most ``refresh_s`` ago.

        It may be older: by ``snapshot_timeout_s`` while new labels are read, by ``grace_s`` while the database is away.

        Raises:
            OperationalError: The database does not answer, and the last view is older than that.
            UnavailableError: The first view is still being made.
        """
        view = self._view
        if view is not None and self._age_s() < self._settings.refresh_s:
            return view
        acceptable_s = self._settings.grace_s + (self._settings.snapshot_timeout_s if self._reading_labels else 0.0)
        return self._refreshed(view if self._age_s() < acceptable_s else None)

    def current_soon(self, limit_s: float) -> View:
        """Return what current() does, within a time limit; after it one thread continues the work.

        Raises:
            UnavailableError: The table lets the service wait.
        """
        if self._probe is None or self._probe.done():
            self._probe = self._prober.submit(self.current)
        try:
            return self._probe.result(limit_s)
        except TimeoutError as error:
            raise UnavailableError(f"the labels could not be confirmed within {limit_s:g} s") from error

    def close(self) -> None:
        """Begin nothing more."""
        self._prober.shutdown(wait=False, cancel_futures=True)

    def _refreshed(self, usable: View | None) -> View:
        patience_s = 0.0 if usable else self._settings.connect_timeout_s + 2 * self._settings.statement_timeout_s
        if not self._lock.acquire(timeout=patience_s):
            if usable is None:
                raise UnavailableError("the labels are still being read")
            return usable
        try:
            return self._refresh()
        except (OperationalError, InterfaceError, PoolTimeoutError):
            if usable is None:
                raise
            logger.warning("the database does not answer; showing labels that were confirmed %.1f s ago", self._age_s())
            return usable
        finally:
            self._lock.release()

    def _refresh(self) -> View:
        if self._view is not None and self._age_s() < self._settings.refresh_s:
            return self._view  # by the thread that had the lock before
        now = self._clock()
        marks = _Marks(
            self._database.change_mark(), self._ledger_mark()
        )  # before reading: a later change shows next time
        view = self._view
        if view is None or marks != self._marks or now - self._read_at >= self._settings.rebuild_s:
            view = self._view = self._read(marks, now)
            self._marks = marks
        self._confirmed_at = now
        return view

    def _read(self, marks: _Marks, now: float) -> View:
        started = time.perf_counter()
        same_table = self._marks is not None and marks.table == self._marks.table
        if self._view is not None and same_table and now - self._read_at < self._settings.rebuild_s:
            labels = self._view.labels
        else:
            with self._labels_being_read():
                labels = self._database.label_snapshot()
            self._read_at = now
        view = View(labels, self._published(marks.ledger))
        facts = (view.as_of_month, labels.n_dfus, len(labels.counts()), time.perf_counter() - started)
        logger.info("view as_of=%s dfus=%d labels=%d duration_s=%.2f", *facts)
        return view

    @contextmanager
    def _labels_being_read(self) -> Iterator[None]:
        self._reading_labels = True
        try:
            yield
        finally:
            self._reading_labels = False

    def _published(self, mark: tuple[int, ...]) -> Sequence[PublishedRun]:
        """Return the publishes; where the ledger is the same, with all that was read of their folders before.

        A ledger that became unreadable does not make the labels wrong: the publishes that are known are still shown.
        """
        known = self._view.published if self._view else None
        try:
            lines = self._ledger.publications()
        except (DataError, OSError):
            if known is None:
                raise
            logger.exception("the ledger cannot be read; showing the publishes that were known before")
            return known
        same_ledger = self._marks is not None and mark == self._marks.ledger
        kept = {run.publication.model_dump_json(): run for run in known or ()} if same_ledger else {}
        overrides = Overrides(self._settings.runs).all() if any(line.overrides for line in lines) else ()
        return [
            kept.get(line.model_dump_json()) or PublishedRun(self._settings.runs, line, brought, overrides)
            for line, brought in zip(lines, brought_labels(lines), strict=True)
        ]

    def _age_s(self) -> float:
        return self._clock() - self._confirmed_at

    def _ledger_mark(self) -> tuple[int, ...]:
        try:
            found = self._ledger.path.stat()
        except FileNotFoundError:
            return ()
        except OSError:
            if self._marks is None:
                raise
            logger.exception("the ledger cannot be reached; showing the publishes that were known before")
            return self._marks.ledger
        return found.st_ino, found.st_mtime_ns, found.st_size
