"""What is written down of a publish, and when: under the publish lock, before and after its COMMIT."""

from typing import Protocol

import pandas as pd
from pydantic import AwareDatetime

from dfu_clustering.files.summary import Summary
from dfu_clustering.publishing.lock import LockedTable
from dfu_clustering.publishing.outcome import PublishSummary


class Attempt(Summary):
    """A transaction that has changed labels and is about to be committed.

    Attributes:
        transaction: Its PostgreSQL id, which tells later whether it was committed.
        time: When, by the warehouse's clock.
        warehouse: The DFU table that it writes to, among all warehouses.
        labels_digest: Which DFU of that table has which label then.
        report: What it does.
    """

    transaction: int
    time: AwareDatetime
    warehouse: str
    labels_digest: str
    report: PublishSummary


class PublishRecord(Protocol):
    """What hears of a publish; each method is called under the publish lock."""

    def begin(self, table: LockedTable) -> PublishSummary | None:
        """Settle what an earlier publish left open, and raise where this one must not be.

        Returns:
            What this very publish did before, where only its end was not seen; None: it is to be done.
        """

    def keep_previous(self, previous: pd.DataFrame) -> None:
        """Keep dfu_ck, cluster_assignment of all rows that are about to change; no row is locked yet."""

    def prepare(self, attempt: Attempt) -> None:
        """Write the attempt down; it is on disk when this returns, and is committed then."""

    def committed(self, attempt: Attempt) -> None:
        """Hear that it is committed."""
