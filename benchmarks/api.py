"""What the API answers in on a large dim_dfu, beside the SQL that each answer would otherwise be.

Makes dim_dfu in a PostgreSQL of its own and the files of a published run in a temporary folder, starts `python -m api`
on them, and asks. The members of a segment lie in one stretch of the table, the last segment's at its end. Prints one
JSON line: milliseconds (median, 99 %) of each address, asked one after another; of the first answer of a new process,
the slowest of three; the seconds of the list of all rows, and the memory that it adds; and of READERS connections that
ask all the time while labels are published in turn, with how many answers were of neither state and how many were
errors.

    python benchmarks/api.py [--dfus 1000000] [--readers 200] [--requests 2000] [--publishes 2]
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import pandas as pd
import psycopg2

from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.server import EmbeddedServer, create_database, start_server
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES
from dfu_clustering.files.summary import write_summary
from dfu_clustering.files.tables import write_table
from dfu_clustering.labels.rules import JUDGED_FEATURES
from dfu_clustering.loads.publication import Publication
from dfu_clustering.publishing.transaction import publish_labels
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.summaries import Profiles, SegmentSummary
from dfu_clustering.segments.measures import Figures
from dfu_clustering.warehouse.connect import connect_engine
from dfu_clustering.warehouse.statements import statement

RUN = "2026-10-0123456789-0123456789ab"
LABELS = tuple(f"segment_{number:02}" for number in range(10))
MONTHS = 60
PAGE = 50
COLD_STARTS = 3
DFUS = """
INSERT INTO dim_dfu
    (dfu_ck, dmdunit, dmdgroup, loc, brand, brand_desc, region, abc_vol, supplier_desc, alcoh_pct, total_lt)
SELECT lpad(i::text, 8, '0') || '_G_L', lpad(i::text, 8, '0'), 'G', 'L',
    'B' || i % 200, 'Brand ' || i % 200, 'R' || i % 12, 'A', 'Supplier ' || i % 60, 12.5, 14
FROM generate_series(0, {n} - 1) AS i
"""
COUNT_SQL = "SELECT cluster_assignment, count(*) FROM dim_dfu GROUP BY cluster_assignment"
PAGE_SQL = "SELECT * FROM dim_dfu WHERE cluster_assignment = %s ORDER BY dfu_sk LIMIT 50 OFFSET %s"
TOTAL_SQL = "SELECT count(*) FROM dim_dfu WHERE cluster_assignment = %s"


class Service(NamedTuple):
    """A process of the service: the port on which it answers, and its number."""

    port: int
    pid: int


def main() -> None:
    """Make the site, ask, print the figures."""
    options = _arguments().parse_args()
    folder = Path(tempfile.mkdtemp(prefix="dfu-bench-"))
    server = start_server(folder / "postgres")
    try:
        url = _warehouse(server, options.dfus)
        _write_run(folder / "runs", options.dfus)
        print(json.dumps({"dfus": options.dfus} | _figures(url, folder, options)))
    finally:
        server.stop()
        shutil.rmtree(folder)


def _figures(url: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    cold_ms = []
    for _ in range(COLD_STARTS):
        with _service(url, folder) as service:
            cold_ms.append(_asked(service.port, [CLUSTERS])[0])
    figures: dict[str, Any] = {"clusters_cold_ms": round(max(cold_ms), 1)}
    random.seed(1)
    size = options.dfus // len(LABELS)
    pages = [(random.choice(LABELS), random.randrange(size - PAGE)) for _ in range(options.requests)]
    keys = [f"{random.randrange(options.dfus):08}_G_L" for _ in range(options.requests // 20)]
    with _service(url, folder) as service:
        port = service.port
        figures |= _named("clusters", _asked(port, [CLUSTERS] * options.requests))
        figures |= _named("page", _asked(port, [_page(label, offset) for label, offset in pages]))
        figures |= _named("page_repeated", _asked(port, [_page(*pages[0])] * options.requests))
        figures |= _named("dfu", _asked(port, [f"/domains/dfu/{key}" for key in keys]))
        figures |= _list_figures(service)
        figures |= _plain_sql(url, pages[: options.requests // 20])
        if options.publishes:
            figures |= asyncio.run(_during_publishes(port, url, options))
    figures["clusters_ratio"] = round(figures["sql_count_p50_ms"] / figures["clusters_p50_ms"], 1)
    figures["page_ratio"] = round(figures["sql_page_p50_ms"] / figures["page_p50_ms"], 1)
    return figures


CLUSTERS = "/domains/dfu/clusters"
LIST = "/domains/dfu/page.csv"


def _list_figures(service: Service) -> dict[str, float]:
    """Return how long the list of the whole table takes, the first time and later, and what memory it adds."""
    before_mb = _peak_mb(service)
    first_s, again_s = (_asked(service.port, [LIST])[0] / 1000 for _ in range(2))
    return {
        "list_first_s": round(first_s, 2),
        "list_s": round(again_s, 2),
        "list_adds_mb": round(_peak_mb(service) - before_mb),
    }


def _peak_mb(service: Service) -> float:
    (line,) = (line for line in Path(f"/proc/{service.pid}/status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) / 1024


def _page(label: str, offset: int) -> str:
    filters = quote(json.dumps({"cluster_assignment": f"={label}"}))
    return f"/domains/dfu/page?filters={filters}&limit={PAGE}&offset={offset}"


def _asked(port: int, paths: list[str]) -> list[float]:
    """Ask for the paths one after another on one connection; return the milliseconds of each."""

    async def ask() -> list[float]:
        connection = await Connection.open(port)
        times = []
        for path in paths:
            started = time.perf_counter()
            status, _ = await connection.get(path)
            times.append((time.perf_counter() - started) * 1000)
            if status != 200:
                raise SystemExit(f"{path} answered {status}")
        connection.close()
        return times

    return asyncio.run(ask())


def _plain_sql(url: str, pages: list[tuple[str, int]]) -> dict[str, float]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:

        def run(*statements: tuple[str, tuple[object, ...]]) -> None:
            for command, values in statements:
                cursor.execute(command, values)
                cursor.fetchall()

        counts = [_milliseconds(lambda: run((COUNT_SQL, ()))) for _ in range(20)]
        read = [_milliseconds(lambda: run((TOTAL_SQL, (label,)), (PAGE_SQL, (label, at)))) for label, at in pages]  # noqa: B023
    return _named("sql_count", counts) | _named("sql_page", read)


async def _during_publishes(port: int, url: str, options: argparse.Namespace) -> dict[str, Any]:
    states = [_counts(_labels(options.dfus, turn)) for turn in (0, 1)]
    ended = asyncio.Event()
    times: list[float] = []
    found = {"errors": 0, "mixtures": 0, "old": 0, "new": 0}

    async def read(number: int) -> None:
        connection = await Connection.open(port)
        while not ended.is_set():
            number += 1
            path = CLUSTERS if number % 2 else _page(LABELS[number % len(LABELS)], number % 1000)
            started = time.perf_counter()
            status, body = await connection.get(path)
            times.append((time.perf_counter() - started) * 1000)
            _judge(found, states, status, json.loads(body))
        connection.close()

    readers = [asyncio.create_task(read(number)) for number in range(options.readers)]
    started = time.perf_counter()
    for turn in range(1, options.publishes + 1):
        await asyncio.to_thread(_publish_elsewhere, url, options.dfus, turn % 2)
        await asyncio.sleep(5)
    elapsed_s = time.perf_counter() - started
    ended.set()
    await asyncio.gather(*readers)
    figures = _named("during_publish", times) | {f"during_publish_{name}": count for name, count in found.items()}
    return figures | {"readers": options.readers, "during_publish_per_s": round(len(times) / elapsed_s)}


def _judge(found: dict[str, int], states: list[dict[str, int]], status: int, answer: dict[str, Any]) -> None:
    if status != 200:
        found["errors"] += 1
        return
    if "clusters" in answer:
        seen = {cluster["label"]: cluster["count"] for cluster in answer["clusters"]}
        which = states.index(seen) if seen in states else None
    else:
        (label,) = {row["cluster_assignment"] for row in answer["rows"]}
        totals = [state[label] for state in states]
        which = totals.index(answer["total"]) if answer["total"] in totals else None
    found["mixtures" if which is None else ("old", "new")[which]] += 1


def _publish_elsewhere(url: str, n: int, turn: int) -> None:
    """Publish in a process of its own, so that it takes nothing from the readers of this one."""
    process = get_context("spawn").Process(target=_publish, args=(url, n, turn))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit("the publish failed")


def _publish(url: str, n: int, turn: int) -> None:
    engine = connect_engine(url)
    publish_labels(engine, _labels(n, turn))
    engine.dispose()


def _labels(n: int, turn: int) -> pd.DataFrame:
    """Return one of two states: in the second, a tenth of each segment belongs to the next one."""
    number = np.arange(n)
    segment = number * len(LABELS) // n
    moved = (number % 10 == 0) & (segment < len(LABELS) - 1) & bool(turn)
    names = np.array(LABELS, dtype=object)[segment + moved]
    keys = [f"{i:08}_G_L" for i in range(n)]
    return pd.DataFrame({"dfu_ck": keys, "cluster_id": segment + moved, "cluster_label": names}).astype(
        {"dfu_ck": "str", "cluster_label": "str"}
    )


def _counts(labels: pd.DataFrame) -> dict[str, int]:
    return {str(name): int(count) for name, count in labels["cluster_label"].value_counts().items()}


def _warehouse(server: EmbeddedServer, n: int) -> str:
    create_database(server.url(), "bench")
    url = server.url("bench")
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement("dfu_clustering.demo", "005_create_dim_dfu"))
            cursor.execute(DFUS.format(n=n))
            cursor.execute(
                f"UPDATE dim_dfu SET cluster_assignment = 'segment_' || lpad(((dfu_sk - 1) * 10 / {n})::text, 2, '0')"
            )
            cursor.execute("VACUUM ANALYZE dim_dfu")
    return url


def _write_run(runs: Path, n: int) -> None:
    """Write what the API reads of a run; the numbers are random, their amount is that of a real one."""
    files, labels, random_numbers = RunFolder(runs / RUN), _labels(n, 0), np.random.default_rng(1)
    keys = labels["dfu_ck"]
    assignments = pd.DataFrame({"dfu_ck": keys, "cluster_id": labels["cluster_id"]})
    judged = {name: random_numbers.random(n) for name in JUDGED_FEATURES}
    known = {"naive_wape": random_numbers.random(n), "explained_share": random_numbers.random(n)}
    write_table(pd.DataFrame({"dfu_ck": keys, **known}), files.path(RunFile.FORECASTABILITY))
    said = {"abc_class": "A", "reason": "growing: growth a year 0.1234 >= 0.05, rising trend significant at 1 %"}
    write_table(labels.assign(**said), files.path(RunFile.LABELS))
    write_table(
        assignments.assign(
            **judged,
            distance=random_numbers.random(n),
            margin=random_numbers.random(n),
        ),
        files.path(RunFile.ASSIGNMENTS),
    )
    features = {feature.name: random_numbers.random(n) for feature in TIME_SERIES_FEATURES}
    write_table(pd.DataFrame({"dfu_ck": keys, **features}), files.path(RunFile.MATRIX))
    months = [str(np.datetime64("2021-11", "M") + month) for month in range(MONTHS)]
    write_table(
        pd.DataFrame({"dfu_ck": keys, **{m: random_numbers.random(n) for m in months}}), files.path(RunFile.PANEL)
    )
    segments = [_segment(number, label, n) for number, label in enumerate(LABELS)]
    profiles = Profiles(
        as_of_month="2026-10",
        code_version="0",
        seed=0,
        training_digest="0",
        labeling=load_config().labeling,
        segments=segments,
        figures=Figures(
            true_share=1.0,
            within_margin_share=1.0,
            first_rule_share=1.0,
            variance_explained_share=0.5,
            kmeans_variance_explained_share=0.5,
            added_patterns=(),
            silhouette=0.1,
            inertia=1.0,
            moved_dfus=0,
        ),
    )
    write_summary(profiles, files.path(RunFile.PROFILES))
    counts = _counts(labels)
    Ledger(runs).append(
        Publication(
            as_of_month="2026-10",
            load_id=None,
            fingerprint="0",
            config_digest="0123456789",
            run=RUN,
            labels=counts,
            published_at=datetime.now(UTC),
        )
    )


def _segment(number: int, label: str, n: int) -> SegmentSummary:
    profile = {feature.name: 1.0 for feature in TIME_SERIES_FEATURES}
    size, share = n // len(LABELS), 1 / len(LABELS)
    return SegmentSummary(
        cluster_id=number,
        label=label,
        base=label,
        traits=[],
        reason="made up",
        size=size,
        share=share,
        volume_share=share,
        profile=profile | {"size": size, "share": share, "volume_share": share},
    )


@contextmanager
def _service(url: str, folder: Path) -> Iterator[Service]:
    """Lend a new process of the service that has not been asked for anything of the database yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "DATABASE_URL": url,
        "DFU_API_RUNS": str(folder / "runs"),
        "DFU_API_LOG_LEVEL": "WARNING",
    }
    with (folder / "api.log").open("ab") as log:
        command = [sys.executable, "-m", "api", "--port", str(port)]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=Path(__file__).parents[1])
    try:
        for _ in range(600):
            try:
                if _asked(port, ["/healthz"]):
                    break
            except OSError:
                time.sleep(0.1)
        yield Service(port, process.pid)
    finally:
        process.terminate()
        process.wait(30)


@dataclass
class Connection:
    """One kept connection that asks and reads, and does nothing else, so that what it costs is small."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connect to the service."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 24))

    async def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of a path."""
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].split("\r\n", 1)[0])
        return int(head.split(" ", 2)[1]), await self.reader.readexactly(length)

    def close(self) -> None:
        """Close it."""
        self.writer.close()


def _milliseconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _named(name: str, times: list[float]) -> dict[str, float]:
    return {
        f"{name}_p50_ms": round(float(np.quantile(times, 0.5)), 2),
        f"{name}_p99_ms": round(float(np.quantile(times, 0.99)), 2),
    }


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dfus", type=int, default=1_000_000, help="rows of dim_dfu")
    parser.add_argument("--readers", type=int, default=200, help="connections that read while labels are published")
    parser.add_argument("--requests", type=int, default=2000, help="requests an address, one after another")
    parser.add_argument("--publishes", type=int, default=2, help="publishes while they read; 0: none, no readers")
    return parser


if __name__ == "__main__":
    main()
