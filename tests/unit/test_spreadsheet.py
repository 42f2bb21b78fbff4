"""Lists for people open in a spreadsheet as they are, and hold no formula."""

import csv
import io

import pytest

from dfu_clustering.files.spreadsheet import SpreadsheetWriter, neutral


def written(columns, *rows):
    sink = io.StringIO(newline="")
    SpreadsheetWriter(sink, columns).write(rows)
    return sink.getvalue()


def test_file_is_rfc_4180_with_a_mark_for_excel():
    text = written(["dfu_ck", "note"], ["a,b", 'say "x"'], ["line\r\nbreak", None])
    assert text == '\ufeffdfu_ck,note\r\n"a,b","say ""x"""\r\n"line\r\nbreak",\r\n'


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ('a;"=1+1"', 'a;\'"=1+1"'),
        ("a; =1+1", "a;' =1+1"),
        ("+31", "'+31"),
        ("-5", "'-5"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("\rx", "'\rx"),
        ("＝1+1", "'＝1+1"),
        ("x;=cmd|' /C calc'!A1", "x;'=cmd|' /C calc'!A1"),
        ("001000_CLUB-DC01", "001000_CLUB-DC01"),
        ("growth a year -0.45 <= -0.05; low volume: 3 <= 4", "growth a year -0.45 <= -0.05; low volume: 3 <= 4"),
        ("", ""),
    ],
)
def test_no_text_begins_a_formula(value, cell):
    assert neutral(value) == cell
    (_, (found,)) = csv.reader(io.StringIO(written(["x"], [value]).removeprefix("\ufeff"), newline=""))
    assert found == cell


def test_numbers_stay_numbers_and_nothing_is_an_empty_cell():
    row = [-1.5, 3, float("nan"), None, True, False]
    assert written(list("abcdef"), row).splitlines()[1] == "-1.5,3,,,yes,no"
