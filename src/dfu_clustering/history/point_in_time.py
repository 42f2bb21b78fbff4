"""What a forecaster scales by and what season it expects, from the demand up to each as-of month and no other."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dfu_clustering.arrays import Floats, Integers, Objects
from dfu_clustering.features.demand_block import YEAR_MONTHS, ratio_of
from dfu_clustering.features.histories import first_sales
from dfu_clustering.features.panel import Panel
from dfu_clustering.files.keys import places_of
from dfu_clustering.forecast_value.point_in_time_scale import point_in_time_scales
from dfu_clustering.forecast_value.seasonal_index import MOST_BLOCKS, OwnIndex, ShrunkIndex, own_index
from dfu_clustering.months import Month, calendar_month

_DFUS_AT_A_TIME = 65_536  # bounds the memory; no number depends on it

INDEX_COLUMNS = tuple(f"index_{month:02d}" for month in range(1, YEAR_MONTHS + 1))


@dataclass(frozen=True, eq=False)
class Demand:
    """The grid of a backfill.

    Attributes:
        panel: Demand up to its newest month.
        first: (n_dfus,) place of each DFU's first month with demand; n_months where there is none.
    """

    panel: Panel
    first: Integers

    @classmethod
    def of(cls, panel: Panel) -> "Demand":
        """Find the first sales."""
        return cls(panel, first_sales(panel.demand.T))

    def rows_of(self, dfu_ck: "pd.Series[str]") -> Integers:
        """Return the (n,) places of DFUs in the panel; -1 where it has them not."""
        return places_of(dfu_ck, pd.Series(self.panel.dfu_ck))

    def months_up_to(self, month: Month) -> int:
        """Return the number of months up to one."""
        return len(self.panel.as_of(month).months)

    def seasonal_indices(self, rows: Integers, month: Month) -> OwnIndex:
        """Return the DFUs' own indices as of a month."""
        n_months, chunks = self.months_up_to(month), []
        first_of_index = max(n_months - MOST_BLOCKS * YEAR_MONTHS, 0)
        for some in _chunks(rows):
            by_month = self.panel.demand.T[first_of_index:n_months, some]
            length = np.maximum(n_months - self.first[some], 0)
            chunks.append(own_index(by_month, length, calendar_month(month)))
        return OwnIndex(
            np.concatenate([one.index for one in chunks], axis=1),
            np.concatenate([one.n_blocks for one in chunks]),
            np.concatenate([one.within_variance for one in chunks]),
        )

    def scales(self, rows: Integers, month: Month) -> Floats:
        """Return the (n,) scales of DFUs as of a month, units a month."""
        n_months = self.months_up_to(month)
        parts = [point_in_time_scales(self.panel.demand.T[:n_months, some])[-1] for some in _chunks(rows)]
        return np.concatenate(parts)

    def sold_in(self, month: Month) -> pd.DataFrame:
        """Return dfu_ck, month, demand of the DFUs that had sold by then: a month without a row is zero demand."""
        place = self.months_up_to(month) - 1
        known = self.first <= place
        columns = {"dfu_ck": self.panel.dfu_ck[known], "demand": self.panel.demand.T[place, known]}
        frame = pd.DataFrame(columns).assign(month=str(month))
        return frame[["dfu_ck", "month", "demand"]].astype({"dfu_ck": "str", "month": "str"})


def index_columns(own: OwnIndex, shrunk: ShrunkIndex) -> dict[str, Floats]:
    """Return the columns of January to December, of the weight of a DFU's own index, and of that index alone."""
    alone = np.where(own.n_blocks > 0, own.index, np.nan)
    return {
        **dict(zip(INDEX_COLUMNS, shrunk.index, strict=True)),
        "index_weight": shrunk.weight,
        **dict(zip((f"own_{name}" for name in INDEX_COLUMNS), alone, strict=True)),
    }


def target_rows(dfu_ck: Objects, index: ShrunkIndex, month: Month, horizons: int) -> pd.DataFrame:
    """Return a row a DFU and horizon: the index of the target month, and its ratio to that of the as-of month.

    Returns:
        dfu_ck, as_of_month, horizon, month, target_index, target_ratio; the ratio is NaN where the as-of month's index
        is 0.
    """
    ahead = np.arange(1, horizons + 1)
    months = [str(month + int(horizon)) for horizon in ahead]
    of_target = index.index[(calendar_month(month) - 1 + ahead) % YEAR_MONTHS]
    now = np.broadcast_to(index.index[calendar_month(month) - 1], of_target.shape)
    n_dfus = len(dfu_ck)
    columns = {
        "dfu_ck": np.repeat(dfu_ck, horizons),
        "as_of_month": [str(month)] * (n_dfus * horizons),
        "horizon": np.tile(ahead, n_dfus),
        "month": months * n_dfus,
        "target_index": of_target.T.ravel(),
        "target_ratio": ratio_of(of_target, now, otherwise=np.nan).T.ravel(),
    }
    return pd.DataFrame(columns).astype(dict.fromkeys(("dfu_ck", "as_of_month", "month"), "str"))


def _chunks(rows: Integers) -> list[Integers]:
    return [rows[start : start + _DFUS_AT_A_TIME] for start in range(0, max(len(rows), 1), _DFUS_AT_A_TIME)]
