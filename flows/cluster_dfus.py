"""The flow cluster-dfus: from the sales table to labels in the DFU table."""

import logging
from collections.abc import Mapping
from typing import Annotated, Any

from prefect import flow, runtime
from pydantic import Field

from dfu_clustering.config.loading import load_config
from dfu_clustering.loads.events import LoadId
from dfu_clustering.loads.publication import Publication
from dfu_clustering.loads.sales_loads import SalesOverview
from dfu_clustering.months import AsOfMonth
from dfu_clustering.quality.gate_reports import GatePolicy, Suite
from dfu_clustering.runs.manifest import PUBLISH_LABELS
from dfu_clustering.runs.overtaken import older_month_problem
from dfu_clustering.runs.run import Run, short_run_id, var_folder
from dfu_clustering.runs.summaries import RunSummary
from dfu_clustering.steps.sales_reading import SalesReading
from flows import approval
from flows.cli import run_by_hand
from flows.publishing import publish_and_report
from flows.settings import settings_as_parameters
from tasks import clustering, loads, quality
from tasks.support.heartbeat import WATCHED
from tasks.support.imports import load_meanwhile
from tasks.support.run_names import rename_run, run_name

Reason = Annotated[str, Field(pattern=r"\S")]

# the library's lines belong to the run's log (PREFECT_LOGGING_EXTRA_LOGGERS); Prefect leaves their level to us
logging.getLogger("dfu_clustering").setLevel(logging.INFO)

_DESCRIPTIONS = {
    "as_of_month": "Newest month that counts, as YYYY-MM. Default: the newest month with sales.",
    "dry_run": "Compute everything, show what would change and what would stop the publish, but publish nothing.",
    "load_id": "The loader's name for the load that started this run; empty for a run by hand.",
    "only_new_load": "End at once if the load is already published; never publish an older month than is published.",
    "continue_published": "Start from the published run: labels change only where demand did. Off: from scratch.",
    "publish_older_month": "Replace labels of a later month by those of this one. Off: such a run is a dry run.",
    "require_approval": "Pause before the publish, show what would change, and wait for a person's answer.",
    "accept_warnings": "Continue where expectations fail only with a warning. Off: a warning stops the run, too.",
    "skip_suites": "Suites of expectations that are skipped.",
    "override_reason": "Why to continue although a critical expectation failed or the published run cannot be read.",
}


@flow(
    name="cluster-dfus",
    flow_run_name=run_name,
    **WATCHED,
)
@settings_as_parameters(_DESCRIPTIONS)
def cluster_dfus(
    settings: Mapping[str, Any],
    *,
    as_of_month: AsOfMonth | None = None,
    dry_run: bool = False,
    load_id: LoadId | None = None,
    only_new_load: bool = False,
    continue_published: bool = True,
    publish_older_month: bool = False,
    require_approval: bool = False,
    accept_warnings: bool = True,
    skip_suites: tuple[Suite, ...] = (),
    override_reason: Reason | None = None,
) -> RunSummary:
    """Group DFUs by how their demand behaves and write one business label a DFU to the DFU table."""
    config = load_config(**settings)
    policy = GatePolicy(accept_warnings=accept_warnings, skip_suites=skip_suites, override_reason=override_reason)
    run_id = short_run_id(runtime.flow_run.id)
    runs = var_folder() / "runs"
    standing = loads.find_standing(config, runs=runs)
    if only_new_load:
        as_of_month = loads.announced_month(as_of_month, standing)

    def begin(sales: SalesOverview) -> Run | Publication:
        """Judge the sales and build features of them, in one snapshot; nothing where they are published already."""
        if only_new_load and not dry_run:
            done = loads.published_before(config, sales.state, standing, run_id=run_id, load_id=load_id)
            if done:
                return done
        load_meanwhile()
        run = clustering.open_run(config, runs=runs, run_id=run_id, as_of_month=as_of_month, state=sales.state)
        rename_run(run.as_of_month)
        loads.keep_state(run, sales.state, standing)
        reading = SalesReading(sales, run.known_month, parts=config.scale.partitions)
        quality.validate_sources(config, run, policy, reading, chosen=as_of_month is not None)
        clustering.build_features(config, run, reading)
        return run

    run = loads.in_one_snapshot(config, as_of_month, begin)
    if isinstance(run, Publication):
        return loads.nothing_to_do(load_id, run)  # type: ignore[return-value]
    dry_run = dry_run or (older_month_problem(run) is not None and not publish_older_month)
    quality.validate_features(run, policy)
    published_run = (
        clustering.find_published(config, run, standing, policy, dry_run=dry_run).run if continue_published else None
    )
    clustering.train_model(config, run, published_run)
    clustering.label_segments(config, run, published_run)
    pictures = clustering.draw_pictures.submit(run)  # beside what waits for the warehouse
    quality.validate_assignments(config, run, policy, dry_run=dry_run)
    if require_approval and not dry_run and not run.has_finished(PUBLISH_LABELS):
        answer = approval.ask(config, run)
        if not answer.publish:
            return approval.refused(config, run, answer)  # type: ignore[return-value]
    return publish_and_report(  # type: ignore[return-value]  # a state becomes the run's own
        config, run, dry_run=dry_run, load_id=load_id, publish_older_month=publish_older_month, pictures=pictures
    )


if __name__ == "__main__":
    run_by_hand(cluster_dfus, check=approval.require_server_to_ask_on, meanwhile=load_meanwhile)
