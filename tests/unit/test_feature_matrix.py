"""The feature matrix: its columns, their types and order, and the histories of which none is made."""

import math

import numpy as np
import pytest
from histories import histories_of

from dfu_clustering.errors import ConfigError, DataError
from dfu_clustering.features.histories import Histories
from dfu_clustering.features.kernels import feature_columns
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES, time_series_features

INTEGER_FEATURES = ["trend_direction", "peak_month", "season_months", "outlier_count", "history_months"]


class TestMatrix:
    def test_kernels_return_exactly_the_declared_features(self):
        computed = feature_columns(
            np.array([[1.0, 2.0], [3.0, 4.0]]), history_months=2, season_months=0, as_of_calendar_month=1
        )
        assert sorted(computed) == sorted(feature.name for feature in TIME_SERIES_FEATURES)

    def test_columns_are_in_the_declared_order_with_their_types(self):
        matrix = time_series_features(histories_of([[1, 2, 3], [4, 5]]))
        assert matrix.columns.tolist() == ["dfu_ck", *(feature.name for feature in TIME_SERIES_FEATURES)]
        assert set(matrix[INTEGER_FEATURES].dtypes.astype(str)) == {"int64"}
        others = matrix.drop(columns=[*INTEGER_FEATURES, "dfu_ck", "demand_class"])
        assert set(others.dtypes.astype(str)) == {"float64"}

    def test_rows_are_in_the_order_of_the_histories(self):
        matrix = time_series_features(histories_of([[5] * 30, [1, 2, 3], [7] * 30, [4]]))
        assert matrix["dfu_ck"].tolist() == ["dfu00000", "dfu00001", "dfu00002", "dfu00003"]
        assert matrix["max_demand"].tolist() == [5, 3, 7, 4]
        assert matrix["history_months"].tolist() == [30, 3, 30, 1]


class TestRefusals:
    @pytest.mark.parametrize(
        ("y", "rule"),
        [
            ([1, -1, 2], "finite and not negative"),
            ([1, math.nan, 2], "finite and not negative"),
            ([1, math.inf, 2], "finite and not negative"),
            ([0, 0, 0], "a month with demand"),
        ],
    )
    def test_bad_demand_is_refused_with_its_key(self, y, rule):
        with pytest.raises(DataError, match=rule) as refusal:
            time_series_features(histories_of([[1, 2, 3], y]))
        assert refusal.value.keys == ("dfu00001",)

    @pytest.mark.parametrize("months", [12, 25, -24, 48])
    def test_a_season_of_other_than_whole_years_of_demand_is_refused(self, months):
        keys, of_season = np.array(["a", "b"], dtype=object), np.array([24, months])
        histories = Histories(keys, np.ones((2, 36)), np.array([36, 36]), np.datetime64("2024-01", "M"), of_season)
        with pytest.raises(DataError, match="at least two whole years of demand") as refusal:
            time_series_features(histories)
        assert refusal.value.keys == ("b",)

    @pytest.mark.parametrize("lengths", [[0, 2], [2, 4], [2]])
    def test_lengths_that_do_not_fit_are_refused(self, lengths):
        histories = Histories(
            np.array(["a", "b"], dtype=object), np.ones((2, 3)), np.array(lengths), np.datetime64("2024-01", "M")
        )
        with pytest.raises(DataError, match="1 to window months"):
            time_series_features(histories)

    def test_a_panel_without_dfus_is_refused(self):
        none = Histories(np.array([], dtype=object), np.ones((0, 3)), np.array([], int), np.datetime64("2024-01", "M"))
        with pytest.raises(DataError, match="at least one DFU"):
            time_series_features(none)

    def test_a_chunk_without_rows_is_refused(self):
        with pytest.raises(ConfigError, match="chunk_rows"):
            time_series_features(histories_of([[1, 2]]), chunk_rows=0)
