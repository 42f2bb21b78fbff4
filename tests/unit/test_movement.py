"""How far DFUs moved since they were published, in distances from their cluster to the next."""

import numpy as np
import pytest

from dfu_clustering.segments.movement import distance_moved
from tests.unit.test_continuation import FRESH, MATRIX

PREPROCESSING, CENTROIDS = FRESH.fitted.preprocessing, FRESH.fitted.kmeans_centroids


def moved(old, new):
    return distance_moved(PREPROCESSING, CENTROIDS, old, new)


def test_who_is_as_before_has_not_moved():
    assert moved(MATRIX, MATRIX).tolist() == [0.0] * len(MATRIX)


def test_a_move_is_measured_in_distances_to_the_next_centroid():
    old, new = MATRIX.iloc[[0]], MATRIX.iloc[[1]]
    before, now = (PREPROCESSING.transform(rows)[0] for rows in (old, new))
    own = np.linalg.norm(CENTROIDS - now, axis=1).argmin()
    to_others = np.linalg.norm(np.delete(CENTROIDS, own, axis=0) - CENTROIDS[own], axis=1)
    assert moved(old, new)[0] == pytest.approx(np.linalg.norm(now - before) / to_others.min())


def test_a_dfu_that_becomes_another_cluster_moves_further_than_one_that_stays_in_it():
    cluster = FRESH.kmeans_cluster
    same, other = np.flatnonzero(cluster == 0)[:2], np.flatnonzero(cluster == 1)[:1]
    within = moved(MATRIX.iloc[same[:1]], MATRIX.iloc[same[1:]])[0]
    across = moved(MATRIX.iloc[same[:1]], MATRIX.iloc[other])[0]
    assert across > within


def test_volume_alone_moves_nobody():
    louder = MATRIX.assign(mean_demand=MATRIX["mean_demand"] * 10, trend_slope=MATRIX["trend_slope"] * 10)
    assert moved(MATRIX, louder) == pytest.approx(np.zeros(len(MATRIX)), abs=1e-9)


def test_each_dfu_has_its_own_move_whatever_the_others_do():
    new = MATRIX.copy()
    new.loc[3, "log_recent"] += 0.4
    found = moved(MATRIX, new)
    assert np.flatnonzero(found).tolist() == [3]
    assert found[3] == pytest.approx(moved(MATRIX.iloc[[3]], new.iloc[[3]])[0])
