"""Loads and publishes: between the sales table, the ledger and the Prefect server."""

from pathlib import Path
from uuid import UUID, uuid5

from prefect import runtime, task
from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.states import Completed

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.errors import DataError, WarehouseError
from dfu_clustering.loads.events import CLUSTERS_PUBLISHED, clusters_resource
from dfu_clustering.loads.publication import Publication, find_publication, month_to_publish
from dfu_clustering.loads.sales_loads import SalesState, read_sales_state
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.runs.manifest import READ_SALES_STATE
from dfu_clustering.runs.overtaken import note_published
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.standing import Standing
from dfu_clustering.steps import find_published as published_runs
from dfu_clustering.steps import record_publication as recording
from tasks.support.connection import warehouse_engine
from tasks.support.retries import RETRY
from tasks.support.waiting import end_waiting_runs

_TIMEOUT_S = 600


@task(name="read-sales-state", timeout_seconds=_TIMEOUT_S, **RETRY)
def read_state(config: ClusteringConfig, *, as_of_month: str | None) -> SalesState:
    """Return what the sales table shows up to the month, by default the newest.

    A table from which that cannot be read is no error here: the source gate says what is wrong with it.
    """
    engine = warehouse_engine(config.warehouse)
    try:
        return read_sales_state(engine, as_of_month)
    except (DataError, WarehouseError):
        return SalesState.unknown(as_of_month)


@task(name="find-standing", timeout_seconds=_TIMEOUT_S, **RETRY)
def find_standing(config: ClusteringConfig, *, runs: Path) -> Standing:
    """Return which publishes stand when the run begins; one that was cut off is settled first."""
    return published_runs.find_standing_runs(warehouse_engine(config.warehouse), runs, config.tracking)


def announced_month(as_of_month: str | None, standing: Standing) -> str | None:
    """Return the as-of month for an announced load: never before the newest one published."""
    return month_to_publish(as_of_month, standing.publications)


def published_before(
    config: ClusteringConfig, state: SalesState, standing: Standing, *, run_id: str, load_id: str | None
) -> Publication | None:
    """Return the publish of an earlier run in which this load is contained, if there is one."""
    return find_publication(standing.answers, state, load_id=load_id, config_digest=config.digest(), run_id=run_id)


def keep_state(run: Run, state: SalesState, standing: Standing) -> SalesState:
    """Keep what was there when the run began, sales and labels: a resumed run did not read what came since."""
    note_published(run, standing)
    return run.once(READ_SALES_STATE, lambda: state)


def look_again(config: ClusteringConfig, run: Run) -> None:
    """Keep what the sales table shows now: sales that were changed after the gate are checked again."""
    run.renew(READ_SALES_STATE, read_state(config, as_of_month=run.known_month))


@task(name="record-publication", timeout_seconds=_TIMEOUT_S, **RETRY)
def record_publication(run: Run, published: PublishSummary) -> Publication:
    """Keep the publish's line of the ledger with the run, and announce it to those who wait for new labels."""
    publication = recording.record_publication(run)
    say_published(publication, published)
    return publication


def say_published(publication: Publication, published: PublishSummary) -> None:
    """Emit the event that starts what waits for new labels."""
    emit_event(
        CLUSTERS_PUBLISHED,
        # a resumed run says the same thing again, not another
        id=uuid5(UUID(runtime.flow_run.id), CLUSTERS_PUBLISHED),
        resource=clusters_resource(publication.kind),
        payload=recording.published_payload(publication, published),
    )


def nothing_to_do(load_id: str | None, publication: Publication) -> State[None]:
    """Return the state of a run whose load is published already, and end those that wait to find out the same."""
    end_repeats(load_id, publication)
    return Completed(message=_already_published(publication))


def end_repeats(load_id: str | None, publication: Publication) -> None:
    """End the waiting runs that ask for a load which is published."""
    if load_id is not None:
        end_waiting_runs(
            lambda flow_run: flow_run.parameters.get("load_id") == load_id, message=_already_published(publication)
        )


def _already_published(publication: Publication) -> str:
    return f"already published: {publication}"
