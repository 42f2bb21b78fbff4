"""A table of five DFUs to publish to, and what it holds afterwards."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pandas as pd
import psycopg2
from sqlalchemy import Engine

from dfu_clustering.publishing.transaction import Publishing, publish_labels
from dfu_clustering.warehouse.connect import connect_engine
from dfu_clustering.warehouse.statements import statement

LOAD_TIME = "2026-01-01 00:00:00+00"
OLD = {"a": "old", "b": "kept", "c": None, "d": "stale", "e": None}


@contextmanager
def small_table(url: str) -> Iterator[Engine]:
    """Make the table in an empty database and lend an engine on it."""
    engine = connect_engine(url)
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(statement("dfu_clustering.demo", "005_create_dim_dfu"))
        for key, label in OLD.items():
            cursor.execute(
                "INSERT INTO dim_dfu (dfu_ck, dmdunit, dmdgroup, loc, cluster_assignment, modified_ts)"
                " VALUES (%s, %s, 'g', 'x', %s, %s)",
                (key, key, label, LOAD_TIME),
            )
    yield engine
    engine.dispose()


def labels(**by_key):
    frame = pd.DataFrame({"dfu_ck": list(by_key), "cluster_id": 0, "cluster_label": list(by_key.values())})
    return frame.astype({"dfu_ck": "str", "cluster_label": "str"})


def published(engine):
    with engine.connect() as connection:
        return dict(connection.exec_driver_sql("SELECT dfu_ck, cluster_assignment FROM dim_dfu").fetchall())


def touched(engine):
    query = f"SELECT dfu_ck FROM dim_dfu WHERE modified_ts <> '{LOAD_TIME}' ORDER BY dfu_ck"
    with engine.connect() as connection:
        return [key for (key,) in connection.exec_driver_sql(query)]


def fetched(url, query):
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def publish_recorded(engine, table, record):
    return publish_labels(engine, table, Publishing(record=record))
