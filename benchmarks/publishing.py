"""What publishing costs beside the least that a database needs for it: COPY into a temporary table and one UPDATE.

Makes dim_dfu in a PostgreSQL of its own in a temporary folder. Prints one JSON line: seconds of the bare statements
where every tenth label changes (``--every 1``: each), of publish_labels with its checks and record for the same
change, of an unchanged second publish, and their ratios; the best of the repeats, taken in turn.

    python benchmarks/publishing.py [--dfus 1000000] [--repeats 3] [--every 10]
"""

import argparse
import io
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from uuid import uuid4

import pandas as pd
import pyarrow as pa
import pyarrow.csv as csv
from sqlalchemy import Engine

from dfu_clustering.demo.server import create_database, start_server
from dfu_clustering.loads.publication import NOT_YET, Publication
from dfu_clustering.publishing.transaction import Publishing, publish_labels
from dfu_clustering.runs.folder import RunFolder
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.publish_record import LedgerRecord
from dfu_clustering.warehouse.connect import connect_engine, raw_connection
from dfu_clustering.warehouse.statements import statement

ROWS = """
INSERT INTO dim_dfu (dfu_ck, dmdunit, dmdgroup, loc, cluster_assignment)
SELECT 'dfu_' || lpad(i::text, 8, '0'), i::text, 'g', 'l', 'label_' || i %% 8 FROM generate_series(0, {dfus} - 1) AS i
"""


def main() -> None:
    """Measure in turn and print the line."""
    options = _arguments().parse_args()
    folder = Path(tempfile.mkdtemp(prefix="dfu-bench-"))
    server = start_server(folder / "data")
    try:
        create_database(server.url(), "bench")
        print(json.dumps(_measured(connect_engine(server.url("bench")), folder, options)))
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _measured(engine: Engine, folder: Path, options: argparse.Namespace) -> dict[str, float]:
    dfus, every = options.dfus, options.every
    with engine.begin() as connection:
        connection.exec_driver_sql(statement("dfu_clustering.demo", "005_create_dim_dfu"))
        connection.exec_driver_sql(ROWS.format(dfus=dfus))
    seconds: dict[str, list[float]] = {"bare": [], "publish": [], "unchanged": []}
    for repeat in range(options.repeats):
        for name, round_ in (("bare", 2 * repeat + 1), ("publish", 2 * repeat + 2), ("unchanged", 2 * repeat + 2)):
            labels = _labels(dfus, round_, every)
            work = _bare if name == "bare" else _recorded(folder / f"{name}-{repeat}")
            seconds[name].append(_seconds(partial(work, engine, labels)))
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM dim_dfu")
    best = {f"{name}_s": round(min(taken), 2) for name, taken in seconds.items()}
    ratios = {
        f"{name}_to_bare": round(min(seconds[name]) / min(seconds["bare"]), 2) for name in ("publish", "unchanged")
    }
    return {"benchmark": "publishing", "dfus": dfus, "every": every, **best, **ratios}


def _labels(dfus: int, round_: int, every: int) -> pd.DataFrame:
    numbers = pd.Series(range(dfus))
    changed = numbers % every == 0
    label = "label_" + (numbers % 8).astype("str") + changed.map({True: f"_{round_}", False: ""})
    return pd.DataFrame(
        {"dfu_ck": "dfu_" + numbers.astype("str").str.zfill(8), "cluster_id": 0, "cluster_label": label}
    )


def _bare(engine: Engine, labels: pd.DataFrame) -> None:
    content = io.BytesIO()
    csv.write_csv(pa.Table.from_pandas(labels[["dfu_ck", "cluster_label"]], preserve_index=False), content)
    content.seek(0)
    with raw_connection(engine) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE n (dfu_ck text, cluster_label text) ON COMMIT DROP")
        cursor.copy_expert("COPY n FROM STDIN WITH (FORMAT csv, HEADER)", content)
        cursor.execute(
            "UPDATE dim_dfu AS d SET cluster_assignment = n.cluster_label, modified_ts = now() FROM n"
            " WHERE n.dfu_ck = d.dfu_ck AND d.cluster_assignment IS DISTINCT FROM n.cluster_label"
        )
        connection.commit()


def _recorded(folder: Path) -> Callable[[Engine, pd.DataFrame], None]:
    line = Publication(
        as_of_month="2026-10",
        load_id=None,
        fingerprint="",
        config_digest="",
        run="benchmark",
        labels={},
        published_at=NOT_YET,
    )

    def work(engine: Engine, labels: pd.DataFrame) -> None:
        record = LedgerRecord(Ledger(folder), RunFolder(folder / uuid4().hex), line)
        publish_labels(engine, labels, Publishing(record=record))

    return work


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dfus", type=int, default=1_000_000, help="rows of dim_dfu")
    parser.add_argument("--repeats", type=int, default=3, help="times that everything is measured")
    parser.add_argument("--every", type=int, default=10, help="one in so many labels changes")
    return parser


if __name__ == "__main__":
    main()
