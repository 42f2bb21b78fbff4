"""Lists for people: CSV that a spreadsheet opens as it is, and in which no value is read as a formula.

Files that a later step or a program reads are written by ``tables`` and keep every byte of their values.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, TextIO

BYTE_ORDER_MARK: Final = "\ufeff"  # by which Excel knows that a CSV file is UTF-8

# where a cell may begin: a spreadsheet that takes another delimiter than the comma sees one inside of a text, too
_CELL_START: Final = re.compile(r"""^(?=[=+\-@\t\r\n＝＋－＠])|(?<=[;\t\r\n])(?=["\s]*[=+\-@＝＋－＠])""")
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9_.]+")
_LONGEST_NAME: Final = 150


class SpreadsheetWriter:
    """Writes rows as RFC 4180 has them: commas, CRLF, quotes where they are needed; UTF-8 with a mark in front."""

    def __init__(self, sink: TextIO, columns: Sequence[str]) -> None:
        """Write the mark and the headings.

        Args:
            sink: Where the file goes, opened with newline="".
            columns: The headings.
        """
        sink.write(BYTE_ORDER_MARK)
        self._rows = csv.writer(sink, lineterminator="\r\n")
        self._rows.writerow(map(neutral, columns))

    def write(self, rows: Iterable[Sequence[Any]]) -> None:
        """Write rows; None and NaN are empty cells, truth values "yes" and "no"."""
        self._rows.writerows(map(_cell, row) for row in rows)


def list_name(kind: str, as_of_month: str | None) -> str:
    """Return the name of a list's file, which every system takes whatever a label holds: its label and its month."""
    plain = _NOT_IN_A_NAME.sub("-", kind).strip("-.")[:_LONGEST_NAME]
    return f"{plain}_{as_of_month}.csv" if as_of_month else f"{plain}.csv"


@lru_cache(maxsize=1 << 14)
def neutral(text: str) -> str:
    """Return a text with an apostrophe before what a spreadsheet would take for the beginning of a formula."""
    return _CELL_START.sub("'", text)


def _cell(value: Any) -> Any:  # noqa: ANN401  (whatever a table holds)
    kind = type(value)
    if kind is str:
        return neutral(value)
    if kind is bool:
        return "yes" if value else "no"
    return None if value != value else value
