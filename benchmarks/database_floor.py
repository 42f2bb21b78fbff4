"""What the database alone needs to hand the sales out and to take labels back, and loads of another month."""

import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2

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


def floor_costs(url: str, cpu_s: Callable[[], float]) -> dict[str, float]:
    """Return seconds of the database's own work by part, and in all by the clock and by the CPU; it is rolled back.

    Args:
        url: Of the warehouse.
        cpu_s: Returns the seconds of the CPU so far.
    """
    with (
        closing(psycopg2.connect(url)) as connection,
        connection.cursor() as cursor,
        Path(os.devnull).open("wb") as sink,
    ):
        cursor.execute("SELECT count(*) FROM fact_sales_monthly")  # the first reading after a start comes from disk
        labels = io.BytesIO()
        cursor.copy_expert(_KEYS_OUT, labels)
        labels.seek(0)
        cursor.execute(_LABELS_TABLE)
        rows_out = _costs(lambda: cursor.copy_expert(_ROWS_OUT, sink), cpu_s)
        labels_in = _costs(lambda: cursor.copy_expert("COPY floor_labels FROM STDIN", labels), cpu_s)
        cursor.execute("ANALYZE floor_labels")
        update = _costs(lambda: cursor.execute(_UPDATE), cpu_s)
        connection.rollback()
    parts = (rows_out, labels_in, update)
    return {
        "rows_out_s": round(rows_out[0], 2),
        "labels_in_s": round(labels_in[0], 2),
        "update_s": round(update[0], 2),
        "process_s": round(sum(clock for clock, _ in parts), 2),
        "cpu_s": round(sum(cpu for _, cpu in parts), 2),
    }


def tidy(url: str) -> None:
    """Leave the DFU table as if it had just been loaded, so that each run finds the same."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("UPDATE dim_dfu SET cluster_assignment = NULL WHERE cluster_assignment IS NOT NULL")
            cursor.execute("VACUUM FULL ANALYZE dim_dfu")
            cursor.execute("CHECKPOINT")


@contextmanager
def one_month_more(url: str) -> Iterator[None]:
    """Load another month for the time of the block: the quantities of a year before, up to a fifth more or less."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("SELECT max(startdate) FROM fact_sales_monthly")
        (newest,) = cursor.fetchone() or (None,)
        try:
            cursor.execute(_NEXT_MONTH, {"newest": newest})
            if not cursor.rowcount:
                raise SystemExit(f"no month could be added after {newest}: the warehouse has no month a year before it")
            cursor.execute("VACUUM ANALYZE fact_sales_monthly")
            cursor.execute("CHECKPOINT")
            yield
        finally:
            cursor.execute("DELETE FROM fact_sales_monthly WHERE startdate > %s", (newest,))
            cursor.execute("VACUUM ANALYZE fact_sales_monthly")


def _costs(work: Callable[[], Any], cpu_s: Callable[[], float]) -> tuple[float, float]:
    started, before = time.perf_counter(), cpu_s()
    work()
    return time.perf_counter() - started, cpu_s() - before
