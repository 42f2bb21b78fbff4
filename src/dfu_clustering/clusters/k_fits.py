"""K-means at every K on the sample and on its uniform references: independent fits, spread over the cores.

Most of the time of K-means goes into local optima that are thrown away. On larger samples the starts therefore compete
on a few thousand points and only the best continue with all of them. The references are draws from one box: its local
optima are looked for once for each K, and every reference continues from the one that suits it best. What this costs in
WCSS, nothing on the sample and at most 0.1 % on the references, is measured in docs/decisions/0012. Samples no larger
than the few thousand points are fitted plainly: every start, of the sample and of every reference, on all points.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np

from dfu_clustering.arrays import Floats
from dfu_clustering.clusters.gap_statistic import principal_ranges, uniform_reference
from dfu_clustering.clusters.kmeans import (
    KMeansFit,
    best_of_screened_starts,
    best_of_starts,
    best_suited,
    distinct_rows,
    fit_from,
)
from dfu_clustering.preprocessing.determinism import limit_this_thread

_Optima = Future[list[Floats]]

_SCREENED_ROWS = 5_000  # a cluster of one per cent still has 50 of them
_SCREENED_STARTS = 2  # times n_init: twice as many starts more than make up for what a few points blur
_SHARED_BOX_ROWS = 10_000  # references of fewer points differ too much among themselves to share local optima
_BOX_ROWS = 20_000  # on 5,000 points the best optimum of the box leaves references 0.2-0.6 % too much WCSS

# One start leaves WCSS of 5,000 uniform points 0.3-0.9 % above the best of ten, which is about s(K); the best of three
# is within 0.15 %, for three tenths of the time of ten.
_STARTS_PER_REFERENCE = 3
_OPTIMA_OF_BOX = 10  # of which the best suited leaves a reference as little WCSS as three starts of its own

# Each fit draws from a stream of its own, named by what it is: threads may come to it in any order.
_STARTS, _REFERENCE_POINTS, _REFERENCE_STARTS, _SCREENED, _BOX_POINTS, _BOX_STARTS = range(6)


@dataclass(frozen=True, eq=False)
class SelectionFits:
    """The best fit of the sample at each K, and the (n_k, B) WCSS of the references."""

    of_sample: tuple[KMeansFit, ...]
    reference_wcss: Floats


@dataclass(frozen=True)
class SelectionFitter:
    """Fits all K; the result depends on the sample, these numbers and nothing else.

    Attributes:
        n_init: k-means++ starts of the sample at each K.
        n_references: B, uniform references of the gap statistic.
        seed: Root of all random streams.
        n_threads: Fits that run side by side; None: one a core. The result does not depend on it.
    """

    n_init: int
    n_references: int
    seed: int
    n_threads: int | None = None

    def fit(self, sample: Floats, ks: Sequence[int], on_fit: Callable[[], None]) -> SelectionFits:
        """Fit every K to the sample and to each reference; call inside ``single_threaded``.

        Args:
            sample: (n, n_columns), at least max(ks) rows of it distinct.
            ks: The K to fit.
            on_fit: Called in the calling thread, len(ks) x (1 + B) times.
        """
        ranges = principal_ranges(sample)
        few = self._few(sample, max(ks))
        pool = ThreadPoolExecutor(self.n_threads or joblib.cpu_count(), initializer=limit_this_thread)
        try:
            # the longest first, so that no core is left with a long fit at the end; the references come after the
            # boxes they wait for, so that every box is under way by then
            of_box = {k: pool.submit(self._fit_box, ranges, len(sample), k) for k in reversed(ks)}
            of_sample = {k: pool.submit(self._fit_sample, sample, few, k) for k in reversed(ks)}
            of_references = [
                pool.submit(self._fit_reference, ranges, len(sample), of_box, b) for b in range(self.n_references)
            ]
            n_fits: dict[Future[Any], int] = dict.fromkeys(of_sample.values(), 1)
            n_fits |= dict.fromkeys(of_references, len(ks))
            for done in as_completed(n_fits):
                done.result()
                for _ in range(n_fits[done]):
                    on_fit()
        finally:
            pool.shutdown(cancel_futures=True)
        wcss = np.array([[reference.result()[k] for reference in of_references] for k in ks])
        return SelectionFits(tuple(of_sample[k].result() for k in ks), wcss)

    def _few(self, sample: Floats, largest_k: int) -> Floats | None:
        """Return the points on which starts compete; None where all must be looked at."""
        if len(sample) <= _SCREENED_ROWS:
            return None
        rows = np.random.default_rng(self._stream(_SCREENED)).choice(len(sample), _SCREENED_ROWS, replace=False)
        few = sample[np.sort(rows)]
        return few if distinct_rows(few) >= largest_k else None

    def _fit_sample(self, sample: Floats, few: Floats | None, k: int) -> KMeansFit:
        if few is None:
            return best_of_starts(sample, k, seeds=self._seeds(self.n_init, _STARTS, k))
        seeds = self._seeds(_SCREENED_STARTS * self.n_init, _STARTS, k)
        return best_of_screened_starts(sample, few, k, seeds=seeds)

    def _fit_box(self, ranges: Floats, n_points: int, k: int) -> list[Floats]:
        """Return the centroids of local optima of the box; none where each reference makes its own starts."""
        if n_points < _SHARED_BOX_ROWS:
            return []
        rng = np.random.default_rng(self._stream(_BOX_POINTS))
        points = uniform_reference(ranges, min(n_points, _BOX_ROWS), rng)
        seeds = self._seeds(_OPTIMA_OF_BOX, _BOX_STARTS, k)
        return [best_of_starts(points, k, seeds=[seed]).centroids for seed in seeds]

    def _fit_reference(
        self, ranges: Floats, n_points: int, of_box: dict[int, _Optima], reference: int
    ) -> dict[int, float]:
        """Return the WCSS of one reference by K."""
        rng = np.random.default_rng(self._stream(_REFERENCE_POINTS, reference))
        points = uniform_reference(ranges, n_points, rng)
        return {k: self._reference_wcss(points, k, optima.result(), reference) for k, optima in of_box.items()}

    def _reference_wcss(self, points: Floats, k: int, optima: list[Floats], reference: int) -> float:
        if optima:
            return fit_from(points, best_suited(points[:_BOX_ROWS], optima)).wcss
        return best_of_starts(points, k, seeds=self._seeds(_STARTS_PER_REFERENCE, _REFERENCE_STARTS, k, reference)).wcss

    def _seeds(self, n: int, *name: int) -> list[int]:
        return [int(seed) for seed in self._stream(*name).generate_state(n)]

    def _stream(self, *name: int) -> np.random.SeedSequence:
        return np.random.SeedSequence(self.seed, spawn_key=name)
