"""Segments continue the published ones: a DFU keeps the words that are nearly true of it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.features.histories import Histories
from dfu_clustering.features.matrix import time_series_features
from dfu_clustering.labels.rules import own_patterns, own_tiers, own_values
from dfu_clustering.labels.vocabulary import PATTERN_NAMES, TIERS, Label
from dfu_clustering.segments.continuation import as_published, continue_published
from dfu_clustering.segments.first_fit import segment_from_scratch
from dfu_clustering.segments.published_model import PublishedWords, changed_settings

SETTINGS: dict[str, Any] = {"k_range": (3, 5), "n_init": 5, "gap_references": 2}
CONFIG = load_config(**SETTINGS)
AS_OF = np.datetime64("2026-10", "M")
MARGIN = CONFIG.stability.label_margin


def matrix_of(seed=0, n_dfus=240, growth=0.0):
    """Three kinds of demand over four years: level, seasonal, now and then."""
    rng = np.random.default_rng(seed)
    t = np.arange(48)
    kind = np.arange(n_dfus)[:, None] % 3
    level = rng.lognormal(4, 0.5, (n_dfus, 1)) * np.exp(growth * t)
    season = np.where(kind == 1, 1 + 0.8 * np.sin(2 * np.pi * t / 12), 1.0)
    sells = np.where(kind == 2, rng.random((n_dfus, 48)) < 0.4, True)
    demand = np.round(level * season * rng.lognormal(0, 0.15, (n_dfus, 48)) * sells)
    demand[:, 24] += 1
    keys = np.array([f"dfu_{i:04}" for i in range(n_dfus)], dtype=object)
    return time_series_features(Histories(keys, demand, np.full(n_dfus, 24), AS_OF))


MATRIX = matrix_of()
FRESH = segment_from_scratch(CONFIG, MATRIX)
PUBLISHED = as_published(MATRIX, FRESH)
STEADY = np.flatnonzero(MATRIX["cv_demand"].to_numpy() <= 0.3)  # the level kind
# a column of the space far from what was fitted on, and no value that words are judged by
DRIFTED = MATRIX.assign(log_recent=1.4)


def test_next_label_is_of_the_nearest_other_cluster_in_the_own_tier():
    centroids, own = FRESH.fitted.clusters.centroids, cluster_of(FRESH)
    away = np.linalg.norm(FRESH.space[:, None, :] - centroids[None, :, :], axis=2)
    away[np.arange(len(own)), own] = np.inf
    known = {label.text for label in FRESH.labels}
    for row, other in enumerate(away.argmin(axis=1).tolist()):
        meaning, tier = FRESH.fitted.clusters.meanings[other], label_of(FRESH, row).tier
        wanted = Label(meaning.pattern, tier, meaning.traits).text
        assert FRESH.next_label[row] == wanted or wanted not in known
    assert set(FRESH.next_label.tolist()) <= known


def continued(matrix=MATRIX, config=CONFIG, published=PUBLISHED):
    return continue_published(config, matrix, published)


def config_with(**settings):
    return load_config(**{**SETTINGS, **settings})


def texts(segmentation):
    return np.array([label.text for label in segmentation.labels])[segmentation.segment]


def label_of(segmentation, row):
    return segmentation.labels[segmentation.segment[row]]


def cluster_of(segmentation):
    """Return the place of each DFU's cluster in the model, by pattern and traits."""
    words = [(meaning.pattern, meaning.traits) for meaning in segmentation.fitted.clusters.meanings]
    of_label = [words.index((label.pattern, label.traits)) for label in segmentation.labels]
    return np.array(of_label)[segmentation.segment]


def published_as(rows, label):
    """Return what is published, with another label of these DFUs."""
    labels = PUBLISHED.labels.copy()
    labels.iloc[rows] = label
    return replace(PUBLISHED, labels=labels)


def with_values(row, **values):
    matrix = MATRIX.astype(dict.fromkeys(values, float))
    for name, value in values.items():
        matrix.loc[row, name] = value
    return matrix


class TestFromScratch:
    @pytest.mark.parametrize("settings", [{}, {"use_pca": True}, {"feature_set": "all"}])
    def test_an_assortment_of_one_shape_is_labelled_by_its_volume(self, settings):
        demand = np.repeat(10.0 * np.arange(1, 51)[:, None], 48, axis=1)
        keys = np.array([f"dfu_{i:02}" for i in range(50)], dtype=object)
        matrix = time_series_features(Histories(keys, demand, np.full(50, 24), AS_OF))
        segmentation = segment_from_scratch(config_with(**settings), matrix)
        sizes = dict(zip([label.text for label in segmentation.labels], segmentation.sizes.tolist(), strict=True))
        assert sizes == {"medium_volume_steady": 24, "high_volume_steady": 13, "low_volume_steady": 13}
        assert segmentation.figures.true_share == 1.0

    def test_nearly_every_dfu_bears_its_own_pattern_and_its_own_tier(self):
        values, labels = own_values(MATRIX), [label_of(FRESH, row) for row in range(len(MATRIX))]
        patterns = [PATTERN_NAMES[at] for at in own_patterns(values, CONFIG.labeling)]
        tiers = [TIERS[at] for at in own_tiers(values["mean_demand"], FRESH.bounds)]
        assert np.mean([label.pattern == own for label, own in zip(labels, patterns, strict=True)]) > 0.95
        assert np.mean([label.tier == own for label, own in zip(labels, tiers, strict=True)]) > 0.95
        assert {label.pattern for label in labels} >= {"seasonal", "intermittent", "steady"}

    def test_no_two_segments_are_called_alike_and_the_largest_comes_first(self):
        assert len(set(FRESH.labels)) == len(FRESH.labels)
        assert FRESH.sizes.tolist() == sorted(FRESH.sizes.tolist(), reverse=True)
        assert FRESH.sizes.sum() == len(MATRIX)

    def test_distances_are_those_to_the_own_centroid_and_margins_to_the_next(self):
        centroids = FRESH.fitted.clusters.centroids
        away = np.linalg.norm(FRESH.space[:, None] - centroids[None], axis=2)
        rows = np.arange(len(away))
        cluster = cluster_of(FRESH)
        own = away[rows, cluster].copy()
        away[rows, cluster] = np.inf
        assert FRESH.distance == pytest.approx(own)
        assert FRESH.margin == pytest.approx(away.min(axis=1) - own)
        assert FRESH.figures.moved_dfus == (FRESH.margin < 0).sum()
        assert FRESH.figures.inertia == pytest.approx((own**2).sum())

    def test_dfus_too_young_to_have_grown_or_to_have_a_season_are_segmented_as_well(self):
        rng = np.random.default_rng(2)
        keys = np.array([f"dfu_{i:03}" for i in range(60)], dtype=object)
        demand = rng.lognormal(3, np.repeat([0.1, 0.6, 1.2], 20)[:, None], (60, 8))
        young = time_series_features(Histories(keys, demand, np.full(60, 8), AS_OF))
        assert young["growth_rate"].isna().all()
        found = segment_from_scratch(config_with(min_months_history=6), young)
        assert {label.pattern for label in found.labels} <= {"volatile", "steady", "plain"}


class TestKept:
    def test_the_same_dfus_again_keep_their_labels(self):
        segmentation, continuity = continued()
        assert texts(segmentation).tolist() == texts(FRESH).tolist()
        assert (continuity.refit, continuity.reason) == (False, "the DFUs have not drifted")
        assert continuity.held_share == pytest.approx(1 - FRESH.figures.true_share)

    def test_a_dfu_keeps_its_pattern_while_the_value_misses_it_by_less_than_the_margin(self):
        row = int(STEADY[0])
        kept, _ = continued(with_values(row, cv_demand=0.3 * (1 + MARGIN) - 0.001))
        assert label_of(kept, row).pattern == "steady"
        moved, _ = continued(with_values(row, cv_demand=0.3 * (1 + MARGIN) + 0.001))
        assert label_of(moved, row).pattern != "steady"

    def test_a_dfu_that_bore_no_label_has_no_margin_of_the_published_words(self):
        # 0.325 is steady within label_margin, but beyond membership_margin
        row = int(STEADY[0])
        matrix = with_values(row, cv_demand=0.325)
        new = replace(PUBLISHED, labels=PUBLISHED.labels.drop(MATRIX["dfu_ck"][row]))
        assert label_of(continued(matrix)[0], row).pattern == "steady"
        assert label_of(continued(matrix, published=new)[0], row).pattern != "steady"

    def test_an_earlier_pattern_takes_over_only_beyond_its_own_threshold_by_the_margin(self):
        row = int(STEADY[0])
        threshold = CONFIG.labeling.zero_demand_threshold
        kept, _ = continued(with_values(row, zero_demand_pct=threshold * (1 + MARGIN) - 0.001))
        assert label_of(kept, row).pattern == "steady"
        moved, _ = continued(with_values(row, zero_demand_pct=threshold * (1 + MARGIN) + 0.001))
        assert label_of(moved, row).pattern == "intermittent"

    def test_a_season_is_kept_without_the_test_that_it_needs_to_be_taken_up(self):
        row = next(i for i in range(len(MATRIX)) if label_of(FRESH, i).pattern == "seasonal")
        weak = {"seasonality_strength": 0.55, "season_months": 24.0}  # 24 months ask for 0.63
        assert label_of(continued(with_values(row, **weak))[0], row).pattern == "seasonal"
        without = with_values(row, seasonality_strength=0.5 * (1 - MARGIN) - 0.001)
        assert label_of(continued(without)[0], row).pattern != "seasonal"

    def test_a_dfu_keeps_its_tier_within_the_margin_of_the_bound_and_not_beyond(self):
        high = FRESH.bounds.high
        row = next(i for i in STEADY.tolist() if label_of(FRESH, i).tier == "high")
        kept, _ = continued(with_values(row, mean_demand=high * (1 - MARGIN) * 1.01))
        assert (label_of(kept, row).tier, label_of(kept, row).pattern) == ("high", "steady")
        moved, _ = continued(with_values(row, mean_demand=high * (1 - MARGIN) * 0.98))
        assert label_of(moved, row).tier == "medium"

    def test_nobody_else_moves_for_one_that_does(self):
        row = int(STEADY[0])
        moved, _ = continued(with_values(row, cv_demand=0.9))
        others = np.arange(len(MATRIX)) != row
        assert (texts(moved)[others] == texts(FRESH)[others]).all()

    def test_a_label_of_other_words_is_given_up(self):
        rows = STEADY[:5]
        segmentation, _ = continued(published=published_as(rows, "medium_volume_larger"))
        assert texts(segmentation).tolist() == texts(FRESH).tolist()

    def test_a_dfu_that_was_inactive_has_no_published_tier(self):
        labels = pd.Series(["inactive", "new_high_volume", "low_volume"], index=["a", "b", "c"])
        words = PublishedWords.of(pd.Series(["a", "b", "c", "d"]), labels)
        assert words.tier.tolist() == [-1, TIERS.index("high"), TIERS.index("low"), -1]

    def test_new_dfus_are_labelled_and_those_that_left_are_not_missed(self):
        fewer = replace(PUBLISHED, labels=PUBLISHED.labels.iloc[40:])
        assert texts(continued(published=fewer)[0]).tolist() == texts(FRESH).tolist()
        left, _ = continued(MATRIX.iloc[40:].reset_index(drop=True))
        assert len(left.segment) == len(MATRIX) - 40

    def test_the_order_of_the_published_dfus_does_not_matter(self):
        shuffled = replace(PUBLISHED, labels=PUBLISHED.labels.sample(frac=1, random_state=3))
        matrix = matrix_of(growth=0.002)
        one, first = continued(matrix)
        other, second = continued(matrix, published=shuffled)
        assert texts(one).tolist() == texts(other).tolist()
        assert first == second

    def test_a_pattern_that_enough_dfus_newly_show_gets_a_cluster_which_is_reported_once(self):
        rows = STEADY[:12]
        matrix = MATRIX.copy()
        matrix.loc[rows, "cv_demand"] = 1.5
        assert "volatile" not in {label.pattern for label in FRESH.labels}
        segmentation, continuity = continued(matrix)
        assert not continuity.refit
        assert {label_of(segmentation, row).pattern for row in rows} == {"volatile"}
        assert segmentation.figures.added_patterns == ("volatile",)


class TestCentroids:
    def test_clusters_that_are_kept_follow_their_members(self):
        segmentation, continuity = continued(matrix_of(growth=0.002))
        assert not continuity.refit
        clusters = segmentation.fitted.clusters
        assert clusters.meanings == FRESH.fitted.clusters.meanings
        cluster = cluster_of(segmentation)
        expected = [segmentation.space[cluster == i].mean(axis=0) for i in range(len(clusters.meanings))]
        assert clusters.centroids == pytest.approx(np.array(expected))
        assert 0 < np.abs(clusters.centroids - FRESH.fitted.clusters.centroids).max() < 0.5

    def test_the_centroids_of_kmeans_and_the_reference_stay_as_they_were_fitted(self):
        segmentation, _ = continued(matrix_of(growth=0.002))
        assert segmentation.fitted.kmeans_centroids is FRESH.fitted.kmeans_centroids
        assert segmentation.fitted.reference is FRESH.fitted.reference
        assert segmentation.fitted.preprocessing is FRESH.fitted.preprocessing

    def test_clusters_that_are_never_fitted_again_are_stored_as_published(self):
        segmentation, _ = continued(matrix_of(growth=0.002), config_with(refit="never"))
        assert segmentation.fitted.clusters.centroids.tolist() == FRESH.fitted.clusters.centroids.tolist()
        assert segmentation.fitted.clusters.meanings == FRESH.fitted.clusters.meanings


class TestRefit:
    def test_drift_asks_for_a_new_fit_and_names_the_column(self):
        _, continuity = continued(DRIFTED)
        assert "PSI of log_recent" in continuity.reason
        assert continuity.psi["log_recent"] > 1
        assert continuity.psi["log_growth"] == pytest.approx(0.0)

    def test_a_new_fit_that_does_not_pay_is_not_taken(self):
        segmentation, continuity = continued(DRIFTED, config_with(stability={"refit_gain": 10.0}))
        assert not continuity.refit
        assert "but a new fit would explain" in continuity.reason
        assert segmentation.fitted.preprocessing is FRESH.fitted.preprocessing

    def test_a_new_fit_that_pays_is_taken(self):
        # the seasonal kind turns into two groups that momentum tells apart
        rng = np.random.default_rng(1)
        parted = MATRIX.assign(log_recent=rng.choice([-1.4, 1.4], len(MATRIX)))
        parted = parted.assign(log_growth=np.sign(parted["log_recent"]) * 0.9)
        segmentation, continuity = continued(parted, config_with(stability={"refit_gain": 0.0}))
        assert continuity.refit
        assert continuity.reason.startswith("PSI of ")
        assert segmentation.fitted.preprocessing is not FRESH.fitted.preprocessing

    def test_dfus_far_out_ask_for_a_new_fit_where_no_column_drifted(self):
        calm = config_with(stability={"refit_psi": 100.0, "refit_far_share": 0.05, "refit_gain": 10.0})
        _, continuity = continued(DRIFTED, calm)
        assert continuity.far_share > 0.05
        assert f"{continuity.far_share:.1%} of the DFUs are further from every cluster" in continuity.reason

    def test_never_keeps_the_published_clusters_whatever_the_dfus_are_like(self):
        segmentation, continuity = continued(DRIFTED, config_with(refit="never"))
        assert (continuity.refit, continuity.reason) == (False, "refit is never")
        assert segmentation.fitted.preprocessing is FRESH.fitted.preprocessing

    def test_always_fits_again_and_dfus_keep_their_words(self):
        segmentation, continuity = continued(config=config_with(refit="always"))
        assert (continuity.refit, continuity.reason) == (True, "refit is always")
        assert texts(segmentation).tolist() == texts(FRESH).tolist()

    def test_after_a_new_fit_a_dfu_still_keeps_its_words_within_the_margin(self):
        row = int(STEADY[0])
        matrix = with_values(row, cv_demand=0.325)
        segmentation, continuity = continued(matrix, config_with(refit="always"))
        assert continuity.refit
        assert label_of(segmentation, row).pattern == "steady"

    def test_a_published_k_outside_of_the_range_must_change(self):
        segmentation, continuity = continued(config=config_with(k_range=(7, 8)))
        assert continuity.refit
        k = len(FRESH.fitted.kmeans_centroids)
        assert continuity.reason == f"the published K {k} is outside k_range 7 to 8"
        assert segmentation.fitted.kmeans_centroids.shape[0] != k

    def test_another_space_is_fitted_from_scratch(self):
        segmentation, continuity = continued(config=config_with(feature_set="all"))
        assert (continuity.refit, continuity.reason) == (True, "settings changed: feature_set")
        assert (continuity.psi, continuity.far_share) == ({}, None)
        assert segmentation.fitted.settings.feature_set == "all"

    def test_never_keeps_the_published_space_and_says_so(self):
        segmentation, continuity = continued(config=config_with(feature_set="all", refit="never"))
        assert not continuity.refit
        assert segmentation.warnings == ("refit is never, so feature_set stay as published",)

    def test_a_setting_that_never_held_back_takes_effect_once_clusters_may_be_fitted(self):
        other = {"feature_set": "all", "time_window_months": 18}
        never, _ = continued(config=config_with(refit="never", **other))
        assert (never.fitted.settings.feature_set, never.fitted.settings.time_window_months) == ("shape", 24)
        segmentation, continuity = continued(config=config_with(**other), published=as_published(MATRIX, never))
        assert continuity.reason == "settings changed: time_window_months, feature_set"
        settings = segmentation.fitted.settings
        assert (settings.feature_set, settings.time_window_months) == ("all", 18)


class TestChangedSettings:
    def test_settings_that_change_nothing_in_this_space_are_no_change(self):
        published = CONFIG.of_the_space()
        assert changed_settings(config_with(feature_scaling="robust", max_categories=5), published) == ()
        assert changed_settings(config_with(min_variance=0.02, use_pca=True), published) == ("min_variance", "use_pca")

    @pytest.mark.parametrize(("name", "value"), [("discount_noise", False), ("season_window_months", 36)])
    def test_another_way_to_the_space_is_a_change(self, name, value):
        before = config_with(**{name: value}).of_the_space()
        assert changed_settings(config_with(**{name: value}), before) == ()
        assert changed_settings(CONFIG, before) == (name,)

    def test_another_list_of_attributes_is_a_change_where_it_has_a_weight(self):
        channel = {"name": "channel", "table": "dfu", "kind": "categorical"}
        own = {"attributes": [channel], "shown": None}
        same = {"attributes": [channel | {"column": "Channel"}], "shown": None}
        assert changed_settings(config_with(warehouse=own), CONFIG.of_the_space()) == ()
        weight = {"attributes": {"dfu": 1.0}}
        ours, theirs = config_with(**weight), config_with(**weight, warehouse=own)
        assert changed_settings(theirs, ours.of_the_space()) == ("warehouse.attributes",)
        assert changed_settings(config_with(**weight, warehouse=same), theirs.of_the_space()) == ()
        before_lists_were_stored = ours.of_the_space().model_copy(update={"attribute_list": None})
        assert changed_settings(ours, before_lists_were_stored) == ()
