"""Who is in the clusters of a run, and how each lies in its own: near the centroid, or on the border to another."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dfu_clustering.files.tables import read_table
from dfu_clustering.segments.exemplars import exemplars

_TEXT_COLUMNS: Final = frozenset({"dfu_ck"})


@dataclass(frozen=True)
class Member:
    """A DFU in its cluster.

    Attributes:
        distance: Euclidean distance to the centroid, in the space in which DFUs are compared.
        margin: Distance to the second-nearest centroid less that to the own one; None in runs that do not know it.
        mean_demand: In units a month.
    """

    dfu_ck: str
    cluster_id: int
    distance: float
    margin: float | None
    mean_demand: float


class Members:
    """The members of all clusters of a run."""

    def __init__(self, assignments: pd.DataFrame) -> None:
        """Take dfu_ck, cluster_id, distance, mean_demand and, where the run knows it, margin."""
        known = "margin" in assignments.columns
        self._table = assignments if known else assignments.assign(margin=float("nan"))
        self._margin = assignments["margin"].to_numpy(np.float64) if known else None
        self._keys = pa.array(assignments["dfu_ck"], type=pa.large_string(), from_pandas=True)

    @classmethod
    def read(cls, path: Path) -> "Members":
        """Read a run's cluster_assignments.csv.

        Raises:
            DataError: It is unreadable.
        """
        return cls(read_table(path, text_columns=_TEXT_COLUMNS))

    def typical_and_borderline(self, cluster_id: int, n: int) -> tuple[list[Member], list[Member]]:
        """Return the n members nearest to the centroid, and of the others the n nearest to another cluster."""
        chosen = exemplars(
            np.flatnonzero(self._table["cluster_id"] == cluster_id),
            distance=self._table["distance"].to_numpy(np.float64),
            margin=self._margin,
            dfu_ck=self._table["dfu_ck"].to_numpy(),
            n=n,
        )
        return _members(self._table.iloc[chosen.typical]), _members(self._table.iloc[chosen.borderline])

    def get(self, dfu_ck: str) -> Member | None:
        """Return a DFU; None where the run did not cluster it."""
        position = pc.index(self._keys, pa.scalar(dfu_ck, self._keys.type)).as_py()
        return None if position < 0 else _members(self._table.iloc[[position]])[0]


def _members(rows: pd.DataFrame) -> list[Member]:
    columns = (rows[name] for name in ("dfu_ck", "cluster_id", "distance", "margin", "mean_demand"))
    return [
        Member(str(key), int(cluster_id), float(distance), None if pd.isna(margin) else float(margin), float(demand))
        for key, cluster_id, distance, margin, demand in zip(*columns, strict=True)
    ]
