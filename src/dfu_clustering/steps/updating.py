"""Step 4: the labels go to dim_dfu."""

from pathlib import Path
from typing import Literal

from sqlalchemy import Engine

from dfu_clustering.publishing import PublishReport, publish_labels
from dfu_clustering.runs import Summary
from dfu_clustering.tables import read_table

_TEXT_COLUMNS = frozenset({"dfu_ck", "cluster_label"})


class TransitionSummary(Summary):
    """So many DFUs went from one label to another; null is no label."""

    old_label: str | None
    new_label: str | None
    dfus: int


class PublishSummary(Summary):
    """What was written to dim_dfu, or with dry_run would have been."""

    updated: int
    unchanged: int
    cleared: int
    not_found: int
    not_found_keys: list[str]
    unlabelled: int
    dry_run: bool
    transitions: list[TransitionSummary]

    @classmethod
    def of(cls, report: PublishReport) -> "PublishSummary":
        """Return the summary of a report."""
        return cls(
            updated=report.updated,
            unchanged=report.unchanged,
            cleared=report.cleared,
            not_found=report.not_found,
            not_found_keys=list(report.not_found_keys),
            unlabelled=report.unlabelled,
            dry_run=report.dry_run,
            transitions=[
                TransitionSummary(old_label=t.old_label, new_label=t.new_label, dfus=t.dfus) for t in report.transitions
            ],
        )

    def distribution(self, when: Literal["before", "after"]) -> dict[str | None, int]:
        """Return the number of DFUs by label before or after, the largest first; None is no label."""
        counts: dict[str | None, int] = {}
        for transition in self.transitions:
            label = transition.old_label if when == "before" else transition.new_label
            counts[label] = counts.get(label, 0) + transition.dfus
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0] or "")))


def update_assignments(
    engine: Engine, *, labels: Path, dry_run: bool = False, unknown: Literal["error", "report"] = "error"
) -> PublishSummary:
    """Write a labels file to dim_dfu.cluster_assignment in one transaction.

    Args:
        engine: The warehouse.
        labels: cluster_labels.csv or .parquet.
        dry_run: Report what would change and write nothing.
        unknown: What labels of DFUs outside dim_dfu mean: an error, or a count in the report.

    Raises:
        DataError: The file is unreadable or breaks a rule of labels files; nothing is written.
        ConcurrentChangeError: dim_dfu changed meanwhile; nothing is written.
    """
    table = read_table(labels, text_columns=_TEXT_COLUMNS)
    return PublishSummary.of(publish_labels(engine, table, dry_run=dry_run, unknown=unknown))
