"""A process that runs the flow as users do and prints what it cost as one JSON line; the benchmarks start it.

    python benchmarks/flow_process.py run | announce | empty

run: by hand, which computes whatever is published already. announce: as a load is announced, which ends at once where
it is published. empty: a flow that does nothing, after the same imports.
"""

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

from dfu_clustering.runs.manifest import BUILD_FEATURES
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.summaries import RunSummary


def main() -> None:
    """Run what the argument names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("how", choices=["run", "announce", "empty"])
    how = parser.parse_args().how
    if how == "empty":
        _run_an_empty_flow()
    else:
        _run_the_flow(only_new_load=how == "announce")


def _run_the_flow(*, only_new_load: bool) -> None:
    started = time.perf_counter()
    from flows.cluster_dfus import cluster_dfus
    from tasks.support.imports import load_meanwhile

    if not only_new_load:  # as a flow does that is started by hand
        load_meanwhile()
    start_s = time.perf_counter() - started
    state: Any = cluster_dfus(only_new_load=only_new_load, return_state=True)
    summary = state.result()
    flow_s = time.perf_counter() - started - start_s
    costs = {
        "start_s": round(start_s, 2),
        "flow_s": round(flow_s, 2),
        "own_cpu_s": round(time.process_time(), 2),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(costs | ({"ended": state.message} if summary is None else _of_the_run(summary, flow_s))))


def _of_the_run(summary: RunSummary, flow_s: float) -> dict[str, Any]:
    run = Run(Path(summary.run_folder), as_of_month=summary.as_of_month)
    gates = {f"gate_{report.suite}": report.duration_s for report in run.gate_reports()}
    steps = {name: round(seconds, 2) for name, seconds in {**run.durations_s(), **gates}.items()}
    return {
        "between_steps_s": round(flow_s - sum(steps.values()), 2),
        "steps_s": dict(sorted(steps.items(), key=lambda step: -step[1])),
        "clustered": summary.clustered,
        "k": summary.k,
        "updated": summary.published.updated,
        "sales_rows": run.result(BUILD_FEATURES).sales_rows,
    }


def _run_an_empty_flow() -> None:
    from prefect import flow

    import flows.cluster_dfus  # noqa: F401  (as every process that runs it)

    flow(name="empty")(_nothing)()


def _nothing() -> None:
    """Do nothing, in a flow."""


if __name__ == "__main__":
    main()
