"""The whole flow beside what the database alone needs to hand the rows out and to take the labels back.

Makes a warehouse (or takes the one that an earlier call left in ``--folder``), measures the floor, runs the flow as
users do, in a process of its own with gates and MLflow, on a Prefect server that stays, and runs it again: with nothing
changed, by hand, which computes all the same, and as a load does that is announced again; and with one month more.
What a process costs more that starts a Prefect server of its own is measured apart, on an empty flow.
Prints one JSON line for each number of DFUs, and with several one line of their growth.

    python benchmarks/end_to_end.py [--dfus 1000000 ...] [--months 36] [--sparse] [--folder var/bench]
        [--repeats 1] [--partitions 1] [--dask-address tcp://127.0.0.1:8786] [--first-run-only]

With repeats, floor and runs are measured so many times and the median of each is what the ratios are of. Dask workers
are started by hand, as docs/scale.md says; their memory and CPU seconds are not among the figures.

Seconds of the CPU, of the program, the Prefect server and PostgreSQL together, are counted beside those of the clock:
on a busy machine only these compare, because a run of several processes gets more of it than the one connection of the
floor.

floor_s: binary COPY of the sales rows out + COPY of a label for each DFU in + their UPDATE. process_s: the run's
process from start to end; start_s of it pass before the flow begins (imports). own_cpu_s: CPU seconds of that process
alone. ephemeral_server: what a process of its own Prefect server takes longer. sales_passes: sales rows that PostgreSQL
has read / rows of the table.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, TextIO

import psutil
import psycopg2

from benchmarks.database_floor import floor_costs, one_month_more, tidy
from benchmarks.made_up_warehouse import prepare_warehouse, size_arguments
from dfu_clustering.demo.server import EmbeddedServer, start_server
from tests.integration.prefect_server import PrefectServer

ROOT = Path(__file__).parents[1]
_PREPARE = "import mlflow; mlflow.set_tracking_uri('sqlite:///{}'); mlflow.search_experiments()"
_COUNT = "SELECT count(*) FROM fact_sales_monthly"
_ROWS_READ = "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'fact_sales_monthly'"


@dataclass(frozen=True)
class Site:
    """A warehouse, and what runs on it work with: all of it stays when a run has ended.

    Attributes:
        postgres: The server of the warehouse.
        prefect: The server that runs report to.
        url: Of the warehouse.
        folder: Where runs write.
        scale: The section of the configuration that says in how many parts sales are read, and by whom.
    """

    postgres: EmbeddedServer
    prefect: PrefectServer
    url: str
    folder: Path
    scale: dict[str, Any]

    def cpu_s(self) -> float:
        """Return seconds of the CPU of both servers, of this program and of those that it waited for, so far."""
        server = psutil.Process(self.prefect.pid)
        prefect = sum(sum(process.cpu_times()[:2]) for process in (server, *server.children(recursive=True)))
        return self._cpu_s_without_prefect() + prefect

    def _cpu_s_without_prefect(self) -> float:
        postmaster = psutil.Process(int((self.postgres.folder / "postmaster.pid").read_text().split()[0]))
        ended = postmaster.cpu_times()
        running = []
        for process in postmaster.children():
            with suppress(psutil.NoSuchProcess):  # it has ended meanwhile: its seconds are the postmaster's next time
                running.append(process.cpu_times())
        postgres = ended.children_user + ended.children_system + sum(times.user + times.system for times in running)
        return postgres + sum(os.times()[:4])

    def floor(self) -> dict[str, float]:
        """Return what the database alone needs."""
        return floor_costs(self.url, self._cpu_s_without_prefect)

    def flow(self, var: Path, how: str) -> dict[str, Any]:
        """Run the flow in a process of its own; the store of MLflow is there already, as at users'."""
        (var / "mlflow").mkdir(parents=True, exist_ok=True)
        (var / "config.yaml").write_text(json.dumps({"clustering": {"scale": self.scale}}))
        environment = {
            **self._environment(),
            "DATABASE_URL": self.url,
            "DFU_CLUSTERING_VAR": str(var),
            "DFU_CLUSTERING_CONFIG": str(var / "config.yaml"),
        }
        prepare = [sys.executable, "-c", _PREPARE.format(var / "mlflow" / "mlflow.db")]
        subprocess.run(prepare, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        rows_read = _one(self.url, _ROWS_READ)
        with (var / "flow.log").open("a") as log:
            costs, output = self._process(how, environment, log)
        passes = (_one(self.url, _ROWS_READ) - rows_read) / _one(self.url, _COUNT)
        return {**costs, "sales_passes": round(passes, 2), **json.loads(output.splitlines()[-1])}

    def ephemeral_server(self) -> dict[str, float]:
        """Return what a process with an empty flow costs more where Prefect starts a server for it."""
        lasting, home = self._environment(), self.folder / "prefect_ephemeral"
        home.mkdir(exist_ok=True)
        own = {
            **lasting,
            "PREFECT_HOME": str(home),
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        }
        del own["PREFECT_API_URL"]
        with Path(os.devnull).open("w") as log:
            self._process("empty", own, log)  # makes the database
            costs, others = (self._process("empty", which, log)[0] for which in (own, lasting))
        return {name: round(costs[name] - others[name], 2) for name in costs}

    def _environment(self) -> dict[str, str]:
        known = {name: value for name, value in self.prefect.environment.items() if name != "MLFLOW_TRACKING_URI"}
        return {**known, "ARROW_DEFAULT_MEMORY_POOL": "jemalloc"}  # as in the image and the Makefile

    def _process(self, how: str, environment: dict[str, str], log: TextIO) -> tuple[dict[str, float], bytes]:
        """Return what a process cost, and what it has printed."""
        started, before = time.perf_counter(), self.cpu_s()
        command = [sys.executable, str(ROOT / "benchmarks" / "flow_process.py"), how]
        ran = subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, stderr=log)
        process_s = time.perf_counter() - started
        return {"process_s": round(process_s, 2), "cpu_s": round(self.cpu_s() - before, 2)}, ran.stdout


def main() -> None:
    """Parse the arguments, measure, print."""
    options = _arguments().parse_args()
    folder = options.folder.resolve()
    scale = {"partitions": options.partitions, "dask_address": options.dask_address}
    postgres, prefect = start_server(folder / "postgres"), PrefectServer(folder / "prefect")
    prefect.folder.mkdir(exist_ok=True)
    try:
        prefect.start()
        lines = []
        for dfus in options.dfus:
            url = prepare_warehouse(postgres, dfus=dfus, months=options.months, sparse=options.sparse)
            site = Site(postgres, prefect, url, folder, scale)
            figures = _figures(site, repeats=options.repeats, first_run_only=options.first_run_only)
            lines.append({"benchmark": "end_to_end", "dfus": dfus, **figures})
            print(json.dumps(lines[-1]), flush=True)
        if len(lines) > 1:
            print(json.dumps({"benchmark": "growth", **_growth(lines[0], lines[-1])}))
    finally:
        prefect.stop()
        postgres.stop()


def _figures(site: Site, *, repeats: int, first_run_only: bool) -> dict[str, Any]:
    floors, runs = [], []
    for number in range(repeats):
        floors.append(site.floor())
        tidy(site.url)
        runs.append(_runs(site, site.folder / f"var-{int(time.time())}-{number}", first_run_only=first_run_only))
    floor = _medians(floors)
    of = {name: _medians([run[name] for run in runs]) for name in runs[0]}
    first = of["first_run"]
    return {
        "sales_rows": runs[0]["first_run"]["sales_rows"],
        "repeats": repeats,
        **site.scale,
        "floor_s": floor["process_s"],
        "floor_cpu_s": floor["cpu_s"],
        "ratio": round(first["process_s"] / floor["process_s"], 2),
        "cpu_ratio": round(first["cpu_s"] / floor["cpu_s"], 2),
        **{f"{name}_{key}": value for name, costs in of.items() for key, value in costs.items()},
        **({} if first_run_only else {"new_month_times": _times(of["new_month"], first)}),
        "peak_memory_mb": max(one["peak_memory_mb"] for run in runs for one in run.values()),
        "ephemeral_server": site.ephemeral_server(),
        "floors": floors,
        "runs": runs,
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }


def _runs(site: Site, var: Path, *, first_run_only: bool) -> dict[str, dict[str, Any]]:
    """Return what the runs of one round cost, by name; they leave labels behind."""
    runs = {"first_run": site.flow(var, "run")}
    if not first_run_only:
        runs["unchanged_run"] = site.flow(var, "run")
        runs["announced_again"] = site.flow(var, "announce")
        with one_month_more(site.url):
            runs["new_month"] = site.flow(var, "announce")
    return runs


def _medians(costs: list[dict[str, Any]]) -> dict[str, float]:
    return {key: round(median(one[key] for one in costs), 2) for key in ("process_s", "cpu_s")}


def _growth(small: dict[str, Any], large: dict[str, Any]) -> dict[str, Any]:
    of = [{key: one[f"first_run_{key}"] for key in ("process_s", "cpu_s")} for one in (large, small)]
    return {"dfus": [small["dfus"], large["dfus"]], **_times(*of)}


def _times(costs: dict[str, float], others: dict[str, float]) -> dict[str, float]:
    return {key: round(costs[key] / others[key], 2) for key in costs}


def _one(url: str, query: str) -> int:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        (value,) = cursor.fetchone() or (0,)
        return int(value)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dfus", type=int, nargs="+", default=[1_000_000], help="sizes, the smallest first")
    parser.add_argument("--repeats", type=int, default=1, help="how often floor and runs are measured")
    parser.add_argument("--partitions", type=int, default=1, help="parts in which the sales are read")
    parser.add_argument("--dask-address", help="of a scheduler whose workers read the parts")
    parser.add_argument("--first-run-only", action="store_true", help="no runs after the first of each repeat")
    parser.add_argument("--folder", type=Path, default=Path("var/bench"), help="keeps the warehouses for the next call")
    size_arguments(parser)
    return parser


if __name__ == "__main__":
    main()
