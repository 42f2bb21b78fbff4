"""A warehouse of any size in a PostgreSQL of its own: the demo's archetypes, made in blocks, kept for the next time.

Every DFU is in dim_dfu and has a row in every month, with qty 0 where it sold nothing, so that sales rows are DFUs x
months; ``sparse`` leaves these rows out, as most warehouses do. Sales lie in the order of their loads, month by month.
"""

import argparse
import io
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import psycopg2
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from dfu_clustering.demo.archetypes import draw_traits, simulate_demand
from dfu_clustering.demo.attributes import dfu_table, draw_assortment
from dfu_clustering.demo.catalog import draw_items, item_table
from dfu_clustering.demo.loading import create_tables
from dfu_clustering.demo.rows import Bookings, sales_table
from dfu_clustering.demo.server import EmbeddedServer, create_database
from dfu_clustering.months import month_range, parse_month

AS_OF = "2026-10"
SEED = 20_261_125
_BLOCK_DFUS = 50_000
_DFUS_PER_ITEM = 8
# the unique key of 36 million rows is built three times faster afterwards
_KEYS = {"fact_sales_monthly_pkey": "PRIMARY KEY (sales_sk)", "fact_sales_monthly_sales_ck_key": "UNIQUE (sales_ck)"}


def prepare_warehouse(server: EmbeddedServer, *, dfus: int, months: int, sparse: bool = False) -> str:
    """Return the URL of a database with that many DFUs and no label; it is made where it is not there yet."""
    name = f"bench_{dfus}x{months}" + ("_sparse" if sparse else "")
    url = server.url(name)
    create_database(server.url(), name)
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", (name,))
            if cursor.fetchone() == ("complete",):
                cursor.execute("UPDATE dim_dfu SET cluster_assignment = NULL WHERE cluster_assignment IS NOT NULL")
                cursor.execute("VACUUM FULL ANALYZE dim_dfu")
                return url
            _fill(connection, dfus, months, sparse=sparse)
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")
            cursor.execute(f"COMMENT ON DATABASE {name} IS 'complete'")
    return url


def _fill(connection: psycopg2.extensions.connection, dfus: int, months: int, *, sparse: bool) -> None:
    create_tables(connection)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE dim_item, dim_dfu, fact_sales_monthly")
        cursor.execute("SET maintenance_work_mem = '1GB'")
        for key in _KEYS:
            cursor.execute(f"ALTER TABLE fact_sales_monthly DROP CONSTRAINT IF EXISTS {key}")
        blocks = []
        for items, dfu_rows, demand in _blocks(dfus, months):
            _copy(cursor, "dim_item", items)
            _copy(cursor, "dim_dfu", dfu_rows)
            blocks.append((dfu_rows.select(["dfu_ck", "dmdunit", "dmdgroup", "loc"]), demand))
        for column in range(months):
            for keys, demand in blocks:
                _copy(cursor, "fact_sales_monthly", _sales_of_month(keys, demand, column, sparse=sparse))
        for key, definition in _KEYS.items():
            cursor.execute(f"ALTER TABLE fact_sales_monthly ADD CONSTRAINT {key} {definition}")


def _blocks(dfus: int, months: int) -> Iterator[tuple[pa.Table, pa.Table, np.ndarray]]:
    """Yield dim_item, dim_dfu and the (n_dfus, n_months) demand of one block after another."""
    calendar = month_range(parse_month(AS_OF), months)
    for number, first in enumerate(range(0, dfus, _BLOCK_DFUS)):
        rng = np.random.default_rng((SEED, number))
        n = min(_BLOCK_DFUS, dfus - first)
        traits = draw_traits(rng, n, months)
        items = draw_items(rng, max(n // _DFUS_PER_ITEM, 8))
        table = dfu_table(rng, traits, items, draw_assortment(rng, traits, items), calendar)
        demand = simulate_demand(rng, traits, calendar).astype(np.float32)
        yield (
            _of_block(item_table(rng, items, calendar[-1]), number, "item_ck", "item_no"),
            _of_block(table, number, "dfu_ck", "dmdunit"),
            demand,
        )


def _of_block(table: pa.Table, number: int, *keys: str) -> pa.Table:
    """Return the rows with item numbers of their own: blocks draw the same ones."""
    for key in keys:
        values = pc.binary_join_element_wise(f"{number:02d}-", table.column(key), "")
        table = table.set_column(table.column_names.index(key), key, values)
    return table


def _sales_of_month(keys: pa.Table, demand: np.ndarray, column: int, *, sparse: bool) -> pa.Table:
    month = month_range(parse_month(AS_OF), demand.shape[1])[column]
    qty = demand[:, column].astype(np.float64)
    dfu = np.flatnonzero(qty) if sparse else np.arange(len(qty))
    n = len(dfu)
    months = np.full(n, month)
    bookings = Bookings(dfu=dfu, month=months, qty=pa.array(qty[dfu]), number=np.ones(n, np.int64), load_month=months)
    return sales_table(keys, bookings)


def _copy(cursor: psycopg2.extensions.cursor, name: str, table: pa.Table) -> None:
    sink = io.BytesIO()
    csv.write_csv(table, sink, csv.WriteOptions(include_header=False))
    sink.seek(0)
    cursor.copy_expert(f"COPY {name} ({', '.join(table.column_names)}) FROM STDIN WITH (FORMAT csv)", sink)


def size_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what distinguishes one warehouse from another."""
    parser.add_argument("--months", type=int, default=36, help="months of sales")
    parser.add_argument("--sparse", action="store_true", help="no rows for months without sales")
