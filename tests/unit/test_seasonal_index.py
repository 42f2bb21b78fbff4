"""The own seasonal index and its shrinkage do what the definition says, by hand and against a plain loop."""

import numpy as np
import pytest

from dfu_clustering.forecast_value.point_in_time_scale import history_lengths, point_in_time_scales
from dfu_clustering.forecast_value.seasonal_index import own_index, shrunk_index

JUNE = 6


def index_of(demand, *, as_of=12, lengths=None):
    """Return the index of (n_dfus, n_months) demand."""
    by_month = np.asarray(demand, dtype=np.float64).T
    lengths = history_lengths(by_month)[-1] if lengths is None else np.asarray(lengths)
    return own_index(by_month, lengths, as_of)


def year(**months):
    """Return the demand of a year of 1 a month but for some: year(m3=7)."""
    return [months.get(f"m{month}", 1.0) for month in range(1, 13)]


def test_index_is_demand_by_the_mean_of_its_year_averaged_by_calendar_month():
    own = index_of([[*year(m3=2.0), *[10 * y for y in year(m3=4.0)]]])
    first, second = 2 / (13 / 12), 4 / (15 / 12)
    assert own.n_blocks.tolist() == [2]
    assert own.index[2, 0] == pytest.approx((first + second) / 2)
    assert own.index[0, 0] == pytest.approx((12 / 13 + 12 / 15) / 2)
    of_march = (first - second) ** 2 / 2
    of_others = (12 / 13 - 12 / 15) ** 2 / 2
    assert own.within_variance[0] == pytest.approx((of_march + 11 * of_others) / 12)


def test_rows_of_the_index_are_calendar_months_whatever_the_as_of_month():
    july_to_june = np.roll(year(m3=3.0), -JUNE)
    assert index_of([july_to_june], as_of=JUNE).index[:, 0] == pytest.approx(index_of([year(m3=3.0)]).index[:, 0])


def test_one_month_counts_four_times_the_mean_at_most():
    assert index_of([year(m5=1e9)]).index[4, 0] == 4.0


def test_blocks_are_three_at_most_and_lie_wholly_in_the_history():
    old, new = year(m1=9.0), year(m7=2.0)
    four_years, young, younger = [*old, *new, *new, *new], [0] * 25 + [1] * 23, [0] * 37 + [1] * 11
    own = index_of([four_years, young, younger])
    assert own.n_blocks.tolist() == [3, 1, 0]
    assert own.index[:, 0] == pytest.approx(index_of([new]).index[:, 0])
    assert np.isnan(own.index[:, 2]).all()
    assert np.isnan(own.within_variance[1:]).all()


def test_a_year_without_demand_is_no_block():
    own = index_of([[*year(m7=3.0), *[0] * 12, *year(m7=3.0)]])
    assert own.n_blocks.tolist() == [2]
    assert own.within_variance.tolist() == [pytest.approx(0.0)]


def test_months_before_the_newest_36_change_nothing():
    demand = np.random.default_rng(1).gamma(2.0, 5.0, (5, 60))
    whole, newest = index_of(demand), index_of(demand[:, -36:], lengths=[60] * 5)
    assert whole.index.tobytes() == newest.index.tobytes()


def test_a_grid_shorter_than_a_year_has_no_index():
    own = index_of([[1.0] * 11])
    assert own.n_blocks.tolist() == [0]
    assert shrunk_index(own, np.zeros(1, np.int64)).index[:, 0].tolist() == [1.0] * 12


def shrunk_by_loops(own, group):
    """Return index and weight as the definition reads, a DFU at a time."""
    index, weight = np.ones_like(own.index), np.zeros(len(group))
    for g in set(group.tolist()):
        members = [i for i in range(len(group)) if group[i] == g and own.n_blocks[i] > 0]
        twice = [own.within_variance[i] for i in members if own.n_blocks[i] > 1]
        mean = np.mean([own.index[:, i] for i in members], axis=0)
        s2 = {
            i: (own.within_variance[i] + np.mean(twice)) / 2 if own.n_blocks[i] > 1 else np.mean(twice) for i in members
        }
        spread = sum(np.mean((own.index[:, i] - mean) ** 2) for i in members) / (len(members) - 1)
        tau = max(spread - np.mean([s2[i] / own.n_blocks[i] for i in members]), 0)
        for i in np.flatnonzero(group == g).tolist():
            weight[i] = tau / (tau + s2[i] / own.n_blocks[i]) if i in members else 0
            index[:, i] = mean if i not in members else weight[i] * own.index[:, i] + (1 - weight[i]) * mean
    return index, weight


def test_shrinking_is_the_empirical_bayes_formula_of_each_group():
    rng = np.random.default_rng(2)
    season = np.where(rng.random((60, 1)) < 0.5, np.sin(np.arange(48) / 6 * np.pi), 0.3)
    demand = np.maximum(10 * (1 + 0.8 * season) + rng.normal(0, 4, (60, 48)), 0)
    for dfu, start in enumerate(rng.integers(0, 44, 60)):
        demand[dfu, :start] = 0
    own, group = index_of(demand), rng.integers(0, 3, 60)
    shrunk = shrunk_index(own, group)
    index, weight = shrunk_by_loops(own, group)
    assert shrunk.weight == pytest.approx(weight)
    assert shrunk.index == pytest.approx(index)
    assert 0 < weight[own.n_blocks > 0].min() < weight.max() < 1


def test_noise_alone_gives_nobody_a_weight_and_seasons_of_their_own_nearly_all():
    rng = np.random.default_rng(3)
    group = np.zeros(400, np.int64)
    noise = rng.gamma(4.0, 1.0, (400, 36))
    assert shrunk_index(index_of(noise), group).weight.mean() < 0.1
    seasons = np.tile(rng.gamma(4.0, 1.0, (400, 12)), 3) * rng.gamma(400.0, 1 / 400, (400, 36))
    assert shrunk_index(index_of(seasons), group).weight.min() > 0.95


def test_the_years_of_one_dfu_with_more_noise_count_less():
    rng = np.random.default_rng(4)
    seasons = np.tile(rng.gamma(9.0, 1.0, (200, 12)), 3)
    sd = np.where(np.arange(200) < 100, 0.05, 0.5)[:, None]
    weight = shrunk_index(index_of(seasons * np.exp(rng.normal(0, sd, seasons.shape))), np.zeros(200, np.int64)).weight
    assert weight[:100].mean() > weight[100:].mean() + 0.1


def test_where_nobody_has_two_years_the_mean_of_the_group_is_all_that_counts():
    demand = np.array([year(m3=3.0), year(m3=5.0), year(m9=3.0)])
    shrunk = shrunk_index(index_of(demand), np.array([7, 7, 9]))
    assert shrunk.weight.tolist() == [0, 0, 0]
    assert shrunk.index[2, 0] == shrunk.index[2, 1] > shrunk.index[2, 2]


def test_a_group_without_an_index_has_that_of_all():
    demand = np.array([year(m3=3.0), year(m3=3.0), [0] * 6 + [1] * 6])
    shrunk = shrunk_index(index_of(demand), np.array([1, 1, 2]))
    assert shrunk.index[:, 2] == pytest.approx(shrunk.index[:, 0])


def test_scale_is_four_fifths_the_last_year_and_one_fifth_all_so_far():
    by_month = np.array([[0.0] * 3 + [2.0] * 12 + [5.0] * 12]).T
    scale = point_in_time_scales(by_month)[:, 0]
    assert np.isnan(scale[:3]).all()
    assert scale[3] == scale[14] == pytest.approx(2.0)
    assert scale[26] == pytest.approx(0.8 * 5 + 0.2 * 3.5)


def test_scales_and_lengths_know_nothing_of_later_months():
    by_month = np.random.default_rng(5).poisson(0.3, (40, 50)).astype(np.float64)
    for month in range(1, 40):
        assert point_in_time_scales(by_month[:month]).tobytes() == point_in_time_scales(by_month)[:month].tobytes()
        assert history_lengths(by_month[:month]).tolist() == history_lengths(by_month)[:month].tolist()
