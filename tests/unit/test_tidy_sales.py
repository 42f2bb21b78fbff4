"""A tidy parquet panel becomes warehouse tables, or an error that names what is wrong with it."""

import datetime as dt
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dfu_clustering.demo.tidy import _nth_of_its_kind, read_tidy_sales, warehouse_tables
from dfu_clustering.errors import DataError
from dfu_clustering.sales.long_form import LongForm, monthly_sales

JAN, FEB, MAR = (dt.date(2026, month, 1) for month in (1, 2, 3))

# six rows of three DFUs: two rows of one DFU and month, a NULL, a return, an underscore, letters beyond ASCII
COLUMNS: dict[str, Any] = {
    "dmdunit": ["B_2", "A", "A", "Ö", "A", "A"],
    "dmdgroup": ["G", "G", "G", "G", "G", "G"],
    "loc": ["L1", "L1", "L1", "L1", "L1", "L1"],
    "startdate": [FEB, JAN, JAN, MAR, FEB, MAR],
    "qty": [1.5, 10.0, -2.0, 4.0, None, 7.0],
}


def written(path: Path, **changes: Any) -> Path:
    columns = {name: values for name, values in (COLUMNS | changes).items() if values is not None}
    pq.write_table(pa.table(columns), path / "panel.parquet")
    return path / "panel.parquet"


def test_rows_are_kept_in_the_order_of_their_months_with_unique_keys(tmp_path: Path) -> None:
    sales = read_tidy_sales(written(tmp_path)).sales
    assert sales["sales_ck"].to_pylist() == [
        "A_G_L1_202601_1",
        "A_G_L1_202601_2",
        "B_2_G_L1_202602_1",
        "A_G_L1_202602_1",
        "Ö_G_L1_202603_1",
        "A_G_L1_202603_1",
    ]
    assert sales["qty"].to_pylist() == [10.0, -2.0, 1.5, None, 4.0, 7.0]
    assert sales["startdate"].to_pylist() == [JAN, JAN, FEB, FEB, MAR, MAR]
    assert set(sales["type"].to_pylist()) == {1}


def test_every_month_is_loaded_on_the_fifth_of_the_next(tmp_path: Path) -> None:
    tables = read_tidy_sales(written(tmp_path))
    assert tables.sales["load_ts"].to_pylist()[0] == dt.datetime(2026, 2, 5, 6, tzinfo=dt.UTC)
    assert tables.sales["file_dt"].to_pylist()[-1] == dt.date(2026, 4, 5)
    assert set(tables.dfus["load_ts"].to_pylist()) == {dt.datetime(2026, 4, 5, 6, tzinfo=dt.UTC)}


def test_dimensions_hold_the_distinct_keys_in_order(tmp_path: Path) -> None:
    tables = read_tidy_sales(written(tmp_path))
    assert tables.dfus["dfu_ck"].to_pylist() == ["A_G_L1", "B_2_G_L1", "Ö_G_L1"]
    assert tables.dfus["dmdunit"].to_pylist() == ["A", "B_2", "Ö"]
    assert tables.items["item_no"].to_pylist() == ["A", "B_2", "Ö"]
    assert set(tables.items["category"].to_pylist()) == {"UNKNOWN"}


@pytest.mark.parametrize(
    "qty",
    [
        pa.array([1, 2, 3, 4, None, 6], pa.int32()),
        pa.array([1, 2, 3, 4, float("nan"), 6], pa.float32()),
        pa.array([Decimal(1), Decimal(2), Decimal(3), Decimal(4), None, Decimal(6)], pa.decimal128(18, 4)),
    ],
)
def test_qty_may_be_of_any_numeric_type_and_nan_is_null(tmp_path: Path, qty: pa.Array) -> None:
    found = read_tidy_sales(written(tmp_path, qty=qty)).sales["qty"].to_pylist()
    assert found == [2, 3, 1, None, 4, 6]


@pytest.mark.parametrize("unit", ["s", "ms", "ns"])
def test_timestamps_at_midnight_are_dates(tmp_path: Path, unit: str) -> None:
    stamps = pa.array([dt.datetime(d.year, d.month, d.day) for d in COLUMNS["startdate"]], pa.timestamp(unit))  # noqa: DTZ001
    assert read_tidy_sales(written(tmp_path, startdate=stamps)).sales["startdate"].to_pylist()[0] == JAN


@pytest.mark.parametrize("kind", [pa.large_string(), pa.dictionary(pa.int16(), pa.string())])
def test_keys_may_be_of_any_text_type(tmp_path: Path, kind: pa.DataType) -> None:
    path = written(tmp_path, dmdunit=pa.array(COLUMNS["dmdunit"], pa.string()).cast(kind))
    assert read_tidy_sales(path).dfus["dmdunit"].to_pylist() == ["A", "B_2", "Ö"]


def test_dfus_of_two_columns_are_called_by_all_three_of_the_warehouse() -> None:
    table = pa.table({"sku": ["A"], "store": ["S"], "day": [JAN], "units": [1.0]})
    tables = warehouse_tables(monthly_sales(table, LongForm(("sku", "store"), "day", "units"), source="x"))
    assert tables.dfus["dfu_ck"].to_pylist() == ["A_S_ALL"]
    assert tables.sales["sales_ck"].to_pylist() == ["A_S_ALL_202601_1"]


def test_rows_of_one_dfu_and_month_are_numbered_like_a_plain_count() -> None:
    rng = np.random.default_rng(0)
    dfu = rng.integers(0, 7, 300)
    month = np.datetime64("2026-01") + rng.integers(0, 5, 300)
    seen: Counter[tuple[int, str]] = Counter()
    expected = []
    for key in zip(dfu.tolist(), map(str, month), strict=True):
        seen[key] += 1
        expected.append(seen[key])
    assert _nth_of_its_kind(dfu, month).tolist() == expected


# Quantities that four decimals would not keep


@pytest.mark.parametrize(("unit", "factor"), [(1e-3, "10,000"), (1e-6, "10,000,000")])
def test_file_in_a_large_unit_is_refused_with_the_factor_that_helps(tmp_path: Path, unit: float, factor: str) -> None:
    tonnes = [1.5 * unit, 10 * unit, -2 * unit, 4 * unit, None, 7 * unit]
    with pytest.raises(DataError, match="quantities that would change by more than 1 %") as refused:
        read_tidy_sales(written(tmp_path, qty=[*tonnes[:5], 0.00123 * unit]))
    assert refused.value.remedy == f"write the quantity in a smaller unit: multiply it by {factor}"
    assert "A_G_L1_2026-03-01" in refused.value.keys


def test_file_in_the_unit_that_was_named_is_taken(tmp_path: Path) -> None:
    kilotonnes = [0.0015, 0.01, -0.002, 0.004, None, 0.00123]
    with pytest.raises(DataError, match=r"1 of 5 quantities .*, 0 of them to 0") as refused:
        read_tidy_sales(written(tmp_path, qty=kilotonnes))
    assert refused.value.remedy == "write the quantity in a smaller unit: multiply it by 10"
    as_told = [qty and qty * 10 for qty in kilotonnes]
    assert read_tidy_sales(written(tmp_path, qty=as_told)).sales["qty"].to_pylist()[-1] == pytest.approx(0.0123)


def test_no_unit_holds_a_quantity_next_to_nothing_beside_an_enormous_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no unit holds both the largest and the smallest quantity"):
        read_tidy_sales(written(tmp_path, qty=[1e12, 10.0, -2.0, 4.0, None, 5e-324]))


def test_a_third_keeps_what_matters_of_it(tmp_path: Path) -> None:
    assert len(read_tidy_sales(written(tmp_path, qty=[1 / 3, 0.0, -2.0, 4.0, float("nan"), 2 / 3])).sales) == 6
