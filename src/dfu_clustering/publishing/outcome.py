"""What publishing did or would do, and why it did not."""

from typing import Literal

from pydantic import computed_field

from dfu_clustering.errors import DfuClusteringError
from dfu_clustering.files.summary import Summary


class ConcurrentChangeError(DfuClusteringError):
    """Somebody else worked on dim_dfu while labels were published; nothing was written and a retry may succeed."""


class SlowStatementError(DfuClusteringError):
    """A statement took longer than the time limit; nothing was written and a retry may succeed."""


class CommitUnknownError(DfuClusteringError):
    """The connection was lost while COMMIT was under way; publishing again finds out and sets it right."""


def first_line(error: BaseException) -> str:
    """Return what PostgreSQL says first, or the kind of the error where it says nothing."""
    return (str(error).strip() or type(error).__name__).partition("\n")[0]


class Transition(Summary):
    """So many DFUs go from one label to another; null is no label."""

    old_label: str | None
    new_label: str | None
    dfus: int


class OverrideCounts(Summary):
    """Labels that people have set; in no number of the machine's labels.

    Attributes:
        overrides: Those that hold.
        dfus: DFUs that have one.
        agreeing: Of these, to which the machine gives the same label: the override is needed no more.
        agreeing_keys: The first few of them.
    """

    overrides: int
    dfus: int
    agreeing: int
    agreeing_keys: tuple[str, ...] = ()


class PublishSummary(Summary):
    """What publishing did, or with ``dry_run`` would do.

    Attributes:
        transitions: Number of DFUs by old and new label, the largest first.
        not_found: Labels whose dfu_ck is not in dim_dfu; they are not written.
        not_found_keys: The first few of them.
        dry_run: Whether the transaction was rolled back on purpose.
        appeared: DFUs in dim_dfu that the run did not know, so that they have no label; None: not asked for.
        appeared_keys: The first few of them.
        overrides: Labels that people have set; None in publishes of earlier versions.
    """

    transitions: tuple[Transition, ...]
    not_found: int
    not_found_keys: tuple[str, ...]
    dry_run: bool
    appeared: int | None = None
    appeared_keys: tuple[str, ...] = ()
    overrides: OverrideCounts | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def updated(self) -> int:
        """Return the number of DFUs whose label becomes another one."""
        return sum(t.dfus for t in self.transitions if t.new_label is not None and t.new_label != t.old_label)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def unchanged(self) -> int:
        """Return the number of DFUs that keep their label; their rows are not touched."""
        return sum(t.dfus for t in self.transitions if t.new_label is not None and t.new_label == t.old_label)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def cleared(self) -> int:
        """Return the number of DFUs that had a label and may no longer carry one."""
        return sum(t.dfus for t in self.transitions if t.new_label is None and t.old_label is not None)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def unlabelled(self) -> int:
        """Return the number of DFUs without a label afterwards."""
        return sum(t.dfus for t in self.transitions if t.new_label is None)

    def __str__(self) -> str:
        """Return what was done, or would be, for logs and terminals."""
        begin, would = ("dry run, nothing published", "would be ") if self.dry_run else ("published", "")
        return f"{begin}: {would}updated {self.updated}, {would}cleared {self.cleared}, unchanged {self.unchanged}"

    def changed_labels(self) -> list[str]:
        """Return the labels that DFUs came to or left: those whose members are not the same as before."""
        moved = [t for t in self.transitions if t.dfus and t.old_label != t.new_label]
        return sorted({label for t in moved for label in (t.old_label, t.new_label) if label is not None})

    def distribution(self, when: Literal["before", "after"]) -> dict[str | None, int]:
        """Return the number of DFUs by label before or after, the largest first; None is no label."""
        counts: dict[str | None, int] = {}
        for transition in self.transitions:
            label = transition.old_label if when == "before" else transition.new_label
            counts[label] = counts.get(label, 0) + transition.dfus
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0] or "")))
