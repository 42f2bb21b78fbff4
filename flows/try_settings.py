"""The flow try-settings: what the labels of a run would be with other thresholds; it publishes nothing."""

from collections.abc import Mapping
from typing import Annotated, Any

from prefect import flow, runtime
from pydantic import Field

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.loading import load_config
from dfu_clustering.history.known_runs import NAMES_OF_A_RUN
from dfu_clustering.quality.gate_reports import GatePolicy
from dfu_clustering.runs.run import Run, short_run_id, var_folder
from dfu_clustering.runs.summaries import RunSummary
from dfu_clustering.steps.promote_run import find_run
from dfu_clustering.steps.try_settings import require_same_features
from flows.cli import run_by_hand
from flows.publishing import publish_and_report
from flows.settings import settings_as_parameters
from tasks import promoting, quality
from tasks.support.heartbeat import WATCHED

_DESCRIPTIONS = {
    "run": f"The run whose features are labelled: {NAMES_OF_A_RUN}. Default: the one whose labels are published.",
}


def _run_name() -> str:
    return f"other settings on {runtime.flow_run.parameters.get('run') or 'what is published'}"


@flow(
    name="try-settings",
    flow_run_name=_run_name,
    **WATCHED,
)
@settings_as_parameters(_DESCRIPTIONS)
def try_settings(
    settings: Mapping[str, Any], *, run: Annotated[str, Field(min_length=1, max_length=200)] | None = None
) -> RunSummary:
    """Label the DFUs of a run with other settings, without building features or fitting clusters again: a dry run.

    Compare it with any other run, then promote it or leave it. Settings of the clustered space fit clusters again.
    """
    runs, run_id = var_folder() / "runs", short_run_id(runtime.flow_run.id)
    base = promoting.find_base(runs=runs, wanted=run, try_id=run_id)
    config = load_config(**settings)
    require_same_features(config, base)
    tried = Run.open(
        runs,
        as_of_month=base.known_month,
        config_digest=config.digest(),
        run_id=run_id,
    )
    promoting.label_with_other_settings(config, tried, base)
    quality.validate_assignments(config, tried, GatePolicy(), dry_run=True)
    return publish_and_report(  # type: ignore[return-value]  # a state becomes the run's own
        config, tried, dry_run=True, load_id=None, publish_older_month=False
    )


def _check(config: ClusteringConfig, given: Mapping[str, Any]) -> None:
    if given["run"] is not None:
        require_same_features(config, find_run(var_folder() / "runs", given["run"]))


if __name__ == "__main__":
    run_by_hand(try_settings, check=_check)
