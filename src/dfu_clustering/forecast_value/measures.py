"""How wrong forecasts are, by three measures that mean different things.

- WAPE: sum of absolute errors / sum of demand. It counts units, and a forecast of zero scores 1.0: where demand is so
  sparse that nothing does much better, it says nothing.
- RMSSE: root of a DFU's mean squared error over that of its one-step naive forecast up to the origin, mean of the DFUs
  (Hyndman & Koehler 2006; Makridakis et al. 2022). It rewards forecasting the mean of sparse demand.
- Scaled MAE: mean of the absolute errors, each divided by the DFU's point-in-time scale at the origin.
"""

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np

from dfu_clustering.arrays import Floats
from dfu_clustering.features.demand_block import Block, Values, ratio_of
from dfu_clustering.forecast_value.known_demand import KnownDemand, Places

Measure = Literal["wape", "rmsse", "scaled_mae"]
MEASURES: Final[tuple[Measure, ...]] = ("wape", "rmsse", "scaled_mae")
MEASURE_NAMES: Final[Mapping[Measure, str]] = {"wape": "WAPE", "rmsse": "RMSSE", "scaled_mae": "scaled MAE"}


def scores(demand: Floats, forecast: Floats, dfu: Places, known: KnownDemand, origin: int) -> dict[Measure, float]:
    """Return all measures of the forecasts from one origin.

    Args:
        demand: (n_rows,) units that were sold.
        forecast: (n_rows,) units.
        dfu: (n_rows,) place of each row's DFU.
        known: Demand up to the origin at least.
        origin: Place of the newest month that was known.

    Returns:
        Lower is better. NaN where nothing can be measured: no demand at all, or no DFU whose demand ever changed.
    """
    error = np.abs(demand - forecast)
    total = float(demand.sum())
    squares = np.bincount(dfu, weights=np.square(error), minlength=known.by_month.shape[1]).astype(np.float64)
    count = np.bincount(dfu, minlength=len(squares)).astype(np.float64)
    naive = naive_squares(known.by_month[: origin + 1])
    rmsse = np.sqrt(ratio_of(ratio_of(squares, count, otherwise=np.nan), naive, otherwise=np.nan))
    measured = rmsse[np.isfinite(rmsse)]
    return {
        "wape": float(error.sum()) / total if total > 0 else np.nan,
        "rmsse": float(measured.mean()) if len(measured) else np.nan,
        "scaled_mae": float((error / known.scales[origin, dfu]).mean()),
    }


def naive_squares(by_month: Block) -> Values:
    """Return the (n_dfus,) mean squared change from month to month since the first sale; 0 where there is none."""
    sold = np.cumsum(by_month, axis=0)[:-1] > 0
    changes = np.where(sold, np.square(np.diff(by_month, axis=0)), 0.0).sum(axis=0)
    return ratio_of(changes, sold.sum(axis=0).astype(np.float64), otherwise=0.0)
