"""The measures are those of the literature, by hand."""

import numpy as np
import pytest

from dfu_clustering.forecast_value.known_demand import KnownDemand
from dfu_clustering.forecast_value.measures import naive_squares, scores


def test_measures_of_two_dfus_by_hand():
    by_month = np.array([[0.0, 2], [0, 4], [4, 2], [8, 2], [5, 0], [7, 4]])  # the origin is the fourth month
    dfu = np.array([0, 0, 1, 1])
    found = scores(np.array([5.0, 7, 0, 4]), np.array([6.0, 6, 1, 1]), dfu, KnownDemand(by_month, 1), 3)
    naive = (16, (4 + 4 + 0) / 3)  # from its first sale on, the first DFU changes once, by 4
    scale = (6.0, 2.5)
    assert found["wape"] == pytest.approx((1 + 1 + 1 + 3) / 16)
    assert found["rmsse"] == pytest.approx((np.sqrt(1 / naive[0]) + np.sqrt((1 + 9) / 2 / naive[1])) / 2)
    assert found["scaled_mae"] == pytest.approx((1 / scale[0] + 1 / scale[0] + 1 / scale[1] + 3 / scale[1]) / 4)


def test_a_dfu_whose_demand_never_changed_has_no_rmsse():
    by_month = np.array([[3.0, 1], [3, 2], [3, 1], [5, 2]])
    assert naive_squares(by_month[:3]).tolist() == [0.0, 1.0]
    found = scores(np.array([5.0, 2]), np.array([3.0, 1]), np.array([0, 1]), KnownDemand(by_month, 1), 2)
    assert found["rmsse"] == pytest.approx(1.0)


def test_a_forecast_of_zero_has_a_wape_of_one_and_no_demand_none():
    known = KnownDemand(np.array([[1.0], [2], [4]]), 1)
    zero = np.zeros(1, np.int64)
    assert scores(np.array([4.0]), np.array([0.0]), zero, known, 1)["wape"] == 1.0
    assert np.isnan(scores(np.array([0.0]), np.array([1.0]), zero, known, 1)["wape"])


def test_errors_in_other_units_are_the_same():
    rng = np.random.default_rng(1)
    by_month, dfu = rng.gamma(2, 5, (30, 4)), np.repeat(np.arange(4), 3)
    sold, forecast = rng.gamma(2, 5, 12), rng.gamma(2, 5, 12)
    one, thousand = (scores(k * sold, k * forecast, dfu, KnownDemand(k * by_month, 1), 29) for k in (1, 1000))
    assert one == pytest.approx(thousand)
