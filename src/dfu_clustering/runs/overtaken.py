"""Whether a run may still publish: its labels may replace what was published before it began, and nothing newer.

A run may be stopped for hours between its labels and its publish, wait for an answer, or be tried again days later.
"""

from dfu_clustering.errors import DfuClusteringError
from dfu_clustering.loads.publication import Publication
from dfu_clustering.runs.manifest import NOTE_PUBLISHED
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.standing import Standing
from dfu_clustering.runs.summaries import NotedPublish


class OvertakenError(DfuClusteringError):
    """Newer labels were published while the run was under way; it has published nothing."""


def note_published(run: Run, standing: Standing) -> NotedPublish:
    """Keep what is published when the run begins; a run that is resumed keeps what it noted at first."""
    return run.once(NOTE_PUBLISHED, lambda: NotedPublish(newest=standing.newest, began=standing.time))


def older_month_problem(run: Run) -> str | None:
    """Return why a run is a dry run unless somebody wants it otherwise; None where nothing of a later month stood."""
    noted = run.find_result(NOTE_PUBLISHED)
    if noted is None or noted.newest is None or noted.newest.as_of_month <= run.as_of_month:
        return None
    return (
        f"as of {run.as_of_month} while labels of a later month are published, {noted.newest}: a dry run, unless "
        "publish_older_month says otherwise"
    )


def require_newest(run: Run, newest: Publication | None, *, publish_older_month: bool) -> None:
    """Check that the labels of a run are newer than those published last.

    It must be asked under the publish lock. A later month is newer; of the same month it is the run that began later;
    labels that somebody restored since the run began stay. Other overrides on the same labels are no newer labels.

    Args:
        run: The run.
        newest: What was published last.
        publish_older_month: Whether somebody wants the labels of an earlier month over those of a later one.

    Raises:
        OvertakenError: They are older.
    """
    noted = run.find_result(NOTE_PUBLISHED)
    if noted is None or newest is None:
        return
    if newest.as_of_month > run.as_of_month and not publish_older_month:
        raise _overtaken(newest, "labels of a later month are published")
    if noted.newest is not None and newest.is_of_same_labels(noted.newest):
        return
    if newest.restored or (newest.as_of_month >= run.as_of_month and _began_later(newest, noted)):
        raise _overtaken(newest, "other labels were published after this run began")


def require_nothing_new(run: Run, newest: Publication | None) -> None:
    """Check that nobody has published since a restore began: somebody wanted what was published then replaced.

    Raises:
        OvertakenError: Somebody has.
    """
    noted = run.find_result(NOTE_PUBLISHED)
    if noted is None or newest is None or (noted.newest is not None and newest.is_of_same_labels(noted.newest)):
        return
    raise _overtaken(newest, "other labels were published after this restore began")


def _began_later(newest: Publication, noted: NotedPublish) -> bool:
    # lines and notes of earlier versions do not say it: what came since the run began is the newer then
    return newest.began is None or noted.began is None or newest.began > noted.began


def _overtaken(newest: Publication, why: str) -> OvertakenError:
    return OvertakenError(f"not published: {why}, {newest}; start a new run, which continues those")
