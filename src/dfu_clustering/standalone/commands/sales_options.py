"""The flags that say how a file of sales is written."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from dfu_clustering.sales.files import CsvForm, read_sales
from dfu_clustering.sales.long_form import KEYS, LongForm, MonthlySales

_DEFAULTS, _CSV = LongForm(), CsvForm()


def add_sales_arguments(arguments: ArgumentParser) -> None:
    """Add the file, how it is written, and the newest month."""
    arguments.add_argument("sales", type=Path, metavar="FILE", help="sales in long form, .csv, .tsv or .parquet")
    add_form_arguments(arguments)
    arguments.add_argument("--as-of", metavar="YYYY-MM", help="newest month that counts; None: the newest whole month")


def add_form_arguments(arguments: ArgumentParser) -> None:
    """Add how the file is written."""
    arguments.add_argument(
        "--keys",
        type=lambda text: tuple(text.split(",")),
        default=",".join(KEYS),
        metavar="COLUMN,…",
        help="one to three columns that together name a DFU: item, customer group, location",
    )
    arguments.add_argument("--date", default=_DEFAULTS.date, metavar="COLUMN", help="a day of each row's month")
    arguments.add_argument("--quantity", default=_DEFAULTS.quantity, metavar="COLUMN", help="the demand, in units")
    arguments.add_argument(
        "--date-format", metavar="FORMAT", help="of dates that are text, as %%d.%%m.%%Y or %%Y%%m; None: 2026-10-31"
    )
    arguments.add_argument("--decimal", default=_CSV.decimal, metavar="MARK", help="decimal mark of a CSV file")
    arguments.add_argument("--delimiter", metavar="MARK", help="of a CSV file; None: found by the header")
    arguments.add_argument("--encoding", default=_CSV.encoding, help="of a CSV file")


def sales_of(options: Namespace) -> MonthlySales:
    """Read the file, and print what was done to its rows."""
    form = LongForm(options.keys, options.date, options.quantity, options.date_format)
    sold = read_sales(options.sales, form, CsvForm(options.delimiter, options.decimal, options.encoding))
    for note in sold.notes:
        print(f"note: {note}")
    return sold
