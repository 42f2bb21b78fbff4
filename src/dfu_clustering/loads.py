"""What a load of sales is, when it counts as published, and when a table that somebody is loading has settled."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime

from dfu_clustering.errors import DataError
from dfu_clustering.months import parse_month
from dfu_clustering.summary import Summary

SALES_LOADED = "fact_sales_monthly.loaded"
CLUSTERS_PUBLISHED = "dfu.clusters.published"
CLUSTERS = {"prefect.resource.id": "dfu.clusters", "prefect.resource.name": "dim_dfu.cluster_assignment"}

_FINGERPRINT_DIGITS = 12
_LONGEST_LOAD_ID = 200

Verdict = Literal["published", "settling", "announced", "to announce"]


class SalesState(Summary):
    """What fact_sales_monthly shows of the months up to one, so that two loads can be told apart.

    Attributes:
        as_of_month: Newest month that is looked at, ``2026-10``.
        rows: Rows up to and including it.
        newest_load_ts: Newest load_ts among them, UTC; None where no row has one.
        newest_modified_ts: Newest modified_ts, likewise.
        total_qty: Exact sum of qty, as text; None where no row has one.
    """

    as_of_month: str
    rows: int
    newest_load_ts: str | None
    newest_modified_ts: str | None
    total_qty: str | None

    @classmethod
    def unknown(cls, as_of_month: str | None) -> "SalesState":
        """Return the state of a table that cannot be read, or has no sales for the month."""
        month = as_of_month or "unknown"
        return cls(as_of_month=month, rows=0, newest_load_ts=None, newest_modified_ts=None, total_qty=None)

    @property
    def fingerprint(self) -> str:
        """Return 12 hex digits that change when rows come, go, or are rewritten with a new time or another sum."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:_FINGERPRINT_DIGITS]

    @property
    def load_id(self) -> str:
        """Return a name for the load that left the table so, for whoever has no name of the loader's."""
        return f"{self.as_of_month}-{self.fingerprint}"


class Publication(Summary):
    """One publish, as the ledger keeps it.

    Attributes:
        as_of_month: Newest month that counted.
        load_id: The load that asked for it; None for a run by hand or by schedule.
        fingerprint: SalesState.fingerprint before the sales were read.
        config_digest: ClusteringConfig.digest() of the run.
        run: Name of the run's folder; it ends with the run's id.
        labels: Number of DFUs by label.
        published_at: When, with its time zone.
        restored: Whether the labels of an earlier run were put back; ``run`` is that earlier run then.
        model_sha256: Of the stored model, so that damage is noticed; None where it was not kept.
    """

    as_of_month: str
    load_id: str | None
    fingerprint: str
    config_digest: str
    run: str
    labels: dict[str, int]
    published_at: AwareDatetime
    restored: bool = False
    model_sha256: str | None = None

    def __str__(self) -> str:
        """Return it in the words of a run's state message."""
        how = "put back from" if self.restored else "by"
        return f"as of {self.as_of_month} {how} run {self.run} at {self.published_at:%Y-%m-%d %H:%M:%S %Z}"


def month_to_publish(announced: str | None, publications: Iterable[Publication]) -> str | None:
    """Return the as-of month of a run that a load asks for; None is the newest month in the table.

    A load of a month before the newest published one is a late correction, or an announcement that comes late: labels
    never go back in time, so it is published as of the newest month published, whose data it is part of.
    """
    if announced is None:
        return None
    return max([announced, *(publication.as_of_month for publication in publications)])


def find_publication(
    publications: Sequence[Publication], state: SalesState, *, load_id: str | None, config_digest: str, run_id: str
) -> Publication | None:
    """Return the publish in which a load is contained already, if there is one.

    That is a publish for the same load_id, or one of the same table state with the same configuration, whatever its
    load was called. The run's own publish does not count: a run that is resumed after it goes on to its end.
    """
    for publication in reversed(publications):
        same_load = load_id is not None and publication.load_id == load_id
        same_state = (publication.fingerprint, publication.config_digest) == (state.fingerprint, config_digest)
        if (same_load or same_state) and not publication.run.endswith(f"-{run_id}"):
            return publication
    return None


def sales_loaded_event(month: str, load_id: str, *, event_id: UUID, occurred: datetime) -> dict[str, object]:
    """Return the event that starts a run, as ``POST /api/events`` takes it in a JSON list.

    Raises:
        DataError: The month is no month, or the load_id is empty, blank or longer than 200 characters.
    """
    if not load_id.strip() or len(load_id) > _LONGEST_LOAD_ID:
        raise DataError(
            f"A load has a load_id of 1 to {_LONGEST_LOAD_ID} characters",
            found=f"{len(load_id)} characters, {load_id[:20]!r}",
            remedy="give the loader's own name for the load, the same at every repetition and another for every load",
        )
    return {
        "id": str(event_id),
        "occurred": occurred.astimezone(UTC).isoformat(),
        "event": SALES_LOADED,
        "resource": {"prefect.resource.id": f"dfu.sales-load.{load_id}", "prefect.resource.name": load_id},
        "payload": {"month": str(parse_month(month)), "load_id": load_id},
    }


def clusters_published_event(payload: Mapping[str, Any], *, event_id: UUID, occurred: datetime) -> dict[str, object]:
    """Return the event that says what was published, as ``POST /api/events`` takes it in a JSON list."""
    return {
        "id": str(event_id),
        "occurred": occurred.astimezone(UTC).isoformat(),
        "event": CLUSTERS_PUBLISHED,
        "resource": dict(CLUSTERS),
        "payload": dict(payload),
    }


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

    def judge(self, now: datetime, *, published: bool, settle: timedelta, repeat: timedelta) -> Verdict:
        """Return what to do about the state that was seen last.

        Args:
            now: The time of this look.
            published: Whether a run has published this state.
            settle: How long the table must have shown the same state. The loader's own load_ts cannot say it: it may
                be the start of a load that is still going on.
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
    """Return the memory after a look at the table: a state that was not there at the last look starts anew."""
    if memory is not None and memory.fingerprint == state.fingerprint:
        return memory
    return Watch(fingerprint=state.fingerprint, since=now)
