"""The journal of a publish: what it is about to change, on disk before the change is committed.

It answers two questions after a fault: which labels were there before, and whether the change was committed.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dfu_clustering.files.summary import Summary, read_summary, write_summary
from dfu_clustering.files.tables import read_table, write_table
from dfu_clustering.publishing.outcome import PublishSummary

_KEYS = ["dfu_ck", "cluster_assignment"]


class Attempt(Summary):
    """A transaction that has changed labels and is about to be committed.

    Attributes:
        transaction: Its PostgreSQL id, which says later whether it was committed.
        report: What it does.
        labels_digest: Of the labels that it publishes; an attempt to publish other labels is none of the same run.
        after_committed: Whether an earlier attempt with the same labels was committed, so that the previous labels
            are those of its file.
    """

    transaction: int
    report: PublishSummary
    labels_digest: str = ""
    after_committed: bool = False


@dataclass(frozen=True)
class PublishJournal:
    """The files of a publish.

    Attributes:
        previous_labels: dfu_ck, cluster_assignment of every row that the publish changes, as it was before.
        attempt: The newest attempt.
    """

    previous_labels: Path
    attempt: Path

    def last_attempt(self) -> Attempt | None:
        """Return the newest attempt of this run; None where none came so far.

        Raises:
            DataError: The file is not one of a journal.
        """
        return read_summary(Attempt, self.attempt) if self.attempt.exists() else None

    def write(self, attempt: Attempt, previous: pd.DataFrame) -> None:
        """Keep an attempt; whole, and on disk when this returns.

        After an attempt that was committed the labels before the run are those of its file; only rows that are new
        to it are added.

        Args:
            attempt: What is about to be committed.
            previous: dfu_ck, cluster_assignment of the rows that change.
        """
        if attempt.after_committed and self.previous_labels.exists():
            earlier = read_table(self.previous_labels)
            previous = pd.concat([earlier, previous]).drop_duplicates("dfu_ck", ignore_index=True)
        write_table(previous[_KEYS].sort_values("dfu_ck", ignore_index=True), self.previous_labels)
        write_summary(attempt, self.attempt)
