"""Calendar months by hand."""

import datetime as dt

import numpy as np
import pytest

from dfu_clustering.errors import DataError
from dfu_clustering.months import last_day, month_range, parse_month


@pytest.mark.parametrize("text", ["2024-02", "2024-02-01", "2024-02-29"])
def test_month_is_read_from_month_or_day(text):
    assert parse_month(text) == np.datetime64("2024-02", "M")


@pytest.mark.parametrize("text", ["2024-13", "2024-02-30", "02/2024", "", "2024", "October"])
def test_anything_else_is_refused_with_an_example(text):
    with pytest.raises(DataError, match="write for example 2026-10"):
        parse_month(text)


@pytest.mark.parametrize(
    ("month", "day"),
    [("2024-02", dt.date(2024, 2, 29)), ("2023-02", dt.date(2023, 2, 28)), ("2023-12", dt.date(2023, 12, 31))],
)
def test_last_day_knows_leap_years_and_december(month, day):
    assert last_day(np.datetime64(month, "M")) == day


def test_range_ends_with_the_given_month():
    assert month_range(np.datetime64("2024-01", "M"), 3).astype(str).tolist() == ["2023-11", "2023-12", "2024-01"]
