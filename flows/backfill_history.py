"""The flow backfill-history: labels and features as of past months, for forecasters; it publishes nothing."""

from typing import Annotated, Literal

from prefect import flow, runtime
from pydantic import Field

from dfu_clustering.config.loading import load_config
from dfu_clustering.history.backfills import backfill_folder
from dfu_clustering.months import AsOfMonth
from dfu_clustering.runs.run import short_run_id, var_folder
from dfu_clustering.steps.backfill import BackfillSummary, finish_backfill
from dfu_clustering.steps.backfill_plan import MOST_MONTHS
from flows.cli import run_by_hand
from tasks import backfilling
from tasks.support.artifacts import show_backfill
from tasks.support.heartbeat import WATCHED


@flow(
    name="backfill-history",
    flow_run_name="labels as of the last {months} months",
    **WATCHED,
)
def backfill_history(
    months: Annotated[int, Field(ge=1, le=MOST_MONTHS)] | Literal["all"] = 12,
    as_of_month: AsOfMonth | None = None,
) -> BackfillSummary:
    """Compute labels and features as of each of the last months, from the sales up to that month alone.

    Args:
        months: How many, the newest included; all: every month as of which a DFU has enough history.
        as_of_month: The newest of them, as YYYY-MM. Default: the newest month with sales.
    """
    config, var = load_config(), var_folder()
    backfill_id = short_run_id(runtime.flow_run.id)
    folder = backfill_folder(var, backfill_id)
    plan = backfilling.open_backfill(config, folder, months=months, as_of_month=as_of_month)
    done = [backfilling.backfill_month(config, folder, month, before) for before, month in plan.chain(folder)]
    summary = finish_backfill(config, var, backfill_id, plan, done)
    show_backfill(summary)
    return summary


if __name__ == "__main__":
    run_by_hand(backfill_history)
