"""The months of a backfill as tasks; one that was cut off is resumed after its last finished step."""

from pathlib import Path

from prefect import task

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.steps import backfill
from dfu_clustering.steps.backfill import BackfillPlan, MonthSummary
from tasks.support.connection import warehouse_engine
from tasks.support.retries import RETRY

_TIMEOUT_S = 600
_MONTH_S = 4 * 3600


@task(name="open-backfill", timeout_seconds=_TIMEOUT_S, **RETRY)
def open_backfill(config: ClusteringConfig, folder: Path, *, months: int, as_of_month: str | None) -> BackfillPlan:
    """Find out the months; a backfill that was cut off keeps those that it was begun with."""
    engine = warehouse_engine(config.warehouse)
    return backfill.open_backfill(config, engine, folder, months=months, as_of_month=as_of_month)


@task(name="backfill-month", task_run_name="as of {as_of_month}", timeout_seconds=_MONTH_S, **RETRY)
def backfill_month(config: ClusteringConfig, folder: Path, as_of_month: str, before: str | None) -> MonthSummary:
    """Compute labels and features as of a month; they continue those of the month before."""
    return backfill.backfill_month(config, warehouse_engine(config.warehouse), folder, as_of_month, before)
