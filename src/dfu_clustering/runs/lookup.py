"""Which earlier publish is meant: by its run, by time, or the newest."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from dfu_clustering.errors import DataError
from dfu_clustering.loads.publication import Publication
from dfu_clustering.runs.run import short_run_id

STANDING: Final = "published"  # what people call the run whose labels stand
BEFORE_IT: Final = "previous"  # and the one that was published before it
_RUN_ID = re.compile(r"[\w.]+")
_KEYS_SHOWN = 5


def wanted_run_id(text: str) -> str | None:
    """Return the run id that a person typed: the id at the end of a folder's name, or a flow run's UUID.

    Returns:
        None where it is none of these. The name of a folder is none: with a wrong month it means no run.
    """
    if text in (STANDING, BEFORE_IT):
        return None
    try:
        return short_run_id(UUID(text))
    except ValueError:
        return text if _RUN_ID.fullmatch(text) else None


def newest_publication(publications: Sequence[Publication]) -> Publication | None:
    """Return the champion: what was published last; None where nothing was."""
    return publications[-1] if publications else None


def brought_labels(publications: Sequence[Publication]) -> list[Publication]:
    """Return for each publish the one that brought its labels: itself, unless it only changed the overrides on them."""
    by_time = {publication.published_at: publication for publication in publications}
    return [by_time.get(one.labels_at or one.published_at, one) for one in publications]


def publications_to_continue(publications: Sequence[Publication], as_of_month: str) -> list[Publication]:
    """Return the publishes whose labels a run as of a month may continue, the one that it should continue first.

    The newest publish of an earlier month: a month that is run again continues what its first run did, and so comes
    to the same labels. Where nothing earlier was published, or it cannot be read, it is the newest of the same month.
    Later months are not looked at: the past knows nothing of them.
    """
    newest_first = list(reversed(publications))
    earlier = [publication for publication in newest_first if publication.as_of_month < as_of_month]
    same = [publication for publication in newest_first if publication.as_of_month == as_of_month]
    return [*earlier[:1], *same[:1]]


def publication_of_run(publications: Sequence[Publication], run: str) -> Publication | None:
    """Return the newest publish of a run; None where there is none."""
    return next((publication for publication in reversed(publications) if publication.run == run), None)


def publication_before(publications: Sequence[Publication], time: datetime) -> Publication:
    """Return what was published at a time: the newest publish before it.

    Raises:
        DataError: Nothing had been published by then.
    """
    before = [publication for publication in publications if publication.published_at < time]
    if before:
        return before[-1]
    raise DataError(
        f"Something must have been published before {time.isoformat(timespec='seconds')}",
        found="no earlier publish" + (f", the first is {publications[0]}" if publications else ""),
        remedy="choose a later time, or name a run",
    )


def require_publication_of_run(publications: Sequence[Publication], run: str) -> Publication:
    """Return the newest publish of a run.

    Raises:
        DataError: The ledger has none.
    """
    found = publication_of_run(publications, run)
    if found is not None:
        return found
    newest = [publication.run for publication in reversed(publications)]
    raise DataError(
        "A run must have published labels",
        found=f"no publish of {run!r} in the ledger" + ("; the newest are" if newest else ""),
        keys=list(dict.fromkeys(newest))[:_KEYS_SHOWN],
        remedy="name a run that has published",
    )
