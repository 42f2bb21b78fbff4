"""Features of many DFUs in parts: on the workers of a Dask cluster, or one after another where there is none."""

import shutil
from typing import Any

from prefect import task, unmapped
from prefect.task_runners import ThreadPoolTaskRunner

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.errors import ConfigError
from dfu_clustering.runs.manifest import BUILD_FEATURES, once
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.summaries import FeatureSummary
from dfu_clustering.steps.build_features import build_features, join_parts
from dfu_clustering.steps.sales_reading import SalesReading, require_all
from dfu_clustering.warehouse.snapshot import Part
from tasks.support.connection import warehouse_engine
from tasks.support.retries import RETRY_IN_SNAPSHOT


@once(BUILD_FEATURES)
def build_features_in_parts(run: Run, config: ClusteringConfig, reading: SalesReading) -> FeatureSummary:
    """Let every part be built in the shared snapshot of the warehouse, and join what they wrote.

    Workers read the warehouse themselves, by their own DATABASE_URL or the configured block, and write into the run's
    folder, which must lie where all of them see it.
    """
    # a part without a DFU that can be clustered writes no matrix: one of an earlier try would be taken for its own
    shutil.rmtree(run.parts, ignore_errors=True)
    parts = [Part(number, config.scale.partitions) for number in range(config.scale.partitions)]
    with _task_runner(config.scale.dask_address) as runner:
        arguments = {"config": unmapped(config), "run": unmapped(run), "part": parts, "reading": unmapped(reading)}
        built = runner.map(build_part, arguments).result()
    require_all(reading.sales, sum(part.sales_rows for part in built))
    summary = join_parts(run, config, parts=[run.part(part.number) for part in parts])
    shutil.rmtree(run.parts)
    return summary


# in a thread, here and on workers, where Prefect can keep no time; the task around it has a limit
@task(name="build-features-part", task_run_name="build-features-part-{part.number}", **RETRY_IN_SNAPSHOT)
def build_part(config: ClusteringConfig, run: Run, part: Part, reading: SalesReading) -> FeatureSummary:
    """Read the sales of one part of the DFUs and write their features."""
    engine = warehouse_engine(config.warehouse)
    return build_features(run.part(part.number), config, engine, part=part, reading=reading)


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
