"""A backfill that reads the sales once beside the former way, which read them for each month and drew each month.

Makes a warehouse (or takes the one that an earlier call left in ``--folder``), and runs both ways in processes of their
own: the former one over its last months alone, which stand for the others. Checks that the features that both made are
the same bytes. Prints one JSON line.

    python benchmarks/history.py [--dfus 20000] [--months 24] [--former-months 3] [--grid-months 36]
        [--folder var/bench]

run_s: a month of the former way, fitted from scratch; that is a run without gates, publishing, MLflow and Prefect.
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
        print(json.dumps({**figures, "peak_memory_mb": _peak_memory_mb(), "cpu_s": round(time.process_time(), 1)}))
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
    continued = [sum(month.values()) for month in former["steps_s"][1:]]
    former_s = sum(continued) / len(continued)
    new_s = sum(sum(month.values()) for month in new["steps_s"])
    n_months = len(new["months"])
    run_s = sum(former["steps_s"][0].values())
    return {
        "months": n_months,
        "run_s": round(run_s, 2),
        "former_month_s": round(former_s, 2),
        "new_s": round(new["read_s"] + new_s, 2),
        "new_month_s": round(sum(sum(month.values()) for month in new["steps_s"][1:]) / max(n_months - 1, 1), 2),
        "times_a_run": round((new["read_s"] + new_s) / run_s, 2),
        "times_faster": round(former_s * n_months / (new["read_s"] + new_s), 2),
        "new": new,
        "former": former,
    }


def _former(options: argparse.Namespace) -> dict[str, Any]:
    """Read the sales for each month and make all files and pictures, as before."""
    config, engine = load_config(), connect_engine(os.environ["DATABASE_URL"])
    last = options.work / "plan"
    months = open_backfill(config, engine, last, months=options.former_months, as_of_month=None).months
    steps: list[dict[str, float]] = []
    for before, month in zip([None, *months], months, strict=False):
        published = PublishedFiles.in_folder(options.work / before) if before else None
        steps.append(_former_month(Run(options.work / month, as_of_month=month), config, engine, published))
    return {"months": months, "steps_s": steps}


def _former_month(
    run: Run, config: ClusteringConfig, engine: Engine, published: PublishedFiles | None
) -> dict[str, float]:
    return {
        "features": _seconds(lambda: build_features(run, config, engine, as_of_month=run.as_of_month)),
        "training": _seconds(lambda: train_model(run, config, published)),
        "labels": _seconds(lambda: label_segments(run, config, published)),
    }


def _one_pass(options: argparse.Namespace) -> dict[str, Any]:
    config, engine = load_config(), connect_engine(os.environ["DATABASE_URL"])
    folder = backfill_folder(options.work, "x")
    started = time.perf_counter()
    plan = open_backfill(config, engine, folder, months=options.months, as_of_month=None)
    read_s = round(time.perf_counter() - started, 2)
    done, steps = [], []
    for before, month in plan.chain(folder):
        done.append(backfill_month(config, folder, month, before))
        steps.append({name: round(s, 2) for name, s in Run(folder / month, as_of_month=month).durations_s().items()})
    finish_backfill(config, options.work, "x", plan, done)
    refits = sum(month.refit is not None for month in done)
    return {"months": plan.months, "read_s": read_s, "refits": refits, "steps_s": steps}


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


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return round(time.perf_counter() - started, 2)


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
