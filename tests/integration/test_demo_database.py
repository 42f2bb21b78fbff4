"""The embedded server, the project's DDL and the loaders, on a real PostgreSQL."""

import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import great_expectations as gx
import psycopg2
import psycopg2.errors
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import sqlalchemy
from great_expectations.data_context.types.base import ProgressBarsConfig

from dfu_clustering.demo.database import database_name, prepare_demo_database
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import create_tables, load_panel
from dfu_clustering.demo.rows import WarehouseTables
from dfu_clustering.demo.server import EmbeddedServer, create_database, start_server, stop_server
from dfu_clustering.demo.tidy import read_tidy_sales
from dfu_clustering.sales.files import read_sales

pytestmark = pytest.mark.integration

REAL_PANELS = Path(__file__).parents[2].parent / "shared" / "data"

# The tables as DATA.md states them: "name type", with "!" where NULL is not allowed and "=now" for default now().
COLUMNS = {
    "fact_sales_monthly": """
        sales_sk bigint! | sales_ck text! | dmdunit text! | dmdgroup text! | loc text! | startdate date! | type integer!
        qty_shipped numeric(18,4) | qty_ordered numeric(18,4) | qty numeric(18,4) | file_dt date
        load_ts timestamptz=now | modified_ts timestamptz=now
    """,
    "dim_dfu": """
        dfu_sk bigint! | dfu_ck text! | dmdunit text! | dmdgroup text | loc text! | brand text | brand_desc text
        abc_vol text | otc_status text | premise text | prod_subgrp_desc text | region text | service_lvl_grp text
        size text | state_plan text | supergroup text | supplier_desc text | sales_div text | bot_type_desc text
        brand_size text | cnty text | dom_imp_opt text | grape_vrty_desc text | material text | prod_cat_desc text
        producer_desc text | subclass_desc text | prod_class_desc text | file_dt text | histstart text | sop_ref text
        ded_div_sw integer | execution_lag integer | total_lt integer | vintage integer | purge_sw integer
        alcoh_pct numeric(10,4) | proof numeric(10,4) | cluster_assignment text
        load_ts timestamptz=now | modified_ts timestamptz=now
    """,
    "dim_item": """
        item_sk bigint! | item_ck text! | item_no text! | item_desc text! | item_status text! | brand_name text!
        category text! | class text! | sub_class text! | country text! | scm_rtd_flag text | size text
        case_weight_uom text | upc text | national_service_model text | supplier_no text | supplier_name text
        item_is_deleted text | producer_name text | case_weight numeric(12,4) | cpl integer | cpp integer | lpp integer
        bpc integer | bottle_pack integer | pack_case integer | item_proof numeric(10,4)
        load_ts timestamptz=now | modified_ts timestamptz=now
    """,
}
INDEXES = {
    "dim_dfu_pkey": "UNIQUE dim_dfu (dfu_sk)",
    "dim_dfu_dfu_ck_key": "UNIQUE dim_dfu (dfu_ck)",
    "dim_item_pkey": "UNIQUE dim_item (item_sk)",
    "dim_item_item_ck_key": "UNIQUE dim_item (item_ck)",
    "fact_sales_monthly_pkey": "UNIQUE fact_sales_monthly (sales_sk)",
    "fact_sales_monthly_sales_ck_key": "UNIQUE fact_sales_monthly (sales_ck)",
    "idx_dim_dfu_dmdunit": "dim_dfu (dmdunit)",
    "idx_dim_dfu_loc": "dim_dfu (loc)",
    "idx_dim_dfu_brand": "dim_dfu (brand)",
    "idx_dim_dfu_region": "dim_dfu (region)",
    "idx_dim_dfu_cluster_assignment": "dim_dfu (cluster_assignment)",
}
VALID_SALE = {"sales_ck": "k", "dmdunit": "u", "dmdgroup": "g", "loc": "l", "startdate": "2026-01-01", "type": 1}


def fetch(url: str, query: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def execute(url: str, statement: str) -> None:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture(scope="module")
def tables_url(postgres_server: EmbeddedServer) -> str:
    """The project's tables, empty; no test commits anything to them but the last."""
    create_database(postgres_server.url(), "tables")
    with closing(psycopg2.connect(postgres_server.url("tables"))) as connection, connection:
        create_tables(connection)
    return postgres_server.url("tables")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A short folder for servers of this module's own."""
    path = Path(tempfile.mkdtemp(prefix="dfu-pg-"))
    yield path
    shutil.rmtree(path)


# The server


def test_drivers_sqlalchemy_and_great_expectations_accept_the_url(postgres_url: str) -> None:
    execute(postgres_url, "CREATE TABLE t AS SELECT generate_series(1, 3) AS a")
    engine = sqlalchemy.create_engine(postgres_url)
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT count(*) FROM t")).scalar() == 3
    engine.dispose()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_postgres("demo", connection_string=postgres_url).add_table_asset("t", "t")
    batch = asset.add_batch_definition_whole_table("all").get_batch()
    assert batch.validate(gx.expectations.ExpectTableRowCountToEqual(value=3)).success


@pytest.mark.parametrize("name", ['sp ace\'s, "q" $HOME %x ü', "l" * 120])
def test_a_server_keeps_its_data_and_its_url_whatever_its_folder_is_called(folder: Path, name: str) -> None:
    server = start_server(folder / name)
    assert create_database(server.url(), "kept")
    execute(server.url("kept"), "CREATE TABLE t AS SELECT 42 AS a")
    server.stop()
    with pytest.raises(psycopg2.OperationalError):
        fetch(server.url(), "SELECT 1")
    again = start_server(folder / name)
    try:
        assert again.url() == server.url()
        assert fetch(again.url("kept"), "SELECT a FROM t") == [(42,)]
    finally:
        again.stop()


def test_a_running_server_is_reused(postgres_server: EmbeddedServer) -> None:
    began = fetch(postgres_server.url(), "SELECT pg_postmaster_start_time()")
    same = start_server(postgres_server.folder)
    assert same == postgres_server
    assert fetch(same.url(), "SELECT pg_postmaster_start_time()") == began


def test_neither_a_missing_locale_nor_a_kill_keeps_a_server_from_starting(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "xx_YY.UTF-8")  # initdb refuses it
    server = start_server(folder / "data")
    assert os.environ["LC_ALL"] == "xx_YY.UTF-8"
    execute(server.url(), "CREATE TABLE t AS SELECT 42 AS a")
    os.kill(int((folder / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    time.sleep(0.5)  # its children notice and leave
    again = start_server(folder / "data")
    assert fetch(again.url(), "SELECT a, current_setting('server_encoding') FROM t") == [(42, "UTF8")]
    again.stop()
    again.stop()  # harmless
    assert not (folder / "data" / "postmaster.pid").exists()


def test_a_database_is_created_once_and_replaced_on_demand(postgres_server: EmbeddedServer) -> None:
    url = postgres_server.url("once")
    assert create_database(postgres_server.url(), "once")
    execute(url, "CREATE TABLE t (a integer)")
    assert not create_database(postgres_server.url(), "once")
    assert fetch(url, "SELECT count(*) FROM t") == [(0,)]
    with closing(psycopg2.connect(url)):  # somebody is connected
        assert create_database(postgres_server.url(), "once", replace=True)
    assert fetch(url, "SELECT to_regclass('t'), datcollate FROM pg_database WHERE datname = 'once'") == [(None, "C")]


# The tables


@pytest.mark.parametrize("table", COLUMNS)
def test_a_table_has_exactly_the_stated_columns(tables_url: str, table: str) -> None:
    found = fetch(
        tables_url,
        f"""
        SELECT column_name, format_type(atttypid, atttypmod), is_nullable, coalesce(column_default, '')
        FROM information_schema.columns JOIN pg_attribute
            ON attrelid = table_name::regclass AND attname = column_name
        WHERE table_name = '{table}'
        """,
    )
    stated = {column.strip() for column in re.split(r"[|\n]", COLUMNS[table]) if column.strip()}
    assert {_as_stated(*column) for column in found} == stated


def _as_stated(name: str, kind: str, nullable: str, default: str) -> str:
    short = kind.replace("timestamp with time zone", "timestamptz")
    now = "=now" if default == "now()" else ""
    return f"{name} {short}{'!' if nullable == 'NO' else ''}{now}"


def test_keys_count_by_themselves(tables_url: str) -> None:
    for table, key in (("dim_item", "item_sk"), ("dim_dfu", "dfu_sk"), ("fact_sales_monthly", "sales_sk")):
        assert fetch(tables_url, f"SELECT pg_get_serial_sequence('{table}', '{key}')") == [
            (f"public.{table}_{key}_seq",)
        ]


def test_indexes_are_the_stated_ones(tables_url: str) -> None:
    definitions = dict(fetch(tables_url, "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"))
    found = {
        name: re.sub(r"CREATE (UNIQUE )?INDEX \S+ ON public\.(\S+) USING btree (.*)", r"\1\2 \3", definition)
        for name, definition in definitions.items()
    }
    assert found == INDEXES


def test_no_constraint_is_added_to_the_stated_ones(tables_url: str) -> None:
    query = "SELECT contype::text, count(*) FROM pg_constraint WHERE connamespace = 'public'::regnamespace GROUP BY 1"
    counts = dict(fetch(tables_url, query))
    counts.pop("n", None)  # NOT NULL, which PostgreSQL 18 counts as constraints
    assert counts == {"p": 3, "u": 3, "c": 2}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"startdate": "2026-01-02"}, psycopg2.errors.CheckViolation),
        ({"type": 2}, psycopg2.errors.CheckViolation),
        ({"loc": None}, psycopg2.errors.NotNullViolation),
        ({"sales_ck": "taken"}, psycopg2.errors.UniqueViolation),
    ],
)
def test_sales_rows_that_break_a_rule_are_refused(
    tables_url: str, change: dict[str, Any], error: type[psycopg2.Error]
) -> None:
    insert = f"INSERT INTO fact_sales_monthly ({', '.join(VALID_SALE)}) VALUES (%({')s, %('.join(VALID_SALE)})s)"
    with closing(psycopg2.connect(tables_url)) as connection, connection.cursor() as cursor:
        cursor.execute(insert, VALID_SALE | {"sales_ck": "taken"})
        cursor.execute(insert, VALID_SALE)
        with pytest.raises(error):
            cursor.execute(insert, VALID_SALE | {"sales_ck": "new"} | change)


def test_creating_the_tables_again_keeps_their_rows(tables_url: str) -> None:
    execute(tables_url, "INSERT INTO dim_dfu (dfu_ck, dmdunit, loc) VALUES ('k', 'u', 'l')")
    with closing(psycopg2.connect(tables_url)) as connection, connection:
        create_tables(connection)
    assert fetch(tables_url, "SELECT dfu_ck FROM dim_dfu") == [("k",)]


# Loading


def test_what_is_loaded_is_what_was_generated(postgres_url: str) -> None:
    panel = generate_panel(400, 30, seed=5)
    load_panel(postgres_url, panel)
    assert fetch(postgres_url, "SELECT count(*) FROM dim_item") == [(len(panel.items),)]
    for name, table in (("dim_dfu", panel.dfus), ("fact_sales_monthly", panel.sales), ("dim_item", panel.items)):
        for column in table.column_names:
            found = fetch(postgres_url, f'SELECT "{column}" FROM {name} ORDER BY {name.split("_")[1]}_sk')
            assert [_plain(value) for (value,) in found] == [_plain(v.as_py()) for v in table.column(column)]


def _plain(value: Any) -> Any:
    """Return numbers as floats and dates as text: dim_dfu.file_dt is text, Decimal is not float."""
    if value is None or isinstance(value, str):
        return value
    return round(float(value), 4) if hasattr(value, "__float__") else str(value)


def test_an_empty_text_stays_apart_from_null(postgres_url: str) -> None:
    dfus = pa.table({"dfu_ck": ["a", "b,\"'\n"], "dmdunit": ["", "ü"], "loc": ["l", "l"], "brand": ["", None]})
    load_panel(postgres_url, WarehouseTables(pa.table({"item_ck": pa.nulls(0)}), dfus, pa.table({"qty": pa.nulls(0)})))
    found = fetch(postgres_url, "SELECT dfu_ck, dmdunit, brand FROM dim_dfu ORDER BY 1")
    assert found == [("a", "", ""), ("b,\"'\n", "ü", None)]


def test_loading_leaves_an_open_transaction_to_its_owner(postgres_url: str) -> None:
    with closing(psycopg2.connect(postgres_url)) as connection:
        load_panel(connection, generate_panel(20, 12))
        connection.rollback()
    assert fetch(postgres_url, "SELECT to_regclass('dim_dfu')") == [(None,)]


def test_loading_twice_is_refused_and_changes_nothing(postgres_url: str) -> None:
    panel = generate_panel(50, 12)
    load_panel(postgres_url, panel)
    with pytest.raises(psycopg2.errors.UniqueViolation):
        load_panel(postgres_url, panel)
    assert fetch(postgres_url, "SELECT count(*) FROM fact_sales_monthly") == [(len(panel.sales),)]


def test_loaded_tables_are_analyzed(postgres_url: str) -> None:
    panel = generate_panel(50, 12)
    load_panel(postgres_url, panel)
    estimate = "SELECT reltuples::integer FROM pg_class WHERE relname = 'fact_sales_monthly'"
    assert fetch(postgres_url, estimate) == [(len(panel.sales),)]


# The demo's one call


def test_the_same_panel_is_not_loaded_again_and_keeps_its_labels(postgres_server: EmbeddedServer) -> None:
    first = prepare_demo_database(postgres_server.folder, n_dfus=60, n_months=24, seed=1)
    execute(first.url, "UPDATE dim_dfu SET cluster_assignment = 'kept'")
    second = prepare_demo_database(postgres_server.folder, n_dfus=60, n_months=24, seed=1)
    assert (first.loaded, second.loaded) == (True, False)
    assert (second.url, second.n_dfus, second.n_sales_rows) == (first.url, 60, first.n_sales_rows)
    labels = fetch(first.url, "SELECT cluster_assignment, count(*) FROM dim_dfu GROUP BY 1")
    assert labels == [("kept", 60)]
    other = prepare_demo_database(postgres_server.folder, n_dfus=70, n_months=24, seed=1)
    assert (other.loaded, other.url) == (True, first.url)
    assert fetch(other.url, "SELECT cluster_assignment, count(*) FROM dim_dfu GROUP BY 1") == [(None, 70)]


def test_a_load_that_was_cut_off_is_done_again(postgres_server: EmbeddedServer, tmp_path: Path) -> None:
    path = tmp_path / "cut.parquet"
    columns = {"dmdunit": ["u"], "dmdgroup": ["g"], "loc": ["l"], "startdate": [_first_of("2026-01")], "qty": [3]}
    pq.write_table(pa.table(columns), path)
    create_database(postgres_server.url(), "dfu_cut")  # as a load leaves it that died before its commit
    summary = prepare_demo_database(postgres_server.folder, sales=read_sales(path), name=database_name(path))
    assert (summary.database, summary.loaded) == ("dfu_cut", True)
    assert fetch(summary.url, "SELECT dfu_ck, qty FROM fact_sales_monthly JOIN dim_dfu USING (dmdunit)") == [
        ("u_g_l", 3)
    ]


def _first_of(month: str) -> Any:
    return pa.scalar(f"{month}-01").cast(pa.date32()).as_py()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("stallion.parquet", "dfu_stallion"),
        ("My Sales-2026 (v2).parquet", "dfu_my_sales_2026_v2"),
        ("продажи.parquet", "dfu_sales"),
        ("x" * 90, "dfu_" + "x" * 59),
    ],
)
def test_a_database_is_named_after_its_file_in_plain_letters(file: str, name: str) -> None:
    assert database_name(Path(file)) == name


@pytest.mark.parametrize(
    ("name", "n_dfus", "n_months"),
    [("stallion", 350, 60), pytest.param("carparts", 2674, 51, marks=pytest.mark.slow)],
)
def test_real_panels_load_whole(postgres_server: EmbeddedServer, name: str, n_dfus: int, n_months: int) -> None:
    path = REAL_PANELS / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"no real panel at {path}")
    source = pq.read_table(path)
    summary = prepare_demo_database(postgres_server.folder, sales=read_sales(path), name=database_name(path))
    found = fetch(summary.url, "SELECT count(*), count(DISTINCT startdate), sum(qty) FROM fact_sales_monthly")
    assert (summary.n_dfus, found[0][0], found[0][1]) == (n_dfus, len(source), n_months)
    rounding = 0.5e-4 * len(source)  # numeric(18,4) rounds every row
    assert float(found[0][2]) == pytest.approx(pc.sum(source["qty"]).as_py(), abs=rounding)
    assert fetch(summary.url, "SELECT count(*), count(brand) FROM dim_dfu") == [(n_dfus, 0)]
    n_items = len(read_tidy_sales(path).items)
    assert fetch(
        summary.url, "SELECT count(*) FROM dim_item JOIN (SELECT DISTINCT dmdunit FROM dim_dfu) d ON item_no = dmdunit"
    ) == [(n_items,)]


def test_stopping_stops_what_runs_and_makes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    assert not stop_server(folder)
    assert not folder.exists()
    start_server(folder)
    assert stop_server(folder)
    assert not stop_server(folder)
