"""What words are judged by, of DFUs of which no word is true but medium volume, and what a test changes of it."""

import numpy as np

from dfu_clustering.labels.rules import JUDGED_FEATURES

ALIKE = dict.fromkeys(JUDGED_FEATURES, 0.0) | {
    "mean_demand": 100.0,
    "season_months": 48.0,
    "peak_month": 6.0,
    "cv_demand": 0.5,
    "sparsity_score": 1.0,
    "history_months": 24.0,
}


def dfu(**changes):
    """Return the values of one DFU."""
    return {name: np.array([value], dtype=float) for name, value in (ALIKE | changes).items()}


def members(n=10, **columns):
    """Return the values of n DFUs; a column is one value for all or a list of n."""
    return {name: np.broadcast_to(np.array(columns.get(name, of_all), float), n) for name, of_all in ALIKE.items()}
