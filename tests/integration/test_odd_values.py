"""Values that a column lets in and nobody expects, let through by a person: the project's own error, or a count."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.demo.server import drop_database
from dfu_clustering.errors import DataError, WarehouseError
from dfu_clustering.loads.sales_loads import read_sales_state
from dfu_clustering.quality.gate_reports import GatePolicy
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.build_features import build_features
from dfu_clustering.warehouse.connect import connect_engine
from expectations.gate import judge_sources
from tests.integration.gate_runs import copied_panel, execute

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
FACT, DFU, ITEM = "fact_sales_monthly", "dim_dfu", "dim_item"
NO_DATE_RULE = f"ALTER TABLE {FACT} DROP CONSTRAINT fact_sales_monthly_startdate_check"


@pytest.fixture
def odd_url(clean_panel):
    """Lend a panel of the test's own."""
    with copied_panel(clean_panel, "odd_values") as url:
        yield url


@pytest.fixture
def odd(odd_url, tmp_path):
    """Lend what changes that panel and builds its features as it is: no gate has looked at it."""

    def built(*statements):
        execute(odd_url, *statements)
        engine = connect_engine(odd_url)
        try:
            run = Run.open(tmp_path, as_of_month="2026-10", config_digest="d", run_id="x")
            return build_features(run, load_config(), engine, as_of_month="2026-10"), run
        finally:
            engine.dispose()

    return built


# Let through: what the features count, and what they refuse


@pytest.mark.parametrize("day", ["infinity", "-infinity", "0044-03-01 BC", "12026-10-01", "9999-12-31"])
def test_sale_on_a_day_that_only_postgres_knows_counts_for_nothing_and_is_logged(odd, odd_url, caplog, day):
    summary, _ = odd(NO_DATE_RULE, f"UPDATE {FACT} SET startdate = '{day}' WHERE sales_sk = 5000")
    with closing(psycopg2.connect(odd_url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {FACT}")
        assert cursor.fetchone() == (summary.sales_rows + 1,)
    assert (summary.first_month, summary.as_of_month) == ("2023-11", "2026-10")
    assert "undated_rows=1 have no month" in caplog.text
    assert read_sales_state(connect_engine(odd_url)).as_of_month == "2026-10"


@pytest.mark.parametrize("day", ["0001-01-01", "0215-06-01", "1900-01-01"])
def test_grid_of_centuries_is_an_error_and_not_gigabytes(odd, day):
    with pytest.raises(DataError, match=f"from {day[:7]} to 2026-10") as refused:
        odd(f"UPDATE {FACT} SET startdate = '{day}' WHERE sales_sk = 5000")
    assert refused.value.rule == "Sales of fact_sales_monthly must lie within 600 months up to the as-of month"


def test_sales_without_a_key_are_of_no_dfu_of_the_table(odd):
    summary, run = odd(
        f"ALTER TABLE {FACT} ALTER loc DROP NOT NULL, ALTER dmdunit DROP NOT NULL",
        f"UPDATE {FACT} SET loc = NULL, dmdunit = NULL, dmdgroup = 'G' WHERE sales_sk = 5000",
    )
    left_out = run.table(RunFile.EXCLUDED).set_index("dfu_ck")["reason"]
    assert (left_out["_G_"], summary.excluded["not_in_dim_dfu"]) == (
        "not_in_dim_dfu",
        (left_out == "not_in_dim_dfu").sum(),
    )


def test_dfu_without_its_key_is_named_by_what_it_has(odd):
    with pytest.raises(WarehouseError, match="must have its dfu_ck") as refused:
        odd(
            f"ALTER TABLE {DFU} ALTER dfu_ck DROP NOT NULL",
            f"UPDATE {DFU} SET dfu_ck = NULL, dmdunit = 'U', dmdgroup = 'G', loc = 'L' WHERE dfu_sk = 7",
        )
    assert refused.value.keys == ("U_G_L",)


def test_items_without_a_number_are_of_no_dfu(odd):
    summary, run = odd(
        f"ALTER TABLE {ITEM} ALTER item_no DROP NOT NULL, ALTER item_ck DROP NOT NULL",
        f"UPDATE {ITEM} SET item_no = NULL, item_ck = NULL WHERE item_sk < 5",
    )
    assert summary.clustered > 400
    assert len(run.table(RunFile.MATRIX)) == summary.clustered


@pytest.mark.parametrize(
    ("statements", "found", "key"),
    [
        (
            (f"ALTER TABLE {FACT} ALTER qty TYPE text", f"UPDATE {FACT} SET qty = 'n/a' WHERE sales_sk = 5000"),
            "qty 'n/a'",
            "_",
        ),
        (
            (NO_DATE_RULE, f"ALTER TABLE {FACT} ALTER startdate TYPE timestamptz"),
            "startdate '20",
            "_",
        ),
        (
            (f"ALTER TABLE {DFU} ALTER proof TYPE text", f"UPDATE {DFU} SET proof = '40 %' WHERE dfu_sk = 7"),
            "proof '40 %'",
            "_",
        ),
    ],
    ids=["quantity", "date", "attribute"],
)
def test_value_of_another_type_is_shown_with_the_key_of_its_row(odd, statements, found, key):
    with pytest.raises(WarehouseError, match="must be readable") as refused:
        odd(*statements)
    assert refused.value.found.startswith(found)
    assert key in str(refused.value.keys[0])


@pytest.mark.parametrize("qty", ["NaN", "Infinity", "-Infinity"])
def test_quantity_that_is_no_number_is_named_by_its_dfu(odd, qty):
    with pytest.raises(DataError, match="qty must be a finite number or NULL") as refused:
        odd(
            f"ALTER TABLE {FACT} ALTER qty TYPE double precision",
            f"UPDATE {FACT} SET qty = '{qty}', dmdunit = 'U', dmdgroup = 'G', loc = 'L' WHERE sales_sk = 5000",
        )
    assert refused.value.keys == ("U_G_L",)


# Bytes that are no text


@pytest.fixture(scope="module")
def bytes_url(postgres_server):
    """The URL of a database that takes any bytes for text; one key, and one attribute, are of Latin-1."""
    with closing(psycopg2.connect(postgres_server.url())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE DATABASE any_bytes ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
            )
    url = postgres_server.url("any_bytes")
    load_panel(url, generate_panel(100, 36, 7))
    latin = r"convert_from('\x4dfc6e', 'SQL_ASCII')"  # Mün
    execute(
        url,
        f"UPDATE {FACT} SET loc = {latin} WHERE loc = (SELECT loc FROM {FACT} WHERE sales_sk = 50)",
        f"UPDATE {DFU} SET brand = {latin} WHERE dfu_sk = 7",
        rf"UPDATE {ITEM} SET category = convert_from('\x4bc3a47365', 'SQL_ASCII') WHERE item_sk = 3",  # Käse in UTF-8
    )
    yield url
    drop_database(postgres_server.url(), "any_bytes")


def test_gate_names_the_rows_whose_texts_are_no_utf_8(bytes_url, tmp_path):
    engine = connect_engine(bytes_url)
    run = Run.open(tmp_path, as_of_month="2026-10", config_digest="d", run_id="x")
    reports = judge_sources(load_config(), engine, run, GatePolicy(), chosen=False, docs=False)
    found = {report.suite: check for report in reports for check in report.failures}
    assert [(suite, check.name) for suite, check in found.items()] == [
        ("fact_sales_monthly", "texts_are_utf_8"),
        ("dim_dfu", "texts_are_utf_8"),
    ]
    assert all(key.endswith(r"_M\xfcn") for key in found["fact_sales_monthly"].sample_keys)
    assert r"M\xfcn" in found["dim_dfu"].sample_keys[0]


def test_texts_that_are_no_utf_8_are_shown_with_the_key_of_their_row(bytes_url, tmp_path):
    run = Run.open(tmp_path, as_of_month="2026-10", config_digest="d", run_id="x")
    with pytest.raises(WarehouseError, match="texts as UTF-8") as refused:
        build_features(run, load_config(), connect_engine(bytes_url))
    assert refused.value.found == r"brand 'M\\xfcn'"
    assert len(refused.value.keys) == 1


def test_program_says_it_with_exit_code_2(bytes_url, tmp_path):
    command = [sys.executable, "scripts/generate_clustering_features.py", "--skip-validation", "--output"]
    environment = os.environ | {"DATABASE_URL": bytes_url, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    ran = subprocess.run(
        [*command, str(tmp_path / "features.csv")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, "Traceback" in ran.stderr) == (2, False)
    assert "texts as UTF-8" in ran.stderr
