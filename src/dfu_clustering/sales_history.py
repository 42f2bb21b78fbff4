"""What a sales table's own past leads to expect of its months: the bounds that completeness is judged by."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dfu_clustering.months import Month, month_range

Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]

# how much chance alone moves a month: this many times 1 / sqrt(rows); volumes have longer tails than rows
ROWS_NOISE = 3.0
VOLUME_NOISE = 6.0

_LATELY_MONTHS = 6
_YEAR_MONTHS = 12
_FEWEST_MONTHS = 3  # of a median
_FEWEST_DEVIATIONS = 6  # of a past that is trusted to show how noisy the table is
_UNTRUSTED_FACTOR = 3.0
_PAST_MARGIN = 1.5  # on the largest deviation of the past year
_LARGEST_DEVIATION = 3.0  # a month without anything deviates by no more, in logarithms


class Bounds(NamedTuple):
    """Smallest and largest value that the past lets expect."""

    low: float
    high: float


@dataclass(frozen=True)
class SalesMonths:
    """What the rows of every month hold; arrays of (n_months,), complete, the last is the as-of month.

    Attributes:
        month: Calendar months.
        rows: Sales rows; 0 where a month has none.
        volume: Units, NaN where the month has no row or a qty that is no finite number.
        largest_qty: Largest abs(qty).
        null_share: Share of rows without a qty.
        negative_share: Share of rows with a negative qty.
        zero_share: Share of rows with qty 0.
        first_load: Oldest load_ts, NaT where unknown.
        last_load: Newest load_ts.
    """

    month: NDArray[np.datetime64]
    rows: Floats
    volume: Floats
    largest_qty: Floats
    null_share: Floats
    negative_share: Floats
    zero_share: Floats
    first_load: Times
    last_load: Times

    @classmethod
    def of(cls, rows: Iterable[dict[str, Any]], as_of_month: Month) -> "SalesMonths | None":
        """Return the months from the first with sales to as_of_month; None where there are none.

        Args:
            rows: One mapping a month with the names of the attributes; rows without a month are left out.
            as_of_month: The last month.
        """
        found = {np.datetime64(row["month"], "M"): row for row in rows if row["month"] is not None}
        if not found:
            return None
        months = month_range(as_of_month, int((as_of_month - min(found)).astype(int)) + 1)
        columns: dict[str, NDArray[Any]] = {"month": months}
        for field in fields(cls)[1:]:
            values = [found.get(month, {}).get(field.name) for month in months]
            kind = "datetime64[s]" if field.name.endswith("_load") else np.float64
            columns[field.name] = np.array(values, dtype=kind)
        columns["rows"] = np.nan_to_num(columns["rows"])
        return cls(**columns)


class Levels(NamedTuple):
    """What the months before each month lead to expect of it; (n_months,), NaN where they do not tell.

    Attributes:
        lately: Median of the six months before, where three of them are known.
        seasonal: Value of the same month a year ago times the growth of that median since then.
    """

    lately: Floats
    seasonal: Floats

    @property
    def expected(self) -> Floats:
        """Return the seasonal level where it is known, else the one of lately."""
        return np.where(np.isfinite(self.seasonal), self.seasonal, self.lately)


def levels(values: Floats) -> Levels:
    """Return the levels that each month of (n_months,) values is compared with."""
    lately = np.array([_median(values[max(0, t - _LATELY_MONTHS) : t]) for t in range(len(values))])
    year_ago, lately_then = (_a_year_later(column) for column in (values, lately))
    known = (lately > 0) & (year_ago > 0) & (lately_then > 0)
    growth = np.divide(lately, lately_then, out=np.full(len(values), np.nan), where=known)
    return Levels(np.where(lately > 0, lately, np.nan), year_ago * growth)


def newest_bounds(values: Floats, rows: Floats, *, tolerance: float, noise: float) -> Bounds | None:
    """Return the bounds of the last month; None where the months before do not tell.

    The month may deviate from its expected level, in logarithms, by the largest of: the tolerance; one and a half times
    the largest deviation of the twelve months before; noise / sqrt(rows a month). Where fewer than six of these
    deviations are known, by a factor of three at least.

    Args:
        values: (n_months,) rows or volume, never negative.
        rows: (n_months,) rows.
        tolerance: Shortfall as a share, 0.3 for 0.7 times the expected level; an excess counts by the inverse.
        noise: ROWS_NOISE or VOLUME_NOISE.
    """
    expected = levels(values).expected
    if math.isnan(expected[-1]):
        return None
    past = _deviations(values, expected)[-_YEAR_MONTHS - 1 : -1]
    past = np.abs(past[np.isfinite(past)])
    allowed = max(-math.log1p(-tolerance), _PAST_MARGIN * max(past, default=0.0), _noise(rows, noise)[-1])
    if len(past) < _FEWEST_DEVIATIONS:
        allowed = max(allowed, math.log(_UNTRUSTED_FACTOR))
    low = expected[-1] * math.exp(-allowed) if allowed < _LARGEST_DEVIATION else 0.0
    return Bounds(float(low), float(expected[-1] * math.exp(allowed)))


def odd_months(months: SalesMonths, tolerance: float) -> list[Month]:
    """Return the months among the twelve before the last that stray from every level that is known of them.

    Volume is only judged where its season is known.
    """
    odd = np.zeros(len(months.month), dtype=np.bool_)
    for values, noise in ((months.rows, ROWS_NOISE), (np.maximum(months.volume, 0), VOLUME_NOISE)):
        allowed = np.maximum(-math.log1p(-tolerance), _noise(months.rows, noise))
        of_lately, of_season = (_deviations(values, level) for level in levels(values))
        strays = (np.abs(of_lately) > allowed) & ~(np.abs(of_season) <= allowed)
        odd |= strays & (np.isfinite(of_season) | (noise == ROWS_NOISE))
    return list(months.month[-_YEAR_MONTHS - 1 : -1][odd[-_YEAR_MONTHS - 1 : -1]])


def usual_share(shares: Floats) -> float | None:
    """Return the larger of the mean of the six months before the last and the share of the same month a year ago."""
    lately = shares[-_LATELY_MONTHS - 1 : -1]
    lately = lately[np.isfinite(lately)]
    if not len(lately):
        return None
    year_ago = shares[-_YEAR_MONTHS - 1] if len(shares) > _YEAR_MONTHS else np.nan
    return float(np.nanmax([lately.mean(), year_ago]))


def next_month_due(months: SalesMonths) -> np.datetime64 | None:
    """Return the day on which the month after the last is due: the slowest of the last six first loads decides."""
    delays = (months.first_load - _end(months.month))[-_LATELY_MONTHS:]
    delays = delays[~np.isnat(delays)]
    return (_end(months.month[-1:] + 1)[0] + delays.max()).astype("datetime64[D]") if len(delays) else None


def _a_year_later(values: Floats) -> Floats:
    return np.concatenate([np.full(_YEAR_MONTHS, np.nan), values])[: len(values)]


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) >= _FEWEST_MONTHS else math.nan


def _deviations(values: Floats, expected: Floats) -> Floats:
    ratio = np.divide(values, expected, out=np.full(len(values), np.nan), where=np.isfinite(expected))
    deviations: Floats = np.log(np.maximum(ratio, math.exp(-_LARGEST_DEVIATION)))
    return deviations


def _noise(rows: Floats, noise: float) -> Floats:
    """Return noise / sqrt(mean rows of the six months before) of every month; infinite where there are none."""
    lately = np.array([rows[max(0, t - _LATELY_MONTHS) : t].mean() if t else 0.0 for t in range(len(rows))])
    with np.errstate(divide="ignore"):
        allowed: Floats = noise / np.sqrt(lately)
    return allowed


def _end(months: NDArray[np.datetime64]) -> Times:
    return (months + 1).astype("datetime64[s]")
