"""Whether another run has published since this one began: then its labels are the older ones, and stay unpublished.

A run may be stopped for hours between its labels and its publish, wait for an answer, or be tried again days later.
"""

from dfu_clustering.errors import DfuClusteringError
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.lookup import newest_publication
from dfu_clustering.runs.manifest import NOTE_PUBLISHED
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.summaries import NotedPublish


class OvertakenError(DfuClusteringError):
    """Other labels were published while the run was under way; it has published nothing."""


def note_published(run: Run) -> NotedPublish:
    """Keep what is published when the run begins; a run that is resumed keeps what it noted at first."""
    return run.once(NOTE_PUBLISHED, lambda: NotedPublish(newest=newest_publication(Ledger(run.runs).publications())))


def require_not_overtaken(run: Run) -> None:
    """Check that no other run has published since this one began.

    It must be asked under the lock under which labels are published.

    Raises:
        OvertakenError: Another run has, or earlier labels were restored.
    """
    noted, newest = run.find_result(NOTE_PUBLISHED), newest_publication(Ledger(run.runs).publications())
    if noted is None or newest is None or newest == noted.newest:
        return
    if newest.run == run.name and not newest.restored:
        return
    raise OvertakenError(
        f"not published: other labels were published after this run began, {newest}; "
        "start a new run, which continues those"
    )
