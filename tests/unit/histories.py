"""Histories of demand as texts of tests write them, and their features."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dfu_clustering.features.histories import Histories
from dfu_clustering.features.matrix import time_series_features


def histories_of(series: Sequence[Sequence[float]], as_of: str = "2024-12") -> Histories:
    """Right-align histories of any lengths."""
    window = max(len(y) for y in series)
    demand = np.zeros((len(series), window))
    for row, y in zip(demand, series, strict=True):
        row[window - len(y) :] = y
    keys = np.array([f"dfu{i:05d}" for i in range(len(series))], dtype=object)
    return Histories(keys, demand, np.array([len(y) for y in series]), np.datetime64(as_of, "M"))


def features_of(y: Sequence[float], as_of: str = "2024-12") -> pd.Series:
    return time_series_features(histories_of([y], as_of)).iloc[0]
