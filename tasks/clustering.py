"""The steps of a clustering run as tasks; a step that has finished in this run before is not done again."""

from pathlib import Path

from prefect import task

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.quality.gate_reports import GatePolicy
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.sales_loads import SalesState
from dfu_clustering.steps.build_features import FeatureFiles, FeatureSummary
from dfu_clustering.steps.build_features import build_features as build_features_step
from dfu_clustering.steps.build_report import ReportSources, ReportSummary
from dfu_clustering.steps.build_report import build_report as build_report_step
from dfu_clustering.steps.find_published import PublishedChoice, published_files
from dfu_clustering.steps.find_published import find_published as find_published_step
from dfu_clustering.steps.label_segments import LabelSummary
from dfu_clustering.steps.label_segments import label_segments as label_segments_step
from dfu_clustering.steps.model_files import ModelFiles
from dfu_clustering.steps.publish_labels import update_assignments as update_assignments_step
from dfu_clustering.steps.record_run import RunSummary, record_early
from dfu_clustering.steps.record_run import record_run as record_run_step
from dfu_clustering.steps.train_model import TrainingSummary
from dfu_clustering.steps.train_model import train_model as train_model_step
from expectations.gate import NO_MONTH, as_of
from tasks.parts import build_features_in_parts
from tasks.support.connection import warehouse_engine
from tasks.support.retries import RETRY

_HOUR_S = 3600


@task(name="open-run", timeout_seconds=_HOUR_S, **RETRY)
def open_run(config: ClusteringConfig, *, runs: Path, run_id: str, as_of_month: str | None, state: SalesState) -> Run:
    """Open the folder of the run; the as-of month is the sales state's, looked for once more where that is unknown."""
    month = state.as_of_month if state.rows else as_of(warehouse_engine(config.warehouse), as_of_month)
    return Run.open(runs, as_of_month=month, config_digest=config.digest(), run_id=run_id)


@task(name="build-features", timeout_seconds=2 * _HOUR_S, **RETRY)
def build_features(config: ClusteringConfig, run: Run) -> FeatureSummary:
    """Read sales and dimensions, write the feature matrix."""

    def work() -> FeatureSummary:
        engine = warehouse_engine(config.warehouse)
        month = None if run.as_of_month == NO_MONTH else run.as_of_month
        if config.scale.partitions > 1:
            return build_features_in_parts(config, run, as_of_month=month)
        return build_features_step(config, engine, output=run.features, as_of_month=month)

    return run.once("build_features", FeatureSummary, work)


@task(name="find-published", timeout_seconds=_HOUR_S, **RETRY)
def find_published(config: ClusteringConfig, run: Run, policy: GatePolicy) -> PublishedChoice:
    """Find the published run that this one continues."""

    def work() -> PublishedChoice:
        return find_published_step(config, run, override_reason=policy.override_reason)

    return run.once("find_published", PublishedChoice, work)


@task(name="train-model", timeout_seconds=2 * _HOUR_S, **RETRY)
def train_model(config: ClusteringConfig, run: Run, published: str | None = None) -> TrainingSummary:
    """Choose K and fit the clusters, or continue the published ones."""

    def work() -> TrainingSummary:
        files = published_files(config, run, published) if published else None
        return train_model_step(config, features=run.features, output_dir=run.folder, published=files)

    return run.once("train_model", TrainingSummary, work)


@task(name="label-segments", timeout_seconds=_HOUR_S, **RETRY)
def label_segments(config: ClusteringConfig, run: Run, published: str | None = None) -> LabelSummary:
    """Give every cluster its business label; a published one is kept while its meaning holds."""

    def work() -> LabelSummary:
        files = published_files(config, run, published) if published else None
        model = ModelFiles.in_folder(run.folder)
        return label_segments_step(config, model=model, output=run.labels, published=files)

    return run.once("label_segments", LabelSummary, work)


@task(name="update-assignments", timeout_seconds=_HOUR_S, **RETRY)
def update_assignments(config: ClusteringConfig, run: Run, *, dry_run: bool) -> PublishSummary:
    """Write the labels to dim_dfu; DFUs that left it or came since the features were read are reported."""

    def work() -> PublishSummary:
        return update_assignments_step(
            warehouse_engine(config.warehouse),
            labels=run.labels,
            dry_run=dry_run,
            unknown="report",
            excluded=FeatureFiles(run.features).excluded,
            record=lambda previous: record_early(config, run, previous),
        )

    return run.once("update_assignments", PublishSummary, work)


@task(name="build-report", timeout_seconds=_HOUR_S, **RETRY)
def build_report(run: Run) -> ReportSummary:
    """Write the page that people read."""

    def work() -> ReportSummary:
        return build_report_step(ReportSources.of_run(run), output=run.report)

    return run.once("build_report", ReportSummary, work)


@task(name="record-run", timeout_seconds=_HOUR_S, **RETRY)
def record_run(config: ClusteringConfig, run: Run) -> RunSummary:
    """Write summary.json and the MLflow run; one that MLflow has taken is not recorded again."""

    def work() -> RunSummary:
        return record_run_step(config, run)

    return run.once("record_run", RunSummary, work, finished_if=lambda summary: summary.mlflow_run_id is not None)
