"""The dates of a sales table, of whatever type, become days."""

from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dfu_clustering.errors import DataError
from dfu_clustering.sales.kinds import decoded, is_text

_RULE: Final = "Every row of a sales table must have the date of a day or month"


def as_days(column: pa.ChunkedArray, name: str, date_format: str | None, *, source: str) -> pa.ChunkedArray:
    """Return dates as date32.

    Args:
        column: Dates, timestamps without zone, or text; whole numbers such as 202610 with a ``date_format``.
        name: What it is called.
        date_format: Of text and numbers, as ``strptime`` reads it; None: ISO 8601, a month or a day.
        source: What errors call the table.

    Raises:
        DataError: The type is no date, or a text is none of that format.
    """
    column = decoded(column)
    kind = column.type
    if pa.types.is_date(kind):
        return column.cast(pa.date32())
    if pa.types.is_timestamp(kind) and kind.tz is None:
        return pc.floor_temporal(column, unit="day").cast(pa.date32())
    if is_text(kind) or (pa.types.is_integer(kind) and date_format):
        return _read(column.cast(pa.string()), name, date_format, source)
    raise DataError(
        _RULE,
        found=f"{source}: {name!r} is of type {kind}",
        remedy="give dates, timestamps without a zone, or text; with date_format='%Y%m' also numbers like 202610",
    )


def _read(text: pa.ChunkedArray, name: str, date_format: str | None, source: str) -> pa.ChunkedArray:
    different = pc.unique(text)  # some hundred dates in millions of rows
    times = _times(pd.Series(different.to_pylist(), dtype="str"), date_format)
    unread = different.filter(pa.array(times.isna().to_numpy())).drop_null()
    if len(unread):
        raise DataError(
            _RULE,
            found=f"{source}: {name!r} is not written as {date_format or 'YYYY-MM or YYYY-MM-DD without a time zone'}",
            keys=unread.to_pylist(),
            remedy="say how dates are written with date_format, for example '%d.%m.%Y' or '%Y%m'",
        )
    days = pa.array(times.dt.floor("D").to_numpy(), from_pandas=True).cast(pa.date32())
    return days.take(pc.index_in(text, value_set=different))


def _times(text: "pd.Series[str]", date_format: str | None) -> "pd.Series[pd.Timestamp]":
    """Return times without a zone; NaT where a text is no date of the format, or names a zone."""
    zoned = text.str.contains(r"(?:Z|[+-]\d{2}:?\d{2})$", regex=True, na=False) & text.str.contains(":", na=False)
    return pd.to_datetime(text.mask(zoned), format=date_format or "ISO8601", errors="coerce")
