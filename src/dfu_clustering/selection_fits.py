"""K-means at every K on the sample and on its uniform references: many independent fits, spread over the cores."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

from dfu_clustering.gap_statistic import principal_ranges, uniform_reference
from dfu_clustering.kmeans import KMeansFit, best_of_starts
from dfu_clustering.single_thread import limit_this_thread

Floats = NDArray[np.float64]

# One start leaves WCSS of 5,000 uniform points 0.3-0.9 % above the best of ten, which is about s(K); the best of three
# is within 0.15 %, for three tenths of the time of ten.
_STARTS_PER_REFERENCE = 3

# Each fit draws from a stream of its own, named by what it is: threads may come to it in any order.
_STARTS, _REFERENCE_POINTS, _REFERENCE_STARTS = range(3)


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
        pool = ThreadPoolExecutor(self.n_threads or joblib.cpu_count(), initializer=limit_this_thread)
        try:
            # the longest first, so that no core is left with a long fit at the end
            of_sample = {k: pool.submit(self._fit_sample, sample, k) for k in reversed(ks)}
            of_references = {
                (k, b): pool.submit(self._fit_reference, ranges, len(sample), k, b)
                for k in reversed(ks)
                for b in range(self.n_references)
            }
            pending: list[Future[Any]] = [*of_sample.values(), *of_references.values()]
            for done in as_completed(pending):
                done.result()
                on_fit()
        finally:
            pool.shutdown(cancel_futures=True)
        wcss = [[of_references[k, b].result() for b in range(self.n_references)] for k in ks]
        return SelectionFits(tuple(of_sample[k].result() for k in ks), np.array(wcss))

    def _fit_sample(self, sample: Floats, k: int) -> KMeansFit:
        return best_of_starts(sample, k, seeds=self._seeds(self.n_init, _STARTS, k))

    def _fit_reference(self, ranges: Floats, n_points: int, k: int, reference: int) -> float:
        rng = np.random.default_rng(self._stream(_REFERENCE_POINTS, reference))
        points = uniform_reference(ranges, n_points, rng)
        seeds = self._seeds(_STARTS_PER_REFERENCE, _REFERENCE_STARTS, k, reference)
        return best_of_starts(points, k, seeds=seeds).wcss

    def _seeds(self, n: int, *name: int) -> list[int]:
        return [int(seed) for seed in self._stream(*name).generate_state(n)]

    def _stream(self, *name: int) -> np.random.SeedSequence:
        return np.random.SeedSequence(self.seed, spawn_key=name)
