"""Groups of DFUs as of each month, and the columns that are made of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from dfu_clustering.arrays import Floats, Integers
from dfu_clustering.features.demand_block import YEAR_MONTHS, ratio_of
from dfu_clustering.forecast_value.known_demand import Columns, KnownDemand
from dfu_clustering.forecast_value.rows import Rows
from dfu_clustering.forecast_value.seasonal_index import MOST_BLOCKS, OwnIndex, own_index, shrunk_index

NO_GROUP: Final = -1  # of a DFU that has no segment as of a month

OwnIndices = Mapping[int, OwnIndex]  # by place of the month


@dataclass(frozen=True, eq=False)
class KnownGroups:
    """The group of each DFU as of each month.

    Attributes:
        code: (n_months, n_dfus) numbers from 0, NO_GROUP where there is none.
    """

    code: Integers

    def of(self, rows: Rows) -> Integers:
        """Return the (n_rows,) group of each row as of its month."""
        return self.code[rows.as_of, rows.dfu]

    def shuffled(self, rng: np.random.Generator) -> "KnownGroups":
        """Return a random partition: each DFU that has a group in the newest month has those of another such DFU.

        So the groups have the same sizes in that month, which is the one that is forecast from.
        """
        others = np.arange(self.code.shape[1])
        placed = np.flatnonzero(self.code[-1] != NO_GROUP)
        others[placed] = rng.permutation(placed)
        return KnownGroups(self.code[:, others])

    def as_column(self, rows: Rows) -> Floats:
        """Return the (n_rows,) groups, NaN where there is none."""
        code = self.of(rows)
        return np.where(code == NO_GROUP, np.nan, code)


@dataclass(frozen=True, eq=False)
class KnownIndices:
    """Seasonal indices as of each month.

    Attributes:
        index: (n_months, 12, n_dfus) January to December; NaN where there is none.
    """

    index: np.ndarray[tuple[int, int, int], np.dtype[np.float32]]

    def columns(self, known: KnownDemand, rows: Rows) -> Columns:
        """Return the index of the month that is forecast, and by how much it exceeds that of the as-of month."""
        of_month, of_now = (self._of(known, rows, month) for month in (rows.month, rows.as_of))
        return {"index": of_month, "index_by_index_now": ratio_of(of_month, of_now, otherwise=np.nan)}

    def _of(self, known: KnownDemand, rows: Rows, month: Integers) -> Floats:
        return self.index[rows.as_of, known.calendar_month(month) - 1, rows.dfu].astype(np.float64)


def own_indices(known: KnownDemand, months: range) -> OwnIndices:
    """Return the DFUs' own seasonal indices as of each of the months."""
    newest = MOST_BLOCKS * YEAR_MONTHS
    return {
        month: own_index(
            known.by_month[max(month + 1 - newest, 0) : month + 1],
            known.lengths[month],
            int(known.calendar_month(np.array(month))),
        )
        for month in months
    }


def not_shrunk(own: OwnIndices, n_months: int) -> KnownIndices:
    """Return the own indices alone."""
    return _stacked({month: one.index for month, one in own.items()}, n_months)


def shrunk_to(own: OwnIndices, groups: KnownGroups) -> KnownIndices:
    """Return the indices of each month shrunk to the groups as of that month."""
    n_months = len(groups.code)
    shrunk = {month: shrunk_index(one, groups.code[month]).index for month, one in own.items() if month < n_months}
    return _stacked(shrunk, n_months)


def all_in_one_group(n_months: int, n_dfus: int) -> KnownGroups:
    """Return the groups of which there is one."""
    return KnownGroups(np.zeros((n_months, n_dfus), dtype=np.int64))


def _stacked(by_month: Mapping[int, Floats], n_months: int) -> KnownIndices:
    n_dfus = next(iter(by_month.values())).shape[1]
    index = np.full((n_months, YEAR_MONTHS, n_dfus), np.nan, dtype=np.float32)
    for month, values in by_month.items():
        index[month] = values
    return KnownIndices(index)
