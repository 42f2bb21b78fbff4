"""Words of random DFUs: well formed, true of those that bear them, and the same whatever the order or unit."""

import re

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dfu_clustering.config.loading import load_config
from dfu_clustering.labels.reasons import reasons
from dfu_clustering.labels.rules import (
    PATTERNS,
    Bounds,
    own_patterns,
    own_tiers,
    patterns_open,
    significant_strength,
    tiers_within,
    true_of,
)
from dfu_clustering.labels.traits import trait_words
from dfu_clustering.labels.vocabulary import PATTERN_NAMES, TIERS, Label
from dfu_clustering.segments.meaning import Meaning
from dfu_clustering.segments.membership import Clusters, admissible, settle
from dfu_clustering.segments.tiers import joined_tiers

CONFIG = load_config().labeling
BOUNDS = Bounds(20.0, 640.0)
MARGINS = st.sampled_from([0.05, 0.1, 0.3])
# thresholds and what lies close to them among the values, so that ties occur
dfu = st.fixed_dictionaries(
    {
        "mean_demand": st.sampled_from([5.0, 20.0, 60.0, 640.0]) | st.floats(0.1, 2000.0),
        "seasonality_strength": st.sampled_from([0.0, 0.25, 0.5, 0.9]) | st.floats(0.0, 1.0),
        "season_months": st.sampled_from([0.0, 24.0, 36.0, 48.0]),
        "peak_month": st.integers(1, 12).map(float),
        "peak_clarity": st.sampled_from([np.nan, 0.5]) | st.floats(0.0, 1.0),
        "growth_rate": st.sampled_from([np.nan, -0.05, 0.0, 0.05]) | st.floats(-1.0, 3.0),
        "trend_direction": st.sampled_from([-1.0, 0.0, 1.0]),
        "log_growth": st.sampled_from([-0.15, 0.0, 0.15]) | st.floats(-1.5, 1.5),
        "zero_demand_pct": st.sampled_from([0.0, 0.2]) | st.floats(0.0, 0.96),
        "sparsity_score": st.sampled_from([1.0, 2.0]) | st.floats(1.0, 24.0),
        "cv_demand": st.sampled_from([0.3, 0.8]) | st.floats(0.0, 3.0),
        "cv2_demand": st.sampled_from([0.0, 0.49]) | st.floats(0.0, 3.0),
        "history_months": st.sampled_from([12.0, 24.0]),
    }
)
dfus = st.lists(dfu, min_size=1, max_size=25).map(
    lambda rows: {name: np.array([row[name] for row in rows]) for name in rows[0]}
)
MEANINGS = st.lists(
    st.builds(Meaning, st.sampled_from(PATTERN_NAMES), st.sampled_from([(), ("rising",), ("fading",), ("erratic",)])),
    min_size=1,
    max_size=5,
    unique=True,
)


def first_rule(row):
    """Return the pattern of one DFU in plain words."""
    steps = row["history_months"] * (1 - row["zero_demand_pct"])
    often = round(steps) >= 4
    needed = significant_strength(np.array([row["season_months"]]))[0]
    rules = {
        "seasonal": row["seasonality_strength"] >= max(0.5, needed) and often,
        "growing": row["growth_rate"] >= 0.05 and row["trend_direction"] > 0 and often,
        "declining": row["growth_rate"] <= -0.05 and row["trend_direction"] < 0 and often,
        "intermittent": row["zero_demand_pct"] > 0.2,
        "volatile": row["cv_demand"] > 0.8,
        "steady": row["cv_demand"] <= 0.3,
    }
    return next((name for name, holds in rules.items() if holds), "plain")


@settings(deadline=None)
@given(st.lists(dfu, min_size=1, max_size=20))
def test_a_dfus_own_pattern_is_the_first_rule_that_holds(rows):
    values = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    assert [PATTERN_NAMES[at] for at in own_patterns(values, CONFIG)] == [first_rule(row) for row in rows]


@settings(deadline=None)
@given(dfus, MARGINS)
def test_a_dfus_own_words_are_true_and_open_to_it(values, margin):
    rows, own = np.arange(len(values["mean_demand"])), own_patterns(values, CONFIG)
    for at, name in enumerate(PATTERN_NAMES):
        assert true_of(values, CONFIG, name, 0.0)[own == at].all()
    assert patterns_open(values, CONFIG, margin, tested=True)[rows, own].all()
    tiers = own_tiers(values["mean_demand"], BOUNDS)
    assert tiers_within(values["mean_demand"], BOUNDS, margin)[rows, tiers].all()


@settings(deadline=None)
@given(dfus, MARGINS)
def test_what_is_strictly_true_is_true_within_every_margin(values, margin):
    for name in PATTERN_NAMES:
        assert (true_of(values, CONFIG, name, 0.0) <= true_of(values, CONFIG, name, margin)).all()
    for trait in trait_words(2.0).values():
        assert (trait.holds(values, CONFIG) <= trait.holds(values, CONFIG, margin)).all()
    for pattern in PATTERNS:
        assert (pattern.holds(values, CONFIG, -margin) <= pattern.holds(values, CONFIG)).all()


@settings(deadline=None)
@given(dfus, MARGINS)
def test_a_pattern_that_is_open_is_true_within_the_margin(values, margin):
    is_open = patterns_open(values, CONFIG, margin, tested=True)
    for at, name in enumerate(PATTERN_NAMES):
        assert (is_open[:, at] <= true_of(values, CONFIG, name, margin)).all()


@settings(deadline=None)
@given(dfus, st.sampled_from([*PATTERN_NAMES]), st.sampled_from(TIERS))
def test_no_reason_denies_what_its_own_numbers_say(values, pattern, tier):
    signs = {">=": "__ge__", ">": "__gt__", "<=": "__le__", "<": "__lt__"}
    for text in reasons(Label(pattern, tier), [], values, BOUNDS, CONFIG):
        for value, sign, limit in re.findall(r"(-?[\d.,]+(?:e-?\d+)?) ([<>]=?) (-?[\d.]+)", text):
            assert getattr(float(value.replace(",", "")), signs[sign])(float(limit)), text


@settings(deadline=None, max_examples=60)
@given(dfus, MEANINGS, st.integers(0, 2**32 - 1), st.sampled_from([0.0, 5.0, 20.0]))
def test_who_finds_an_open_cluster_is_in_one_and_no_cluster_is_too_small(values, meanings, seed, percent):
    n = len(values["mean_demand"])
    rng = np.random.default_rng(seed)
    clusters = Clusters(tuple(meanings), rng.normal(size=(len(meanings), 2)))
    membership = settle(clusters, rng.normal(size=(n, 2)), values, CONFIG, min_cluster_size_pct=percent)
    found = membership.clusters.meanings
    is_open = admissible(found, values, CONFIG, CONFIG.membership_margin)
    assert is_open[np.arange(n), membership.cluster_id][~membership.homeless].all()
    assert not is_open[membership.homeless].any()
    sizes = np.bincount(membership.cluster_id, minlength=len(found))
    assert len(set(found)) == len(found)
    assert len(found) == 1 or ((sizes > 0).all() and (100 * sizes / n >= percent).all())


@settings(deadline=None, max_examples=60)
@given(dfus, MEANINGS, st.integers(0, 2**32 - 1))
def test_membership_does_not_depend_on_the_order_of_dfus(values, meanings, seed):
    n = len(values["mean_demand"])
    rng = np.random.default_rng(seed)
    # whole numbers and sums of them are exact, so that no order of rows decides a tie
    clusters = Clusters(tuple(meanings), rng.permutation(1000)[: len(meanings), None].astype(float))
    space, order = rng.permutation(1000)[:n, None].astype(float), rng.permutation(n)
    straight = settle(clusters, space, values, CONFIG, min_cluster_size_pct=5)
    shuffled_values = {name: of_all[order] for name, of_all in values.items()}
    shuffled = settle(clusters, space[order], shuffled_values, CONFIG, min_cluster_size_pct=5)
    assert [shuffled.clusters.meanings[i] for i in shuffled.cluster_id] == [
        straight.clusters.meanings[straight.cluster_id[row]] for row in order
    ]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=60),
    st.floats(0, 50),
)
def test_a_joined_tier_is_large_enough_or_the_only_one_of_its_cluster(rows, percent):
    cluster_id, tier = (np.array(part) for part in zip(*rows, strict=True))
    called = joined_tiers(cluster_id, tier, np.full((4, 3), percent))
    for cluster in set(cluster_id.tolist()):
        sizes = np.bincount(called[cluster_id == cluster], minlength=3)
        assert (sizes > 0).sum() == 1 or (100 * sizes[sizes > 0] / len(rows) >= percent).all()
        assert set(called[cluster_id == cluster]) <= set(tier[cluster_id == cluster])


@settings(deadline=None)
@given(dfus, st.sampled_from([2.0, 0.25, 8.0]))
def test_the_unit_of_demand_changes_no_word(values, factor):
    assume((values["mean_demand"] > 0).all())
    bottles = values | {"mean_demand": values["mean_demand"] * factor}
    bounds = Bounds(BOUNDS.low * factor, BOUNDS.high * factor)
    assert (own_patterns(bottles, CONFIG) == own_patterns(values, CONFIG)).all()
    assert (own_tiers(bottles["mean_demand"], bounds) == own_tiers(values["mean_demand"], BOUNDS)).all()
