"""A backfill that reads the sales once beside the former way, which read them for each month and drew each month.

Makes a warehouse (or takes the one that an earlier call left in ``--folder``), and runs both ways in processes of their
own: the former one over its last months alone, which stand for the others. Checks that the features that both made are
the same bytes. Prints one JSON line.

    python benchmarks/history.py [--dfus 20000] [--months 24] [--former-months 3] [--grid-months 36]
        [--folder var/bench]

run_s: a month of the former way, fitted from scratch; that is a run without gates, publishing, MLflow and Prefect.
Seconds of the CPU are those of the two processes, without PostgreSQL's; on a busy machine only they compare.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from benchmarks.made_up_warehouse import prepare_warehouse
from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.server import start_server
from dfu_clustering.history.backfills import backfill_folder
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.backfill import backfill_month, finish_backfill
from dfu_clustering.steps.backfill_plan import open_backfill
from dfu_clustering.steps.build_features import build_features
from dfu_clustering.steps.label_segments import label_segments
from dfu_clustering.steps.train_model import train_model
from dfu_clustering.warehouse.connect import connect_engine

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Parse the arguments, measure, print."""
    options = _arguments().parse_args()
    if options.child:
        figures = _former(options) if options.child == "former" else _one_pass(options)
        print(json.dumps({**figures, "peak_memory_mb": _peak_memory_mb()}))
        return
    folder = options.folder.resolve()
    work = folder / "history"
    shutil.rmtree(work, ignore_errors=True)
    server = start_server(folder / "postgres")
    try:
        url = prepare_warehouse(server, dfus=options.dfus, months=options.grid_months)
        new, former = (_in_a_process(way, url, work / way, options) for way in ("one-pass", "former"))
    finally:
        server.stop()
    same = all(_same_features(work, month) for month in former["months"])
    print(json.dumps({"benchmark": "history", "dfus": options.dfus, **_figures(new, former), "same_bytes": same}))


def _figures(new: dict[str, Any], former: dict[str, Any]) -> dict[str, Any]:
    """Return totals and ratios, by the clock and by the CPU of the two processes."""
    figures: dict[str, Any] = {"months": len(new["months"]), "refits": new["refits"]}
    for unit in ("s", "cpu_s"):
        run, *continued = (month[unit] for month in former["of_month"])
        first, *others = (month[unit] for month in new["of_month"])
        former_month, new_month = sum(continued) / len(continued), sum(others) / max(len(others), 1)
        total = new["read"][unit] + first + sum(others)
        figures |= {
            f"run_{unit}": round(run, 2),
            f"former_month_{unit}": round(former_month, 2),
            f"new_read_{unit}": new["read"][unit],
            f"new_first_month_{unit}": first,
            f"new_month_{unit}": round(new_month, 2),
            f"new_{unit}": round(total, 1),
            f"times_a_run_{unit}": round(total / run, 2),
            f"times_faster_{unit}": round(former_month * len(new["months"]) / total, 2),
        }
    return figures | {"new_peak_mb": new["peak_memory_mb"], "former_peak_mb": former["peak_memory_mb"]}


def _former(options: argparse.Namespace) -> dict[str, Any]:
    """Read the sales for each month and make all files and pictures, as before."""
    config, engine = load_config(), connect_engine(os.environ["DATABASE_URL"])
    last = options.work / "plan"
    months = open_backfill(config, engine, last, months=options.former_months, as_of_month=None).months
    of_month = []
    for before, month in zip([None, *months], months, strict=False):
        published = PublishedFiles.in_folder(options.work / before) if before else None
        run = Run(options.work / month, as_of_month=month)
        of_month.append(_timed(partial(_former_month, run, config, engine, published)))
    return {"months": months, "of_month": of_month}


def _former_month(run: Run, config: ClusteringConfig, engine: Engine, published: PublishedFiles | None) -> None:
    build_features(run, config, engine, as_of_month=run.as_of_month)
    train_model(run, config, published)
    label_segments(run, config, published)


def _one_pass(options: argparse.Namespace) -> dict[str, Any]:
    config, engine = load_config(), connect_engine(os.environ["DATABASE_URL"])
    folder = backfill_folder(options.work, "x")
    read = _timed(lambda: open_backfill(config, engine, folder, months=options.months, as_of_month=None))
    plan = open_backfill(config, engine, folder, months=options.months, as_of_month=None)
    done, of_month = [], []
    for before, month in plan.chain(folder):
        of_month.append(_timed(partial(backfill_month, config, folder, month, before)))
        done.append(backfill_month(config, folder, month, before))  # from its manifest
    finish_backfill(config, options.work, "x", plan, done)
    refits = sum(month.refit is not None for month in done)
    return {"months": plan.months, "read": read, "refits": refits, "of_month": of_month}


def _in_a_process(way: str, url: str, work: Path, options: argparse.Namespace) -> dict[str, Any]:
    numbers = {"--months": options.months, "--former-months": options.former_months}
    command = [sys.executable, __file__, "--child", way, "--work", str(work)]
    command += [str(word) for pair in numbers.items() for word in pair]
    environment = {**os.environ, "DATABASE_URL": url}
    output = subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def _same_features(work: Path, month: str) -> bool:
    one_pass = backfill_folder(work / "one-pass", "x") / month / RunFile.MATRIX
    return one_pass.read_bytes() == (work / "former" / month / RunFile.MATRIX).read_bytes()


def _timed(work: Callable[[], object]) -> dict[str, float]:
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    return {"s": round(time.perf_counter() - clock, 2), "cpu_s": round(time.process_time() - cpu, 2)}


def _peak_memory_mb() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _arguments() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--dfus", type=int, default=20_000)
    arguments.add_argument("--months", type=int, default=24)
    arguments.add_argument("--former-months", type=int, default=3)
    arguments.add_argument("--grid-months", type=int, default=36)
    arguments.add_argument("--folder", type=Path, default=Path("var/bench"))
    arguments.add_argument("--child", choices=("one-pass", "former"), help=argparse.SUPPRESS)
    arguments.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    return arguments


if __name__ == "__main__":
    main()
