"""What a sales table's own past leads to expect of a month: worked by hand, and against a plain reading of the rule."""

import math
import statistics

import numpy as np
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.months import month_range
from dfu_clustering.quality.expected_levels import (
    ROWS,
    VOLUME,
    SalesMonths,
    expected_months,
    levels,
    newest_bounds,
    next_month_due,
    odd_months,
    stray_months,
    usual_share,
)
from expectations.suites.sales_bounds import sales_bounds

OCTOBER = np.datetime64("2026-10", "M")
MANY_ROWS = 10_000.0


def months(rows, volume=None, **columns):
    n = len(rows)
    loads = (month_range(OCTOBER, n) + 1).astype("datetime64[D]") + np.timedelta64(4, "D")
    usual = {
        "volume": np.array(volume if volume is not None else rows, dtype=float),
        "largest_qty": np.full(n, 9.0),
        **{name: np.zeros(n) for name in ("null_share", "negative_share", "zero_share")},
        "first_load": loads.astype("datetime64[s]"),
        "last_load": loads.astype("datetime64[s]"),
    }
    return SalesMonths(month_range(OCTOBER, n), np.array(rows, dtype=float), **(usual | columns))


def bounds(values, rows=MANY_ROWS, measure=VOLUME):
    return newest_bounds(months([rows] * len(values), values), measure, tolerance=0.3)


# The level


def test_without_a_year_of_history_a_month_is_expected_at_the_median_of_the_six_before():
    # months 1..7 hold 10, 20 … 70; the six before the last: 10 … 60, median 35
    found = levels(np.arange(10.0, 80, 10))
    assert found.expected[-1] == found.recent[-1] == 35
    assert np.isnan(found.seasonal).all()


def test_with_a_year_of_history_the_season_is_expected_at_today_s_level():
    # 11 months of 100 and a December of 300, then 11 months of 150: December again is 300 x 150 / 100 = 450
    values = np.array([100.0] * 17 + [300.0] + [150.0] * 11 + [999.0])
    found = levels(values)
    assert found.recent[-1] == 150
    assert found.expected[-1] == found.seasonal[-1] == 450


def test_two_months_before_are_too_few_to_expect_anything():
    found = levels(np.array([5.0, 5, 5, 5])).expected
    assert np.isnan(found[:3]).all()
    assert found[3] == 5


def test_missing_months_are_left_out_of_the_median():
    assert levels(np.array([4.0, np.nan, 8, np.nan, 6, np.nan, 1])).expected[-1] == 6


def test_levels_equal_a_plain_reading_of_the_rule():
    rng = np.random.default_rng(5)
    values = np.round(rng.lognormal(3, 0.5, 40))
    values[rng.random(40) < 0.15] = np.nan

    def median(part):
        known = [value for value in part if not math.isnan(value)]
        return statistics.median(known) if len(known) >= 3 else None

    plain = []
    for t in range(len(values)):
        lately = median([values[i] for i in range(t - 6, t) if i >= 0])
        before = median([values[i] for i in range(t - 18, t - 12) if i >= 0])
        year_ago = values[t - 12] if t >= 12 and not math.isnan(values[t - 12]) else None
        plain.append(lately * year_ago / before if lately and before and year_ago else lately or math.nan)
    np.testing.assert_allclose(levels(values).expected, plain)


# The bounds of the newest month


def test_a_steady_table_is_held_to_the_tolerance():
    # 0.7 x 100, and its inverse, 100 / 0.7
    assert bounds([100] * 24) == pytest.approx((70, 142.857), abs=1e-3)


def test_a_table_that_has_strayed_before_may_stray_half_as_far_again():
    # one month at 60 deviates by ln 0.6; 1.5 x that: 100 x 0.6**1.5 = 46.476
    values = [100] * 18 + [60] + [100] * 5
    assert bounds(values).low == pytest.approx(46.476, abs=1e-3)


def test_a_small_table_may_stray_as_chance_lets_it():
    # volume, 6 / sqrt(100) = 0.6; 100 x exp(-0.6) = 54.881. Rows, 3 / sqrt(25) = 0.6; 25 x exp(-0.6) = 13.720
    assert bounds([100] * 24, rows=100).low == pytest.approx(54.881, abs=1e-3)
    assert bounds([100] * 24, rows=25, measure=ROWS).low == pytest.approx(13.720, abs=1e-3)


def test_a_short_past_allows_a_factor_of_three():
    assert bounds([100] * 8) == pytest.approx((33.333, 300), abs=1e-3)
    assert bounds([100] * 8, rows=900, measure=ROWS) == pytest.approx((300, 2700), abs=1e-3)


def test_so_does_a_volume_whose_season_is_not_known_yet():
    # the 15th month has no December before it whose level of then is known; for rows fourteen months are enough
    assert bounds([100] * 15) == pytest.approx((33.333, 300), abs=1e-3)
    assert bounds([100] * 15, measure=ROWS) == pytest.approx((7000, 14285.714), abs=1e-3)
    assert bounds([100] * 16) == pytest.approx((70, 142.857), abs=1e-3)


def test_what_has_been_empty_before_may_be_empty_again():
    assert bounds([100] * 18 + [0] + [100] * 5).low == 0


def test_nothing_is_expected_of_the_first_months():
    assert bounds([100, 100, 100]) is None


def test_half_a_month_is_outside_and_a_season_is_inside():
    season = [100, 90, 110, 120, 150, 210, 240, 230, 160, 120, 100, 190] * 3
    low, high = bounds(season)
    assert low < season[-1] < high
    assert 0.5 * season[-1] < low
    assert 2 * season[-1] > high


# Months, shares and loads


def test_months_before_the_newest_that_stray_are_named():
    rows = [400] * 24
    # the newest is judged elsewhere; month 5 is long ago, and a year after it nothing is odd
    rows[20], rows[23], rows[5] = 820, 50, 10
    assert odd_months(months(rows), 0.45) == [OCTOBER - 3]


def test_volume_is_odd_only_where_the_season_is_known():
    strong_december = [100] * 11 + [900] + [100] * 3
    assert odd_months(months([MANY_ROWS] * 15, strong_december), 0.45) == []
    year_after = [100] * 11 + [900] + [100] * 11  # the next December is like the last, like any month, or neither
    assert odd_months(months([MANY_ROWS] * 25, [*year_after, 880, 100]), 0.45) == []
    assert odd_months(months([MANY_ROWS] * 25, [*year_after, 110, 100]), 0.45) == []
    assert odd_months(months([MANY_ROWS] * 25, [*year_after, 300, 100]), 0.45) == [OCTOBER - 1]


def test_every_month_should_have_sales_but_those_in_which_the_business_is_closed_every_year():
    rows = [30] * 26
    rows[3] = rows[15] = 0  # closed in the same month of both years
    rows[8] = 0  # once, while a year later there were sales
    expected = expected_months(months(rows))
    assert [t for t in range(26) if not expected[t]] == [3, 15]
    assert expected_months(months([30, 0, 30])).all()  # no other year is known


def test_a_share_is_usual_if_it_was_so_lately_or_in_that_season():
    # the last is judged; lately: five of 0.1 and one of 0; a year ago: 0, then 0.3
    assert usual_share(np.array([0.3] + [0.0] * 7 + [0.1] * 6)) == pytest.approx(0.5 / 6)
    assert usual_share(np.array([0.3] + [0.0] * 6 + [0.1] * 6)) == pytest.approx(0.3)
    assert usual_share(np.array([0.9])) is None


def test_the_next_month_is_due_as_late_as_the_slowest_of_the_last_six():
    table = months([400] * 12)
    late = table.first_load.copy()
    late[9] += np.timedelta64(3, "D")  # August came on 8 September, the others on the 5th
    late[2] += np.timedelta64(30, "D")  # long ago
    # November ends on 1 December, seven days later
    assert next_month_due(months([400] * 12, first_load=late)) == np.datetime64("2026-12-08")
    assert next_month_due(months([400] * 12, first_load=np.full(12, np.datetime64("NaT")))) is None


def test_a_history_loaded_at_once_makes_nothing_overdue():
    # all of twelve months came on the same day: the older ones seem slow
    loads = np.full(12, np.datetime64("2026-11-05T06:00:00"))
    due = next_month_due(months([400] * 12, first_load=loads))
    assert due is not None
    assert due > np.datetime64("2027-04")


def test_months_without_rows_become_zero_rows_and_unknown_volume():
    row = dict.fromkeys(("largest_qty", "null_share", "negative_share", "zero_share", "first_load", "last_load"))
    found = SalesMonths.of(
        [row | {"month": day, "rows": 3, "volume": 7.5} for day in (None, "2026-08-01", "2026-10-01")], OCTOBER
    )
    assert found is not None
    assert found.month.tolist() == month_range(OCTOBER, 3).tolist()
    assert found.rows.tolist() == [3, 0, 3]
    np.testing.assert_array_equal(found.volume, [7.5, np.nan, 7.5])
    assert np.isnat(found.first_load).all()
    assert SalesMonths.of([row | {"month": None, "rows": 3, "volume": 7.5}], OCTOBER) is None


# Trade and loads


@pytest.mark.parametrize(
    ("changes", "critical"),
    [
        # everything sells twice: the load brought it twice; 100 / 0.6
        ((0.69, 0.75), 166.7),
        ((-0.69, -0.6), 166.7),
        # most DFUs sell as ever, or as they did a year ago: a promotion, a season; 100 / 0.35
        ((0.02, -0.1), 285.7),
        ((0.7, 0.05), 285.7),
        ((0.7, -0.7), 285.7),
        # not known
        ((None, None), 166.7),
        ((), 166.7),
    ],
)
def test_volume_that_only_some_dfus_moved_may_stray_further(changes, critical):
    found = sales_bounds(load_config(), months([MANY_ROWS] * 24, [100] * 24), chosen=True, typical_changes=changes)
    assert found["volume_high_critical"] == pytest.approx(critical, abs=0.1)
    assert found["volume_high_warning"] == 125
    assert found["rows_high_critical"] == pytest.approx(MANY_ROWS / 0.7, abs=0.1)


def test_bounds_of_a_small_volume_keep_their_digits():
    # a table in megatonnes: 0.0016 a month would be allowed at 0 only, had bounds one decimal
    found = sales_bounds(load_config(), months([MANY_ROWS] * 24, [0.0016] * 24), chosen=True)
    assert (found["volume_low_critical"], found["volume_high_critical"]) == (0.00096, 0.00266667)
    assert found["largest_qty_critical"] == 900


# Dates apart from the history


def rows_of(**rows):
    return [{"month": month.replace("_", "-")[1:] + "-01", "rows": n} for month, n in rows.items()]


def test_months_with_a_gap_of_years_before_the_history_bear_wrong_dates():
    found = stray_months(rows_of(m0215_06=1, m1900_01=7, m2024_01=90, m2024_03=80, m2026_03=90), 24)
    assert [str(month) for month in found] == ["0215-06", "1900-01"]


def test_history_is_where_the_rows_are_even_if_a_month_of_the_far_future_comes_last():
    found = stray_months(rows_of(m2025_01=90, m2025_02=80, m2099_12=30), 24)
    assert [str(month) for month in found] == ["2099-12"]


def test_twenty_years_of_sales_with_a_pause_of_two_are_one_history():
    years = {f"m{year}_{month:02}": 50 for year in range(2006, 2027) for month in (1, 7) if year not in (2020,)}
    assert stray_months(rows_of(**years), 24) == []
    assert stray_months([*rows_of(m2020_01=1), {"month": None, "rows": 4}], 24) == []
    assert stray_months([], 24) == []
