"""Reading a real PostgreSQL: streams are complete, exact and consistent; errors say what is missing."""

import datetime as dt
import signal

import numpy as np
import psycopg2
import pyarrow as pa
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import ConfigError, DataError, WarehouseError
from dfu_clustering.warehouse.connect import connect_engine, is_transient
from dfu_clustering.warehouse.snapshot import snapshot
from dfu_clustering.warehouse.statements import statement

pytestmark = pytest.mark.integration

OCTOBER = np.datetime64("2026-10", "M")


def execute(url, *commands):
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        for command in commands:
            cursor.execute(command)


@pytest.fixture
def warehouse(postgres_url):
    names = ("001_create_dim_item", "002_create_fact_sales_monthly", "005_create_dim_dfu")
    execute(postgres_url, *(statement("dfu_clustering.demo", name) for name in names))
    engine = connect_engine(postgres_url)
    yield engine
    engine.dispose()


SALE = "INSERT INTO fact_sales_monthly (sales_ck, dmdunit, dmdgroup, loc, startdate, type, qty) VALUES "


def test_stream_brings_every_value_exactly(warehouse, postgres_url):
    execute(
        postgres_url,
        SALE
        + """('1', E'qu"ote,\\nline', '', 'Zürich', '2026-09-01', 1, 12345678901.2345),
             ('2', '\\N', 'NULL', 'null', '2026-10-01', 1, NULL), ('3', 'late', 'g', 'x', '2026-11-01', 1, 1)""",
    )
    with snapshot(warehouse) as source:
        rows = pa.Table.from_batches(source.sales(OCTOBER)).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ('qu"ote,\nline', "", "Zürich", dt.date(2026, 9, 1), 12345678901.2345),
        ("\\N", "NULL", "null", dt.date(2026, 10, 1), None),
    ]


def test_all_rows_of_a_long_stream_arrive(warehouse, postgres_url):
    execute(
        postgres_url,
        "INSERT INTO fact_sales_monthly (sales_ck, dmdunit, dmdgroup, loc, startdate, type, qty)"
        " SELECT i::text, (i % 977)::text, 'g', repeat('x', 99), '2026-10-01', 1, i FROM generate_series(1, 300000) i",
    )
    with snapshot(warehouse) as source:
        batches = list(source.sales(OCTOBER))
    assert len(batches) > 1
    assert sum(batch.num_rows for batch in batches) == 300_000
    assert sum(batch.column("qty").to_numpy().sum() for batch in batches) == 300_000 * 300_001 / 2


def test_reads_of_a_snapshot_agree_whatever_is_loaded_meanwhile(warehouse, postgres_url):
    execute(postgres_url, SALE + "('1', 'a', 'g', 'x', '2026-09-01', 1, 1)")
    with snapshot(warehouse) as source:
        span = source.sales_span()
        execute(postgres_url, SALE + "('2', 'a', 'g', 'x', '2026-10-01', 1, 1)")
        assert sum(batch.num_rows for batch in source.sales(OCTOBER)) == span.rows == 1
    with snapshot(warehouse) as source:
        assert source.sales_span().last_month == OCTOBER


def test_consumer_may_stop_in_the_middle(warehouse, postgres_url):
    execute(
        postgres_url,
        "INSERT INTO fact_sales_monthly (sales_ck, dmdunit, dmdgroup, loc, startdate, type, qty)"
        " SELECT i::text, 'a', 'g', 'x', '2026-10-01', 1, i FROM generate_series(1, 300000) i",
    )
    with snapshot(warehouse) as source:
        stream = source.sales(OCTOBER)
        next(stream)
        stream.close()
    with snapshot(warehouse) as source:
        assert source.sales_span().rows == 300_000


def test_reader_that_leaves_a_blocked_stream_does_not_wait_for_the_blocker(warehouse, postgres_url):
    execute(postgres_url, SALE + "('1', 'a', 'g', 'x', '2026-10-01', 1, 1)")
    with psycopg2.connect(postgres_url) as blocker, blocker.cursor() as cursor:
        cursor.execute("LOCK TABLE fact_sales_monthly IN ACCESS EXCLUSIVE MODE")
        with snapshot(warehouse) as source, pytest.raises(TimeoutError, match="time limit"):
            read_until_the_time_limit(source)
        blocker.rollback()


def read_until_the_time_limit(source):
    def stop(*_):
        raise TimeoutError("time limit")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 1)
    try:
        list(source.sales(OCTOBER))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_load_that_locks_the_table_is_waited_for_but_not_for_ever(warehouse, postgres_url):
    impatient = connect_engine(postgres_url, load_config(warehouse={"lock_timeout_s": 0.2}).warehouse)
    with psycopg2.connect(postgres_url) as blocker, blocker.cursor() as cursor:
        cursor.execute("LOCK TABLE fact_sales_monthly IN ACCESS EXCLUSIVE MODE")
        with snapshot(impatient) as source, pytest.raises(psycopg2.errors.LockNotAvailable) as caught:
            source.sales_span()
        blocker.rollback()
    assert is_transient(caught.value)


def test_empty_tables_are_read_as_empty(warehouse):
    with snapshot(warehouse) as source:
        assert source.dfus().num_rows == 0
        assert source.items().num_rows == 0
        with pytest.raises(DataError, match="fact_sales_monthly must hold sales"):
            source.sales_span()


def test_snapshot_cannot_write(warehouse):
    with (
        snapshot(warehouse) as source,
        source._connection.cursor() as cursor,
        pytest.raises(psycopg2.errors.ReadOnlySqlTransaction),
    ):
        cursor.execute("DELETE FROM dim_dfu")


def test_as_of_month_outside_the_sales_is_refused(warehouse, postgres_url):
    execute(postgres_url, SALE + "('1', 'a', 'g', 'x', '2026-09-01', 1, 1)")
    with snapshot(warehouse) as source:
        span = source.sales_span()
    assert str(span.as_of(None)) == "2026-09"
    with pytest.raises(DataError, match="2026-10, while fact_sales_monthly runs from 2026-09 to 2026-09"):
        span.as_of(OCTOBER)


@pytest.mark.parametrize(
    ("damage", "read", "found"),
    [
        ("DROP TABLE fact_sales_monthly", "sales_span", 'relation "fact_sales_monthly" does not exist'),
        ("DROP TABLE dim_item", "items", 'relation "dim_item" does not exist'),
        ("ALTER TABLE dim_dfu RENAME COLUMN dmdgroup TO customers", "dfus", 'column "dmdgroup" does not exist'),
    ],
)
def test_missing_table_or_column_is_named(warehouse, postgres_url, damage, read, found):
    execute(postgres_url, damage)
    with snapshot(warehouse) as source, pytest.raises(WarehouseError, match=found):
        getattr(source, read)()


def test_missing_attribute_is_null_and_said(warehouse, postgres_url, caplog):
    execute(
        postgres_url,
        "INSERT INTO dim_dfu (dfu_ck, dmdunit, dmdgroup, loc, brand) VALUES ('a_b_c', 'a', 'b', 'c', 'x')",
        "ALTER TABLE dim_dfu RENAME COLUMN abc_vol TO abc",
    )
    with snapshot(warehouse) as source:
        dfus = source.dfus()
    assert set(dfus["abc_vol"].to_pylist()) == {None}
    assert "x" in dfus["brand"].to_pylist()
    assert "dim_dfu has no column abc_vol: it is left out" in caplog.text


def test_missing_column_of_the_stream_is_named(warehouse, postgres_url):
    execute(postgres_url, "ALTER TABLE fact_sales_monthly RENAME COLUMN qty TO quantity")
    with snapshot(warehouse) as source, pytest.raises(WarehouseError, match='column "qty" does not exist'):
        list(source.sales(OCTOBER))


def test_server_that_is_not_there_may_heal_but_a_missing_database_will_not(postgres_url):
    engine = connect_engine("postgresql://u@127.0.0.1:9/none")
    with pytest.raises(Exception, match="refused") as caught, snapshot(engine):
        pass
    assert is_transient(caught.value)
    missing = connect_engine(postgres_url.replace("/test_", "/no_such_"))
    with pytest.raises(Exception, match="does not exist") as caught, snapshot(missing):
        pass
    assert not is_transient(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "mysql://u@h/db",
        "warehouse",
        "postgresql://u:secret@h:port/db",
        "u:secret@h:5432/db",
        "secret://u@h/db",
        "postgresql:u:secret@h/db",
        "postgresql://u:p@secret@h:5432/db",  # the host would be secret@h, and errors name the host
        "postgresql://u:p@secret/x@h:5432/db",
        "postgresql://u:secret@h/d@b",
        "host=h user=u password=secret",
    ],
)
def test_unusable_address_is_refused_without_showing_it(url):
    with pytest.raises(ConfigError) as caught:
        connect_engine(url)
    assert "secret" not in str(caught.value)
