"""Labels of random profiles: unique, well formed, true, and independent of the order of rows."""

import re
from itertools import pairwise, product

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from dfu_clustering.config.loading import load_config
from dfu_clustering.labels.naming import ClusterLabel, label_clusters
from dfu_clustering.labels.profiles import COMPARED_FEATURES
from dfu_clustering.labels.rules import NO_PATTERN, PATTERNS, TIERS, PublishedLabel, base_of
from dfu_clustering.labels.traits import MOST_WORDS, PEAK_AGREEMENT

CONFIG = load_config().labeling
BOUNDS = (20.0, 640.0)
SCALES = pd.DataFrame({"median": 0.0, "scale": 0.5}, index=list(COMPARED_FEATURES))
TRAIT_WORDS = (
    "rising", "fading", "peak_q1", "peak_q2", "peak_q3", "peak_q4",
    "sparser", "denser", "erratic", "regular", "larger", "smaller",
)  # fmt: skip

# few distinct values, thresholds among them, so that bases are shared and ties occur
profile = st.fixed_dictionaries(
    {
        "mean_demand": st.sampled_from([5.0, 20.0, 60.0, 100.0, 101.0, 300.0, 640.0, 2000.0]),
        "cv_demand": st.sampled_from([0.2, 0.3, 0.5, 0.8, 1.4]),
        "zero_demand_pct": st.sampled_from([0.0, 0.2, 0.21, 0.6]),
        "sparsity_score": st.sampled_from([1.0, 1.3, 2.0, 2.1, 8.0]),
        "cv2_demand": st.sampled_from([0.0, 0.3, 0.49, 1.2]),
        "seasonality_strength": st.sampled_from([0.0, 0.2, 0.25, 0.4, 0.5, 0.9]),
        "peak_month": st.floats(0.51, 12.5),
        "peak_agreement": st.sampled_from([0.0, 0.49, 0.5, 0.9]),
        "growth_rate": st.sampled_from([-0.4, -0.05, 0.0, 0.05, 0.4]),
        "rising_share": st.sampled_from([0.0, 0.5]),
        "falling_share": st.sampled_from([0.0, 0.5]),
        "log_growth": st.sampled_from([-0.6, -0.15, 0.0, 0.15, 0.16, 0.6]),
    }
)
profile_sets = st.lists(profile, min_size=1, max_size=12).map(
    lambda rows: pd.DataFrame(rows).rename_axis(index="cluster_id")
)
published_labels = st.dictionaries(
    st.integers(0, 11),
    st.sampled_from(["medium_volume", *(f"medium_volume_{word}" for word in (*TRAIT_WORDS, "1", "2", "7"))]),
)


def labels_of(profiles: pd.DataFrame, published: dict[int, str] | None = None) -> tuple[ClusterLabel, ...]:
    return label_clusters(profiles, SCALES, BOUNDS, CONFIG, published=published)


@settings(max_examples=100, deadline=None)
@given(profile_sets, published_labels)
def test_no_label_occurs_twice_whatever_was_published(profiles: pd.DataFrame, published: dict[int, str]) -> None:
    labels = [label.label for label in labels_of(profiles, published)]
    assert len(set(labels)) == len(labels) == len(profiles)


# values all along the numbers between thresholds and margins
close_profile = profile.flatmap(
    lambda values: st.fixed_dictionaries(
        {
            **{name: st.just(value) for name, value in values.items()},
            "mean_demand": st.floats(1.0, 2000.0),
            "cv_demand": st.floats(0.0, 2.0),
            "zero_demand_pct": st.floats(0.0, 1.0),
            "seasonality_strength": st.floats(0.0, 1.0),
            "growth_rate": st.floats(-0.5, 0.5),
        }
    )
)


@settings(max_examples=300, deadline=None)
@given(close_profile, st.sampled_from([*PATTERNS, NO_PATTERN]), st.sampled_from(TIERS), st.sampled_from([0.1, 0.3]))
def test_a_base_has_the_published_pattern_or_that_of_todays_rule(values, pattern, tier, margin) -> None:
    published = PublishedLabel.parse(pattern.base.format(tier=tier))
    by_rule = base_of(values, BOUNDS, CONFIG)
    kept = base_of(values, BOUNDS, CONFIG, published, margin)
    assert kept.pattern in (published.pattern, by_rule.pattern)
    assert kept.tier in (published.tier, by_rule.tier)
    # no reason denies what its own numbers say
    for name, value, sign, limit in re.findall(r"not (\w+) \(median \w+ (\S+) (\S+) (\S+)\)", kept.reason):
        shown = {"volatile": ("<=", CONFIG.cv_thresholds.volatile), "steady": (">", CONFIG.cv_thresholds.steady)}
        assert name not in shown or sign == shown[name][0], (value, limit)


@settings(max_examples=100, deadline=None)
@given(profile_sets)
def test_labels_are_lower_snake_case_of_a_base_and_at_most_two_words_and_a_number(profiles: pd.DataFrame) -> None:
    for label in labels_of(profiles):
        words = [trait for trait in label.traits if not trait.isdecimal()]
        assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", label.label)
        assert label.label == "_".join([label.base, *label.traits])
        assert len(words) <= MOST_WORDS
        assert set(words) <= set(TRAIT_WORDS)
        assert len(label.traits) - len(words) <= 1


@settings(max_examples=100, deadline=None)
@given(profile_sets, published_labels)
def test_every_word_is_true(profiles: pd.DataFrame, published: dict[int, str]) -> None:
    by_base: dict[str, list[tuple[ClusterLabel, pd.Series]]] = {}
    for label in labels_of(profiles, published):
        by_base.setdefault(label.base, []).append((label, profiles.loc[label.cluster_id]))
    for group in by_base.values():
        for label, values in group:
            assert all(_holds(word, values) for word in label.traits)
        for low, high, feature in (("denser", "sparser", "sparsity_score"), ("smaller", "larger", "mean_demand")):
            below = [values[feature] for label, values in group if low in label.traits]
            above = [values[feature] for label, values in group if high in label.traits]
            assert max(below, default=-np.inf) < min(above, default=np.inf)


@settings(max_examples=60, deadline=None)
@given(profile_sets, st.randoms(use_true_random=False))
def test_labels_do_not_depend_on_the_order_of_rows(profiles: pd.DataFrame, random: object) -> None:
    order = list(profiles.index)
    random.shuffle(order)
    assert labels_of(profiles.loc[order]) == labels_of(profiles)


@settings(max_examples=100, deadline=None)
@given(profile_sets)
def test_labels_that_were_published_stay_when_nothing_changed(profiles: pd.DataFrame) -> None:
    labels = labels_of(profiles)
    again = labels_of(profiles, {label.cluster_id: label.label for label in labels})
    assert [(label.label, label.traits) for label in again] == [(label.label, label.traits) for label in labels]
    assert [label.published for label in again] == [label.label for label in labels]


@settings(max_examples=100, deadline=None)
@given(profile_sets)
def test_two_or_three_clusters_of_unequal_volume_need_no_number(profiles: pd.DataFrame) -> None:
    labels = labels_of(profiles)
    for base in {label.base for label in labels}:
        group = [label for label in labels if label.base == base]
        values = profiles.loc[[label.cluster_id for label in group]]
        if len(group) in (2, 3) and values["mean_demand"].is_unique:
            assert not any(trait.isdecimal() for label in group for trait in label.traits)


def test_no_base_with_suffixes_reads_as_another_base() -> None:
    bases = {pattern.base.format(tier=tier) for pattern in PATTERNS for tier in ("high", "medium", "low")}
    bases |= {f"{tier}_volume" for tier in ("high", "medium", "low")}
    suffixes = ["_".join(words) for n in (1, 2) for words in product((*TRAIT_WORDS, "1", "2"), repeat=n)]
    labels = sorted([*bases, *(f"{base}_{suffix}" for base in bases for suffix in suffixes)])
    assert all(one != other for one, other in pairwise(labels))


def _holds(word: str, values: pd.Series) -> bool:
    if word.startswith("peak_q"):
        quarter = (int(np.ceil(values["peak_month"] - 0.5)) - 1) // 3 + 1
        strong = values["seasonality_strength"] >= CONFIG.peak_threshold and values["peak_agreement"] >= PEAK_AGREEMENT
        return strong and word == f"peak_q{quarter}"
    truths = {
        "rising": values["log_growth"] > CONFIG.momentum_threshold,
        "fading": values["log_growth"] < -CONFIG.momentum_threshold,
        "erratic": values["cv2_demand"] >= CONFIG.erratic_threshold,
        "regular": values["cv2_demand"] < CONFIG.erratic_threshold,
    }
    return bool(truths.get(word, True))
