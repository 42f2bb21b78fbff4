"""Attributes of items and DFUs beside the features of a DFU."""

import math
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from dfu_clustering.errors import DataError
from dfu_clustering.features.attributes import DFU_ATTRIBUTES, ITEM_ATTRIBUTES, add_attributes


def items_of(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["item_no", *(a.name for a in ITEM_ATTRIBUTES)], dtype=object)


def dfus_of(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["dfu_ck", "dmdunit", *(a.name for a in DFU_ATTRIBUTES)], dtype=object)


def texts(column: pd.Series) -> list[str | None]:
    assert column.dtype == "str"
    return column.astype(object).where(column.notna(), None).tolist()


class TestAttributes:
    FEATURES = pd.DataFrame({"dfu_ck": ["A_G_1", "B_G_1", "A_G_2"], "mean_demand": [1.0, 2.0, 3.0]}, index=[7, 8, 9])
    DFUS = dfus_of(
        [
            {"dfu_ck": "B_G_1", "dmdunit": "B", "brand": "beer", "execution_lag": 2},
            {"dfu_ck": "A_G_2", "dmdunit": "A", "brand": "wine", "execution_lag": None},
            {"dfu_ck": "A_G_1", "dmdunit": "A", "proof": Decimal("80.5")},
        ]
    )
    ITEMS = items_of(
        [{"item_no": "A", "category": "spirits", "class": "whisky", "bpc": 6, "case_weight": Decimal("12.25")}]
    )

    def test_items_are_joined_by_dmdunit_and_dfus_by_key(self):
        joined = add_attributes(self.FEATURES, self.ITEMS, self.DFUS)
        assert texts(joined["category"]) == ["spirits", None, "spirits"]
        assert texts(joined["brand"]) == [None, "beer", "wine"]
        np.testing.assert_array_equal(joined["bpc"], [6, math.nan, 6])
        np.testing.assert_array_equal(joined["case_weight"], [12.25, math.nan, 12.25])
        np.testing.assert_array_equal(joined["execution_lag"], [math.nan, 2, math.nan])
        np.testing.assert_array_equal(joined["proof"], [80.5, math.nan, math.nan])

    def test_rows_index_and_features_stay_and_attributes_follow(self):
        joined = add_attributes(self.FEATURES, self.ITEMS, self.DFUS)
        added = [a.name for a in (*ITEM_ATTRIBUTES, *DFU_ATTRIBUTES)]
        assert joined.columns.tolist() == ["dfu_ck", "mean_demand", *added]
        pd.testing.assert_frame_equal(joined[["dfu_ck", "mean_demand"]], self.FEATURES)

    def test_columns_wholly_null_stay_null_in_their_own_type(self):
        joined = add_attributes(self.FEATURES, self.ITEMS, self.DFUS)
        assert texts(joined["country"]) == [None, None, None]
        assert joined["item_proof"].dtype == np.float64
        assert joined["item_proof"].isna().all()

    def test_an_unknown_dfu_gets_nulls(self):
        unknown = pd.DataFrame({"dfu_ck": ["C_G_1"]})
        joined = add_attributes(unknown, self.ITEMS, self.DFUS)
        assert len(joined) == 1
        assert joined.drop(columns="dfu_ck").isna().all(axis=None)

    def test_a_repeated_item_no_multiplies_no_row_and_the_order_of_items_changes_nothing(self):
        items = items_of(
            [
                {"item_no": "A", "category": "wine", "bpc": 12},
                {"item_no": "A", "category": "beer", "bpc": 24},
                {"item_no": "A", "category": None, "bpc": 1},
            ]
        )
        joined = add_attributes(self.FEATURES, items, self.DFUS)
        reversed_items = add_attributes(self.FEATURES, items[::-1], self.DFUS)
        assert texts(joined["category"]) == ["beer", None, "beer"]
        np.testing.assert_array_equal(joined["bpc"], [24, math.nan, 24])
        pd.testing.assert_frame_equal(joined, reversed_items)

    def test_item_ck_decides_between_repeated_item_nos_where_it_is_given(self):
        items = items_of([{"item_no": "A", "category": "wine"}, {"item_no": "A", "category": "beer"}])
        joined = add_attributes(self.FEATURES, items.assign(item_ck=["A_1", "A_2"]), self.DFUS)
        assert texts(joined["category"]) == ["wine", None, "wine"]

    def test_a_missing_column_is_refused_by_name(self):
        with pytest.raises(DataError, match="brand_name") as refusal:
            add_attributes(self.FEATURES, self.ITEMS.drop(columns="brand_name"), self.DFUS)
        assert refusal.value.keys == ("brand_name",)

    def test_a_repeated_dfu_ck_is_refused(self):
        with pytest.raises(DataError, match="once") as refusal:
            add_attributes(self.FEATURES, self.ITEMS, pd.concat([self.DFUS, self.DFUS[:1]]))
        assert refusal.value.keys == ("B_G_1",)

    def test_a_numeric_attribute_that_is_no_number_is_refused_by_name(self):
        with pytest.raises(DataError, match="bpc"):
            add_attributes(self.FEATURES, items_of([{"item_no": "A", "bpc": "six"}]), self.DFUS)
