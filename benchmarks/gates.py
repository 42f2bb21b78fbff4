"""What the source gates cost on a large warehouse, beside one plain scan of its sales.

Makes a warehouse in a PostgreSQL of its own in a temporary folder, and judges it. Prints one JSON line: seconds of the
gates (the first call, with the import of Great Expectations, and the best of the others), of the scan, their ratio, and
the memory that the gates add at most to this process and to those of PostgreSQL (private memory, sampled).

    python benchmarks/gates.py [--rows 10000000] [--months 36] [--repeats 3]
"""

import argparse
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Engine

from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.server import EmbeddedServer, create_database, start_server
from dfu_clustering.quality.gate_reports import GatePolicy
from dfu_clustering.runs.run import Run
from dfu_clustering.warehouse.connect import connect_engine, raw_connection
from dfu_clustering.warehouse.statements import statement

AS_OF = "2026-10"
SAMPLE_SECONDS = 0.02
DDL = ("001_create_dim_item", "002_create_fact_sales_monthly", "005_create_dim_dfu")
# 10,000 items, 4 customer groups; a DFU's demand is a level times a draw of its own every month
ITEMS = """
INSERT INTO dim_item (item_ck, item_no, item_desc, item_status, brand_name, category, class, sub_class, country)
SELECT item, item, item, 'ACTIVE', 'B' || i % 200, 'C' || i % 10, 'K' || i % 30, 'S' || i % 90, 'US'
FROM (SELECT i, lpad(i::text, 6, '0') AS item FROM generate_series(0, least({dfus}, 10000) - 1) AS i) AS items
"""
DFUS = """
INSERT INTO dim_dfu (dfu_ck, dmdunit, dmdgroup, loc, region, abc_vol, alcoh_pct, proof, total_lt, execution_lag)
SELECT concat_ws('_', item, grp, loc), item, grp, loc, 'R' || i % 12, 'A', 12.5, 25, 14, 2
FROM (
    SELECT i, lpad((i % 10000)::text, 6, '0') AS item, 'G' || i / 10000 % 4 AS grp, 'L' || i / 40000 AS loc
    FROM generate_series(0, {dfus} - 1) AS i
) AS dfus
"""
SALES = """
INSERT INTO fact_sales_monthly
    (sales_ck, dmdunit, dmdgroup, loc, startdate, type, qty_shipped, qty_ordered, qty, file_dt, load_ts, modified_ts)
SELECT dfu_ck || month, dmdunit, dmdgroup, loc, month, 1, qty, qty, qty, loaded, loaded, loaded
FROM (
    SELECT d.*, m::date AS month, m + interval '35 days' AS loaded,
        round((100 * (1 + dfu_sk % 17) * (0.5 + random()))::numeric, 4) AS qty
    FROM generate_series(date '{as_of}-01' - interval '{before} months', date '{as_of}-01', '1 month') AS m
    CROSS JOIN dim_dfu AS d
) AS sales
"""


def main() -> None:
    """Make the warehouse, judge it, print the figures."""
    options = _arguments().parse_args()
    folder = Path(tempfile.mkdtemp(prefix="dfu-bench-"))
    server = start_server(folder / "postgres")
    try:
        engine = _warehouse(server, dfus=options.rows // options.months, months=options.months)
        print(json.dumps(_figures(engine, server, folder, options.repeats) | {"months": options.months}))
        engine.dispose()
    finally:
        server.stop()
        shutil.rmtree(folder)


def _figures(engine: Engine, server: EmbeddedServer, folder: Path, repeats: int) -> dict[str, Any]:
    scan = "SELECT count(*), sum(qty) FROM fact_sales_monthly"
    scan_s = [_seconds(lambda: _execute(engine, scan)) for _ in range(repeats)]
    with _peak_memory(server) as peak:
        gate_s = [_seconds(partial(_judge, engine, folder, number)) for number in range(repeats)]
    return {
        "sales_rows": _execute(engine, "SELECT count(*) FROM fact_sales_monthly"),
        "gates_first_s": round(gate_s[0], 2),
        "gates_s": round(min(gate_s[1:] or gate_s), 2),
        "scan_s": round(min(scan_s), 2),
        "ratio": round(min(gate_s) / min(scan_s), 1),
        **{f"peak_{name}_mb": round(extra / 1e6, 1) for name, extra in peak.items()},
    }


def _judge(engine: Engine, folder: Path, number: int) -> None:
    # imported late: what the import costs belongs to the gates
    from expectations.gate import judge_sources

    run = Run.open(folder / "runs", as_of_month=AS_OF, config_digest="bench", run_id=str(number))
    reports = judge_sources(load_config(), engine, run, GatePolicy(), chosen=False)
    failed = [check.name for report in reports for check in report.failures]
    if failed:
        raise SystemExit(f"the made-up warehouse should pass, but {failed} failed")


def _warehouse(server: EmbeddedServer, *, dfus: int, months: int) -> Engine:
    create_database(server.url(), "bench")
    engine = connect_engine(server.url("bench"))
    tables = [statement("dfu_clustering.demo", name) for name in DDL]
    fill = [text.format(dfus=dfus, as_of=AS_OF, before=months - 1) for text in (ITEMS, DFUS, SALES)]
    with raw_connection(engine) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for command in (*tables, *fill, "VACUUM ANALYZE"):
                cursor.execute(command)
    return engine


def _execute(engine: Engine, query: str) -> Any:
    with engine.connect() as connection:
        return connection.exec_driver_sql(query).scalar()


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@contextmanager
def _peak_memory(server: EmbeddedServer) -> Iterator[dict[str, float]]:
    """Lend the bytes that this process and PostgreSQL took at most beyond what they had; filled at the end."""
    peak: dict[str, float] = {}
    postmaster = psutil.Process(int((server.folder / "postmaster.pid").read_text().split()[0]))
    samples: list[tuple[int, int]] = [(_own_bytes(), _private_bytes(postmaster))]
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            samples.append((_own_bytes(), _private_bytes(postmaster)))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()
        for name, bytes_used in zip(("python", "postgres"), zip(*samples, strict=True), strict=True):
            peak[name] = max(bytes_used) - bytes_used[0]
        peak["total"] = max(map(sum, samples)) - sum(samples[0])


def _own_bytes() -> int:
    return int(psutil.Process().memory_info().rss)


def _private_bytes(postmaster: psutil.Process) -> int:
    total = 0
    for process in postmaster.children(recursive=True):
        try:
            total += process.memory_full_info().uss
        except (psutil.NoSuchProcess, psutil.AccessDenied):  # a worker that has just ended
            continue
    return total


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000, help="sales rows, about")
    parser.add_argument("--months", type=int, default=36, help="months of them")
    parser.add_argument("--repeats", type=int, default=3, help="times that everything is measured")
    return parser


if __name__ == "__main__":
    main()
