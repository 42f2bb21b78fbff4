"""Which DFUs a report shows: each segment's typical and borderline ones, those on the map, and a sample for the bands.

A report of a million DFUs stays small because it holds aggregates and these few.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dfu_clustering.report.model import Borderline
from dfu_clustering.sampling import stratified_sample

Rows = NDArray[np.int64]

TYPICAL_DFUS = BORDERLINE_DFUS = 5  # of each segment
_BAND_DFUS, _BAND_DFUS_IN_ALL = 2_000, 24_000
_SEED = 20_260_101  # of the samples: the same run gives the same page


@dataclass(frozen=True, eq=False)
class Selection:
    """Rows of the members that a report needs.

    Attributes:
        typical: Rows of each segment, the nearest to its centre first.
        borderline: Rows of each segment, the least certain first.
        borderline_by: Whether these lie nearest to another segment, or farthest from their own centre.
        band: Rows of each segment from which its band is taken.
        shown: All rows of which the page can show a DFU by itself, ascending.
    """

    typical: list[Rows]
    borderline: list[Rows]
    borderline_by: Borderline
    band: list[Rows]
    shown: Rows

    @property
    def needed(self) -> Rows:
        """Return all rows whose demand is needed, ascending."""
        return np.unique(np.concatenate([self.shown, *self.band]))


def select_dfus(members: pd.DataFrame, on_map: pd.Series | None) -> Selection:
    """Choose the DFUs of a report.

    Args:
        members: dfu_ck, cluster_id (0..k-1), distance, mean_demand, perhaps margin.
        on_map: dfu_ck of the DFUs on the map.
    """
    cluster_id = members["cluster_id"].to_numpy(np.int64)
    by_cluster = np.split(np.argsort(cluster_id, kind="stable"), np.cumsum(np.bincount(cluster_id))[:-1])
    distance, key = members["distance"].to_numpy(np.float64), members["dfu_ck"].to_numpy()
    by: Borderline = "margin" if "margin" in members else "distance"
    doubt = members["margin"].to_numpy(np.float64) if by == "margin" else -distance
    typical = [_least(rows, distance, key, TYPICAL_DFUS) for rows in by_cluster]
    # without the typical ones: in a small segment these are also the farthest
    near = np.zeros(len(members), dtype=bool)
    near[np.concatenate(typical)] = True
    borderline = [_least(rows[~near[rows]], doubt, key, BORDERLINE_DFUS) for rows in by_cluster]
    mapped = np.flatnonzero(members["dfu_ck"].isin(on_map)) if on_map is not None else np.empty(0, np.int64)
    return Selection(
        typical=typical,
        borderline=borderline,
        borderline_by=by,
        band=_band_rows(by_cluster, members["mean_demand"].to_numpy(np.float64)),
        shown=np.unique(np.concatenate([mapped, *typical, *borderline])),
    )


def _least(rows: Rows, value: NDArray[np.float64], key: NDArray[np.object_], count: int) -> Rows:
    """Return the rows with the smallest values, ascending; ties: by key."""
    if len(rows) > count:  # most rows are out of the question: sort only the few that are not
        rows = rows[value[rows] <= np.partition(value[rows], count - 1)[count - 1]]
    return np.array(sorted(rows, key=lambda row: (value[row], key[row]))[:count], dtype=np.int64)


def _band_rows(by_cluster: list[Rows], volume: NDArray[np.float64]) -> list[Rows]:
    size = min(_BAND_DFUS, _BAND_DFUS_IN_ALL // len(by_cluster))
    rng = np.random.default_rng(_SEED)
    return [rows[stratified_sample(volume[rows], size, rng)] for rows in by_cluster]
