"""A table or file of sales in long form becomes monthly rows, or an error that says what to pass."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dfu_clustering.errors import DataError
from dfu_clustering.sales.files import CsvForm, read_sales
from dfu_clustering.sales.long_form import LongForm, monthly_sales

GERMAN = LongForm(("SKU", "Filiale"), "Tag", "Menge", "%d.%m.%Y")
SHORT = LongForm(("item",), "day", "units")
OCTOBER = dt.date(2026, 10, 1)


def written(folder: Path, text: str, *, encoding: str = "utf-8", name: str = "sales.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def of_days(days: "pd.DatetimeIndex") -> pa.Table:
    return pa.table({"item": ["A"] * len(days), "day": days.date, "units": np.ones(len(days))})


@pytest.mark.parametrize(
    ("encoding", "said"), [("utf-8-sig", "utf-8"), ("utf-16", "utf-8"), ("cp1252", "cp1252")], ids=str
)
def test_a_spreadsheet_with_decimal_commas_is_read_whatever_its_encoding(tmp_path, encoding, said):
    text = "SKU;Filiale;Tag;Menge;Preis\n007;Köln;03.10.2026;1,5;9\n007;Köln;31.10.2026;2;9\n8;Ulm;1.10.2026;-1,25;9\n"
    sold = read_sales(written(tmp_path, text, encoding=encoding), GERMAN, CsvForm(decimal=",", encoding=said))
    assert sold.rows.to_pylist() == [
        {"dmdunit": "007", "dmdgroup": "Köln", "loc": "ALL", "startdate": OCTOBER, "qty": 3.5},
        {"dmdunit": "8", "dmdgroup": "Ulm", "loc": "ALL", "startdate": OCTOBER, "qty": -1.25},
    ]
    assert sold.dfus["dfu_ck"].to_pylist() == ["007_Köln", "8_Ulm"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_with_which_the_header_has_the_columns(tmp_path, delimiter):
    rows = [("item", "day", "units"), ("A", "2026-10", "3"), ("B", "2026-10-01", "")]
    sold = read_sales(written(tmp_path, "\n".join(delimiter.join(row) for row in rows)), SHORT)
    assert sold.rows["qty"].to_pylist() == [3.0, None]
    assert sold.notes == ()


@pytest.mark.parametrize(
    ("text", "form", "found", "remedy"),
    [
        ("SKU;Menge\n1;2\n", SHORT, "no single column 'item', 'day', 'units' among 'SKU', 'Menge'", "keys, date"),
        ("item;day;units\nA;2026-10;1,5\n", SHORT, "invalid value '1,5'", "decimal=','"),
        ("item;day;units\nA;2026-10;1.234,5\n", SHORT, "invalid value '1.234,5'", "no separator of thousands"),
        ("item,day,units\nA,03.10.2026,1\n", SHORT, "'03.10.2026'", "date_format"),
        ("item,day,units\nA,2026-02-30,1\n", SHORT, "'2026-02-30'", "date_format"),
        ("item,day,units\nA,2026-10-01T00:00:00+02:00,1\n", SHORT, "without a time zone", "date_format"),
        ("item,day,units\nA,infinity,1\n", SHORT, "'infinity'", "date_format"),
        ("item,day,units\n,2026-10,1\n", SHORT, "rows without 'item' (1: 'NULL_2026-10-01')", "fill 'item'"),
        ("item,day,units\nA,,1\n", SHORT, "rows without 'day' (1: 'A_NULL')", "fill 'day'"),
        ("item,day,units\nA,2026-10,1e15\n", SHORT, "quantities of 1e+14 or more (1: 'A_2026-10-01')", "correct"),
        ("item,day,units\n", SHORT, "no rows", "give a table with sales"),
        ("", SHORT, "no single column", "keys, date"),
    ],
)
def test_what_cannot_be_read_says_what_to_pass(tmp_path, text, form, found, remedy):
    with pytest.raises(DataError) as error:
        read_sales(written(tmp_path, text), form)
    assert found in str(error.value)
    assert remedy in error.value.remedy


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("sales.xlsx", b"PK", "ends in .xlsx"),
        ("sales.parquet", b"no parquet", "sales.parquet"),
        ("sales.csv", "item,day,units\nÄ,2026-10,1\n".encode("latin-1"), "codec can't decode"),
    ],
)
def test_a_file_of_another_kind_is_refused_by_name(tmp_path, name, content, found):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=found):
        read_sales(tmp_path / name, SHORT)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_sales(tmp_path / "none.csv", SHORT)


@pytest.mark.parametrize(
    ("dates", "date_format"),
    [
        (pa.array([OCTOBER]), None),
        (pa.array([dt.datetime(2026, 10, 1)]), None),  # noqa: DTZ001
        (pa.array(["2026-10"]).dictionary_encode(), None),
        (pa.array([202610]), "%Y%m"),
        (pa.array(["Oct 2026"]), "%b %Y"),
        (pa.array(["1/10/2026"]), "%d/%m/%Y"),
    ],
)
def test_dates_may_be_of_any_type_that_says_the_day(dates, date_format):
    table = pa.table({"item": ["A"], "day": dates, "units": [1]})
    form = LongForm(SHORT.keys, SHORT.date, SHORT.quantity, date_format)
    assert monthly_sales(table, form, source="x").rows["startdate"].to_pylist() == [OCTOBER]


@pytest.mark.parametrize(
    ("column", "values", "found"),
    [
        ("day", [202610], "of type int64"),
        ("day", [dt.datetime(2026, 10, 1, tzinfo=dt.UTC)], "of type timestamp"),
        ("item", [1.5], "keys of type double"),
        ("units", ["1,5"], "quantities of type string"),
    ],
)
def test_a_column_of_a_wrong_type_is_named(column, values, found):
    table = pa.table({"item": ["A"], "day": [OCTOBER], "units": [1.0]} | {column: values})
    with pytest.raises(DataError, match=found):
        monthly_sales(table, SHORT, source="x")


def test_whole_numbers_are_keys_and_dfus_come_in_the_order_of_their_keys():
    table = pa.table({"item": [10, 9], "day": [OCTOBER] * 2, "units": [1, 2]})
    sold = monthly_sales(table, SHORT, source="x")
    assert sold.dfus["dfu_ck"].to_pylist() == ["10", "9"]
    assert sold.rows["dmdunit"].to_pylist() == ["10", "9"]


def test_dfus_that_read_the_same_when_joined_are_refused():
    table = pa.table({"a": ["1_2", "1"], "b": ["3", "2_3"], "day": [OCTOBER] * 2, "units": [1, 2]})
    with pytest.raises(DataError, match=r"same joined key.*1_2_3"):
        monthly_sales(table, LongForm(("a", "b"), "day", "units"), source="x")


@pytest.mark.parametrize("keys", [(), ("a", "b", "c", "d"), ("a", "a"), ("day",)])
def test_one_to_three_different_keys_name_a_dfu(keys):
    with pytest.raises(DataError, match="one to three key columns"):
        LongForm(keys, "day", "units")


@pytest.mark.parametrize(
    ("days", "whole", "said"),
    [
        (pd.date_range("2026-08-01", "2026-10-31"), "2026-10", "rows by day"),
        (pd.date_range("2026-08-01", "2026-10-30"), "2026-09", "2026-10 ends on 2026-10-30"),
        (pd.bdate_range("2026-08-01", "2026-10-30"), "2026-10", "rows by day"),
        (pd.date_range("2026-08-03", "2026-10-26", freq="7D"), "2026-10", "four or five"),
        (pd.date_range("2026-08-03", "2026-11-02", freq="7D"), "2026-10", "2026-11 ends on 2026-11-02"),
        (pd.date_range("2026-08-31", "2026-10-31", freq="ME"), "2026-10", "rows by day"),
    ],
)
def test_the_newest_month_counts_where_its_days_or_weeks_are_all_there(days, whole, said):
    sold = monthly_sales(of_days(days), SHORT, source="x")
    assert str(sold.whole_month) == whole
    assert said in " ".join(sold.notes)
    assert sum(sold.rows["qty"].to_pylist()) == len(days)


def test_monthly_rows_stay_as_they_are_and_nothing_is_said():
    table = pa.table({"item": ["B", "A", "B"], "day": [OCTOBER] * 3, "units": [1.0, 2.0, None]})
    sold = monthly_sales(table, SHORT, source="x")
    assert sold.rows["qty"].to_pylist() == [1.0, 2.0, None]
    assert (str(sold.whole_month), sold.notes) == ("2026-10", ())


def test_a_parquet_file_is_read_by_its_columns(tmp_path):
    table = pa.table({"item": ["A"], "day": [OCTOBER], "units": [4], "price": [1.0]})
    pq.write_table(table, tmp_path / "sales.parquet")
    assert read_sales(tmp_path / "sales.parquet", SHORT).rows["qty"].to_pylist() == [4.0]
