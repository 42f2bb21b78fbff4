"""The whole flow beside what the database alone needs to hand the rows out and to take the labels back.

Makes a warehouse (or takes the one that an earlier call left in ``--folder``), measures the floor, runs the flow as
users do, in a process of its own with gates, MLflow and an ephemeral Prefect server, and runs it again: with nothing
changed, by hand, which computes all the same, and as a load does that is announced again; and with one month more.
Prints one JSON line for each number of DFUs, and with several one line of their growth.

    python benchmarks/end_to_end.py [--dfus 1000000 ...] [--months 36] [--sparse] [--folder var/bench]
        [--repeats 1] [--partitions 1]

With repeats, floor and runs are measured so many times and the median of each is what the ratios are of.

Seconds of the CPU, of the program and of PostgreSQL together, are counted beside those of the clock: on a busy machine
only these compare, because a run of several processes gets more of it than the one connection of the floor.

floor_s: binary COPY of the sales rows out + COPY of a label for each DFU in + their UPDATE. process_s: the run's
process from start to end; prefect_start_s of it pass before the flow begins (imports, ephemeral server, an empty flow).
server_cpu_s: CPU seconds of that ephemeral server. sales_passes: sales rows that PostgreSQL has read / rows of the
table.
"""

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import psycopg2

from benchmarks.made_up_warehouse import prepare_warehouse, size_arguments
from dfu_clustering.demo.server import EmbeddedServer, start_server
from dfu_clustering.runs.manifest import BUILD_FEATURES
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.summaries import RunSummary

ROOT = Path(__file__).parents[1]
_ROWS_OUT = (
    "COPY (SELECT dmdunit, dmdgroup, loc, startdate, qty FROM fact_sales_monthly) TO STDOUT WITH (FORMAT binary)"
)
_KEYS_OUT = "COPY (SELECT dfu_ck, 'label_' || dfu_sk % 8 FROM dim_dfu) TO STDOUT"
_LABELS_TABLE = "CREATE TEMPORARY TABLE floor_labels (dfu_ck text, cluster_label text) ON COMMIT DROP"
_UPDATE = """
UPDATE dim_dfu SET cluster_assignment = cluster_label, modified_ts = now()
FROM floor_labels WHERE floor_labels.dfu_ck = dim_dfu.dfu_ck
"""
_NEXT_MONTH = """
INSERT INTO fact_sales_monthly (sales_ck, dmdunit, dmdgroup, loc, startdate, type, qty, load_ts)
SELECT sales_ck || '_next', dmdunit, dmdgroup, loc, (startdate + interval '1 year')::date, type,
    round(qty * (0.8 + 0.4 * (hashtextextended(sales_ck, 7) & 1023) / 1023.0)), load_ts + interval '1 year'
FROM fact_sales_monthly
WHERE startdate = (%(newest)s::date - interval '11 months')::date
"""
_PREPARE = "import mlflow; mlflow.set_tracking_uri('sqlite:///{}'); mlflow.search_experiments()"


def main() -> None:
    """Parse the arguments, measure, print."""
    if sys.argv[1:2] in (["--run"], ["--announce"]):
        _run_the_flow(only_new_load=sys.argv[1] == "--announce")
        return
    options = _arguments().parse_args()
    folder = options.folder.resolve()
    server = start_server(folder / "postgres")
    try:
        lines = []
        for dfus in options.dfus:
            url = prepare_warehouse(server, dfus=dfus, months=options.months, sparse=options.sparse)
            figures = _figures(server, url, folder, repeats=options.repeats, partitions=options.partitions)
            lines.append({"benchmark": "end_to_end", "dfus": dfus, **figures})
            print(json.dumps(lines[-1]), flush=True)
        if len(lines) > 1:
            print(json.dumps({"benchmark": "growth", **_growth(lines[0], lines[-1])}))
    finally:
        server.stop()


def _figures(server: EmbeddedServer, url: str, folder: Path, *, repeats: int, partitions: int) -> dict[str, Any]:
    floors, floor_cpu_s = [], []
    runs: dict[str, list[dict[str, Any]]] = {
        "first_run": [],
        "unchanged_run": [],
        "announced_again": [],
        "new_month": [],
    }
    for number in range(repeats):
        before = _cpu_s(server)
        floors.append(_floor(url))
        floor_cpu_s.append(_cpu_s(server) - before)
        _tidy(url)
        var = folder / f"var-{int(time.time())}-{number}"
        for name, how in (("first_run", "--run"), ("unchanged_run", "--run"), ("announced_again", "--announce")):
            runs[name].append(_flow(server, url, folder, var, how, partitions))
        with _one_month_more(url):
            runs["new_month"].append(_flow(server, url, folder, var, "--announce", partitions))
        _tidy(url, without_labels=True)
    floor_s, cpu_s = median(sum(floor.values()) for floor in floors), median(floor_cpu_s)
    of = {name: {key: median(run[key] for run in ran) for key in ("process_s", "cpu_s")} for name, ran in runs.items()}
    return {
        "sales_rows": runs["first_run"][0]["sales_rows"],
        "repeats": repeats,
        "partitions": partitions,
        "floor_s": round(floor_s, 2),
        "floor_cpu_s": round(cpu_s, 2),
        "process_s": of["first_run"]["process_s"],
        "ratio": round(of["first_run"]["process_s"] / floor_s, 2),
        "cpu_ratio": round(of["first_run"]["cpu_s"] / cpu_s, 2),
        **{f"{name}_process_s": of[name]["process_s"] for name in list(of)[1:]},
        "new_month_ratio": round(of["new_month"]["process_s"] / of["first_run"]["process_s"], 2),
        "new_month_cpu_ratio": round(of["new_month"]["cpu_s"] / of["first_run"]["cpu_s"], 2),
        "peak_memory_mb": max(run["peak_memory_mb"] for ran in runs.values() for run in ran),
        "floors": [{name: round(seconds, 2) for name, seconds in floor.items()} for floor in floors],
        **runs,
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }


def _growth(small: dict[str, Any], large: dict[str, Any]) -> dict[str, Any]:
    return {
        "dfus": [small["dfus"], large["dfus"]],
        **{
            f"{name}_times": round(large["first_run"][0][name] / small["first_run"][0][name], 2)
            for name in ("process_s", "flow_s")
        },
    }


def _floor(url: str) -> dict[str, float]:
    """Return seconds of the database's own work; the labels are rolled back."""
    with (
        closing(psycopg2.connect(url)) as connection,
        connection.cursor() as cursor,
        Path(os.devnull).open("wb") as sink,
    ):
        cursor.execute("SELECT count(*) FROM fact_sales_monthly")  # the first reading after a start comes from disk
        labels = io.BytesIO()
        cursor.copy_expert(_KEYS_OUT, labels)
        labels.seek(0)
        floor = {"rows_out_s": _seconds(lambda: cursor.copy_expert(_ROWS_OUT, sink))}
        cursor.execute(_LABELS_TABLE)
        floor["labels_in_s"] = _seconds(lambda: cursor.copy_expert("COPY floor_labels FROM STDIN", labels))
        cursor.execute("ANALYZE floor_labels")
        floor["update_s"] = _seconds(lambda: cursor.execute(_UPDATE))
        connection.rollback()
    return floor


def _tidy(url: str, *, without_labels: bool = False) -> None:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            if without_labels:
                cursor.execute("UPDATE dim_dfu SET cluster_assignment = NULL WHERE cluster_assignment IS NOT NULL")
            cursor.execute("VACUUM FULL ANALYZE dim_dfu")
            cursor.execute("CHECKPOINT")


@contextmanager
def _one_month_more(url: str) -> Iterator[None]:
    """Load another month for the time of the block: the quantities of a year before, up to a fifth more or less."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("SELECT max(startdate) FROM fact_sales_monthly")
        (newest,) = cursor.fetchone() or (None,)
        cursor.execute(_NEXT_MONTH, {"newest": newest})
        if not cursor.rowcount:
            raise SystemExit(f"no month could be added after {newest}: the warehouse has no month a year before it")
        cursor.execute("VACUUM ANALYZE fact_sales_monthly")
        cursor.execute("CHECKPOINT")
        try:
            yield
        finally:
            cursor.execute("DELETE FROM fact_sales_monthly WHERE startdate > %s", (newest,))
            cursor.execute("VACUUM ANALYZE fact_sales_monthly")


def _cpu_s(server: EmbeddedServer) -> float:
    """Return seconds of the CPU that this program, those that it waited for, and PostgreSQL have used so far."""
    postmaster = psutil.Process(int((server.folder / "postmaster.pid").read_text().split()[0]))
    ended = postmaster.cpu_times()
    running = []
    for process in postmaster.children():
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile: its seconds are the postmaster's next time
            running.append(process.cpu_times())
    postgres = ended.children_user + ended.children_system + sum(times.user + times.system for times in running)
    return postgres + sum(os.times()[:4])


def _flow(server: EmbeddedServer, url: str, folder: Path, var: Path, how: str, partitions: int) -> dict[str, Any]:
    """Run the flow in a process of its own; the stores of Prefect and MLflow are there already, as at users'."""
    (var / "mlflow").mkdir(parents=True, exist_ok=True)
    (folder / "prefect").mkdir(exist_ok=True)
    (var / "config.yaml").write_text(f"clustering: {{scale: {{partitions: {partitions}}}}}\n")
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "DFU_CLUSTERING_VAR": str(var),
        "DFU_CLUSTERING_CONFIG": str(var / "config.yaml"),
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "ARROW_DEFAULT_MEMORY_POOL": "jemalloc",  # as in the image and the Makefile
    }
    environment.pop("MLFLOW_TRACKING_URI", None)
    prepare = [sys.executable, "-c", _PREPARE.format(var / "mlflow" / "mlflow.db")]
    subprocess.run(prepare, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    started, before, rows_read = time.perf_counter(), _cpu_s(server), _sales_rows_read(url)
    with (var / "flow.log").open("a") as log:
        command = [sys.executable, str(Path(__file__)), how]
        output = subprocess.run(
            command, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, stderr=log
        ).stdout
    process_s, cpu_s = time.perf_counter() - started, _cpu_s(server) - before
    passes = (_sales_rows_read(url) - rows_read) / _one(url, "SELECT count(*) FROM fact_sales_monthly")
    figures = json.loads(output.splitlines()[-1])
    return {
        "process_s": round(process_s, 2),
        "cpu_s": round(cpu_s, 2),
        "sales_passes": round(passes, 2),
        **figures,
    }


def _sales_rows_read(url: str) -> int:
    return _one(url, "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'fact_sales_monthly'")


def _one(url: str, query: str) -> int:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        (value,) = cursor.fetchone() or (0,)
        return int(value)


def _run_the_flow(*, only_new_load: bool) -> None:
    started = time.perf_counter()
    from prefect import flow

    from flows.cluster_dfus import cluster_dfus
    from tasks.support.imports import load_meanwhile

    if not only_new_load:  # as a flow does that is started by hand
        load_meanwhile()
    flow(name="empty")(_nothing)()  # starts the ephemeral server
    prefect_start_s = time.perf_counter() - started
    state: Any = cluster_dfus(only_new_load=only_new_load, return_state=True)
    summary = state.result()
    flow_s = time.perf_counter() - started - prefect_start_s
    costs = {
        "prefect_start_s": round(prefect_start_s, 2),
        "flow_s": round(flow_s, 2),
        "own_cpu_s": round(time.process_time(), 2),
        "server_cpu_s": round(sum(sum(child.cpu_times()[:2]) for child in psutil.Process().children()), 2),
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
        "server_memory_mb": round(sum(child.memory_info().rss for child in psutil.Process().children()) / 2**20),
        "clustered": summary.clustered,
        "k": summary.k,
        "updated": summary.published.updated,
        "sales_rows": run.result(BUILD_FEATURES).sales_rows,
    }


def _nothing() -> None:
    """Do nothing, in a flow."""


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dfus", type=int, nargs="+", default=[1_000_000], help="sizes, the smallest first")
    parser.add_argument("--repeats", type=int, default=1, help="how often floor and runs are measured")
    parser.add_argument("--partitions", type=int, default=1, help="parts in which the sales are read")
    parser.add_argument("--folder", type=Path, default=Path("var/bench"), help="keeps the warehouses for the next call")
    size_arguments(parser)
    return parser


if __name__ == "__main__":
    main()
