"""Which DFUs a report shows: each segment's typical and borderline ones, those on the map, and a sample for the bands.

A report of a million DFUs stays small because it holds aggregates and these few.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dfu_clustering.arrays import Floats
from dfu_clustering.clusters.sampling import stratified_sample
from dfu_clustering.files.keys import places_of
from dfu_clustering.segments.exemplars import Rows, exemplars

DFUS_OF_A_KIND = 5  # typical ones of each segment, and borderline ones
_BAND_DFUS, _BAND_DFUS_IN_ALL = 2_000, 24_000
_SEED = 20_260_101  # of the samples: the same run gives the same page


@dataclass(frozen=True, eq=False)
class Selection:
    """Rows of the members that a report needs.

    Attributes:
        typical: Rows of each segment, the nearest to its centre first.
        borderline: Rows of each segment, the least certain first.
        band: Rows of each segment from which its band is taken.
        shown: All rows of which the page can show a DFU by itself, ascending.
    """

    typical: list[Rows]
    borderline: list[Rows]
    band: list[Rows]
    shown: Rows

    @property
    def needed(self) -> Rows:
        """Return all rows whose demand is needed, ascending."""
        return np.unique(np.concatenate([self.shown, *self.band]))


def select_dfus(members: pd.DataFrame, on_map: pd.Series | None) -> Selection:
    """Choose the DFUs of a report.

    Args:
        members: dfu_ck, number (0..k-1), distance, margin, mean_demand.
        on_map: dfu_ck of the DFUs on the map.
    """
    number = members["number"].to_numpy(np.int64)
    by_cluster = np.split(np.argsort(number, kind="stable"), np.cumsum(np.bincount(number))[:-1])
    distance, key = members["distance"].to_numpy(np.float64), members["dfu_ck"].to_numpy()
    margin = members["margin"].to_numpy(np.float64)
    chosen = [exemplars(rows, distance=distance, margin=margin, dfu_ck=key, n=DFUS_OF_A_KIND) for rows in by_cluster]
    typical, borderline = [one.typical for one in chosen], [one.borderline for one in chosen]
    mapped = np.flatnonzero(places_of(members["dfu_ck"], on_map) >= 0) if on_map is not None else np.empty(0, np.int64)
    return Selection(
        typical=typical,
        borderline=borderline,
        band=_band_rows(by_cluster, members["mean_demand"].to_numpy(np.float64)),
        shown=np.unique(np.concatenate([mapped, *typical, *borderline])),
    )


def _band_rows(by_cluster: list[Rows], volume: Floats) -> list[Rows]:
    size = min(_BAND_DFUS, _BAND_DFUS_IN_ALL // len(by_cluster))
    rng = np.random.default_rng(_SEED)
    return [rows[stratified_sample(volume[rows], size, rng)] for rows in by_cluster]
