"""What a person wants to set by hand, before it is entered: which DFUs, which label, until when, who and why."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from dfu_clustering.errors import DataError, did_you_mean
from dfu_clustering.labels.vocabulary import LABELS
from dfu_clustering.months import parse_month


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a person wants: DFUs by their keys or by a filter, and their label.

    Attributes:
        label: One that is published.
        until_month: The last as-of month in which it holds.
        owner: Who.
        reason: Why.
        dfu_cks: Keys; none: the filter says which.
        values: Column of the DFU table to exact value.
    """

    label: str
    until_month: str
    owner: str
    reason: str
    dfu_cks: Sequence[str] = ()
    values: Mapping[str, str | None] = field(default_factory=dict)


def require_sound(wanted: Wanted, labels: Collection[str], month: str | None) -> None:
    """Check what a person wants against what is published.

    Args:
        wanted: What they want.
        labels: Those that are published.
        month: The month as of which they are; None: nothing is published, then every label of the closed list is known.

    Raises:
        DataError: The label is unknown, the last month is over, or the DFUs are not named in one way.
    """
    known = sorted(label for label in (LABELS if month is None else labels) if label in LABELS)
    if wanted.label not in known:
        kind = "a known label" if month is None else "a label that is published"
        raise DataError(
            f"An override must give {kind}",
            found=f"{wanted.label!r}{did_you_mean(wanted.label, known)}; there are",
            keys=known,
            remedy="take one of the labels of the report, or of the DFU table",
        )
    until_month = str(parse_month(wanted.until_month))
    if month is not None and until_month < month:
        raise DataError(
            "An override must hold in the month that is published, or in a later one",
            found=f"its last month {until_month}, and labels as of {month}",
            remedy="give the last as-of month in which it holds",
        )
    if bool(wanted.dfu_cks) == bool(wanted.values):
        raise DataError(
            "An override must name its DFUs either by their keys or by a filter",
            found="both" if wanted.dfu_cks else "neither",
            remedy="give dfu_cks, or columns of the DFU table with their values",
        )
