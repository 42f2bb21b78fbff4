"""Loads and publishes: between the sales table, the ledger and the Prefect server."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid5

from prefect import runtime, task
from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.states import Completed

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.loads.events import CLUSTERS_PUBLISHED, clusters_resource
from dfu_clustering.loads.publication import Publication, find_publication, month_to_publish
from dfu_clustering.loads.sales_loads import SalesOverview, SalesState, shared_sales
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.runs.manifest import BUILD_FEATURES, READ_SALES_STATE
from dfu_clustering.runs.overtaken import note_published
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.standing import Standing
from dfu_clustering.steps import find_published as published_runs
from dfu_clustering.steps import record_publication as recording
from dfu_clustering.warehouse.snapshot import SnapshotGoneError
from tasks.support.connection import warehouse_engine
from tasks.support.retries import RETRY
from tasks.support.waiting import end_waiting_runs

logger = logging.getLogger("dfu_clustering.loads")  # whose lines a flow run shows

T = TypeVar("T")

_TIMEOUT_S = 600
_HOUR_S = 3600  # all sales are read
_MOST_LOST_SNAPSHOTS = 2  # by a run


@dataclass(frozen=True)
class HeldSales:
    """The sales in a snapshot that is open until close() is called.

    Attributes:
        seen: What they show.
    """

    seen: SalesOverview
    close: Callable[[], None]


@task(name="read-sales-state", timeout_seconds=_HOUR_S, persist_result=False, **RETRY)
def hold_sales(config: ClusteringConfig, *, as_of_month: str | None) -> HeldSales:
    """Open a snapshot and return what its sales show up to the month, by default the newest."""
    stack = ExitStack()
    seen = stack.enter_context(shared_sales(warehouse_engine(config.warehouse), as_of_month))
    return HeldSales(seen, stack.close)


def in_one_snapshot(config: ClusteringConfig, as_of_month: str | None, work: Callable[[SalesOverview], T]) -> T:
    """Do work on the sales in one snapshot; where that is lost, begin it again in another."""
    lost = 0
    while True:
        held = hold_sales(config, as_of_month=as_of_month)
        try:
            return work(held.seen)
        except SnapshotGoneError as gone:
            lost += 1
            if lost > _MOST_LOST_SNAPSHOTS:
                raise
            logger.warning("%s: the sales are judged and read again in another", gone)
        finally:
            held.close()


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


def keep_state(run: Run, state: SalesState, standing: Standing) -> None:
    """Keep which labels stood when the run began, and of which sales its features are, or will be."""
    note_published(run, standing)
    if not run.has_finished(BUILD_FEATURES) and run.find_result(READ_SALES_STATE) != state:
        run.renew(READ_SALES_STATE, state)


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
