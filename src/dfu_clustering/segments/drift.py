"""Whether the DFUs still look like those that the clusters were fitted on: PSI by column, and how many lie far out."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dfu_clustering.arrays import Floats

_BINS = 10
_FAR_QUANTILE = 0.99
_PRIOR_ROWS = 0.5  # in every bin, so that an empty one does not make the index infinite


@dataclass(frozen=True)
class DriftReference:
    """What the DFUs were like when the clusters were fitted; small enough for the metadata, and handed on unchanged.

    Attributes:
        n_dfus: DFUs fitted on.
        edges: Of each column of the clustered space its inner deciles, each value once.
        shares: Of each column the share (0-1) of the DFUs in the bins that these bound.
        far_distance: 99 % quantile of the distances to the nearest centroid.
    """

    n_dfus: int
    edges: dict[str, list[float]]
    shares: dict[str, list[float]]
    far_distance: float

    @classmethod
    def of(cls, space: Floats, columns: tuple[str, ...], distance: Floats) -> "DriftReference":
        """Return the reference of the rows fitted on.

        Args:
            space: (n, n_columns).
            columns: Names of the columns.
            distance: (n,) to the nearest centroid.
        """
        inner = np.quantile(space, np.linspace(0, 1, _BINS + 1)[1:-1], axis=0)
        edges = {name: np.unique(inner[:, i]).tolist() for i, name in enumerate(columns)}
        shares = {name: _shares(space[:, i], edges[name]).tolist() for i, name in enumerate(columns)}
        return cls(len(space), edges, shares, float(np.quantile(distance, _FAR_QUANTILE)))

    def require_valid(self, columns: Sequence[str]) -> None:
        """Check a reference that was read from a file.

        Raises:
            ValueError: It is not one of these columns, or its numbers are none of a reference.
        """
        if list(self.edges) != list(columns) or list(self.shares) != list(columns):
            raise ValueError("the drift reference is of other columns")
        for name in columns:
            edges, shares = np.array(self.edges[name]), np.array(self.shares[name])
            if len(shares) != len(edges) + 1 or not (np.diff(edges) > 0).all() or not (shares > 0).all():
                raise ValueError(f"the drift reference of {name} has no ascending edges with a share above 0 between")
        numbers = [self.far_distance, *(x for values in (*self.edges.values(), *self.shares.values()) for x in values)]
        if self.n_dfus < 1 or not np.isfinite(numbers).all():
            raise ValueError("the drift reference is of no DFU, or a number of it is not finite")

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    def psi(self, space: Floats) -> dict[str, float]:
        """Return the population stability index of each column: sum over bins of (q - p) log(q / p).

        Below 0.1 nothing moved, from 0.25 a population is usually called another one (Siddiqi 2006).

        Args:
            space: (n, n_columns) rows now, in the space and column order of the reference.
        """
        now = {name: _shares(space[:, i], self.edges[name]) for i, name in enumerate(self.edges)}
        then = {name: np.array(shares) for name, shares in self.shares.items()}
        return {name: float(((q - then[name]) * np.log(q / then[name])).sum()) for name, q in now.items()}

    def chance_psi(self, n_dfus: int) -> float:
        """Return the index that two samples of one population have on average: (bins - 1) x (1/n + 1/n')."""
        return (_BINS - 1) * (1 / self.n_dfus + 1 / max(n_dfus, 1))

    def far_share(self, distance: Floats) -> float:
        """Return the share (0-1) of distances to the nearest centroid beyond far_distance; 0.01 when it was fitted."""
        return float((distance > self.far_distance).mean())


def _shares(values: Floats, edges: list[float]) -> Floats:
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1) + _PRIOR_ROWS
    shares: Floats = counts / counts.sum()
    return shares
