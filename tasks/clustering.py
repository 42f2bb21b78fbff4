"""The steps of a clustering run as tasks, in the order in which they run; each is done once a run.

A step that clusters or draws is imported when its turn comes: scikit-learn and matplotlib take seconds to load, and a
run whose load is already published, or that a gate stops, does without.
"""

from datetime import UTC, datetime
from pathlib import Path

from prefect import task

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.loads.sales_loads import SalesState
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.quality.gate_reports import GatePolicy
from dfu_clustering.runs.folder import PICTURES
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.standing import Standing
from dfu_clustering.runs.summaries import (
    FeatureSummary,
    LabelSummary,
    PublishedChoice,
    ReportSummary,
    RunSummary,
    TrainingSummary,
)
from dfu_clustering.steps import build_features as features
from dfu_clustering.steps import find_published as published
from dfu_clustering.steps import publish_labels as publishing
from dfu_clustering.steps import record_run as record
from dfu_clustering.steps.remove_old_runs import RemovalSummary, remove_old_runs
from dfu_clustering.steps.sales_reading import SalesReading
from tasks.parts import build_features_in_parts
from tasks.support.connection import warehouse_engine
from tasks.support.retries import RETRY, RETRY_IN_SNAPSHOT

_HOUR_S = 3600


@task(name="open-run", timeout_seconds=_HOUR_S, **RETRY)
def open_run(config: ClusteringConfig, *, runs: Path, run_id: str, as_of_month: str | None, state: SalesState) -> Run:
    """Open the folder of the run; the as-of month is the sales state's, looked for once more where that is unknown."""
    month: str | None = state.as_of_month
    if not state.rows:
        from expectations.gate import as_of  # late: Great Expectations, as in tasks/quality

        month = as_of(warehouse_engine(config.warehouse), as_of_month)
    return Run.open(runs, as_of_month=month, config_digest=config.digest(), run_id=run_id)


@task(name="build-features", timeout_seconds=2 * _HOUR_S, **RETRY_IN_SNAPSHOT)
def build_features(config: ClusteringConfig, run: Run, reading: SalesReading) -> FeatureSummary:
    """Write the feature matrix of the sales that the gate has judged."""
    if config.scale.partitions > 1:
        return build_features_in_parts(run, config, reading)
    return features.build_features(run, config, warehouse_engine(config.warehouse), reading=reading)


@task(name="find-published", timeout_seconds=_HOUR_S, **RETRY)
def find_published(
    config: ClusteringConfig, run: Run, standing: Standing, policy: GatePolicy, *, dry_run: bool
) -> PublishedChoice:
    """Find the published run that this one continues."""
    return published.find_published(
        run, config.tracking, standing.publications, override_reason=policy.override_reason, dry_run=dry_run
    )


@task(name="train-model", timeout_seconds=2 * _HOUR_S, **RETRY)
def train_model(config: ClusteringConfig, run: Run, published_run: str | None = None) -> TrainingSummary:
    """Choose K and fit the clusters, or continue the published ones."""
    from dfu_clustering.steps import train_model as training

    return training.train_model(run, config, _files(config, run, published_run), pictures=False)


@task(name="label-segments", timeout_seconds=_HOUR_S, **RETRY)
def label_segments(config: ClusteringConfig, run: Run, published_run: str | None = None) -> LabelSummary:
    """Give every cluster its business label; a published one is kept while its meaning holds."""
    from dfu_clustering.steps import label_segments as labels

    return labels.label_segments(run, config, _files(config, run, published_run), pictures=False)


@task(name="draw-pictures", **RETRY)  # beside others, in a thread, where Prefect can keep no time
def draw_pictures(run: Run) -> None:
    """Draw the pictures of a run that has labels, also where that was cut off."""
    if not all(map(run.find, PICTURES)):
        from dfu_clustering.outputs.pictures import draw_run

        draw_run(run)


@task(name="update-assignments", timeout_seconds=_HOUR_S, **RETRY)
def update_assignments(
    config: ClusteringConfig, run: Run, *, dry_run: bool, load_id: str | None, publish_older_month: bool
) -> PublishSummary:
    """Write the labels to the DFU table, and their line into the ledger."""
    return publishing.publish_run(
        run,
        warehouse_engine(config.warehouse),
        config.tracking,
        dry_run=dry_run,
        load_id=load_id,
        publish_older_month=publish_older_month,
    )


@task(name="build-report", timeout_seconds=_HOUR_S, **RETRY)
def build_report(config: ClusteringConfig, run: Run) -> ReportSummary:
    """Write the page that people read."""
    from dfu_clustering.steps import build_report as report

    return report.build_report(run, config)


@task(name="record-run", timeout_seconds=_HOUR_S, **RETRY)
def record_run(config: ClusteringConfig, run: Run) -> RunSummary:
    """Write summary.json and the MLflow run."""
    return record.record_run(run, config)


@task(name="remove-old-runs", timeout_seconds=_HOUR_S)
def remove_old(config: ClusteringConfig, run: Run) -> RemovalSummary:
    """Remove the folders of runs that are older than the configuration wants them kept."""
    return remove_old_runs(run.runs, config.retention, datetime.now(UTC))


def _files(config: ClusteringConfig, run: Run, published_run: str | None) -> PublishedFiles | None:
    return published.published_files(run, config.tracking, published_run) if published_run else None
