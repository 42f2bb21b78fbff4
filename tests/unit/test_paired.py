"""The error of a verdict allows for horizons that overlap, and its interval is as wide as it says."""

import math

import numpy as np
import pytest
import scipy.stats

from dfu_clustering.errors import DataError
from dfu_clustering.forecast_value.paired import compare, finding_of, overlap_of, standard_error

RNG = np.random.default_rng(7)


def test_without_overlap_the_error_is_that_of_a_mean():
    d = RNG.normal(size=8)
    assert standard_error(d, 0) == pytest.approx(d.std(ddof=1) / math.sqrt(8))


def test_with_overlap_neighbours_that_are_alike_count_and_small_samples_are_corrected():
    d = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    centred = d - d.mean()
    g0, g1 = float(centred @ centred) / 8, float(centred[1:] @ centred[:-1]) / 8
    factor = 8 / (8 + 1 - 4 + 2 / 8)
    assert standard_error(d, 1) == pytest.approx(math.sqrt((g0 + 2 * g1) / 8 * factor))


def test_neighbours_that_differ_do_not_make_the_error_smaller():
    d = np.array([1.0, -1, 1, -1, 1, -1, 1, -1])
    assert standard_error(d, 1) == pytest.approx(math.sqrt(1 / 8 * 8 / 5.25))


@pytest.mark.parametrize(("horizon", "spacing", "overlapping"), [(6, 3, 1), (6, 6, 0), (6, 1, 5), (12, 3, 3)])
def test_origins_overlap_within_a_horizon(horizon, spacing, overlapping):
    assert overlap_of(horizon, spacing) == overlapping


def test_the_interval_is_the_t_quantile_around_the_geometric_mean():
    logs = np.log([0.9, 0.95, 0.92, 0.97])
    found = compare(logs, overlapping=0)
    reach = scipy.stats.t.ppf(0.975, 3) * logs.std(ddof=1) / 2
    assert found.ratio == pytest.approx(math.exp(logs.mean()))
    assert (found.low, found.high) == pytest.approx((math.exp(logs.mean() - reach), math.exp(logs.mean() + reach)))
    assert (found.better_origins, found.origins) == (4, 4)


@pytest.mark.parametrize(("shared", "share"), [(0, 0.013), (1, 0.044)])
def test_chance_alone_is_called_better_as_often_as_the_page_says(shared, share):
    draws = np.random.default_rng(11).normal(size=(2000, 9))
    series = draws[:, 1:] + shared * draws[:, :-1]  # with shared = 1 half the noise is that of a neighbour
    better = np.mean([compare(one, overlapping=1).is_better for one in series])
    assert better == pytest.approx(share, abs=0.012)


@pytest.mark.parametrize(("n", "spacing", "horizon"), [(3, 1, 6), (4, 1, 6), (8, 1, 6), (4, 2, 6), (4, 3, 12)])
def test_chance_is_not_called_better_where_many_horizons_overlap(n, spacing, horizon):
    months = np.random.default_rng(5).normal(size=(2000, spacing * (n - 1) + horizon))
    of_origin = np.lib.stride_tricks.sliding_window_view(months, horizon, axis=1)[:, ::spacing].mean(axis=2)
    better = np.mean([compare(one, overlapping=overlap_of(horizon, spacing)).is_better for one in of_origin])
    assert better <= 0.03


def test_pays_takes_both_comparisons_and_harm_only_that_with_the_base():
    better, nothing, worse = (
        compare(np.array([x, x * 1.1, x * 0.9, x]) + np.array([0.001, 0, -0.001, 0]), overlapping=0)
        for x in (-0.1, 0.0, 0.1)
    )
    assert finding_of(better, better) == "pays"
    assert finding_of(better, nothing) == "no evidence"
    assert finding_of(nothing, better) == "no evidence"
    assert finding_of(worse, better) == "harms"


def test_an_origin_without_demand_is_refused():
    with pytest.raises(DataError, match="1 of 3 origins without demand"):
        compare(np.array([0.1, np.nan, 0.2]), overlapping=0)
