"""Features of all DFUs as of each past month, each from the sales up to that month alone."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from dfu_clustering.arrays import Integers
from dfu_clustering.config.clustering import HistorySettings
from dfu_clustering.features.histories import select_histories
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES, time_series_features
from dfu_clustering.features.panel import Panel
from dfu_clustering.forecast_value.known_demand import Columns, KnownDemand
from dfu_clustering.forecast_value.rows import Rows

_UNSCALED: Final = tuple(feature.name for feature in TIME_SERIES_FEATURES if not feature.unit.startswith("units"))
_IN_UNITS: Final = tuple(feature.name for feature in TIME_SERIES_FEATURES if feature.unit.startswith("units"))
_CLASSES: Final = ("smooth", "erratic", "intermittent", "lumpy")


@dataclass(frozen=True, eq=False)
class MonthFeatures:
    """The DFUs as of a month.

    Attributes:
        matrix: A row a DFU that could be clustered, in key order.
        dfu: (n_rows,) place in the panel of each row.
        left_out: dfu_ck, reason, mean_demand of the others.
    """

    matrix: pd.DataFrame
    dfu: Integers
    left_out: pd.DataFrame


def past_features(
    panel: Panel,
    months: Iterable[int],
    settings: HistorySettings,
    attributes: pd.DataFrame | None = None,
    *,
    on_month: Callable[[], None] = lambda: None,
) -> dict[int, MonthFeatures]:
    """Return the features as of each of the months at which somebody could be clustered, by place of the month.

    Args:
        panel: Monthly demand.
        months: Places of months in the panel.
        settings: Which history counts.
        attributes: Columns that are joined to the features, one row a DFU of the panel; None: none are.
        on_month: Called after each month.
    """
    found = {}
    for month in months:
        of_month = _features_as_of(panel, month, settings, attributes)
        if of_month is not None:
            found[month] = of_month
        on_month()
    return found


def _features_as_of(
    panel: Panel, month: int, settings: HistorySettings, attributes: pd.DataFrame | None
) -> MonthFeatures | None:
    histories, exclusions = select_histories(
        panel.as_of(panel.months[month]),
        window_months=settings.time_window_months,
        season_window_months=settings.season_window_months,
        min_months_history=settings.min_months_history,
        may_be_empty=True,
    )
    if not len(histories.dfu_ck):
        return None
    matrix = time_series_features(histories)
    dfu = np.searchsorted(panel.dfu_ck, histories.dfu_ck)
    if attributes is not None:
        matrix = pd.concat([matrix, attributes.iloc[dfu].reset_index(drop=True)], axis=1)
    left_out = {name: getattr(exclusions, name) for name in ("dfu_ck", "reason", "mean_demand")}
    return MonthFeatures(matrix, dfu, pd.DataFrame(left_out))


def feature_columns(features: Mapping[int, MonthFeatures], known: KnownDemand, rows: Rows) -> Columns:
    """Return all features as of each row's month, those in units divided by the scale; NaN where there are none."""
    names = (*_UNSCALED, *_IN_UNITS)
    values = np.full((len(rows.dfu), len(names)), np.nan)
    for month in np.unique(rows.as_of).tolist():
        if month in features:
            at = np.flatnonzero(rows.as_of == month)
            values[at] = _of_all_dfus(features[month], known.by_month.shape[1], names)[rows.dfu[at]]
    scale = known.scales[rows.as_of, rows.dfu]
    columns = dict(zip(names, values.T, strict=True))
    return columns | {name: columns[name] / scale for name in _IN_UNITS}


def _of_all_dfus(
    of_month: MonthFeatures, n_dfus: int, names: tuple[str, ...]
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    values = np.full((n_dfus, len(names)), np.nan)
    classes = of_month.matrix["demand_class"].map(_CLASSES.index)
    values[of_month.dfu] = of_month.matrix.assign(demand_class=classes)[list(names)].to_numpy(np.float64)
    return values
