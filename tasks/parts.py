"""Features of many DFUs in parts: on the workers of a Dask cluster, or one after another where there is none."""

import shutil
from typing import Any

from prefect import task, unmapped
from prefect.client.schemas.objects import State, TaskRun
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.tasks import Task

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.errors import ConfigError
from dfu_clustering.loads.sales_loads import SalesState, require_unchanged
from dfu_clustering.runs.manifest import BUILD_FEATURES, once
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.summaries import FeatureSummary
from dfu_clustering.steps.build_features import build_features, join_parts
from dfu_clustering.warehouse.snapshot import Part, SnapshotGoneError, snapshot
from tasks.support.connection import warehouse_engine
from tasks.support.retries import RETRY, may_succeed

_TIMEOUT_S = 2 * 3600


@once(BUILD_FEATURES)
def build_features_in_parts(run: Run, config: ClusteringConfig, judged: SalesState | None = None) -> FeatureSummary:
    """Let every part be built in one snapshot of the warehouse, and join what they wrote.

    Workers read the warehouse themselves, by their own DATABASE_URL or the configured block, and write into the run's
    folder, which must lie where all of them see it.
    """
    # a part without a DFU that can be clustered writes no matrix: one of an earlier try would be taken for its own
    shutil.rmtree(run.parts, ignore_errors=True)
    parts = [Part(number, config.scale.partitions) for number in range(config.scale.partitions)]
    with snapshot(warehouse_engine(config.warehouse)) as shared, _task_runner(config.scale.dask_address) as runner:
        if judged is not None:
            require_unchanged(shared, judged)
        arguments = {
            "config": unmapped(config),
            "run": unmapped(run),
            "part": parts,
            "same_as": unmapped(shared.export()),
            "as_of_month": unmapped(run.known_month),
        }
        runner.map(build_part, arguments).result()
    summary = join_parts(run, config, parts=[run.part(part.number) for part in parts])
    shutil.rmtree(run.parts)
    return summary


def _may_succeed_in_this_snapshot(task: Task[Any, Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Tell whether another try of a part is worth it; all parts are tried again where their snapshot is gone."""
    return may_succeed(task, task_run, state) and not isinstance(state.data, SnapshotGoneError)


@task(
    name="build-features-part",
    timeout_seconds=_TIMEOUT_S,
    task_run_name="build-features-part-{part.number}",
    **(RETRY | {"retry_condition_fn": _may_succeed_in_this_snapshot}),
)
def build_part(config: ClusteringConfig, run: Run, part: Part, same_as: str, as_of_month: str | None) -> FeatureSummary:
    """Read the sales of one part of the DFUs and write their features."""
    engine = warehouse_engine(config.warehouse)
    files = run.part(part.number)
    return build_features(files, config, engine, as_of_month=as_of_month, part=part, same_as=same_as)


def _task_runner(dask_address: str | None) -> Any:  # noqa: ANN401  (Prefect's types know no task that is only sync)
    if dask_address is None:
        return ThreadPoolTaskRunner(max_workers=1)
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError as error:
        raise ConfigError(
            "scale.dask_address must be null unless the extra 'dask' is installed",
            found=str(error),
            remedy="install dfu-clustering[dask], here and on the workers",
        ) from error
    return DaskTaskRunner(address=dask_address)
