"""Which publishes stand: those of this warehouse that what the DFU table has now comes from.

The newest line of the ledger says which labels were published last, and its digest which labels the table had then.
Somebody may have changed them since, or have put the database back from a backup.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import AwareDatetime
from sqlalchemy import Engine

from dfu_clustering.errors import WarehouseError
from dfu_clustering.loads.publication import Publication
from dfu_clustering.publishing.lock import LockedTable, publish_lock
from dfu_clustering.publishing.staging import begun_transaction
from dfu_clustering.runs.ledger import Ledger, Pending
from dfu_clustering.runs.lookup import newest_publication

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Standing:
    """What is published at a time.

    Attributes:
        publications: Publishes of this warehouse, the oldest first, up to the one whose labels the table has.
        time: By the warehouse's clock.
        problem: Where the table has the labels of none of them: what it has instead.
        bare: Whether the table has no label at all.
    """

    publications: tuple[Publication, ...]
    time: AwareDatetime
    problem: str | None = None
    bare: bool = False

    @property
    def newest(self) -> Publication | None:
        """Return the publish whose labels the table has, or had before somebody changed them; None: it has no label."""
        return None if self.bare else newest_publication(self.publications)

    @property
    def answers(self) -> tuple[Publication, ...]:
        """Return the publishes that answer a load: none where the table has the labels of none."""
        return () if self.problem else self.publications


def find_standing(engine: Engine, runs: Path, has_labels_of: Callable[[Publication], bool]) -> Standing:
    """Settle a publish that was cut off, and return which publishes stand.

    Args:
        engine: The warehouse.
        runs: The folder of the runs and their ledger.
        has_labels_of: Whether publishing the labels of a line again would change no row; it is asked where digests
            differ, which is so after each DFU that has left the table.

    Raises:
        ConcurrentChangeError: Somebody publishes, and does not come to an end.
    """
    with publish_lock(engine) as table:
        standing = standing_under_lock(Ledger(runs), table)
    if standing.problem and standing.newest and has_labels_of(standing.newest):
        return replace(standing, problem=None)
    if standing.problem:
        logger.warning("standing %s", standing.problem)
    return standing


def standing_under_lock(ledger: Ledger, table: LockedTable) -> Standing:
    """Settle a publish that was cut off, and return which publishes stand by the digests alone."""
    ledger.settle(table.warehouse, lambda pending: _was_committed(table, pending))
    _, time = begun_transaction(table.connection)
    publications = ledger.publications()
    try:
        found = table.labels_digest()
    except WarehouseError:  # a table that cannot be read is the source gate's matter
        table.connection.rollback()
        return Standing(_of_warehouse(publications, table.warehouse, None), time)
    lines = _of_warehouse(publications, table.warehouse, found)
    bare = found.startswith("0:")
    if not lines or (lines[-1].labels_digest in (None, found) and not bare):
        return Standing(lines, time)
    having = [number for number, line in enumerate(lines, start=1) if line.labels_digest == found]
    name = table.names.tables.dfu
    if having and not bare:
        standing = Standing(lines[: having[-1]], time)
        logger.warning("%s has the labels %s: what was published later is undone", name, standing.newest)
        return standing
    what = "no label at all, and not those" if bare else "other labels than those"
    return Standing(lines, time, f"{name} has {what} published last, {lines[-1]}", bare)


def _was_committed(table: LockedTable, pending: Pending) -> bool:
    known = table.was_committed(pending.transaction)
    # it is too long ago, or the database was restored from a backup: then the labels decide
    return table.labels_digest() == pending.publication.labels_digest if known is None else known


def _of_warehouse(
    publications: Sequence[Publication], warehouse: str, labels_digest: str | None
) -> tuple[Publication, ...]:
    """Return the publishes to one warehouse, the oldest first.

    Lines of earlier versions name none and count for any. A warehouse that has moved by a dump has another name, and
    the labels of a line of its former one; its first line since then says that name.
    """
    moved = {line.warehouse for line in publications if line.labels_digest == labels_digest is not None}
    known = {warehouse, None, *moved}
    lines = []
    for line in reversed(publications):
        if line.warehouse in known:
            lines.append(line)
            known.add(line.moved_from)
    return tuple(reversed(lines))
