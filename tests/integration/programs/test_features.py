"""Features from the warehouse: bad settings and bad loads are refused in one message, and nothing is written."""

import tempfile

import pytest

from tests.integration.programs.running import FEATURES, MARKS, execute

pytestmark = MARKS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--min-months", "0"), "min_months_history = 0"),
        (("--time-window", "6"), "time_window_months (6) must not be shorter than min_months_history (12)"),
        (("--as-of", "2031-01"), "as_of_month must be a month within the sales"),
        (("--as-of", "October"), "A month must be written as YYYY-MM"),
        (("--output", "features.xlsx"), "must end in .csv or .parquet"),
        (("--time-window", "some"), 'a number of months or "all"'),
    ],
)
def test_features_refuse_bad_settings(program, warehouse, tmp_path, arguments, message):
    code, _, error = program(FEATURES, *arguments)
    assert code == 2
    assert message in error
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("TRUNCATE fact_sales_monthly", "fact_sales_monthly must hold sales"),
        ("DROP TABLE dim_item", 'relation "dim_item" does not exist'),
        ("ALTER TABLE fact_sales_monthly RENAME COLUMN qty TO quantity", 'column "qty" does not exist'),
        ("UPDATE fact_sales_monthly SET qty = 0", "must hold sales of at least one DFU of dim_dfu"),
        ("DELETE FROM dim_dfu", "must hold sales of at least one DFU of dim_dfu"),
        ("UPDATE fact_sales_monthly SET qty = 'NaN' WHERE sales_sk = 7", "qty must be a finite number or NULL"),
        (
            (
                "INSERT INTO dim_dfu (dfu_ck, dmdunit, dmdgroup, loc)"
                " SELECT 'twin', dmdunit, dmdgroup, loc FROM dim_dfu ORDER BY dfu_ck LIMIT 1"
            ),
            "one row for each dmdunit, dmdgroup and loc",
        ),
    ],
)
def test_features_refuse_an_unusable_warehouse(program, warehouse, tmp_path, damage, message):
    execute(warehouse, damage)
    code, _, error = program(FEATURES, "--skip-validation")
    assert code == 2
    assert message in error
    assert "What to do:" in error
    assert list(tmp_path.rglob("*")) == []


HALF_LOADED = "DELETE FROM fact_sales_monthly WHERE startdate = '2026-10-01' AND abs(hashtext(sales_ck)) % 2 = 0"


def test_features_are_not_made_of_half_a_load_unless_somebody_says_why(program, warehouse, tmp_path, caplog):
    execute(warehouse, HALF_LOADED)
    code, out, error = program(FEATURES)
    assert (code, out) == (2, "")
    assert "fact_sales_monthly must pass the data-quality gate as of 2026-10" in error
    assert "Too few rows in the as-of month" in error
    assert "(critical newest_month_rows)" in error
    assert list(tmp_path.rglob("*")) == []

    code, out, _ = program(FEATURES, "--override-reason", "half of the customers closed")
    assert (code, "DFUs as of 2026-10" in out) == (0, True)
    assert (
        "suite=fact_sales_monthly continues in spite of failures, the reason: half of the customers closed"
        in caplog.text
    )
    assert {path.name for path in tmp_path.iterdir()} == {"data"}
    assert program(FEATURES, "--as-of", "2026-09")[0] == 0  # the month before was whole


def test_gates_of_programs_read_nothing_that_others_left_in_the_temporary_folder(
    program, warehouse, tmp_path_factory, monkeypatch
):
    temporary = tmp_path_factory.mktemp("temporary")
    reports = temporary / "of-somebody-else" / "data_quality"
    reports.mkdir(parents=True)
    (reports / "dim_dfu.json").write_text("not ours")
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    code, _, error = program(FEATURES)
    assert (code, error) == (0, "")
