"""The months of a backfill as tasks; one that was cut off is resumed after its last finished step."""

from pathlib import Path

from prefect import task

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.runs.month_training import MonthSummary
from dfu_clustering.steps import backfill, backfill_plan
from dfu_clustering.steps.backfill_plan import BackfillPlan, Months
from tasks.support.connection import warehouse_engine
from tasks.support.retries import RETRY

_READ_S = 4 * 3600
_MONTH_S = 4 * 3600


@task(name="open-backfill", timeout_seconds=_READ_S, **RETRY)
def open_backfill(config: ClusteringConfig, folder: Path, *, months: Months, as_of_month: str | None) -> BackfillPlan:
    """Read the sales and find out the months; a backfill that was cut off keeps those that it was begun with."""
    engine = warehouse_engine(config.warehouse)
    return backfill_plan.open_backfill(config, engine, folder, months=months, as_of_month=as_of_month)


@task(name="backfill-month", task_run_name="as of {as_of_month}", timeout_seconds=_MONTH_S, **RETRY)
def backfill_month(config: ClusteringConfig, folder: Path, as_of_month: str, before: Path | None) -> MonthSummary:
    """Compute labels and features as of a month; they continue those of the month before."""
    return backfill.backfill_month(config, folder, as_of_month, before)
