"""What segments are worth to a forecaster, as tasks."""

from datetime import UTC, datetime
from pathlib import Path

import joblib
from prefect import task

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.forecast_value.verdict import Verdict
from dfu_clustering.steps import measure_forecast_value as step
from tasks.support.connection import warehouse_engine
from tasks.support.retries import RETRY

_MEASURING_S = 6 * 3600
_RECORDING_S = 600


@task(name="measure-forecast-value", timeout_seconds=_MEASURING_S, **RETRY)
def measure_forecast_value(
    config: ClusteringConfig, var: Path, *, origins: int, horizon_months: int, seeds: int, as_of_month: str | None
) -> Verdict:
    """Read the sales, train every way at every origin, and keep the verdict."""
    extent = step.Extent(origins, horizon_months, seeds, joblib.cpu_count())
    engine = warehouse_engine(config.warehouse)
    return step.measure_warehouse(config, engine, extent, var, as_of_month=as_of_month, measured_at=datetime.now(UTC))


@task(name="record-verdict", timeout_seconds=_RECORDING_S, **RETRY)
def record_verdict(config: ClusteringConfig, var: Path, verdict: Verdict, name: str) -> str | None:
    """Write the verdict to MLflow; where MLflow is down the flow continues."""
    return step.record_verdict(config, var, verdict, name)
