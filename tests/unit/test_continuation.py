"""Clusters continue the published ones: kept, fitted again, or made in another space."""

import numpy as np
import pandas as pd
import pytest

from dfu_clustering.clusters.k_selection import select_k
from dfu_clustering.clusters.model import fit_clusters
from dfu_clustering.config.loading import load_config
from dfu_clustering.features.matrix import time_series_features
from dfu_clustering.features.panel import Histories
from dfu_clustering.preprocessing.pipeline import build_preprocessing
from dfu_clustering.segments.assignment import nearest
from dfu_clustering.segments.continuation import as_published, changed_settings, continue_published
from dfu_clustering.segments.first_fit import segment_anew

CONFIG = load_config(k_range=(3, 5), n_init=5, gap_references=2)
AS_OF = np.datetime64("2026-10", "M")


def matrix_of(seed=0, n_dfus=240, growth=0.0):
    """Three kinds of demand: level, seasonal, now and then."""
    rng = np.random.default_rng(seed)
    t = np.arange(30)
    kind = np.arange(n_dfus)[:, None] % 3
    level = rng.lognormal(4, 0.5, (n_dfus, 1)) * np.exp(growth * t)
    season = np.where(kind == 1, 1 + 0.8 * np.sin(2 * np.pi * t / 12), 1.0)
    sells = np.where(kind == 2, rng.random((n_dfus, 30)) < 0.4, True)
    demand = np.round(level * season * rng.lognormal(0, 0.15, (n_dfus, 30)) * sells)
    demand[:, 6] += 1
    keys = np.array([f"dfu_{i:04}" for i in range(n_dfus)], dtype=object)
    return time_series_features(Histories(keys, demand[:, 6:], np.full(n_dfus, 24), AS_OF))


MATRIX = matrix_of()
ANEW = segment_anew(CONFIG, MATRIX)
PUBLISHED = as_published(MATRIX, ANEW)


def continued(matrix=MATRIX, config=CONFIG, published=PUBLISHED, months=1):
    return continue_published(config, matrix, published, months=months)


def config_with(**settings):
    return load_config(k_range=(3, 5), n_init=5, gap_references=2, **settings)


def test_the_same_dfus_again_stay_where_they_are():
    segmentation, continuity = continued()
    assert segmentation.assignment.cluster_id.tolist() == ANEW.assignment.cluster_id.tolist()
    assert continuity.matched == tuple(range(len(ANEW.model.centroids)))
    assert (continuity.refit, continuity.reason) == (False, "the DFUs have not drifted")
    assert continuity.held_share == 0.0


def test_clusters_that_are_kept_follow_their_members():
    louder = matrix_of(seed=0, growth=0.002)
    segmentation, continuity = continued(louder)
    assert not continuity.refit
    members = PUBLISHED.members.loc[louder["dfu_ck"], "cluster_id"].to_numpy()
    means = [segmentation.space[members == i].mean(axis=0) for i in continuity.matched]
    assert segmentation.model.centroids == pytest.approx(np.array(means))
    moved = segmentation.model.centroids - PUBLISHED.centroids[list(continuity.matched)]
    assert 0 < np.abs(moved).max() < 0.5


def test_clusters_that_are_never_fitted_again_have_the_published_centroids():
    segmentation, continuity = continued(matrix_of(seed=0, growth=0.002), config_with(refit="never"))
    matched = [PUBLISHED.centroids[i] for i in continuity.matched]
    assert segmentation.model.centroids.tolist() == np.array(matched).tolist()


def test_a_kept_cluster_without_members_stays_where_it_is():
    members = PUBLISHED.members.assign(cluster_id=PUBLISHED.members["cluster_id"].replace(0, 1))
    published = type(PUBLISHED)(**{**vars(PUBLISHED), "members": members})
    segmentation, continuity = continued(published=published)
    assert segmentation.model.centroids[continuity.matched.index(0)].tolist() == PUBLISHED.centroids[0].tolist()


def test_clusters_are_numbered_by_descending_size():
    shrunk = MATRIX[ANEW.assignment.cluster_id != 0]
    some = pd.concat([shrunk, MATRIX[ANEW.assignment.cluster_id == 0][:12]]).sort_values("dfu_ck", ignore_index=True)
    segmentation, continuity = continued(some)
    sizes = segmentation.model.sizes
    assert sizes.tolist() == sorted(sizes.tolist(), reverse=True)
    assert sizes.tolist() == np.bincount(segmentation.assignment.cluster_id).tolist()
    assert continuity.matched[-1] == 0


def test_drift_asks_for_a_new_fit_and_names_the_column():
    louder = MATRIX.assign(mean_demand=MATRIX["mean_demand"] * 20)
    _, continuity = continued(louder)
    assert "PSI of log1p_mean_demand" in continuity.reason
    assert continuity.psi["log1p_mean_demand"] > 1
    assert continuity.psi["seasonality_strength"] == pytest.approx(0.0)


def test_a_new_fit_that_does_not_pay_is_not_taken():
    louder = MATRIX.assign(mean_demand=MATRIX["mean_demand"] * 20)
    _, continuity = continued(louder, config_with(stability={"refit_gain": 10.0}))
    assert not continuity.refit
    assert "a new fit would change the silhouette by" in continuity.reason


def test_never_assigns_to_the_published_clusters_whatever_the_dfus_are_like():
    louder = MATRIX.assign(mean_demand=MATRIX["mean_demand"] * 20)
    segmentation, continuity = continued(louder, config_with(refit="never"))
    assert (continuity.refit, continuity.reason) == (False, "refit is never")
    assert segmentation.preprocessing is PUBLISHED.preprocessing


def test_always_fits_again_and_still_matches():
    _, continuity = continued(config=config_with(refit="always"))
    assert (continuity.refit, continuity.reason) == (True, "refit is always")
    assert sorted(continuity.matched) == list(range(len(ANEW.model.centroids)))


def test_a_published_k_outside_of_the_range_must_change():
    other = load_config(k_range=(7, 8), n_init=5, gap_references=2)
    segmentation, continuity = continued(config=other)
    assert len(segmentation.model.centroids) >= 7
    assert f"the published K {len(ANEW.model.centroids)} is outside of k_range 7 to 8" in continuity.reason


def test_another_space_is_fitted_anew_and_matched_by_shared_dfus():
    _, continuity = continued(config=config_with(feature_set="all"))
    assert (continuity.refit, continuity.reason) == (True, "settings changed: feature_set")
    assert set(continuity.matched) <= {*range(len(ANEW.model.centroids)), -1}
    assert continuity.psi == {}


def test_never_keeps_the_published_space_and_says_so():
    segmentation, continuity = continued(config=config_with(feature_set="all", refit="never"))
    assert not continuity.refit
    assert segmentation.warnings == ("refit is never: feature_set stay as published",)


def test_a_setting_that_never_held_back_takes_effect_once_clusters_may_be_fitted():
    other = {"feature_set": "all", "time_window_months": 18}
    never, _ = continued(config=config_with(refit="never", **other))
    assert (never.settings.feature_set, never.settings.time_window_months) == ("shape", 24)
    segmentation, continuity = continued(config=config_with(**other), published=as_published(MATRIX, never))
    assert continuity.reason == "settings changed: time_window_months, feature_set"
    assert (segmentation.settings.feature_set, segmentation.settings.time_window_months) == ("all", 18)


def test_settings_that_change_nothing_in_this_space_are_no_change():
    published = CONFIG.of_the_space()
    assert changed_settings(config_with(feature_scaling="robust", max_categories=5), published) == ()
    assert changed_settings(config_with(min_variance=0.02, use_pca=True), published) == ("min_variance", "use_pca")


def test_discounting_noise_makes_another_space():
    before = config_with(discount_noise=False).of_the_space()
    assert changed_settings(config_with(discount_noise=False), before) == ()
    assert changed_settings(config_with(), before) == ("discount_noise",)


def test_new_dfus_go_to_the_nearest_cluster_and_those_that_left_are_not_missed():
    published = as_published(MATRIX, ANEW)
    fewer = published.members.iloc[40:]
    segmentation, _ = continued(published=type(published)(**{**vars(published), "members": fewer}))
    assert segmentation.assignment.cluster_id.tolist() == ANEW.assignment.cluster_id.tolist()
    left, _ = continued(MATRIX.iloc[40:].reset_index(drop=True))
    assert len(left.assignment.cluster_id) == len(MATRIX) - 40


def test_a_dfu_stays_for_a_small_step_and_goes_for_a_large_one():
    ids = ANEW.assignment.cluster_id
    own, other = 0, 1
    row = int(np.flatnonzero(ids == own)[0])
    like_other = MATRIX.iloc[int(np.flatnonzero(ids == other)[0])].drop("dfu_ck")
    moved = MATRIX.copy()
    for name, value in like_other.items():
        moved.loc[row, name] = value
    segmentation, continuity = continued(moved)
    assert continuity.matched[segmentation.assignment.cluster_id[row]] == other
    same = np.arange(len(MATRIX)) != row
    number = np.array(continuity.matched)
    assert (number[segmentation.assignment.cluster_id[same]] == ids[same]).all()


def test_a_cluster_that_hysteresis_leaves_too_small_takes_its_own_and_sets_nobody_else_free():
    # one published cluster has no member left: all who are nearest to it were published in another one
    ids, k = ANEW.assignment.cluster_id, len(ANEW.model.centroids)
    emptied, others = k - 1, np.arange(k - 1)
    members = PUBLISHED.members.copy()
    members.loc[ids == emptied, "cluster_id"] = 0
    strays = np.flatnonzero(ids == 0)[:5]
    members.iloc[strays, members.columns.get_loc("cluster_id")] = 1
    published = type(PUBLISHED)(**{**vars(PUBLISHED), "members": members})
    stubborn = config_with(switch_margin=0.99, refit="never")
    segmentation, continuity = continued(config=stubborn, published=published)
    now = np.array(continuity.matched)[segmentation.assignment.cluster_id]
    assert (now[ids == emptied] == emptied).all()
    assert (now[strays] == 1).all()
    assert set(others) < set(now.tolist())
    assert continuity.held_share == pytest.approx(len(strays) / len(MATRIX))


def test_the_order_of_the_published_dfus_does_not_matter():
    shuffled = PUBLISHED.members.sample(frac=1, random_state=3)
    louder = MATRIX.assign(log_recent=MATRIX["log_recent"] + 0.1)
    one, first = continued(louder)
    other, second = continued(louder, published=type(PUBLISHED)(**{**vars(PUBLISHED), "members": shuffled}))
    assert one.assignment.cluster_id.tolist() == other.assignment.cluster_id.tolist()
    assert one.assignment.evidence.tolist() == other.assignment.evidence.tolist()
    assert first == second


def test_without_a_published_run_the_clusters_are_those_of_selection_and_fit():
    space = build_preprocessing(CONFIG).fit_transform(MATRIX)
    selection, centroids = select_k(space, volume=MATRIX["mean_demand"].to_numpy(), config=CONFIG)
    model = fit_clusters(space, centroids, min_cluster_size_pct=CONFIG.min_cluster_size_pct)
    assert ANEW.model.centroids.tolist() == model.centroids.tolist()
    assert ANEW.assignment.cluster_id.tolist() == nearest(space, model.centroids).cluster_id.tolist()
    assert ANEW.assignment.distance.tolist() == nearest(space, model.centroids).distance.tolist()
    assert ANEW.k_selection == selection
