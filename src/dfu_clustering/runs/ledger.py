"""The ledger of publishes: one line of JSON each in the runs folder, because the user's schema takes no new table.

A line is written under the publish lock, so the order of the lines is that of the publishes. Before a publish is
committed its line is on disk as a pending one. The process that takes the lock next settles it: where PostgreSQL says
that the transaction was committed, it becomes a line.
"""

import fcntl
import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from dfu_clustering.errors import DataError
from dfu_clustering.files.summary import Summary, read_summary, write_summary
from dfu_clustering.files.tables import atomic_path
from dfu_clustering.loads.publication import Publication

logger = logging.getLogger(__name__)

_WAREHOUSE_DIGITS = 12


class Pending(Summary):
    """A publish that is about to be committed, or was, and whose line is not in the ledger yet.

    Attributes:
        transaction: Its PostgreSQL id.
        publication: Its line.
    """

    transaction: int
    publication: Publication


@dataclass(frozen=True)
class Ledger:
    """The publishes of all runs whose folders lie in one folder; workers on several hosts must share it.

    Attributes:
        runs: The folder of the runs.
    """

    runs: Path

    @property
    def path(self) -> Path:
        """Return the path of the ledger's file."""
        return self.runs / "published.jsonl"

    def publications(self) -> list[Publication]:
        """Return all publishes, the oldest first; none where nothing has been published yet.

        A last line that was cut off while the file was copied or the disk was full is left out: what it said is
        published once more, which changes no row.

        Raises:
            DataError: A whole line is not one of a ledger.
        """
        # split at the newline only: splitlines() also ends a line at separators that a load_id may hold
        lines = self._whole_text().split("\n")[:-1]
        return [self._parsed(line, number) for number, line in enumerate(lines, start=1)]

    def append(self, publication: Publication) -> None:
        """Add a publish; another program that adds one at the same time waits, and a reader never sees half a line."""
        self.runs.mkdir(parents=True, exist_ok=True)
        with self._locked(), atomic_path(self.path) as draft:
            draft.write_text(f"{self._whole_text()}{publication.model_dump_json()}\n", encoding="utf-8")

    def pending_path(self, warehouse: str) -> Path:
        """Return where the pending publish to a warehouse lies: each warehouse has a publish lock of its own."""
        digest = hashlib.sha256(warehouse.encode()).hexdigest()[:_WAREHOUSE_DIGITS]
        return self.runs / f".publishing-{digest}.json"

    def prepare(self, pending: Pending) -> None:
        """Keep a publish that is about to be committed; on disk when this returns."""
        write_summary(pending, self.pending_path(pending.publication.warehouse or ""))

    def settle(self, warehouse: str, was_committed: Callable[[Pending], bool]) -> None:
        """Make the pending publish to a warehouse a line, or drop it; under its publish lock.

        Args:
            warehouse: Whose lock is held.
            was_committed: Whether it was, as the warehouse says.
        """
        path = self.pending_path(warehouse)
        if not path.exists():
            return
        pending = read_summary(Pending, path)
        committed = was_committed(pending)
        if committed and pending.publication not in self.publications():
            self.append(pending.publication)
        path.unlink()
        logger.info("settled committed=%s pending publish %s", committed, pending.publication)

    def _parsed(self, line: str, number: int) -> Publication:
        try:
            return Publication.model_validate_json(line)
        except ValidationError as error:
            raise self._broken(f"line {number}, which is none,") from error

    def _whole_text(self) -> str:
        if not self.path.exists():
            return ""
        whole, newline, cut_off = self.path.read_bytes().rpartition(b"\n")
        if cut_off:
            logger.warning("the last line of %s is incomplete and is ignored: %r", self.path, cut_off[:80])
        try:
            return (whole + newline).decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._broken(f"bytes that are not text ({error.reason})") from error

    def _broken(self, found: str) -> DataError:
        return DataError(
            "Every line of the ledger must be a publish",
            found=f"{found} in {self.path}",
            remedy="restore the file from a backup; or move it away: then the newest load is published again",
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        folder = os.open(self.runs, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)
