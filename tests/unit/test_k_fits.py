import warnings

import numpy as np
import pytest

from dfu_clustering.clusters.gap_statistic import principal_ranges, uniform_reference
from dfu_clustering.clusters.k_fits import SelectionFits, SelectionFitter
from dfu_clustering.clusters.kmeans import best_of_starts
from dfu_clustering.preprocessing.determinism import single_threaded


def fit(sample, ks, *, n_references=2, n_threads=None) -> SelectionFits:
    with single_threaded():
        return SelectionFitter(5, n_references, seed=3, n_threads=n_threads).fit(sample, ks, lambda: None)


def large_sample(n=7000):
    """More rows than those on which every start is made."""
    rng = np.random.default_rng(4)
    return rng.normal(size=(n, 5)) + 2.5 * rng.normal(size=(6, 5))[rng.integers(6, size=n)]


def test_a_large_sample_is_fitted_as_tightly_as_by_starts_on_all_of_it():
    sample = large_sample()
    fits = fit(sample, range(4, 9)).of_sample
    plain = [best_of_starts(sample, k, seeds=range(5)).wcss for k in range(4, 9)]
    assert (np.array([each.wcss for each in fits]) / plain).max() < 1.003


def test_references_of_a_large_sample_are_fitted_as_tightly_as_by_starts_of_their_own():
    sample = large_sample(12_000)
    ks = (4, 7)
    shared = fit(sample, ks, n_references=3).reference_wcss
    rngs = [np.random.default_rng(np.random.SeedSequence(3, spawn_key=(1, b))) for b in range(3)]
    references = [uniform_reference(principal_ranges(sample), len(sample), rng) for rng in rngs]
    own = [[best_of_starts(points, k, seeds=range(3)).wcss for points in references] for k in ks]
    # single ones scatter by 0.3 %, the mean that makes the gap must not be off
    assert (shared / own).mean(axis=1) == pytest.approx([1, 1], abs=0.002)


def test_the_number_of_threads_changes_no_bit_of_a_large_sample():
    sample = large_sample(10_000)
    results = [fit(sample, (3, 4), n_threads=n_threads) for n_threads in (1, 2, 5)]
    parts = [
        (result.reference_wcss.tobytes(), *[each.centroids.tobytes() for each in result.of_sample])
        for result in results
    ]
    assert len(set(parts)) == 1


def test_a_point_mass_with_few_other_points_is_fitted_exactly():
    # of 9,000 rows all but 11 are one point: a few thousand rows would hold fewer different ones than K
    sample = np.zeros((9000, 2))
    sample[::900][1:] = np.arange(1, 10)[:, None]
    sample[1], sample[2] = [20, 0], [0, 20]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fits = fit(sample, (11, 12))
    assert [each.wcss for each in fits.of_sample] == pytest.approx([1.0, 0.0], abs=1e-9)
    assert len(np.unique(fits.of_sample[1].centroids.round(9), axis=0)) == 12
    assert np.isfinite(fits.reference_wcss).all()
