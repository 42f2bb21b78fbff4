import numpy as np
import pytest

from dfu_clustering.clusters.kmeans import (
    best_of_screened_starts,
    best_of_starts,
    best_suited,
    large_enough,
    nearest_centroids,
    refine_centroids,
)


def test_nearest_centroid_equals_a_plain_loop():
    rng = np.random.default_rng(0)
    points, centroids = rng.normal(size=(50, 3)), rng.normal(size=(4, 3))
    nearest, distance = nearest_centroids(points, centroids)
    for i, point in enumerate(points):
        distances = [sum((p - c) ** 2 for p, c in zip(point, centroid, strict=True)) ** 0.5 for centroid in centroids]
        assert distance[i] == pytest.approx(min(distances))
        assert nearest[i] == distances.index(min(distances))


def test_rows_in_different_chunks_are_treated_alike():
    rng = np.random.default_rng(0)
    points, centroids = rng.normal(size=(100, 3)), rng.normal(size=(4, 3))
    copies = nearest_centroids(np.tile(points, (700, 1)), centroids)  # 70,000 rows: more than one chunk
    for found, once in zip(copies, nearest_centroids(points, centroids), strict=True):
        assert (found.reshape(700, 100) == once).all()


def test_ties_do_not_depend_on_the_numbering():
    centroids = np.array([[2.0], [0.0]])
    middle = np.array([[1.0]])
    # both centroids are 1 away: 0.0 comes first in lexicographic order, under whatever number
    assert nearest_centroids(middle, centroids)[0].tolist() == [1]
    assert nearest_centroids(middle, centroids[::-1])[0].tolist() == [0]


def test_no_rows_have_no_nearest_centroid():
    nearest, distance = nearest_centroids(np.empty((0, 2)), np.zeros((3, 2)))
    assert (nearest.shape, distance.shape) == ((0,), (0,))


def test_the_best_start_is_kept():
    points = np.random.default_rng(1).uniform(size=(300, 2))
    each = [best_of_starts(points, 8, seeds=[seed]).wcss for seed in range(6)]
    best = best_of_starts(points, 8, seeds=range(6))
    assert len(set(each)) > 1
    assert best.wcss == min(each)
    assert best.wcss == pytest.approx((nearest_centroids(points, best.centroids)[1] ** 2).sum())


def test_refining_moves_centroids_to_the_means_of_their_members():
    # members 0, 1 and 10, 12: means 0.5 and 11
    points = np.array([[0.0], [1.0], [10.0], [12.0]])
    assert refine_centroids(points, np.array([[1.0], [9.0]])) == pytest.approx(np.array([[0.5], [11.0]]))


def test_a_cluster_exactly_at_the_minimum_is_large_enough():
    # 33 of 750 are 4.4 %, although 4.4 % of 750 is a little more than 33 in floating point
    assert 750 * 4.4 / 100 > 33
    assert large_enough(np.array([717, 33]), 4.4).tolist() == [True, True]
    assert large_enough(np.array([718, 32]), 4.4).tolist() == [True, False]


def test_an_empty_cluster_is_never_large_enough():
    assert large_enough(np.array([5, 0]), 0.0).tolist() == [True, False]


def test_screened_starts_end_as_tight_as_starts_on_all_points():
    points = np.random.default_rng(2).uniform(size=(8000, 3))
    few = points[::8]
    plain = best_of_starts(points, 6, seeds=range(10)).wcss
    screened = best_of_screened_starts(points, few, 6, seeds=range(20))
    assert screened.wcss <= 1.001 * plain
    assert screened.wcss == pytest.approx((nearest_centroids(points, screened.centroids)[1] ** 2).sum())


def test_what_is_too_rare_for_the_few_points_is_still_seen():
    rng = np.random.default_rng(3)
    points = np.vstack([rng.normal(0, 0.1, (3000, 2)), rng.normal(3, 0.1, (3000, 2)), np.full((3, 2), 90.0)])
    few = points[:6000:10]  # none of the last three rows
    screened = best_of_screened_starts(points, few, 3, seeds=range(6))
    assert max(screened.centroids.tolist()) == pytest.approx([90.0, 90.0])


def test_the_best_suited_of_equals_is_the_earliest():
    points = np.array([[0.0], [1.0], [10.0]])
    near, far, as_near = np.array([[0.5], [10.0]]), np.array([[0.5], [4.0]]), np.array([[10.0], [0.5]])
    assert best_suited(points, [far, near, as_near]) is near
