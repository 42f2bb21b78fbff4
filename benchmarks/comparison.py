"""Two months of made-up sales are compared, and the page is made; prints one JSON line.

Makes both runs by the steps of the flow (or takes those that an earlier call left in ``--folder``); the second
continues the first. Seconds of the CPU are those of this process; on a busy machine only they compare.

    python benchmarks/comparison.py [--dfus 100000] [--folder var/bench]
"""

import argparse
import json
import time
from pathlib import Path

from dfu_clustering import generate_panel, segment
from dfu_clustering.config.loading import load_config
from dfu_clustering.report.comparison_page import render_comparison
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.steps.compare_runs import RunToCompare, compare_runs

MONTHS = ("2026-07", "2026-10")
N_MONTHS = 36
REPEATS = 3


def main() -> None:
    """Make the runs where they are not there, compare them, and print what it took."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--dfus", type=int, default=100_000)
    arguments.add_argument("--folder", type=Path, default=Path("var/bench"))
    options = arguments.parse_args()
    folder = options.folder / f"comparison-{options.dfus}"
    if not (folder / MONTHS[1] / RunFile.LABELS).exists():
        make_runs(folder, options.dfus)
    before, after = (RunToCompare(RunFolder(folder / month)) for month in MONTHS)
    config, took = load_config(), []
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), time.process_time()
        found = compare_runs(before, after, config)
        took.append((time.process_time() - cpu, time.perf_counter() - wall))
    wall = time.perf_counter()
    page = render_comparison(found)
    cpu_s, wall_s = min(took)
    figures = {"dfus": found.labelled_in_both, "changed": found.changed, "moves": len(found.moves)}
    seconds = {"cpu_s": cpu_s, "wall_s": wall_s, "page_s": time.perf_counter() - wall}
    rounded = {name: round(value, 2) for name, value in seconds.items()}
    print(json.dumps(figures | rounded | {"page_kb": len(page) // 1000}))


def make_runs(folder: Path, n_dfus: int) -> None:
    """Label the first month from scratch, and the second one as its continuation."""
    sales = generate_panel(n_dfus, N_MONTHS).sales.select(["dmdunit", "dmdgroup", "loc", "startdate", "qty"])
    first = segment(sales, as_of_month=MONTHS[0])
    first.save(folder / MONTHS[0])
    segment(sales, as_of_month=MONTHS[1], previous=first).save(folder / MONTHS[1])


if __name__ == "__main__":
    main()
