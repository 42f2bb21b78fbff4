"""Sales rows -> complete monthly grid -> histories and exclusions, by small panels worked out by hand."""

import datetime as dt
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import DataError, WarehouseError
from dfu_clustering.features.histories import EXCLUSION_REASONS, select_histories
from dfu_clustering.features.panel import PanelBuilder, sales_batch

JANUARY = np.datetime64("2024-01", "M")


def dims(*keys: tuple[str, str | None, str]) -> pa.Table:
    return pa.table(
        {
            "dfu_ck": [f"{unit}_{group}_{loc}" for unit, group, loc in keys],
            "dmdunit": [unit for unit, _, _ in keys],
            "dmdgroup": pa.array([group for _, group, _ in keys], pa.string()),
            "loc": [loc for _, _, loc in keys],
        }
    )


def month(number: int) -> dt.date:
    return dt.date(2024, number, 1)


def build(table: pa.Table, rows: list[tuple], n_months: int = 6):
    builder = PanelBuilder(table, first_month=JANUARY, as_of_month=JANUARY + n_months - 1)
    for start in range(0, len(rows), 2):  # several batches, as the stream brings them
        builder.add(sales_batch(rows[start : start + 2]))
    return builder.build()


A, B = ("a", "g", "x"), ("b", "g", "x")


def test_month_without_row_is_zero_demand():
    panel = build(dims(A), [(*A, month(2), 5.0), (*A, month(4), 7.0)])
    assert panel.demand.tolist() == [[0, 5, 0, 7, 0, 0]]
    assert [str(m) for m in panel.months] == ["2024-01", "2024-02", "2024-03", "2024-04", "2024-05", "2024-06"]


def test_rows_of_one_month_are_summed_and_reported():
    panel = build(dims(A), [(*A, month(2), 5.0), (*A, month(2), 1.5), (*A, month(3), 1.0)])
    assert panel.demand[0, :3].tolist() == [0, 6.5, 1]
    assert panel.facts.duplicate_rows == 1
    assert panel.facts.duplicate_keys == ("a_g_x 2024-02",)


def test_month_netted_below_zero_is_clipped_and_counted():
    panel = build(dims(A), [(*A, month(1), 5.0), (*A, month(1), -8.0), (*A, month(2), -1.0), (*A, month(3), 4.0)])
    assert panel.demand[0, :3].tolist() == [0, 0, 4]
    assert panel.facts.clipped_months == 2
    assert panel.facts.negative_qty_rows == 2


def test_null_qty_counts_as_zero_and_is_reported():
    panel = build(dims(A), [(*A, month(1), None), (*A, month(2), 3.0)])
    assert panel.demand[0, :2].tolist() == [0, 3]
    assert panel.facts.null_qty_rows == 1


@pytest.mark.parametrize("qty", [float("nan"), float("inf")])
def test_qty_that_is_no_number_is_refused_with_its_key(qty):
    with pytest.raises(DataError, match=r"finite number.*b_g_x"):
        build(dims(A, B), [(*A, month(1), 1.0), (*B, month(1), qty)])


def test_sales_join_on_three_columns_never_on_the_concatenated_key():
    # both keys read "a_b_c_x", but only one of them is the DFU that sells
    one, other = ("a_b", "c", "x"), ("a", "b_c", "x")
    table = dims(one, other).set_column(0, "dfu_ck", [["first", "second"]])
    panel = build(table, [(*other, month(1), 9.0)])
    assert dict(zip(panel.dfu_ck, panel.demand[:, 0], strict=True)) == {"first": 0, "second": 9}


def test_unknown_dfus_are_told_apart_even_where_their_joined_keys_read_the_same():
    known = ("A_B", "C", "D")
    rows = [(*known, month(1), 1.0), ("A", "B_C", "D", month(1), 1.0), ("A", "B", "C_D", month(1), 1.0)]
    panel = build(dims(known), rows)
    assert panel.facts.unknown_dfus == ("A_B_C_D", "A_B_C_D")
    assert panel.demand[0, 0] == 1


def test_panel_rows_are_in_key_order_whatever_the_order_of_dim_dfu():
    panel = build(dims(B, A), [(*B, month(1), 2.0), (*A, month(1), 1.0)])
    assert panel.dfu_ck.tolist() == ["a_g_x", "b_g_x"]
    assert panel.demand[:, 0].tolist() == [1, 2]


def test_unicode_and_empty_text_are_keys_like_others():
    odd = ("Grüner_Veltliner 0,75 l №1", "", "Zürich")
    panel = build(dims(A, odd), [(*odd, month(6), 4.0)])
    row = panel.dfu_ck.tolist().index("_".join(odd))
    assert panel.demand[row].tolist() == [0, 0, 0, 0, 0, 4]


def test_null_in_dim_dfu_matches_no_sale():
    panel = build(dims(("a", None, "x")), [("a", "None", "x", month(1), 4.0)])
    assert panel.demand.sum() == 0
    assert panel.facts.unknown_dfus == ("a_None_x",)


def test_order_of_rows_does_not_change_a_bit():
    rows = [(*A, month(1 + i % 3), 0.1 * i) for i in range(60)]
    shuffled = rows.copy()
    random.Random(1).shuffle(shuffled)
    assert build(dims(A), rows).demand.tobytes() == build(dims(A), shuffled).demand.tobytes()


def test_two_dfus_with_one_natural_key_are_refused():
    table = pa.concat_tables([dims(A), dims(A).set_column(0, "dfu_ck", [["twin"]])])
    with pytest.raises(WarehouseError, match="one row for each dmdunit, dmdgroup and loc"):
        build(table, [])


def test_history_starts_at_first_positive_month_of_all_history():
    panel = build(dims(A, B), [(*A, month(4), 1.0), (*B, month(1), 1.0), (*B, month(6), 1.0)])
    histories, _ = select_histories(panel, window_months=4, season_window_months=24, min_months_history=3)
    # a starts in April: three months; b sold before the window: all four, the first three of them zero
    assert histories.history_months.tolist() == [3, 4]
    # the months before are kept for the season, whose window is the longer one
    assert histories.demand.tolist() == [[0, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 1]]


def test_month_netted_to_zero_does_not_start_a_history():
    panel = build(dims(A), [(*A, month(1), 5.0), (*A, month(1), -5.0), (*A, month(4), 2.0)])
    histories, _ = select_histories(panel, window_months="all", season_window_months=24, min_months_history=3)
    assert histories.history_months.tolist() == [3]


def test_every_dfu_is_clustered_or_excluded_for_one_reason():
    keys = [(unit, "g", "x") for unit in ("old", "new", "gone", "never", "good")]
    old, new, gone, _, good = keys
    rows = [(*old, month(1), 1.0), (*old, month(6), 1.0), (*new, month(6), 1.0), (*gone, month(1), 1.0)]
    panel = build(dims(*keys), [*rows, (*good, month(3), 2.0), ("stranger", "g", "x", month(2), 1.0)])
    histories, exclusions = select_histories(panel, window_months=4, season_window_months=24, min_months_history=3)
    assert histories.dfu_ck.tolist() == ["good_g_x", "old_g_x"]
    assert dict(zip(exclusions.dfu_ck, exclusions.reason, strict=True)) == {
        "gone_g_x": "no_demand_in_window",
        "never_g_x": "never_sold",
        "new_g_x": "insufficient_history",
        "stranger_g_x": "not_in_dim_dfu",
    }
    assert exclusions.counts() == dict.fromkeys(EXCLUSION_REASONS, 1)


def test_window_longer_than_the_sales_is_cut_to_them():
    panel = build(dims(A), [(*A, month(1), 1.0)])
    histories, _ = select_histories(panel, window_months=24, season_window_months=24, min_months_history=3)
    assert histories.demand.shape == (1, 6)


def test_no_history_long_enough_is_an_error_that_says_how_many_there_are():
    panel = build(dims(A, B), [(*A, month(6), 1.0), (*B, month(5), 1.0)])
    with pytest.raises(DataError, match=r"history of 3 months. Found: 2 DFUs with demand in the window"):
        select_histories(panel, window_months=4, season_window_months=24, min_months_history=3)


def test_errors_call_tables_and_columns_as_the_company_does():
    columns = {"sales": {"qty": "units"}, "dfu": {"dfu_ck": "sku", "dmdunit": "item", "loc": "site"}}
    names = load_config(warehouse={"tables": {"sales": "fct", "dfu": "skus"}, "columns": columns}).warehouse
    span: dict[str, Any] = {"first_month": JANUARY, "as_of_month": JANUARY + 2, "names": names}
    with pytest.raises(WarehouseError, match=r"skus must hold one row for each item, dmdgroup and site.*several sku"):
        PanelBuilder(dims(A, A), **span)
    builder = PanelBuilder(dims(A), **span)
    with pytest.raises(DataError, match=r"units must be a finite number.* in fct"):
        builder.add(sales_batch([(*A, month(1), float("nan"))]))
    with pytest.raises(DataError, match=r"one DFU of skus.*0 of their DFUs not in skus"):
        select_histories(builder.build(), window_months=3, season_window_months=24, min_months_history=3)


def test_window_without_any_demand_is_an_error_that_says_where_to_look():
    panel = build(dims(A), [(*A, month(1), 1.0)])
    with pytest.raises(DataError, match=r"no positive demand of 1 DFUs from 2024-04 to 2024-06"):
        select_histories(panel, window_months=3, season_window_months=24, min_months_history=3)


def selling_from(starts, **windows):
    """Return histories of DFUs that sell m + 1 units in each month m of 60, from the given one on."""
    keys = [(f"from{start:02d}", "g", "x") for start in starts]
    first = np.datetime64("2020-01", "M")
    builder = PanelBuilder(dims(*keys), first_month=first, as_of_month=first + 59)
    days = [(first + m).astype("datetime64[D]").item() for m in range(60)]
    sold = [(*key, days[m], m + 1.0) for key, start in zip(keys, starts, strict=True) for m in range(60) if m >= start]
    builder.add(sales_batch(sold))
    histories, _ = select_histories(builder.build(), min_months_history=3, **windows)
    return histories


@pytest.mark.parametrize("window_months", [12, 24, "all"])
@pytest.mark.parametrize(("most", "expected"), [(48, [48, 48, 36, 24, 24, 0]), (24, [24, 24, 24, 24, 24, 0])])
def test_the_season_has_the_newest_whole_years_of_the_whole_history(window_months, most, expected):
    # histories of 60, 48, 47, 35, 24 and 23 months, whatever the window
    starts = [0, 12, 13, 25, 36, 37]
    histories = selling_from(starts, window_months=window_months, season_window_months=most)
    assert histories.season_months.tolist() == expected


def test_a_season_may_begin_before_the_window_but_not_before_the_first_sale():
    histories = selling_from([0, 20], window_months=24, season_window_months=48)
    assert histories.history_months.tolist() == [24, 24]
    seasons = [row[-n:].tolist() for row, n in zip(histories.demand, histories.season_months, strict=True)]
    assert seasons == [list(range(13, 61)), list(range(25, 61))]  # 48 of 60 months, and 36 of the 40 since its first


def test_the_window_and_the_season_share_one_copy_of_the_months():
    histories = selling_from([0, 30], window_months=24, season_window_months=36)
    assert histories.demand.shape == (2, 36)
    assert histories.history_months.tolist() == [24, 24]
    assert selling_from([0], window_months="all", season_window_months=36).demand.shape == (1, 60)


def test_what_a_dfu_that_is_left_out_sells_is_known():
    keys = [(unit, "g", "x") for unit in ("new", "gone", "never", "good")]
    new, gone, _, good = keys
    rows = [(*new, month(5), 3.0), (*new, month(6), 1.0), (*gone, month(1), 9.0)]
    panel = build(
        dims(*keys), [*rows, (*good, month(1), 2.0), (*good, month(6), 2.0), ("stranger", "g", "x", month(2), 1.0)]
    )
    _, exclusions = select_histories(panel, window_months=4, season_window_months=24, min_months_history=3)
    assert exclusions.dfu_ck.tolist() == ["gone_g_x", "never_g_x", "new_g_x", "stranger_g_x"]
    np.testing.assert_array_equal(exclusions.mean_demand, [0.0, np.nan, 2.0, np.nan])


def test_the_mean_so_far_of_a_new_dfu_counts_the_months_without_demand():
    panel = build(dims(A, B), [(*A, month(3), 6.0), (*A, month(5), 2.0), (*B, month(1), 1.0), (*B, month(6), 1.0)])
    _, exclusions = select_histories(panel, window_months=6, season_window_months=24, min_months_history=5)
    assert dict(zip(exclusions.dfu_ck, exclusions.mean_demand, strict=True)) == {"a_g_x": 2.0}  # 6 0 2 0


# Numbers of any size, dates of any century


@pytest.mark.parametrize("unit", [1e-12, 1e-6, 1.0, 1e9])
def test_demand_keeps_its_digits_in_any_unit(unit):
    panel = build(dims(A), [(*A, month(2), 1.6789 * unit), (*A, month(3), 0.1 * unit), (*A, month(3), 0.2 * unit)])
    assert panel.demand[0] == pytest.approx(np.array([0, 1.6789, 0.3, 0, 0, 0]) * unit, rel=1e-13, abs=0)


def test_sums_of_four_decimals_are_exact_whatever_the_order_of_the_rows():
    rows = [(*A, month(2), qty) for qty in (0.1, 0.2, 123.4567, -0.3, 1e6)]
    sums = {build(dims(A), random.Random(seed).sample(rows, len(rows))).demand[0, 1] for seed in range(20)}
    assert sums == {1000123.4567}


def test_grid_of_more_than_fifty_years_is_refused():
    last = JANUARY + 599
    assert PanelBuilder(dims(A), first_month=JANUARY, as_of_month=last).build().demand.shape == (1, 600)
    with pytest.raises(DataError, match="601 months, from 2024-01 to 2074-01") as refused:
        PanelBuilder(dims(A), first_month=JANUARY, as_of_month=last + 1)
    assert refused.value.remedy.startswith("correct the rows with the oldest startdate")


def test_sales_without_a_key_are_of_no_known_dfu():
    panel = build(dims(A), [(*A, month(2), 5.0), (None, "g", None, month(2), 7.0), ("a", None, "x", month(3), 1.0)])
    assert panel.facts.unknown_dfus == ("_g_", "a__x")
    assert panel.demand.sum() == 5


def test_dfu_without_its_key_is_refused_by_what_it_has():
    table = dims(A, B).set_column(0, "dfu_ck", pa.array(["a_g_x", None], pa.string()))
    with pytest.raises(WarehouseError, match="must have its dfu_ck") as refused:
        build(table, [])
    assert refused.value.keys == ("b_g_x",)
