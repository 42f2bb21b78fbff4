"""A published label is kept while its meaning holds, and given up with a reason."""

import pandas as pd
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.labels.naming import label_clusters
from dfu_clustering.labels.profiles import COMPARED_FEATURES
from dfu_clustering.labels.rules import PATTERNS, TIERS, PublishedLabel

CONFIG = load_config().labeling
BOUNDS = (20.0, 640.0)
SCALES = pd.DataFrame({"median": 0.0, "scale": 0.5}, index=list(COMPARED_FEATURES))
PLAIN = {
    "mean_demand": 100.0,
    "cv_demand": 0.5,
    "zero_demand_pct": 0.0,
    "sparsity_score": 1.0,
    "cv2_demand": 0.3,
    "seasonality_strength": 0.1,
    "peak_month": 6.0,
    "peak_agreement": 0.9,
    "growth_rate": 0.0,
    "rising_share": 0.0,
    "falling_share": 0.0,
    "log_growth": 0.0,
}
MARGIN = 0.2


def labels_of(*clusters, published=None, margin=MARGIN):
    profiles = pd.DataFrame([{**PLAIN, **cluster} for cluster in clusters]).rename_axis(index="cluster_id")
    found = label_clusters(profiles, SCALES, BOUNDS, CONFIG, published=published, margin=margin)
    return [label.label for label in found], found


@pytest.mark.parametrize(
    ("feature", "inside", "beyond", "published", "otherwise"),
    [
        ("seasonality_strength", 0.41, 0.39, "seasonal_medium_volume", "medium_volume"),
        ("zero_demand_pct", 0.17, 0.15, "intermittent_medium_volume", "medium_volume"),
        ("cv_demand", 0.65, 0.63, "medium_volume_volatile", "medium_volume"),
        ("cv_demand", 0.35, 0.37, "medium_volume_steady", "medium_volume"),
        ("mean_demand", 520.0, 500.0, "high_volume", "medium_volume"),
        ("mean_demand", 23.0, 25.0, "low_volume", "medium_volume"),
        ("mean_demand", 760.0, 770.0, "medium_volume", "high_volume"),
        ("mean_demand", 17.0, 15.0, "medium_volume", "low_volume"),
        ("seasonality_strength", 0.59, 0.61, "medium_volume", "seasonal_medium_volume"),
        ("zero_demand_pct", 0.23, 0.25, "medium_volume", "intermittent_medium_volume"),
    ],
)
def test_a_published_base_is_kept_within_the_margin_and_not_beyond(feature, inside, beyond, published, otherwise):
    assert labels_of({feature: inside}, published={0: published})[0] == [published]
    assert labels_of({feature: beyond}, published={0: published})[0] == [otherwise]


def test_a_pattern_that_is_given_up_makes_room_for_that_of_todays_rule_and_its_reason():
    _, (label,) = labels_of({"seasonality_strength": 0.2, "cv_demand": 0.85}, published={0: "seasonal_medium_volume"})
    assert label.label == "medium_volume_volatile"
    assert "volatile: median cv_demand 0.85 > 0.8" in label.reason
    assert "not volatile" not in label.reason


def test_a_kept_name_without_a_pattern_does_not_deny_the_numbers_it_shows():
    _, (label,) = labels_of({"cv_demand": 0.85}, published={0: "medium_volume"})
    assert label.label == "medium_volume"
    assert "hardly volatile (median cv_demand 0.85 > 0.8)" in label.reason
    assert "not volatile" not in label.reason


def test_the_same_values_without_a_published_label_go_by_the_thresholds():
    assert labels_of({"seasonality_strength": 0.41})[0] == ["medium_volume"]
    assert labels_of({"seasonality_strength": 0.59})[0] == ["seasonal_medium_volume"]


def test_a_kept_label_says_that_it_is_and_what_it_would_be():
    _, (label,) = labels_of({"seasonality_strength": 0.41}, published={0: "seasonal_medium_volume"})
    assert "published and kept within 20% of the thresholds (by these: medium_volume)" in label.reason
    assert label.published == "seasonal_medium_volume"


def test_a_new_label_says_which_one_holds_no_more():
    _, (label,) = labels_of({"seasonality_strength": 0.2}, published={0: "seasonal_medium_volume"})
    assert label.label == "medium_volume"
    assert label.reason.endswith("new, the published seasonal_medium_volume holds no more")


def test_a_suffix_is_kept_when_the_other_cluster_of_its_base_is_gone():
    published = {0: "medium_volume_larger"}
    assert labels_of({}, published=published)[0] == ["medium_volume_larger"]


def test_a_newcomer_of_the_same_base_renames_nobody():
    published = {0: "medium_volume", 1: "medium_volume_rising"}
    rows = ({}, {"log_growth": 0.4}, {"log_growth": -0.4})
    assert labels_of(*rows, published=published)[0] == ["medium_volume", "medium_volume_rising", "medium_volume_fading"]


def test_a_newcomer_whose_suffix_is_taken_gets_a_number_behind_it():
    published = {0: "medium_volume_rising", 1: "medium_volume_fading"}
    rows = ({"log_growth": 0.3}, {"log_growth": -0.3}, {"log_growth": 0.3, "mean_demand": 101.0})
    labels, _ = labels_of(*rows, published=published)
    assert labels[:2] == ["medium_volume_rising", "medium_volume_fading"]
    assert len(set(labels)) == 3


@pytest.mark.parametrize(
    ("word", "values", "gone"),
    [
        ("rising", {"log_growth": 0.13}, {"log_growth": 0.11}),
        ("fading", {"log_growth": -0.13}, {"log_growth": -0.11}),
        ("erratic", {"cv2_demand": 0.40}, {"cv2_demand": 0.38}),
        ("regular", {"cv2_demand": 0.58}, {"cv2_demand": 0.60}),
        ("peak_q2", {"seasonality_strength": 0.21, "peak_month": 6.9}, {"seasonality_strength": 0.19}),
        ("peak_q2", {"seasonality_strength": 0.3, "peak_month": 3.1}, {"seasonality_strength": 0.3, "peak_month": 2.9}),
        (
            "peak_q1",
            {"seasonality_strength": 0.3, "peak_month": 12.1},
            {"seasonality_strength": 0.3, "peak_month": 11.9},
        ),
    ],
)
def test_a_word_is_kept_within_its_margin_and_not_beyond(word, values, gone):
    published = {0: f"medium_volume_{word}"}
    assert labels_of(values, published=published)[0] == [f"medium_volume_{word}"]
    assert labels_of(gone, published=published)[0] == ["medium_volume"]


def test_words_that_contradict_each_other_are_given_anew():
    published = {0: "medium_volume_smaller", 1: "medium_volume_larger"}
    labels, _ = labels_of({"mean_demand": 300.0}, {"mean_demand": 50.0}, published=published)
    assert labels == ["medium_volume_larger", "medium_volume_smaller"]


def test_a_label_that_two_clusters_would_continue_is_kept_by_one():
    labels, _ = labels_of({}, {"log_growth": 0.4}, published={0: "medium_volume", 1: "medium_volume"})
    assert labels == ["medium_volume", "medium_volume_rising"]


@pytest.mark.parametrize("base", [p.base.format(tier=tier) for p in PATTERNS for tier in TIERS] + ["medium_volume"])
@pytest.mark.parametrize("words", [(), ("rising",), ("peak_q3", "erratic"), ("larger", "2")])
def test_a_label_is_taken_apart_as_it_was_put_together(base, words):
    parsed = PublishedLabel.parse("_".join([base, *words]))
    assert (parsed.base, parsed.words) == (base, words)


def test_a_label_that_no_rule_makes_is_not_kept():
    assert PublishedLabel.parse("my_own_segment") is None
    assert labels_of({}, published={0: "my_own_segment"})[0] == ["medium_volume"]
