"""An override: DFUs that get a label from a person, why, and until which month."""

from collections.abc import Iterable
from datetime import UTC
from typing import Annotated

from pydantic import AwareDatetime, Field

from dfu_clustering.files.summary import Summary
from dfu_clustering.months import AsOfMonth

# as a load_id: on one line, without control characters
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\S$")]
Reason = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"\S")]


class Ending(Summary):
    """How an override was ended before its last month.

    Attributes:
        month: As-of month of what was published then; None: nothing was.
        owner: Who ended it.
        reason: Why.
        time: When, by the warehouse's clock.
    """

    month: AsOfMonth | None
    owner: Name
    reason: Reason
    time: AwareDatetime

    def __str__(self) -> str:
        """Return who ended it, when and why, for people."""
        return f"ended by {self.owner} on {self.time.astimezone(UTC):%Y-%m-%d %H:%M} UTC: {self.reason}"


class Override(Summary):
    """A label that a person has set, as the file of overrides keeps it.

    Attributes:
        id: Its name, for people and for the ledger of publishes.
        label: One of the closed list.
        reason: Why the person knows better.
        owner: Who.
        first_month: As-of month of what was published when it was entered; None: nothing was, it counts from the start.
        until_month: The last as-of month in which it holds.
        entered_at: When, by the warehouse's clock.
        dfu_cks: The DFUs.
        ended: How it was ended; None: it was not.
    """

    id: str
    label: str
    reason: Reason
    owner: Name
    first_month: AsOfMonth | None
    until_month: AsOfMonth
    entered_at: AwareDatetime
    dfu_cks: tuple[str, ...]
    ended: Ending | None = None

    def holds_in(self, as_of_month: str) -> bool:
        """Tell whether a publish as of a month has it; one of an earlier month than it was entered in has it too."""
        return self.ended is None and as_of_month <= self.until_month

    def held_in(self, as_of_month: str) -> bool:
        """Tell whether it counts for a month in the past: from the month of its entry to its last, or to its end."""
        begun = self.first_month is None or self.first_month <= as_of_month
        ended = self.ended is not None and (self.ended.month is None or self.ended.month <= as_of_month)
        return begun and as_of_month <= self.until_month and not ended


def newest_states(lines: Iterable[Override]) -> list[Override]:
    """Return each override as its newest line has it, in the order in which they were entered."""
    states: dict[str, Override] = {}
    for line in lines:
        states[line.id] = line
    return list(states.values())
