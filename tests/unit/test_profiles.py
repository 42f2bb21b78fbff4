"""Cluster profiles: medians, shares, circular peaks and scales, against hand-worked numbers."""

import cmath
import math
import statistics
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dfu_clustering.errors import DataError
from dfu_clustering.features.histories import Histories
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES, time_series_features
from dfu_clustering.labels.profiles import (
    COMPARED_FEATURES,
    MEDIAN_FEATURES,
    comparable,
    feature_scales,
    profile_clusters,
)


def features_of(**columns: Any) -> pd.DataFrame:
    """A feature matrix of the given columns; the numeric features not given are 1."""
    n = len(next(iter(columns.values())))
    frame = pd.DataFrame({feature.name: np.ones(n) for feature in TIME_SERIES_FEATURES})
    frame["demand_class"] = "smooth"
    frame.insert(0, "dfu_ck", [f"D{i}" for i in range(n)])
    return frame.assign(**columns)


def random_features(seed: int, n: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    demand = rng.gamma(2.0, 10.0, (n, 1)) * rng.lognormal(0, 0.4, (n, 36)) * (rng.random((n, 36)) < 0.8)
    demand[:, 0] += 1.0
    keys = np.array([f"D{i:04d}" for i in range(n)], dtype=object)
    return time_series_features(Histories(keys, demand, np.full(n, 36), np.datetime64("2025-12", "M")))


def test_size_and_shares_are_counted_by_cluster() -> None:
    features = features_of(total_demand=[10.0, 20.0, 30.0, 40.0])
    profiles = profile_clusters(features, np.array([0, 1, 0, 0]))
    assert profiles["size"].tolist() == [3, 1]
    assert profiles["share"].tolist() == [0.75, 0.25]
    assert profiles["volume_share"].tolist() == [0.8, 0.2]  # (10 + 30 + 40) / 100 and 20 / 100


def test_medians_are_in_original_units_and_skip_undefined_values() -> None:
    features = features_of(
        mean_demand=[1.0, 5.0, 100.0, 7.0], year_over_year_correlation=[math.nan, 0.2, 0.4, math.nan]
    )
    profiles = profile_clusters(features, np.array([0, 0, 0, 1]))
    assert profiles["mean_demand"].tolist() == [5.0, 7.0]
    assert profiles.loc[0, "year_over_year_correlation"] == pytest.approx(0.3)
    assert np.isnan(profiles["year_over_year_correlation"][1])


def test_every_numeric_time_series_feature_is_profiled() -> None:
    numeric = {feature.name for feature in TIME_SERIES_FEATURES} - {"demand_class", "peak_month", "season_months"}
    assert set(MEDIAN_FEATURES) == numeric
    assert numeric <= set(profile_clusters(random_features(0, 20), np.arange(20) % 2).columns)


def test_trend_shares_count_members_by_direction() -> None:
    features = features_of(trend_direction=[1, 1, 0, -1, -1, 0])
    profiles = profile_clusters(features, np.array([0, 0, 0, 0, 1, 1]))
    assert profiles["rising_share"].tolist() == [0.5, 0.0]
    assert profiles["falling_share"].tolist() == [0.25, 0.5]


def test_demand_class_is_the_most_frequent_and_of_equal_ones_the_first_in_the_alphabet() -> None:
    features = features_of(demand_class=["smooth", "lumpy", "lumpy", "smooth", "erratic"])
    assert profile_clusters(features, np.array([0, 0, 0, 1, 1]))["demand_class"].tolist() == ["lumpy", "erratic"]


def test_spread_is_the_quartiles_of_the_members() -> None:
    profiles = profile_clusters(features_of(mean_demand=[10.0, 20.0, 30.0, 40.0, 50.0]), np.zeros(5, dtype=np.int64))
    assert profiles[["q25_mean_demand", "q75_mean_demand"]].iloc[0].tolist() == [20.0, 40.0]


@pytest.mark.parametrize(
    ("months", "strengths", "expected"),
    [
        ([11, 1], [0.5, 0.5], 12.0),  # across the turn of the year; the plain mean would say June
        ([12, 1], [0.5, 0.5], 12.5),  # the end of December belongs to December
        ([3, 6], [0.6, 0.0], 3.0),  # a member without season has no say
        ([3, 6], [0.9, 0.3], 12 / (2 * math.pi) * math.atan2(0.9, -0.3)),  # 0.9 north and 0.3 west: 3.61
    ],
)
def test_peak_is_the_circular_mean_weighted_by_strength(
    months: list[int], strengths: list[float], expected: float
) -> None:
    features = features_of(peak_month=months, seasonality_strength=strengths)
    assert profile_clusters(features, np.array([0, 0])).loc[0, "peak_month"] == pytest.approx(expected)


def test_opposite_peaks_leave_no_peak_and_no_agreement() -> None:
    features = features_of(peak_month=[1, 7, 4, 4], seasonality_strength=[0.5, 0.5, 0.3, 0.8])
    profiles = profile_clusters(features, np.array([0, 0, 1, 1]))
    assert np.isnan(profiles["peak_month"][0])
    assert profiles["peak_agreement"].tolist() == pytest.approx([0.0, 1.0], abs=1e-12)


def test_cluster_without_any_season_has_no_peak() -> None:
    features = features_of(peak_month=[1, 2], seasonality_strength=[0.0, 0.0])
    profile = profile_clusters(features, np.array([0, 0])).loc[0]
    assert np.isnan(profile["peak_month"])
    assert profile["peak_agreement"] == 0.0


def test_profiles_equal_a_scalar_reference() -> None:
    features = random_features(1, 60)
    cluster_id = np.arange(60) % 4
    profiles = profile_clusters(features, cluster_id)
    for cluster in range(4):
        members = features[cluster_id == cluster]
        assert profiles.loc[cluster, "cv_demand"] == statistics.median(members["cv_demand"])
        assert profiles.loc[cluster, "volume_share"] == pytest.approx(
            math.fsum(members["total_demand"]) / math.fsum(features["total_demand"])
        )
        pairs = zip(members["seasonality_strength"], members["peak_month"], strict=True)
        resultant = sum(strength * cmath.exp(2j * cmath.pi * month / 12) for strength, month in pairs)
        reference = cmath.phase(resultant) * 6 / cmath.pi
        assert profiles.loc[cluster, "peak_month"] == pytest.approx(reference if reference > 0.5 else reference + 12)
        agreement = abs(resultant) / math.fsum(members["seasonality_strength"])
        assert profiles.loc[cluster, "peak_agreement"] == pytest.approx(agreement)


def test_profiles_and_scales_do_not_depend_on_the_order_of_dfus() -> None:
    features = random_features(2, 200)
    features["zero_demand_pct"] = np.where(np.arange(200) < 20, features["zero_demand_pct"], 0.0)  # IQR 0: std counts
    cluster_id = np.arange(200) % 5
    shuffled = np.random.default_rng(3).permutation(200)
    pd.testing.assert_frame_equal(
        profile_clusters(features, cluster_id),
        profile_clusters(features.iloc[shuffled].reset_index(drop=True), cluster_id[shuffled]),
        check_exact=True,
    )
    pd.testing.assert_frame_equal(feature_scales(features), feature_scales(features.iloc[shuffled]), check_exact=True)


@pytest.mark.parametrize("clusters", [[0, 2, 2], [1, 1, 2], [0, 1]])
def test_empty_clusters_and_wrong_lengths_are_refused(clusters: list[int]) -> None:
    with pytest.raises(DataError, match="cluster"):
        profile_clusters(features_of(mean_demand=[1.0, 2.0, 3.0]), np.array(clusters))


def test_volume_and_interval_are_compared_as_ratios() -> None:
    values = comparable(features_of(mean_demand=[math.e], sparsity_score=[math.e**2], cv2_demand=[math.e - 1]))
    assert values[["mean_demand", "sparsity_score", "cv2_demand"]].iloc[0].tolist() == pytest.approx([1.0, 2.0, 1.0])
    assert values.columns.tolist() == list(COMPARED_FEATURES)


def test_scale_is_the_interquartile_range_over_that_of_the_normal_distribution() -> None:
    scales = feature_scales(features_of(log_growth=[-1.0, -0.5, 0.0, 0.5, 1.0]))
    assert scales.T["log_growth"].tolist() == pytest.approx([0.0, 1.0 / 1.349])


def test_scale_is_the_standard_deviation_where_half_of_the_dfus_share_a_value() -> None:
    scales = feature_scales(features_of(log_growth=[0.0, 0.0, 0.0, 0.0, 1.0]))
    assert scales.loc["log_growth", "scale"] == pytest.approx(0.4)  # sqrt(0.2 x 0.8)


def test_scale_is_never_below_a_tenth() -> None:
    scales = feature_scales(features_of(mean_demand=[100.0, 101.0, 102.0], log_growth=[0.0, 0.0, 0.0]))
    assert scales.loc[["mean_demand", "log_growth"], "scale"].tolist() == [0.1, 0.1]


def test_unit_of_demand_does_not_change_the_volume_scale() -> None:
    cases = random_features(4, 50)
    bottles = cases.assign(mean_demand=cases["mean_demand"] * 12)
    assert feature_scales(bottles).loc["mean_demand", "scale"] == pytest.approx(
        feature_scales(cases).loc["mean_demand", "scale"]
    )


def test_dfus_without_demand_are_named() -> None:
    with pytest.raises(DataError, match=r"1: 'D1'"):
        feature_scales(features_of(mean_demand=[1.0, 0.0, 2.0]))
