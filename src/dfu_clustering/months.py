"""Calendar months: parsing, printing, and the last day of one."""

from datetime import date, timedelta
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dfu_clustering.errors import DataError

Month = np.datetime64  # of unit "M"
MONTH_PATTERN: Final = r"^\d{4}-(0[1-9]|1[0-2])$"
AsOfMonth = Annotated[str, Field(pattern=MONTH_PATTERN)]


def parse_month(text: str) -> Month:
    """Return the month that ``2026-10`` or any day of it, ``2026-10-01``, names.

    Raises:
        DataError: The text is no such date.
    """
    try:
        return np.datetime64(date.fromisoformat(f"{text}-01" if len(text) == len("2026-10") else text), "M")
    except ValueError as error:
        raise DataError(
            "A month must be written as YYYY-MM", found=repr(text), remedy="write for example 2026-10"
        ) from error


def calendar_month(month: Month) -> int:
    """Return 1 to 12."""
    return int(month.astype("datetime64[M]").astype(int)) % 12 + 1


def last_day(month: Month) -> date:
    """Return the last day of the month."""
    first_of_next: date = (month.astype("datetime64[M]") + 1).astype("datetime64[D]").astype(object)
    return first_of_next - timedelta(days=1)


def month_range(last: Month, n_months: int) -> NDArray[np.datetime64]:
    """Return the n_months calendar months that end at ``last``."""
    return last - np.arange(n_months - 1, -1, -1)
