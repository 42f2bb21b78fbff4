"""How forecastable each DFU and each segment is, as a run keeps it and report, API and lists say it."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from dfu_clustering.arrays import Floats, Integers
from dfu_clustering.features.forecastability import explained_share, seasonal_naive_errors, wape
from dfu_clustering.files.keys import places_of
from dfu_clustering.files.tables import read_row_groups, read_table


class Forecastability(NamedTuple):
    """Of a segment.

    Attributes:
        naive_wape: Errors of the seasonal naive forecast of all its DFUs / their demand; None where there was none.
        explained_share: Of a typical DFU, the median; None where it is known of no DFU.
    """

    naive_wape: float | None = None
    explained_share: float | None = None


def forecastability(matrix: pd.DataFrame, panel: Path | None) -> pd.DataFrame:
    """Return a row a DFU of the matrix: what a naive forecast missed, and what trend and season explain.

    Args:
        matrix: One row a DFU.
        panel: The file of monthly demand from which it was built; None: not at hand, and what was missed is not known.

    Returns:
        dfu_ck; naive_error_units and tested_demand_units, sums over the test's months; naive_wape; explained_share.
    """
    history_months = matrix["history_months"].to_numpy(np.float64)
    errors, demand = np.full(len(matrix), np.nan), np.full(len(matrix), np.nan)
    for rows, by_month in _demand(panel, matrix["dfu_ck"]) if panel else ():
        months = history_months[rows].astype(np.int64)
        errors[rows], demand[rows] = seasonal_naive_errors(by_month, months)
    columns = {
        "dfu_ck": matrix["dfu_ck"],
        "naive_error_units": errors,
        "tested_demand_units": demand,
        "naive_wape": wape(errors, np.nan_to_num(demand)),
        "explained_share": explained_share(
            matrix["residual_cv"].to_numpy(np.float64), matrix["cv_demand"].to_numpy(np.float64), history_months
        ),
    }
    return pd.DataFrame(columns)


def _demand(panel: Path, dfu_ck: "pd.Series[str]") -> Iterator[tuple[Integers, Floats]]:
    """Yield row group by row group the places of its DFUs among the keys, and their (n_months, n_dfus) demand."""
    place = places_of(read_table(panel, columns=["dfu_ck"])["dfu_ck"], dfu_ck)
    start = 0
    for group in read_row_groups(panel):
        of_group = place[start : start + len(group)]
        start += len(group)
        by_month = np.array([column.to_numpy() for column in group.drop_columns("dfu_ck").columns], dtype=np.float64)
        yield of_group[of_group >= 0], by_month[:, of_group >= 0]


def of_segment(of_dfus: pd.DataFrame, rows: Integers) -> Forecastability:
    """Return how forecastable the DFUs of some rows are together."""
    members = of_dfus.iloc[rows]
    error, demand = (_total(members[name]) for name in ("naive_error_units", "tested_demand_units"))
    shares = members["explained_share"].dropna()
    return Forecastability(error / demand if demand > 0 else None, float(shares.median()) if len(shares) else None)


def _total(values: "pd.Series[float]") -> float:
    known: Floats = np.sort(values.dropna().to_numpy(np.float64))
    return float(np.cumsum(known)[-1]) if len(known) else 0.0  # in order of size: no order of rows in the last digit
