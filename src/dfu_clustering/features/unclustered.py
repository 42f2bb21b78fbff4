"""Features of DFUs that are not clustered, so that a forecaster has a row of every DFU that has sold."""

from typing import Final

import numpy as np
import pandas as pd

from dfu_clustering.arrays import Floats, Objects
from dfu_clustering.config.clustering import HistorySettings
from dfu_clustering.features.histories import Histories, first_sales, months_of_season, window_of
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES, time_series_features
from dfu_clustering.features.panel import Panel

_NAMES: Final = tuple(feature.name for feature in TIME_SERIES_FEATURES)
_INTEGERS: Final = ("trend_direction", "peak_month", "season_months", "outlier_count", "history_months")
_TYPES: Final = {name: "int64" if name in _INTEGERS else "float64" for name in _NAMES} | {"demand_class": "str"}
_ZERO: Final = (  # where the window holds no demand; shapes are not defined then
    *("mean_demand", "median_demand", "std_demand", "min_demand", "max_demand", "total_demand"),
    *("trend_slope", "trend_direction", "seasonality_strength", "season_months", "outlier_count"),
)


def features_of_unclustered(panel: Panel, dfu_ck: Objects, settings: HistorySettings) -> pd.DataFrame:
    """Return TIME_SERIES_FEATURES of DFUs that have sold, but too little or too long ago to be clustered.

    Args:
        panel: Demand up to the as-of month.
        dfu_ck: Keys of DFUs of the panel.
        settings: The windows.

    Returns:
        As time_series_features(), in the order of the panel. What a short history cannot tell is NaN. Where the window
        holds no demand the levels are 0 and the shapes NaN.
    """
    place = np.flatnonzero(pd.Index(dfu_ck).get_indexer(pd.Index(panel.dfu_ck)) >= 0)
    by_month = panel.demand.T[:, place]
    window = window_of(panel, settings.time_window_months)
    sells = (by_month[-window:] > 0).any(axis=0)
    keys = panel.dfu_ck[place]
    parts = [_of_short_history(panel, keys[sells], by_month[:, sells], settings), _of_none(keys[~sells], window)]
    return pd.concat(parts).sort_values("dfu_ck", ignore_index=True)


def _of_short_history(panel: Panel, dfu_ck: Objects, by_month: Floats, settings: HistorySettings) -> pd.DataFrame:
    if not len(dfu_ck):
        return _of_none(dfu_ck, 0)
    n_months, window = len(by_month), window_of(panel, settings.time_window_months)
    since = n_months - first_sales(by_month)
    kept = max(window, min(settings.season_window_months, n_months))
    seasons = months_of_season(since, most=settings.season_window_months)
    demand = by_month[n_months - kept :].T
    return time_series_features(Histories(dfu_ck, demand, np.minimum(since, window), panel.as_of_month, seasons))


def _of_none(dfu_ck: Objects, window: int) -> pd.DataFrame:
    known = dict.fromkeys(_ZERO, 0) | {"zero_demand_pct": 1.0, "peak_month": 1, "history_months": window}
    columns = {name: pd.Series(known.get(name, np.nan), index=range(len(dfu_ck))) for name in _NAMES}
    columns["demand_class"] = pd.Series(None, index=range(len(dfu_ck)), dtype="str")
    return pd.DataFrame({"dfu_ck": pd.Series(dfu_ck, dtype="str"), **columns}).astype(_TYPES)
