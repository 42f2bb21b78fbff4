"""The ledger of publishes: one line of JSON each in the runs folder, because the user's schema takes no new table.

A line is written under the publish lock, so the order of the lines is that of the publishes. Before a publish is
committed its line is on disk as a pending one. The process that takes the lock next settles it: where PostgreSQL says
that the transaction was committed, it becomes a line.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dfu_clustering.files.json_lines import JsonLines
from dfu_clustering.files.summary import Summary, read_summary, write_summary
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

        What a last line that was cut off said is published once more, which changes no row.

        Raises:
            DataError: A whole line is not one of a ledger.
        """
        return self._lines.read()

    def append(self, publication: Publication) -> None:
        """Add a publish."""
        self._lines.append(publication)

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

    @property
    def _lines(self) -> JsonLines[Publication]:
        return JsonLines(
            self.path,
            Publication,
            rule="Every line of the ledger must be a publish",
            remedy="restore the file from a backup; or move it away: then the newest load is published again",
        )
