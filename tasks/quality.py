"""The gates of a run as tasks: what fails stops the run and is never tried again, a dropped connection is.

Great Expectations takes seconds to load: a run whose load is already published ends without it.
"""

from prefect import task

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.quality.gate_reports import GatePolicy, GateReport
from dfu_clustering.runs.manifest import BUILD_FEATURES, PUBLISH_LABELS, TRAIN_MODEL
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.sales_reading import SalesReading
from tasks.support.connection import warehouse_engine
from tasks.support.findings import let_through
from tasks.support.retries import RETRY, RETRY_IN_SNAPSHOT

_HOUR_S = 3600


@task(name="validate-sources", timeout_seconds=2 * _HOUR_S, **RETRY_IN_SNAPSHOT)
def validate_sources(
    config: ClusteringConfig, run: Run, policy: GatePolicy, reading: SalesReading, *, chosen: bool
) -> None:
    """Judge the sales, DFU and item tables before anything is computed of them."""
    from expectations import gate

    engine = warehouse_engine(config.warehouse)

    def judge() -> list[GateReport]:
        return gate.judge_sources(config, engine, run, policy, chosen=chosen, reading=reading)

    let_through(run, BUILD_FEATURES, judge)


@task(name="validate-features", timeout_seconds=_HOUR_S, **RETRY)
def validate_features(run: Run, policy: GatePolicy) -> None:
    """Judge the feature matrix before clusters are made of it."""
    from expectations import gate

    let_through(run, TRAIN_MODEL, lambda: gate.judge_features(run, policy))


@task(name="validate-assignments", timeout_seconds=_HOUR_S, **RETRY)
def validate_assignments(config: ClusteringConfig, run: Run, policy: GatePolicy, *, dry_run: bool) -> None:
    """Judge the labels before they are published; a dry run says what would stop that and continues."""
    from expectations import gate

    engine = warehouse_engine(config.warehouse)

    def judge() -> list[GateReport]:
        return gate.judge_assignments(config, engine, run, policy)

    let_through(run, PUBLISH_LABELS, judge, dry_run=dry_run)
