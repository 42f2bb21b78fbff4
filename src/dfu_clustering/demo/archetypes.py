"""Demand histories whose class is known: every DFU of the demo is drawn from one archetype and one volume tier.

One formula serves all archetypes; they differ only in the ranges of its parameters. For a DFU and a month

    rate = level x season(peak, sharpness) x exp(growth x years) x life x noise x occurrence x ADI
    demand = Poisson(rate) - returns

The ranges are typical of their class, so that a good segmentation can distinguish most DFUs; noise, promotions,
stock-outs and short lives still blur the borders, as they do in real sales.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from dfu_clustering.arrays import Floats, Integers

Span = tuple[float, float]  # bounds of a uniform draw

TIERS = ("low", "medium", "high")
_TIER_MEDIAN = np.array([20.0, 140.0, 900.0])  # cases a month
_TIER_LOG_SPREAD = 0.45
_WINDOW_MONTHS = 24  # "new" and "discontinued" are distinguished from the others by what falls into it


@dataclass(frozen=True)
class Archetype:
    """Ranges from which the DFUs of one class draw their parameters.

    Attributes:
        name: The class.
        share: Share (0-1) of all DFUs.
        noise_cv: CV of the multiplicative noise; of the demand sizes where demand is intermittent.
        noise_memory: Lag-1 autocorrelation of the noise.
        peak: Calendar month around which demand peaks; 12.5 is between December and January.
        sharpness: Concentration of the season; 0.5 swings from 0.6 to 1.5 of the mean, 1.2 from 0.2 to 2.4.
        growth_per_year: Relative change a year; a decline is the reciprocal of such a growth.
        declines: Whether it shrinks.
        adi: Average inter-demand interval in months.
        return_share: Share (0-1) of months in which returns come in.
        tier_shares: Shares of low, medium and high volume.
    """

    name: str
    share: float
    noise_cv: Span = (0.06, 0.16)
    noise_memory: Span = (-0.1, 0.4)
    peak: Span = (0.5, 12.5)
    sharpness: Span = (0.0, 0.12)
    growth_per_year: Span = (-0.04, 0.04)
    declines: bool = False
    adi: Span = (1.0, 1.0)
    return_share: Span = (0.002, 0.006)
    tier_shares: tuple[float, float, float] = (0.25, 0.5, 0.25)


_RARE = (0.6, 0.33, 0.07)
_FRESH = (0.0, 0.0)

ARCHETYPES = (
    Archetype("steady", 0.16),
    Archetype("seasonal_summer", 0.11, peak=(6.2, 7.8), sharpness=(0.7, 1.3)),
    Archetype("seasonal_holiday", 0.09, peak=(11.6, 12.4), sharpness=(0.7, 1.3)),
    Archetype("seasonal_spring", 0.07, peak=(3.8, 5.2), sharpness=(0.7, 1.3)),
    Archetype("growing", 0.11, growth_per_year=(0.5, 1.0)),
    Archetype("declining", 0.10, growth_per_year=(0.5, 1.0), declines=True),
    Archetype("intermittent", 0.14, noise_cv=(0.15, 0.35), noise_memory=_FRESH, adi=(1.6, 2.4), tier_shares=_RARE),
    Archetype("lumpy", 0.08, noise_cv=(1.1, 1.8), noise_memory=_FRESH, adi=(1.7, 3.0), tier_shares=_RARE),
    Archetype("volatile", 0.05, noise_cv=(0.9, 1.2), noise_memory=_FRESH),
    Archetype("new", 0.03),
    Archetype("discontinued", 0.03),
    Archetype("returns", 0.02, return_share=(0.12, 0.25)),
    Archetype("never_sold", 0.01),
)
ARCHETYPE_NAMES = tuple(archetype.name for archetype in ARCHETYPES)

_PROMOTION_SHARE, _PROMOTION_LIFT = 0.01, (1.6, 2.8)
_STOCKOUT_SHARE = 0.003
_RETURN_SIZE = (0.4, 1.8)  # of a month's demand
_LAUNCH_MONTHS, _FADE_MONTHS = 3.0, 4.0


@dataclass(frozen=True)
class Traits:
    """Parameters of every DFU, all of shape (n_dfus,).

    Attributes:
        archetype: Position in ARCHETYPES.
        tier: Position in TIERS.
        level: Cases a month while on sale, at the middle of the last 24 months.
        first_month: First column on sale; negative: before the panel.
        last_month: Last column on sale.
        noise_cv, noise_memory, peak, sharpness, log_growth, adi, return_share: As in Archetype; growth as a log a year.
    """

    archetype: Integers
    tier: Integers
    level: Floats
    first_month: Integers
    last_month: Integers
    noise_cv: Floats
    noise_memory: Floats
    peak: Floats
    sharpness: Floats
    log_growth: Floats
    adi: Floats
    return_share: Floats


def draw_traits(rng: Generator, n_dfus: int, n_months: int) -> Traits:
    """Draw archetype, tier and parameters of n_dfus DFUs; archetypes come in their stated shares, in random order."""
    archetype = rng.permutation(by_share(np.array([a.share for a in ARCHETYPES]), n_dfus))
    tier = _draw_tiers(rng, archetype)
    first, last = _draw_lives(rng, archetype, n_months)
    growth = np.log1p(_draw(rng, archetype, "growth_per_year"))
    declines = np.array([a.declines for a in ARCHETYPES])[archetype]
    return Traits(
        archetype=archetype,
        tier=tier,
        level=_TIER_MEDIAN[tier] * np.exp(_TIER_LOG_SPREAD * rng.standard_normal(n_dfus)),
        first_month=first,
        last_month=last,
        noise_cv=_draw(rng, archetype, "noise_cv"),
        noise_memory=_draw(rng, archetype, "noise_memory"),
        peak=_draw(rng, archetype, "peak"),
        sharpness=_draw(rng, archetype, "sharpness"),
        log_growth=np.where(declines, -growth, growth),
        adi=_draw(rng, archetype, "adi"),
        return_share=_draw(rng, archetype, "return_share"),
    )


def simulate_demand(rng: Generator, traits: Traits, months: NDArray[np.datetime64]) -> Floats:
    """Return demand net of returns in whole cases, shape (n_dfus, n_months); negative where returns exceed sales."""
    shape = (len(traits.level), len(months))
    rate: Floats = traits.level[:, None] * _season(traits, months) * _trend(traits, shape[1]) * _life(traits, shape[1])
    rate *= _noise(rng, traits, shape)
    rate *= np.where(rng.random(shape) < 1 / traits.adi[:, None], traits.adi[:, None], 0.0)
    rate *= np.where(rng.random(shape) < _PROMOTION_SHARE, rng.uniform(*_PROMOTION_LIFT, shape), 1.0)
    rate *= rng.random(shape) >= _STOCKOUT_SHARE
    returned = rng.random(shape) < traits.return_share[:, None]
    returns = np.where(returned, rng.uniform(*_RETURN_SIZE, shape) * rate, 0.0)
    return rng.poisson(rate).astype(np.float64) - np.round(returns).astype(np.float64)


def by_share(shares: Floats, n: int) -> Integers:
    """Return n positions in ascending order, each as often as its share says, to within one."""
    ends = np.round(np.cumsum(shares) / shares.sum() * n).astype(np.int64)
    positions: Integers = np.repeat(np.arange(len(shares)), np.diff(ends, prepend=0))
    return positions


def _draw(rng: Generator, archetype: Integers, parameter: str) -> Floats:
    low, high = np.array([getattr(a, parameter) for a in ARCHETYPES], dtype=np.float64)[archetype].T
    drawn: Floats = rng.uniform(low, high)
    return drawn


def _draw_tiers(rng: Generator, archetype: Integers) -> Integers:
    bounds = np.cumsum([a.tier_shares for a in ARCHETYPES], axis=1)[archetype, :2]
    tier: Integers = np.count_nonzero(rng.random((len(archetype), 1)) >= bounds, axis=1)
    return tier


def _draw_lives(rng: Generator, archetype: Integers, n_months: int) -> tuple[Integers, Integers]:
    """Return the first and the last month on sale.

    New DFUs are 3 to 11 (two in five) or 12 to 23 months old. Discontinued ones ended 3 to 20 months ago or, one in two
    where the panel is long enough, before the last 24 months. One in six of the others began within the panel.
    """
    n = len(archetype)
    is_new = archetype == ARCHETYPE_NAMES.index("new")
    is_gone = archetype == ARCHETYPE_NAMES.index("discontinued")
    age = np.where(rng.random(n) < 0.4, rng.integers(3, 12, n), rng.integers(12, _WINDOW_MONTHS, n))
    age = np.minimum(age, n_months - 1)
    earlier = n_months - _WINDOW_MONTHS
    began = np.where(rng.random(n) < 1 / 6, rng.integers(0, max(earlier, 0) + 1, n), -_WINDOW_MONTHS)
    ended_ago = rng.integers(3, min(21, n_months - 5), n)
    if earlier > 6:
        ended_ago = np.where(rng.random(n) < 0.5, ended_ago, rng.integers(_WINDOW_MONTHS, n_months - 5, n))
    first = np.where(is_new, n_months - age, np.where(is_gone, -_WINDOW_MONTHS, began))
    last = np.where(is_gone, n_months - 1 - ended_ago, n_months - 1)
    never = archetype == ARCHETYPE_NAMES.index("never_sold")
    return np.where(never, n_months, first), last


def _season(traits: Traits, months: NDArray[np.datetime64]) -> Floats:
    calendar_month = months.astype("datetime64[M]").astype(np.int64) % 12 + 1
    angle = 2 * np.pi * (calendar_month - traits.peak[:, None]) / 12
    season: Floats = np.exp(traits.sharpness[:, None] * np.cos(angle)) / np.i0(traits.sharpness)[:, None]
    return season


def _trend(traits: Traits, n_months: int) -> Floats:
    years = (np.arange(n_months) - (n_months - 1) + _WINDOW_MONTHS / 2) / 12
    trend: Floats = np.exp(traits.log_growth[:, None] * years)
    return trend


def _life(traits: Traits, n_months: int) -> Floats:
    """Return 1 while on sale and 0 before and after, with a launch and a fade of a few months."""
    month = np.arange(n_months)
    age = month - traits.first_month[:, None]
    left = traits.last_month[:, None] - month
    launch = np.clip((age + 1) / _LAUNCH_MONTHS, 0, 1)
    ends = traits.last_month[:, None] < n_months - 1
    return launch * np.where(ends, np.clip((left + 1) / _FADE_MONTHS, 0, 1), 1.0)


def _noise(rng: Generator, traits: Traits, shape: tuple[int, int]) -> Floats:
    """Return log-normal noise of mean 1 and the DFU's CV, autocorrelated from month to month."""
    z = rng.standard_normal(shape)
    memory = traits.noise_memory
    fresh = np.sqrt(1 - memory**2)
    for month in range(1, shape[1]):
        z[:, month] = memory * z[:, month - 1] + fresh * z[:, month]
    sigma = np.sqrt(np.log1p(traits.noise_cv**2))[:, None]
    noise: Floats = np.exp(sigma * z - sigma**2 / 2)
    return noise
