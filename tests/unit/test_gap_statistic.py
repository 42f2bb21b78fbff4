import numpy as np
import pytest

from dfu_clustering.clusters.gap_statistic import gap_statistic, principal_ranges, uniform_reference


def test_gap_and_standard_error_are_hand_worked():
    # log W = 1; log W* = 2 and 4: mean 3, sd (ddof 0) 1; gap 3 - 1 = 2, s = 1 x sqrt(1 + 1/2)
    curve = gap_statistic(np.exp([1.0]), np.exp([[2.0, 4.0]]))
    assert curve.gap == pytest.approx([2.0])
    assert curve.standard_error == pytest.approx([np.sqrt(1.5)])


def test_gap_stays_finite_where_every_point_is_a_centroid():
    curve = gap_statistic(np.array([0.0, 0.0]), np.array([[1.0, 1.0], [0.0, 0.0]]))
    assert np.isfinite(curve.gap).all()
    assert curve.gap[0] > 700  # minus the log of the smallest positive number, 708.4
    assert curve.gap[1] == 0


def test_the_box_lies_along_the_principal_axes():
    # four points on a line at 45 degrees, from (0, 0) to (3, 3): one side of 3 sqrt(2), the other of 0
    points = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    assert principal_ranges(points) == pytest.approx([3 * np.sqrt(2), 0], abs=1e-12)


def test_references_fill_the_box():
    points = uniform_reference(np.array([4.0, 0.5]), 20_000, np.random.default_rng(5))
    # a uniform variable on [0, a] has mean a/2 and variance a^2/12
    assert points.mean(axis=0) == pytest.approx([2.0, 0.25], rel=0.02)
    assert points.var(axis=0) == pytest.approx([16 / 12, 0.25 / 12], rel=0.03)
    assert (points >= 0).all()
    assert (points <= [4.0, 0.5]).all()
