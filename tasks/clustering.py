"""The steps of a clustering run as tasks; a step that has finished in this run before is not done again."""

from pathlib import Path

from prefect import task

from dfu_clustering import steps
from dfu_clustering.config import ClusteringConfig
from dfu_clustering.data_quality import GatePolicy
from dfu_clustering.loads import SalesState
from dfu_clustering.runs import Run
from dfu_clustering.steps import (
    FeatureFiles,
    FeatureSummary,
    LabelSummary,
    ModelFiles,
    PublishedChoice,
    PublishSummary,
    ReportSources,
    ReportSummary,
    RunSummary,
    TrainingSummary,
)
from expectations.gate import NO_MONTH, as_of
from tasks.connection import warehouse_engine
from tasks.parts import build_features_in_parts
from tasks.retries import RETRY

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
        return steps.build_features(config, engine, output=run.features, as_of_month=month)

    return run.once("build_features", FeatureSummary, work)


@task(name="find-published", timeout_seconds=_HOUR_S, **RETRY)
def find_published(config: ClusteringConfig, run: Run, policy: GatePolicy) -> PublishedChoice:
    """Find the published run that this one continues."""

    def work() -> PublishedChoice:
        return steps.find_published(config, run, override_reason=policy.override_reason)

    return run.once("find_published", PublishedChoice, work)


@task(name="train-model", timeout_seconds=2 * _HOUR_S, **RETRY)
def train_model(config: ClusteringConfig, run: Run, published: str | None = None) -> TrainingSummary:
    """Choose K and fit the clusters, or continue the published ones."""

    def work() -> TrainingSummary:
        files = steps.published_files(config, run, published) if published else None
        return steps.train_model(config, features=run.features, output_dir=run.folder, published=files)

    return run.once("train_model", TrainingSummary, work)


@task(name="label-segments", timeout_seconds=_HOUR_S, **RETRY)
def label_segments(config: ClusteringConfig, run: Run, published: str | None = None) -> LabelSummary:
    """Give every cluster its business label; a published one is kept while its meaning holds."""

    def work() -> LabelSummary:
        files = steps.published_files(config, run, published) if published else None
        model = ModelFiles.in_folder(run.folder)
        return steps.label_segments(config, model=model, output=run.labels, published=files)

    return run.once("label_segments", LabelSummary, work)


@task(name="update-assignments", timeout_seconds=_HOUR_S, **RETRY)
def update_assignments(config: ClusteringConfig, run: Run, *, dry_run: bool) -> PublishSummary:
    """Write the labels to dim_dfu; DFUs that left it or came since the features were read are reported."""

    def work() -> PublishSummary:
        return steps.update_assignments(
            warehouse_engine(config.warehouse),
            labels=run.labels,
            dry_run=dry_run,
            unknown="report",
            excluded=FeatureFiles(run.features).excluded,
            record=lambda previous: steps.record_early(config, run, previous),
        )

    return run.once("update_assignments", PublishSummary, work)


@task(name="build-report", timeout_seconds=_HOUR_S, **RETRY)
def build_report(run: Run) -> ReportSummary:
    """Write the page that people read."""

    def work() -> ReportSummary:
        return steps.build_report(ReportSources.of_run(run), output=run.report)

    return run.once("build_report", ReportSummary, work)


@task(name="record-run", timeout_seconds=_HOUR_S, **RETRY)
def record_run(config: ClusteringConfig, run: Run) -> RunSummary:
    """Write summary.json and the MLflow run; one that MLflow has taken is not recorded again."""

    def work() -> RunSummary:
        return steps.record_run(config, run)

    return run.once("record_run", RunSummary, work, finished_if=lambda summary: summary.mlflow_run_id is not None)
