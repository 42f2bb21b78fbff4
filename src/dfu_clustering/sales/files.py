"""Files of sales: CSV as spreadsheets and databases write it, and parquet."""

import codecs
import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from dfu_clustering.sales.long_form import LongForm, MonthlySales, broken, monthly_sales, require_columns

_DELIMITERS: Final = (",", ";", "\t", "|")
_CSV_ENDINGS: Final = (".csv", ".txt", ".tsv")


@dataclass(frozen=True)
class CsvForm:
    """How a CSV file is written.

    Attributes:
        delimiter: Between the columns; None: the one with which the header has all columns.
        decimal: The decimal mark of numbers.
        encoding: Of the text.
    """

    delimiter: str | None = None
    decimal: str = "."
    encoding: str = "utf-8"


def read_sales(path: Path, form: LongForm | None = None, csv_form: CsvForm | None = None) -> MonthlySales:
    """Return the sales of a file by month.

    Args:
        path: A .csv, .tsv, .txt or .parquet file.
        form: Which column holds what.
        csv_form: How a CSV file is written.

    Raises:
        DataError: The file is none of these or cannot be read, or as monthly_sales().
    """
    form = form or LongForm()
    ending = path.suffix.lower()
    if ending not in (*_CSV_ENDINGS, ".parquet"):
        remedy = "export the sales as CSV or parquet"
        raise broken(path.name, found=f"a file that ends in {ending or 'nothing'}", remedy=remedy)
    read = _read_parquet if ending == ".parquet" else _read_csv
    try:
        table = read(path, form, csv_form or CsvForm())
    except OSError as error:
        raise broken(path.name, found=str(error), remedy="give the path of a readable file") from error
    return monthly_sales(table, form, source=path.name)


def _read_parquet(path: Path, form: LongForm, _: CsvForm) -> pa.Table:
    try:
        require_columns(parquet.read_schema(path).names, form, source=path.name)
        return parquet.read_table(path, columns=list(form.columns))
    except pa.ArrowInvalid as error:
        raise broken(path.name, found=str(error), remedy="give the path of a readable parquet file") from error


def _read_csv(path: Path, form: LongForm, how: CsvForm) -> pa.Table:
    encoding = _encoding(path, how)
    try:
        delimiter, found = _header(path, form, how, encoding)
        require_columns(found, form, source=path.name)
        return arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(encoding=encoding),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                # keys and dates are text: numbers of items keep their zeros in front
                column_types={**dict.fromkeys((*form.keys, form.date), pa.string()), form.quantity: pa.float64()},
                include_columns=list(form.columns),
                decimal_point=how.decimal,
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except (pa.ArrowInvalid, UnicodeError, LookupError, csv.Error) as error:
        raise broken(
            path.name,
            found=str(error),
            remedy="say how the file is written: decimal=',' for a decimal comma, encoding='cp1252' for text of older "
            "Windows programs, delimiter; numbers have no separator of thousands",
        ) from error


def _encoding(path: Path, how: CsvForm) -> str:
    """Return the encoding; a file that says at its start that it is UTF-16, as spreadsheets write it, is."""
    with path.open("rb") as file:
        start = file.read(2)
    return "utf-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else how.encoding


def _header(path: Path, form: LongForm, how: CsvForm, encoding: str) -> tuple[str, list[str]]:
    """Return the delimiter and the names of the columns."""
    with path.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="") as file:
        line = file.readline()
    possible = _DELIMITERS if how.delimiter is None else (how.delimiter,)
    headers = {delimiter: next(csv.reader([line], delimiter=delimiter), []) for delimiter in possible}
    return max(headers.items(), key=lambda one: (len(set(form.columns) & set(one[1])), len(one[1])))
