import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from dfu_clustering.clusters.silhouette import mean_silhouettes


def test_silhouettes_are_those_of_scikit_learn_whatever_the_chunk():
    rng = np.random.default_rng(3)
    points = rng.normal(size=(1300, 4))  # more than two chunks of 512 rows
    partitions = [rng.integers(0, k, size=1300) for k in (2, 3, 7)]
    expected = [silhouette_score(points, labels) for labels in partitions]
    assert mean_silhouettes(points, partitions) == pytest.approx(expected, abs=1e-12)


def test_hand_worked_silhouette():
    # points 0, 1 | 4: s(0) = (4 - 1)/4, s(1) = (3 - 1)/3, s(4) = 0 because it is alone; mean = (3/4 + 2/3)/3 = 17/36
    points = np.array([[0.0], [1.0], [4.0]])
    assert mean_silhouettes(points, [np.array([0, 0, 1])]) == pytest.approx([17 / 36])


def test_numbers_without_members_are_no_clusters():
    points = np.array([[0.0], [1.0], [4.0]])
    assert mean_silhouettes(points, [np.array([1, 1, 3])]) == pytest.approx([17 / 36])


def test_undefined_silhouettes_count_as_zero():
    points = np.array([[2.0], [2.0], [2.0], [2.0]])
    one_cluster, singletons, duplicates = np.zeros(4, dtype=int), np.arange(4), np.array([0, 0, 1, 1])
    assert mean_silhouettes(points, [one_cluster, singletons, duplicates]).tolist() == [0.0, 0.0, 0.0]
