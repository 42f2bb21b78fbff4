"""When a table that is being loaded has settled, and what is to be done about it."""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime

from dfu_clustering.files.summary import Summary
from dfu_clustering.loads.sales_loads import SalesState

Verdict = Literal["published", "settling", "announced", "to announce"]


class Watch(Summary):
    """What the sensor remembers of the table from look to look.

    Attributes:
        fingerprint: Of the state seen last.
        since: When that state was seen first.
        announced: When it was announced; None: not yet.
    """

    fingerprint: str
    since: AwareDatetime
    announced: AwareDatetime | None = None

    def times(self) -> list[datetime]:
        """Return all times in it."""
        return [self.since, *([] if self.announced is None else [self.announced])]

    def judge(self, now: datetime, *, published: bool, settle: timedelta, repeat: timedelta) -> Verdict:
        """Return what to do about the state that was seen last.

        Args:
            now: The time of this look.
            published: Whether a run has published this state.
            settle: How long the table must have shown the same state. The loader's own load_ts cannot say it: it may
                be the start of a load that has not ended.
            repeat: How long an announced state may stay unpublished before it is announced again.
        """
        if published:
            return "published"
        if now - self.since < settle:
            return "settling"
        if self.announced is not None and now - self.announced < repeat:
            return "announced"
        return "to announce"


def look(memory: Watch | None, state: SalesState, now: datetime) -> Watch:
    """Return the memory after a look at the table: a state that was not there at the last look starts from zero.

    So does one that was seen or announced later than now, by a clock that was ahead: otherwise it settles only then.
    """
    if memory is not None and memory.fingerprint == state.fingerprint and max(memory.times()) <= now:
        return memory
    return Watch(fingerprint=state.fingerprint, since=now)
