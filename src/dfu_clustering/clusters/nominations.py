"""What was measured at each K, which K each criterion nominates, and which of them is taken."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import computed_field

from dfu_clustering.files.summary import Summary


@dataclass(frozen=True)
class KStatistics:
    """What was measured at one K.

    Attributes:
        k: Number of clusters.
        wcss: Within-cluster sum of squares of the best start on the sample.
        silhouette: Mean silhouette on the silhouette sample.
        gap: Gap(K), in natural-log units of WCSS.
        gap_standard_error: s(K).
        sizes: Members of each cluster in the sample, largest first.
        feasible: Whether every cluster holds the minimum share of the sample.
    """

    k: int
    wcss: float
    silhouette: float
    gap: float
    gap_standard_error: float
    sizes: tuple[int, ...]
    feasible: bool


@dataclass(frozen=True)
class Nominations:
    """The K that each of three criteria prefers."""

    elbow: int
    silhouette: int
    gap: int

    @property
    def median(self) -> int:
        """Return the middle one of the three."""
        return statistics.median_low((self.elbow, self.silhouette, self.gap))


class KSelection(Summary):
    """The chosen K and why it was chosen.

    Attributes:
        selected: The median of the nominations, moved to the nearest feasible K.
        nominations: The K that each criterion prefers.
        curves: What was measured at each K of the range, ascending.
        one_past: The same one K past the range, for the rule of the gap; None where there are too few points.
        sample_size: DFUs on which K was chosen.
        silhouette_sample_size: DFUs on which the silhouette was computed.
        warning: What the reader must know about the choice; None where there is nothing.
    """

    selected: int
    nominations: Nominations
    curves: tuple[KStatistics, ...]
    one_past: KStatistics | None
    sample_size: int
    silhouette_sample_size: int
    warning: str | None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def feasible(self) -> tuple[int, ...]:
        """Return the K of the range at which every cluster is large enough."""
        return tuple(at.k for at in self.curves if at.feasible)

    def at(self, k: int) -> KStatistics | None:
        """Return what was measured at a K; None outside of the range."""
        return next((at for at in self.curves if at.k == k), None)


def nominate(curves: Sequence[KStatistics], one_past: KStatistics | None) -> Nominations:
    """Return the K that the elbow, the silhouette and the gap statistic prefer; ties: the smallest K.

    Elbow: the K whose WCSS lies furthest below the chord between both ends of the curve. Distances along the axis and
    at right angles to the chord are proportional, so that neither axis needs a scale.
    Silhouette: the largest mean (Rousseeuw 1987).
    Gap: the smallest K with Gap(K) >= Gap(K+1) - s(K+1), else the largest gap (Tibshirani, Walther & Hastie 2001).

    Args:
        curves: One entry a K, consecutive and ascending.
        one_past: The entry after the last one, with which its gap is compared; None: the last K cannot pass the rule.
    """
    ks = [at.k for at in curves]
    wcss = [at.wcss for at in curves]
    below_chord = np.interp(ks, [ks[0], ks[-1]], [wcss[0], wcss[-1]]) - wcss
    following = [*curves[1:], one_past] if one_past else curves[1:]
    passing = [at.k for at, after in zip(curves, following, strict=False) if _gap_stops_growing(at, after)]
    return Nominations(
        elbow=ks[int(below_chord.argmax())],
        silhouette=max(curves, key=lambda at: at.silhouette).k,
        gap=passing[0] if passing else max(curves, key=lambda at: at.gap).k,
    )


def nearest_feasible(k: int, curves: Sequence[KStatistics]) -> int:
    """Return the feasible K nearest to k; ties: the better silhouette, then the smaller K; none: the smallest K."""
    feasible = [at for at in curves if at.feasible]
    if not feasible:
        return curves[0].k
    return min(feasible, key=lambda at: (abs(at.k - k), -at.silhouette, at.k)).k


def _gap_stops_growing(at: KStatistics, after: KStatistics) -> bool:
    return at.gap >= after.gap - after.gap_standard_error
