"""Promoting a run, and trying other settings, as tasks."""

from pathlib import Path

from prefect import task

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.loading import load_config
from dfu_clustering.quality.gate_reports import GatePolicy
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.summaries import LabelSummary
from dfu_clustering.steps import promote_run as promoting
from dfu_clustering.steps import try_settings as trying
from tasks.support.connection import warehouse_engine
from tasks.support.retries import RETRY

_HOUR_S = 3600
_TIMEOUT_S = 600


@task(name="find-run-to-promote", timeout_seconds=_TIMEOUT_S, **RETRY)
def find_run_to_promote(policy: GatePolicy, *, runs: Path, wanted: str) -> Run:
    """Find a run that has labels and has published none, and whose sources have passed their gates."""
    run = promoting.find_run_to_promote(runs, wanted)
    promoting.require_sources_passed(run, policy)
    return run


@task(name="find-base", timeout_seconds=_TIMEOUT_S, **RETRY)
def find_base(*, runs: Path, wanted: str | None, try_id: str) -> Run:
    """Find the run on whose features other settings are tried."""
    config = load_config()
    return trying.find_base(warehouse_engine(config.warehouse), runs, config.tracking, wanted, try_id=try_id)


@task(name="label-with-other-settings", timeout_seconds=_HOUR_S, **RETRY)
def label_with_other_settings(config: ClusteringConfig, run: Run, base: Run) -> LabelSummary:
    """Continue the clusters of the base, and label its DFUs by the words of these settings."""
    from dfu_clustering.steps import label_segments as labels  # late, as in tasks/clustering
    from dfu_clustering.steps import train_model as training

    published = trying.begin_try(run, base, warehouse_engine(config.warehouse), config.tracking)
    # a planner waits for the answer, which is the report; pictures are drawn of what is promoted
    training.train_model(run, config, published, look_for_drift=False, pictures=False)
    return labels.label_segments(run, config, published, pictures=False)
