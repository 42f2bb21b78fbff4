"""The end of a run: its labels are published or only compared, then reported and recorded."""

import logging

from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.overtaken import OvertakenError
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.summaries import RunSummary
from flows import approval
from tasks import clustering, loads
from tasks.support.artifacts import show_run

logger = logging.getLogger("dfu_clustering.publishing")  # whose lines a flow run shows

_LONGEST_DRAWING_S = 600


def publish_and_report(
    config: ClusteringConfig,
    run: Run,
    *,
    dry_run: bool,
    load_id: str | None,
    publish_older_month: bool,
    pictures: PrefectFuture[None] | None = None,
) -> RunSummary | State[None]:
    """Return what a run did; or its state, where newer labels were published since it began.

    Args:
        config: The settings.
        run: Has labels.
        dry_run: Only compare.
        load_id: Of the load that is published.
        publish_older_month: Replace labels of a later month.
        pictures: Are being drawn; a run without them is published and recorded all the same.
    """
    try:
        published = clustering.update_assignments(
            config, run, dry_run=dry_run, load_id=load_id, publish_older_month=publish_older_month
        )
    except OvertakenError as error:
        clustering.build_report(config, run, return_state=True)
        return approval.overtaken(error)
    if not published.dry_run:
        loads.end_repeats(load_id, loads.record_publication(run, published))
    # labels are already published: a page that cannot be made is a failed task and a warning, not a failed run
    clustering.build_report(config, run, return_state=True)
    if pictures:
        pictures.wait(_LONGEST_DRAWING_S)
    summary = clustering.record_run(config, run)
    _say_what_next(run, summary)
    show_run(summary, config.warehouse.tables.dfu)
    # tidying that fails is a failed task and a warning, as above
    clustering.remove_old(config, run, return_state=True)
    return summary


def _say_what_next(run: Run, summary: RunSummary) -> None:
    """Log the name of the run and what came of it, and after a dry run what can be done with it."""
    published = summary.published
    logger.info("run=%s %s; report=%s", run.name, published, run.path(RunFile.REPORT))
    if published.dry_run:
        logger.info("compare: scripts/compare_runs.py published %s; publish it as it is: promote-run", run.name)
