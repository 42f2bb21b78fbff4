"""Files are whole or absent, and read back to the same bits."""

import json

import numpy as np
import pandas as pd
import pytest

from dfu_clustering.errors import DataError
from dfu_clustering.files.tables import (
    atomic_path,
    read_first_rows,
    read_json,
    read_table,
    require_columns,
    write_json,
    write_table,
)

FRAME = pd.DataFrame(
    {
        "dfu_ck": ["007", "NA", 'quo"te,comma', "Grüner\nVeltliner", ""],
        "brand": ["", "null", None, "None", "nan"],
        "value": [0.1 + 0.2, np.nan, 1e-300, np.pi, -0.0],
        "months": [1, 2, 3, 4, 5],
    }
)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_table_reads_back_to_the_same_bits(tmp_path, ending):
    path = tmp_path / f"table{ending}"
    write_table(FRAME, path)
    back = read_table(path, text_columns=frozenset({"dfu_ck", "brand"}))
    assert back["value"].to_numpy().tobytes() == FRAME["value"].to_numpy().tobytes()
    assert back["dfu_ck"].tolist() == FRAME["dfu_ck"].tolist()
    assert [None if pd.isna(x) else x for x in back["brand"]] == ["", "null", None, "None", "nan"]
    assert back["months"].dtype == np.int64


def test_first_rows_are_those_of_the_whole_table_with_their_types(tmp_path):
    path = tmp_path / "table.parquet"
    write_table(FRAME, path)
    pd.testing.assert_frame_equal(read_first_rows(path, 3), read_table(path).head(3))
    pd.testing.assert_frame_equal(read_first_rows(path, 99), read_table(path))


def test_csv_column_without_any_value_is_one_of_undefined_numbers(tmp_path):
    path = tmp_path / "table.csv"
    write_table(pd.DataFrame({"dfu_ck": ["a", "b"], "value": [np.nan, np.nan]}), path)
    assert read_table(path)["value"].dtype == np.float64


def test_same_frame_twice_is_the_same_file(tmp_path):
    for name in ("a.csv", "b.csv", "a.parquet", "b.parquet"):
        write_table(FRAME, tmp_path / name)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_unknown_ending_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"must end in \.csv or \.parquet"):
        write_table(FRAME, tmp_path / "table.xlsx")


@pytest.mark.parametrize("name", ["absent.csv", "absent.parquet"])
def test_missing_table_is_an_error_that_names_the_step(tmp_path, name):
    with pytest.raises(DataError, match="run the step that writes this file"):
        read_table(tmp_path / name)


def test_missing_columns_are_named():
    with pytest.raises(DataError, match=r"\(2: 'x', 'y'\)"):
        require_columns(FRAME, ("dfu_ck", "x", "y"), rule="A table has keys", remedy="write it again")


def test_failed_write_leaves_the_old_file_and_no_draft(tmp_path):
    path = tmp_path / "kept.txt"
    path.write_text("old")

    def fail() -> None:
        with atomic_path(path) as draft:
            draft.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["kept.txt"]


def test_json_writes_undefined_as_null_and_numpy_as_numbers(tmp_path):
    path = tmp_path / "x.json"
    write_json({"a": np.float64("nan"), "b": np.int64(3), "c": [float("inf"), {"d": np.bool_(True)}]}, path)
    assert json.loads(path.read_text()) == {"a": None, "b": 3, "c": [None, {"d": True}]}


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_json_that_is_no_object_is_refused(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(DataError, match="must hold a JSON object"):
        read_json(path)
