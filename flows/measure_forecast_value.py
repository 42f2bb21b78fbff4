"""The flow measure-forecast-value: what segments are worth to a forecaster of these sales; it publishes nothing."""

from typing import Annotated

from prefect import flow, runtime
from pydantic import Field

from dfu_clustering.config.loading import load_config
from dfu_clustering.forecast_value.evaluation import DEFAULT_SEEDS
from dfu_clustering.forecast_value.origins import DEFAULT_HORIZON_MONTHS, DEFAULT_ORIGINS, LEAST_ORIGINS
from dfu_clustering.forecast_value.verdict import Verdict
from dfu_clustering.months import AsOfMonth
from dfu_clustering.runs.run import short_run_id, var_folder
from flows.cli import run_by_hand
from tasks import measuring
from tasks.support.artifacts import show_verdict
from tasks.support.heartbeat import WATCHED


@flow(
    name="measure-forecast-value",
    flow_run_name="what segments are worth, from {origins} origins",
    **WATCHED,
)
def measure_forecast_value(
    origins: Annotated[int, Field(ge=LEAST_ORIGINS, le=24)] = DEFAULT_ORIGINS,
    horizon_months: Annotated[int, Field(ge=1, le=12)] = DEFAULT_HORIZON_MONTHS,
    seeds: Annotated[int, Field(ge=1, le=10)] = DEFAULT_SEEDS,
    as_of_month: AsOfMonth | None = None,
) -> Verdict:
    """Measure whether forecasts get better with the columns that segments give, beside controls.

    Args:
        origins: Months from which is forecast, at most.
        horizon_months: Months ahead.
        seeds: Trainings of each way at each origin.
        as_of_month: The newest month that counts, as YYYY-MM. Default: the newest month with sales.
    """
    config, var = load_config(), var_folder()
    verdict = measuring.measure_forecast_value(
        config, var, origins=origins, horizon_months=horizon_months, seeds=seeds, as_of_month=as_of_month
    )
    measuring.record_verdict(config, var, verdict, short_run_id(runtime.flow_run.id))
    show_verdict(verdict)
    return verdict


if __name__ == "__main__":
    run_by_hand(measure_forecast_value)
