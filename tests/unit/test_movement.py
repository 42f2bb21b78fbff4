"""How far DFUs moved, and which feature carried them."""

import numpy as np
import pytest
from test_continuation import ANEW, CONFIG, MATRIX

from dfu_clustering.config.loading import load_config
from dfu_clustering.segments.first_fit import segment_anew
from dfu_clustering.segments.movement import movement

IDS = ANEW.assignment.cluster_id


def moved(old, new, old_cluster=IDS, new_cluster=IDS, segmentation=ANEW):
    return movement(
        segmentation.preprocessing,
        segmentation.model.centroids,
        old,
        new,
        old_cluster,
        new_cluster,
        peak_threshold=0.25,
    )


def test_who_did_not_move_has_moved_by_nothing():
    assert moved(MATRIX, MATRIX).move.tolist() == [0.0] * len(MATRIX)


def test_the_feature_that_moved_is_told_in_original_units():
    louder = MATRIX.assign(mean_demand=MATRIX["mean_demand"] * 3, trend_slope=MATRIX["trend_slope"] * 3)
    result = moved(MATRIX, louder)
    inside = result.move > 1e-9  # beyond the winsorised ends nothing moves
    assert inside.mean() > 0.5
    assert set(result.feature[inside]) == {"mean_demand"}
    assert result.before[inside] == pytest.approx(MATRIX["mean_demand"].to_numpy()[inside])
    assert result.after[inside] == pytest.approx(3 * MATRIX["mean_demand"].to_numpy()[inside])


def test_who_changed_the_cluster_is_told_what_led_there_not_what_moved_most():
    # from cluster 0 towards 1 only what both centroids differ in counts
    rows = np.flatnonzero(IDS == 0)
    other = int(np.flatnonzero(IDS == 1)[0])
    new = MATRIX.iloc[rows].copy()
    for name in MATRIX.columns.drop("dfu_ck"):
        new[name] = MATRIX[name].iloc[other]
    result = moved(MATRIX.iloc[rows], new, IDS[rows], np.ones(len(rows), dtype=int))
    pipeline = ANEW.preprocessing
    step = pipeline.transform(new) - pipeline.transform(MATRIX.iloc[rows])
    expected = (step * (ANEW.model.centroids[1] - ANEW.model.centroids[0])).argmax(axis=1)
    columns = np.array(ANEW.columns)[expected]
    named = {"log_sparsity_score": "sparsity_score", "log1p_mean_demand": "mean_demand", "season_sin": "peak_month",
             "season_cos": "peak_month", "log1p_cv2_demand": "cv2_demand", "log1p_residual_cv": "residual_cv",
             "annual_trend": "trend_slope"}  # fmt: skip
    same_peak = (MATRIX["peak_month"].iloc[rows] == MATRIX["peak_month"].iloc[other]).to_numpy()
    weaker = np.minimum(MATRIX["seasonality_strength"].iloc[rows], MATRIX["seasonality_strength"].iloc[other])
    strength_tells = same_peak | (weaker < 0.25).to_numpy()
    columns[strength_tells & np.isin(columns, ("season_sin", "season_cos"))] = "seasonality_strength"
    assert result.feature.tolist() == [named.get(column, column) for column in columns]


def test_a_move_by_the_discount_alone_is_told_by_the_noise_that_made_it():
    # log_growth itself is what it was, but counts for less now
    noisier = MATRIX.assign(residual_cv=MATRIX["residual_cv"] * 6, log_growth=MATRIX["log_growth"] + 0.3)
    calm = noisier.assign(residual_cv=MATRIX["residual_cv"])
    result = moved(calm, noisier)
    assert set(result.feature) == {"residual_cv"}
    assert (result.before != result.after).all()


def test_a_season_that_grew_without_another_peak_is_told_as_its_strength():
    weaker = MATRIX.assign(seasonality_strength=MATRIX["seasonality_strength"] / 2)
    result = moved(MATRIX, weaker)
    changed = result.move > 1e-9
    assert changed.any()
    assert set(result.feature[changed]) == {"seasonality_strength"}


def test_a_peak_is_told_only_where_there_is_a_season_before_and_after():
    rows = MATRIX["seasonality_strength"] > 0.6
    old = MATRIX[rows].assign(peak_month=3)
    turned = old.assign(peak_month=9)
    faded = turned.assign(seasonality_strength=0.1)
    ids = IDS[rows.to_numpy()]
    assert set(moved(old, turned, ids, ids).feature) == {"peak_month"}
    assert set(moved(old, faded, ids, ids).feature) == {"seasonality_strength"}


def test_a_move_is_measured_in_distances_to_the_next_centroid():
    old = MATRIX.iloc[[0]]
    new = MATRIX.iloc[[1]]
    result = moved(old, new, IDS[[0]], IDS[[1]])
    step = np.linalg.norm(ANEW.preprocessing.transform(new) - ANEW.preprocessing.transform(old))
    own = ANEW.model.centroids[IDS[0]]
    others = np.delete(ANEW.model.centroids, IDS[0], axis=0)
    assert result.move[0] == pytest.approx(step / np.linalg.norm(others - own, axis=1).min())


def test_components_are_told_as_the_features_they_are_made_of():
    config = load_config(**{**CONFIG.model_dump(), "use_pca": True})
    segmentation = segment_anew(config, MATRIX)
    louder = MATRIX.assign(mean_demand=MATRIX["mean_demand"] * 3, trend_slope=MATRIX["trend_slope"] * 3)
    ids = segmentation.assignment.cluster_id
    result = moved(MATRIX, louder, ids, ids, segmentation)
    assert set(result.feature[result.move > 1e-9]) == {"mean_demand"}
