"""Who is in the clusters of a run, and how each lies in its own: near the centroid, or on the border to another."""

from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from api.schemas import SegmentMember
from dfu_clustering.segments.exemplars import exemplars


class Members:
    """The members of all clusters of a run."""

    COLUMNS: Final = ("dfu_ck", "cluster_id", "distance", "margin", "mean_demand")

    def __init__(self, assignments: pd.DataFrame) -> None:
        """Take a row a member, with COLUMNS."""
        self._table = assignments
        self._keys = pa.array(assignments["dfu_ck"], type=pa.large_string(), from_pandas=True)

    def typical_and_borderline(self, cluster_id: int, n: int) -> tuple[list[SegmentMember], list[SegmentMember]]:
        """Return the n members nearest to the centroid, and of the others the n nearest to another cluster."""
        chosen = exemplars(
            np.flatnonzero(self._table["cluster_id"] == cluster_id),
            distance=self._table["distance"].to_numpy(np.float64),
            margin=self._table["margin"].to_numpy(np.float64),
            dfu_ck=self._table["dfu_ck"].to_numpy(),
            n=n,
        )
        return _members(self._table.iloc[chosen.typical]), _members(self._table.iloc[chosen.borderline])

    def get(self, dfu_ck: str) -> SegmentMember | None:
        """Return how a DFU lies in its cluster; None where the run did not cluster it."""
        position = pc.index(self._keys, pa.scalar(dfu_ck, self._keys.type)).as_py()
        return None if position < 0 else _members(self._table.iloc[[position]])[0]


class KnownLabel(NamedTuple):
    """What a run says of the label of a DFU; what an earlier version did not write is None."""

    cluster_id: int
    cluster_label: str
    abc_class: str | None
    reason: str | None


class KnownLabels:
    """The labels of all DFUs of a run.

    Attributes:
        table: A row a DFU, with COLUMNS.
    """

    COLUMNS: Final = ("dfu_ck", *KnownLabel._fields)

    def __init__(self, labels: pd.DataFrame) -> None:
        """Take a row a DFU, with COLUMNS as far as the run wrote them."""
        self.table = labels.reindex(columns=list(self.COLUMNS))
        self._keys = pa.array(labels["dfu_ck"], type=pa.large_string(), from_pandas=True)

    def get(self, dfu_ck: str) -> KnownLabel | None:
        """Return what the run says of a DFU's label; None where it has none."""
        position = pc.index(self._keys, pa.scalar(dfu_ck, self._keys.type)).as_py()
        if position < 0:
            return None
        row = self.table.iloc[position]
        texts = (None if pd.isna(row[name]) else str(row[name]) for name in ("abc_class", "reason"))
        return KnownLabel(int(row["cluster_id"]), str(row["cluster_label"]), *texts)


def _members(rows: pd.DataFrame) -> list[SegmentMember]:
    columns = rows[["dfu_ck", "distance", "margin", "mean_demand"]].astype({"dfu_ck": "str"})
    return [
        SegmentMember(dfu_ck=key, distance=distance, margin=None if np.isnan(margin) else margin, mean_demand=demand)
        for key, distance, margin, demand in columns.itertuples(index=False, name=None)
    ]
