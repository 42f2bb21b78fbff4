"""What a sales table's own past leads to expect of its months: the bounds that completeness is judged by."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dfu_clustering.arrays import Flags, Floats
from dfu_clustering.months import Month, month_range

Times = NDArray[np.datetime64]

_RECENT_MONTHS = 6
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


def stray_months(rows: Iterable[dict[str, Any]], longest_gap_months: int) -> list[Month]:
    """Return the months that lie apart from the history, with no sale in between: their rows have a wrong date.

    Months with fewer than that many empty ones between them belong together, and those with the most rows are the
    history: a date that stands for an unknown one, as January 1900 often does, has few.

    Args:
        rows: As SalesMonths.of() takes them.
        longest_gap_months: Months without any sale that a history may have.
    """
    counts = {np.datetime64(row["month"], "M"): int(row["rows"]) for row in rows if row["month"] is not None}
    together: list[list[Month]] = []
    for month in sorted(counts):
        if together and int(month.astype(int) - together[-1][-1].astype(int)) - 1 <= longest_gap_months:
            together[-1].append(month)
        else:
            together.append([month])
    history = max(together, key=lambda months: sum(counts[month] for month in months), default=[])
    return [month for months in together if months is not history for month in months]


@dataclass(frozen=True)
class Measure:
    """Something that a month has more or less of.

    Attributes:
        of: Its values of (n_months,), never negative.
        noise: Chance alone moves it by so many times 1 / sqrt(rows a month), in logarithms.
        seasonal: Whether its level means little until a year of it is known.
    """

    of: Callable[[SalesMonths], Floats]
    noise: float
    seasonal: bool


ROWS = Measure(lambda months: months.rows, noise=3.0, seasonal=False)
VOLUME = Measure(lambda months: np.maximum(months.volume, 0), noise=6.0, seasonal=True)


class Levels(NamedTuple):
    """What the months before each month lead to expect of it; (n_months,), NaN where they do not tell.

    Attributes:
        recent: Median of the six months before, where three of them are known.
        seasonal: Value of the same month a year ago times the growth of that median since then.
    """

    recent: Floats
    seasonal: Floats

    @property
    def expected(self) -> Floats:
        """Return the seasonal level where it is known, else the recent one."""
        return np.where(np.isfinite(self.seasonal), self.seasonal, self.recent)


def levels(values: Floats) -> Levels:
    """Return the levels that each month of (n_months,) values is compared with."""
    recent = np.array([_median(values[max(0, t - _RECENT_MONTHS) : t]) for t in range(len(values))])
    year_ago, recent_then = (_a_year_later(column) for column in (values, recent))
    known = (recent > 0) & (year_ago > 0) & (recent_then > 0)
    growth = np.divide(recent, recent_then, out=np.full(len(values), np.nan), where=known)
    return Levels(np.where(recent > 0, recent, np.nan), year_ago * growth)


def newest_bounds(months: SalesMonths, measure: Measure, *, tolerance: float) -> Bounds | None:
    """Return the bounds of the last month; None where the months before do not tell.

    The month may deviate from its expected level, in logarithms, by the largest of: the tolerance; one and a half times
    the largest deviation of the twelve months before; what chance does to so many rows. Where fewer than six of these
    deviations are known, or the season of a seasonal measure is not, it may deviate by a factor of three at least.

    Args:
        months: The last is judged.
        measure: ROWS or VOLUME.
        tolerance: Shortfall as a share, 0.3 for 0.7 times the expected level; an excess counts by the inverse.
    """
    values = measure.of(months)
    level = levels(values)
    expected = level.expected[-1]
    if math.isnan(expected):
        return None
    past = np.abs(_deviations(values, level.expected)[-_YEAR_MONTHS - 1 : -1])
    past = past[np.isfinite(past)]
    allowed = max(-math.log1p(-tolerance), _PAST_MARGIN * max(past, default=0.0), _chance(months, measure)[-1])
    if len(past) < _FEWEST_DEVIATIONS or (measure.seasonal and math.isnan(level.seasonal[-1])):
        allowed = max(allowed, math.log(_UNTRUSTED_FACTOR))
    low = expected * math.exp(-allowed) if allowed < _LARGEST_DEVIATION else 0.0
    return Bounds(float(low), float(expected * math.exp(allowed)))


def odd_months(months: SalesMonths, tolerance: float) -> list[Month]:
    """Return the months among the twelve before the last whose rows or volume stray from every level known of them."""
    odd = np.zeros(len(months.month), dtype=np.bool_)
    for measure in (ROWS, VOLUME):
        values = measure.of(months)
        allowed = np.maximum(-math.log1p(-tolerance), _chance(months, measure))
        of_recent, of_season = (np.abs(_deviations(values, level)) for level in levels(values))
        judged = np.isfinite(of_season) | (not measure.seasonal)
        odd |= judged & (of_recent > allowed) & ~(of_season <= allowed)
    return list(months.month[-_YEAR_MONTHS - 1 : -1][odd[-_YEAR_MONTHS - 1 : -1]])


def expected_months(months: SalesMonths) -> Flags:
    """Return which months should have rows: all but those that have none, and had none a year before and after either.

    A business that closes for part of the year has no sales then; where no other year is known, sales are expected.
    """
    rows, unknown = months.rows, np.full(_YEAR_MONTHS, np.nan)
    others = np.stack([np.append(unknown, rows)[: len(rows)], np.append(rows, unknown)[_YEAR_MONTHS:]])
    expected: Flags = (rows > 0) | np.any(others > 0, axis=0) | np.all(np.isnan(others), axis=0)
    return expected


def usual_share(shares: Floats) -> float | None:
    """Return the larger of the mean of the six months before the last and the share of the same month a year ago."""
    recent = shares[-_RECENT_MONTHS - 1 : -1]
    recent = recent[np.isfinite(recent)]
    if not len(recent):
        return None
    year_ago = shares[-_YEAR_MONTHS - 1] if len(shares) > _YEAR_MONTHS else np.nan
    return float(np.nanmax([recent.mean(), year_ago]))


def next_month_due(months: SalesMonths) -> np.datetime64 | None:
    """Return the day on which the month after the last is due: the slowest of the last six first loads decides."""
    delays = (months.first_load - _end(months.month))[-_RECENT_MONTHS:]
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


def _chance(months: SalesMonths, measure: Measure) -> Floats:
    """Return noise / sqrt(mean rows of the six months before) of every month; infinite where there are none."""
    rows = months.rows
    recent = np.array([rows[max(0, t - _RECENT_MONTHS) : t].mean() if t else 0.0 for t in range(len(rows))])
    with np.errstate(divide="ignore"):
        chance: Floats = measure.noise / np.sqrt(recent)
    return chance


def _end(months: NDArray[np.datetime64]) -> Times:
    return (months + 1).astype("datetime64[s]")
