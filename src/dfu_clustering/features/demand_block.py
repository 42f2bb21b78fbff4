"""Histories of one length as one block of months x DFUs, and what several features share, each computed once.

Arrays are months-major: ``(n_months, n_dfus)``, oldest month first, so that a month of all DFUs is contiguous and
every operation runs down whole vectors. No operation mixes DFUs, and sums add month by month in order; a DFU's
features are therefore the same to the last bit whatever DFUs share its block. What is only added up is made one month
at a time as well: a vector stays in the cache, where a block of squares or products would be allocated for one use.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dfu_clustering.arrays import Floats, Integers

Block = Floats  # (n_months, n_dfus)
Values = Floats  # (n_dfus,)
Counts = Integers  # (n_dfus,)

YEAR_MONTHS = 12

# Values this close, relatively, are a tie. Round figures do make exact ties (where a fifth of the months hold one
# size, each lies at mu + 2 std), and rounding must not decide them.
TIE = 1e-9
# A root of summed squares below this share of the largest demand is what rounding leaves of a flat or straight history.
_ROUNDING = 1e-10


@dataclass(frozen=True)
class DemandBlock:
    """Histories of one length and the quantities that several features share, each computed once.

    Attributes:
        y: (n, n_dfus) units a month, months-major.
        as_of_calendar_month: Calendar month 1..12 of the last month.
    """

    y: Block
    as_of_calendar_month: int

    @property
    def n(self) -> int:
        """Length of the histories in months."""
        return len(self.y)

    @cached_property
    def total(self) -> Values:
        """Demand of all months."""
        return sum_of(self.y)

    @cached_property
    def largest(self) -> Values:
        """Demand of the largest month: the scale against which rounding is judged."""
        largest: Values = self.y.max(axis=0)
        return largest

    @cached_property
    def mu(self) -> Values:
        """Mean demand a month."""
        return mean_of(self.y)

    @cached_property
    def centred(self) -> Block:
        """Demand less its mean."""
        return self.y - self.mu

    @cached_property
    def std(self) -> Values:
        """Standard deviation, ddof 0."""
        return np.sqrt(sum_of_squares(self.centred, self.largest) / self.n)

    @cached_property
    def cv(self) -> Values:
        """Coefficient of variation."""
        return self.std / self.mu

    @cached_property
    def t(self) -> Floats:
        """(n,) months, centred on their mean."""
        return np.arange(self.n, dtype=np.float64) - (self.n - 1) / 2

    @property
    def sxx(self) -> float:
        """Sum of squares of t."""
        return self.n * (self.n**2 - 1) / 12

    @cached_property
    def slope(self) -> Values:
        """OLS slope of y on t, units a month; 0 for a flat history, NaN for a single month."""
        if self.n == 1:
            return undefined(self.mu)
        slope = sum_of(t * month for t, month in zip(self.t, self.centred, strict=True)) / self.sxx
        return np.where(self.std > 0, slope, 0.0)

    @cached_property
    def detrended(self) -> Block:
        """D: demand less its OLS line."""
        line = np.multiply.outer(self.t, self.slope)
        return np.subtract(self.centred, line, out=line)

    @cached_property
    def ssd(self) -> Values:
        """Sum of squares of D; 0 for a straight history."""
        return sum_of_squares(self.detrended, self.largest)

    @cached_property
    def profile(self) -> Block:
        """Calendar-month means of y less mu, oldest month first: exactly 0 for a flat history."""
        return calendar_month_means(self.centred)

    @cached_property
    def ssr(self) -> Values:
        """Sum of squares of R, which is D less its calendar-month means: those of y less those of the line."""
        seasonal = self.profile - calendar_month_means(self.t[:, np.newaxis]) * self.slope
        residual = (month - seasonal[i % YEAR_MONTHS] for i, month in enumerate(self.detrended))
        return sum_of_squares(residual, self.largest)

    @cached_property
    def seasonal_share(self) -> Values:
        """Share of the variance of D that calendar-month means explain, adjusted for degrees of freedom; 0 for n < 24.

        1 - (SSR / (n - 13)) / (SSD / (n - 2)), clipped to [0, 1]; 0 where the line leaves no variance.
        """
        if self.n < 2 * YEAR_MONTHS:
            return np.zeros_like(self.mu)
        unexplained = ratio_of(self.ssr / (self.n - 13), self.ssd / (self.n - 2), otherwise=1.0)
        return np.clip(1 - unexplained, 0.0, 1.0)

    @cached_property
    def active_months(self) -> Counts:
        """Number of months with demand."""
        count: Counts = np.count_nonzero(self.y, axis=0)
        return count


def calendar_month_means(block: Block) -> Block:
    """Row j is the mean of months j, j+12, j+24, … from the oldest; fewer than 12 rows for less than a year."""
    total = block[:YEAR_MONTHS].copy()
    for start in range(YEAR_MONTHS, len(block), YEAR_MONTHS):
        year = block[start : start + YEAR_MONTHS]
        total[: len(year)] += year
    years = np.bincount(np.arange(len(block)) % YEAR_MONTHS)
    return total / years[:, np.newaxis]


def sum_of(months: Iterable[Values]) -> Values:
    """Sum over months, one after the other: ``sum(axis=0)`` adds in another order where a block is one DFU wide."""
    remaining = iter(months)
    total = next(remaining).copy()
    for month in remaining:
        total += month
    return total


def mean_of(block: Block) -> Values:
    """Mean over months; kept within the extremes, so that equal months have exactly their value as mean."""
    return np.clip(sum_of(block) / len(block), block.min(axis=0), block.max(axis=0))


def sum_of_squares(months: Iterable[Values], scale: Values) -> Values:
    """Sum of squares over months; 0 where it is no more than rounding leaves of figures as large as ``scale``."""
    total = sum_of(np.square(month) for month in months)
    return np.where(total > np.square(_ROUNDING * scale), total, 0.0)


def ratio_of(numerator: Values, denominator: Values, *, otherwise: float | Values) -> Values:
    """Quotient where the denominator, never negative, is positive."""
    quotient = np.array(np.broadcast_to(otherwise, numerator.shape))
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient


def undefined(like: Values) -> Values:
    """NaN for every DFU."""
    return np.full_like(like, np.nan)
