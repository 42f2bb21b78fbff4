"""The rows of a direct multi-step forecaster: one a DFU and target month, with everything known at its as-of month."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from dfu_clustering.arrays import Floats
from dfu_clustering.forecast_value.known_demand import KnownDemand, Places

MOST_ROWS: Final = 120_000  # of a training; a random sample of them where there are more
MOST_TRAINING_MONTHS: Final = 60  # before the origin: what is older says little of today

_LARGEST_TARGET: Final = 10.0  # of demand by the scale
_WEIGHTS: Final = (0.02, 4.0)


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows by their places in a grid of demand.

    Attributes:
        dfu: (n_rows,)
        as_of: (n_rows,) newest month that is known to the row.
        horizon: (n_rows,) months from there to the month that is forecast.
    """

    dfu: Places
    as_of: Places
    horizon: Places

    @property
    def month(self) -> Places:
        """Return the month that is forecast."""
        return self.as_of + self.horizon

    def at(self, places: Places) -> "Rows":
        """Return some of the rows."""
        return Rows(self.dfu[places], self.as_of[places], self.horizon[places])


def training_rows(known: KnownDemand, origin: int, *, horizon_months: int, seed: int, most: int = MOST_ROWS) -> Rows:
    """Return the rows that may be trained on at an origin: target months up to it, a horizon drawn for each.

    Args:
        known: The demand; what it holds after the origin does not matter.
        origin: Place of the newest month that is known.
        horizon_months: Longest horizon.
        seed: Of the draws.
        most: Rows at most.
    """
    oldest = oldest_month(origin)
    n_dfus = known.by_month.shape[1]
    rng = np.random.default_rng([seed, origin])
    drawn = rng.integers(1, horizon_months + 1, size=(origin + 1 - oldest, n_dfus))
    as_of = np.arange(oldest, origin + 1)[:, np.newaxis] - drawn
    possible = np.flatnonzero((as_of >= oldest) & (known.lengths[np.maximum(as_of, 0), np.arange(n_dfus)] > 0))
    if len(possible) > most:
        possible = np.sort(rng.choice(possible, most, replace=False))
    return Rows(possible % n_dfus, as_of.reshape(-1)[possible], drawn.reshape(-1)[possible])


def oldest_month(origin: int) -> int:
    """Return the oldest as-of month of the rows that are trained on at an origin."""
    return max(origin - MOST_TRAINING_MONTHS, 0)


def forecast_rows(known: KnownDemand, origin: int, *, horizon_months: int) -> Rows:
    """Return the rows that are forecast from an origin: every DFU that has sold, by every horizon, DFU by DFU."""
    dfu = np.flatnonzero(known.lengths[origin] > 0)
    horizon = np.tile(np.arange(1, horizon_months + 1), len(dfu))
    return Rows(np.repeat(dfu, horizon_months), np.full(len(horizon), origin), horizon)


def targets(known: KnownDemand, rows: Rows) -> Floats:
    """Return the (n_rows,) demand that is learned: divided by the scale of the as-of month, clipped."""
    return np.minimum(known.by_month[rows.month, rows.dfu] / known.scales[rows.as_of, rows.dfu], _LARGEST_TARGET)


def weights(known: KnownDemand, rows: Rows, origin: int) -> Floats:
    """Return the (n_rows,) weights of training rows: the squared scale in units of the DFU's mean, within bounds."""
    by_mean = known.scales[rows.as_of, rows.dfu] / known.mean_so_far[origin, rows.dfu]
    bounded: Floats = np.clip(np.square(by_mean), *_WEIGHTS)
    return bounded
