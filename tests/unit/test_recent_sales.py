"""Facts of the DFUs that sell, each on a few DFUs of which they can be worked out by hand."""

import numpy as np
import pyarrow as pa
import pytest

from dfu_clustering.quality.recent_sales import RecentSales

N = 40  # DFUs alike, enough to judge shares of at least 20


def recent(demand, rows=None, *, unknown_rows=0, groups=None):
    """Sales of DFUs given as (n_months, n_dfus); by default with one row a month with demand."""
    demand = np.asarray(demand, dtype=np.float64)
    rows = (demand > 0).astype(np.uint32) if rows is None else np.asarray(rows, dtype=np.uint32)
    known = rows.sum(axis=1).astype(np.int64)
    unknown = np.zeros(len(rows), dtype=np.int64)
    unknown[-1] = unknown_rows
    keys = np.array([f"d{dfu:03d}" for dfu in range(demand.shape[1])], dtype=object)
    return RecentSales(keys, demand, rows, known + unknown, unknown, ("stranger",), groups or {})


def steady(n_dfus=N, n_months=13, qty=10.0):
    return np.full((n_months, n_dfus), qty)


def test_steady_sales_of_known_dfus_show_nothing():
    facts = recent(steady(200)).facts
    assert facts == {
        "duplicate_share": 0.0,
        "duplicate_share_rise": 0.0,
        "orphan_share": 0.0,
        "off_level_share": 0.0,
        "typical_change": 0.0,
        "typical_change_of_year": 0.0,
        "absurd_dfus": 0,
        "copied_share_rise": 0.0,
        "vanished_share": 0.0,
    }


def test_repeated_rows_are_counted_in_the_eight_judged_months_alone():
    rows = np.ones((13, N), dtype=np.uint32)
    rows[:12, 0] = 9  # months 1 to 12 ago, of which seven are judged
    facts = recent(steady(), rows).facts
    assert facts["duplicate_share"] == pytest.approx(1 - 8 * N / (8 * N + 7 * 8))
    assert recent(steady(), rows).repeated_dfus() == ["d000"]
    assert recent(steady(), rows).newest_repeated_dfus() == []


def test_month_that_is_loaded_twice_rises_above_the_others():
    rows = np.ones((13, N), dtype=np.uint32)
    rows[-1] = 2
    facts = recent(steady(), rows).facts
    assert facts["duplicate_share_rise"] == 0.5
    assert recent(steady(), rows).newest_repeated_dfus() == ["d000", "d001", "d002", "d003", "d004"]


def test_rows_of_unknown_dfus_count_where_they_are_the_larger_share():
    found = recent(steady(), unknown_rows=10)
    assert found.facts["orphan_share"] == pytest.approx(10 / (N + 10))  # of the newest month; of eight it is less
    assert found.unknown_dfus == ("stranger",)


def test_level_is_off_only_beside_both_the_months_before_and_a_year_ago():
    demand = steady(200)
    demand[-1, :30] *= 6
    demand[0, :10] *= 6  # these sold as much a year ago
    found = recent(demand)
    assert found.facts["off_level_share"] == pytest.approx(20 / 200)
    assert found.off_level_dfus() == ["d010", "d011", "d012", "d013", "d014"]


def test_share_of_a_few_dfus_is_not_judged():
    facts = recent(steady(19)).facts
    names = ("off_level_share", "typical_change", "typical_change_of_year", "copied_share_rise")
    assert [facts[name] for name in names] == [None] * 4


def test_typical_change_is_the_median_in_logarithms():
    demand = steady()
    demand[-1] = np.linspace(5, 44, N)
    assert recent(demand).facts["typical_change"] == pytest.approx(np.median(np.log(demand[-1] / 10)))


def test_absurd_is_more_than_a_hundred_times_the_mean_of_four_months_or_more():
    demand = steady()
    demand[-7:-1, :2] = [[0], [0], [10], [20], [10], [20]]  # the mean of the months with demand is 15
    demand[-1, 0], demand[-1, 1] = 1501, 1500
    demand[-5:-1, 2], demand[-1, 2] = 0, 9000  # two months are no level
    found = recent(demand)
    assert found.facts["absurd_dfus"] == 1
    assert found.absurd_dfus() == ["d000"]


def test_copies_count_beyond_those_of_the_month_before():
    demand = steady() + np.arange(13)[:, None]
    demand[-1, :30] = demand[-2, :30]
    demand[-2, :10] = demand[-3, :10]
    assert recent(demand).facts["copied_share_rise"] == pytest.approx((20 - 10) / N)


@pytest.mark.parametrize(("a_year_ago", "share"), [(10.0, 0.5), (0.0, 0.0)])
def test_group_that_falls_silent_counts_unless_it_paused_a_year_ago_too(a_year_ago, share):
    demand = steady()
    demand[-1, 20:], demand[0, 20:] = 0, a_year_ago
    kinds = {"location": pa.array(["L1"] * 20 + ["L2"] * 20), "region": pa.array(["R"] * 10 + [None] * 30)}
    found = recent(demand, groups=kinds)
    assert found.facts["vanished_share"] == share
    silent = [(group.kind, group.name) for group in found.silent_groups]
    assert silent == ([("location", "L2")] if share else [])


def test_short_history_has_no_year_ago():
    facts = recent(steady(200, n_months=3)).facts
    assert (facts["typical_change"], facts["off_level_share"], facts["duplicate_share"]) == (None, None, 0.0)


def test_sales_without_any_row_have_no_shares():
    facts = recent(np.zeros((13, N))).facts
    assert facts["duplicate_share"] is None
    assert facts["orphan_share"] is None
    assert facts["vanished_share"] == 0.0
