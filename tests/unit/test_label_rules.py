"""What each word claims: its threshold, its margin, its test of significance, and the order in which patterns hold."""

import numpy as np
import pytest
import scipy.stats

from dfu_clustering.config.clustering import VolumeThresholds
from dfu_clustering.config.loading import load_config
from dfu_clustering.labels.rules import (
    JUDGED_FEATURES,
    PATTERN_OF,
    PATTERNS,
    Bounds,
    own_patterns,
    own_tiers,
    patterns_open,
    significant_strength,
    tiers_within,
    true_of,
    volume_bounds,
)
from dfu_clustering.labels.vocabulary import PATTERN_NAMES, TIERS

CONFIG = load_config().labeling
PLAIN = {
    "mean_demand": 100.0,
    "seasonality_strength": 0.1,
    "season_months": 48.0,
    "peak_month": 6.0,
    "peak_clarity": 0.9,
    "growth_rate": 0.0,
    "trend_direction": 0.0,
    "log_growth": 0.0,
    "zero_demand_pct": 0.0,
    "sparsity_score": 1.0,
    "cv_demand": 0.5,
    "cv2_demand": 0.3,
    "history_months": 24.0,
}
BOUNDS = Bounds(20.0, 640.0)
# values that are of a pattern by its condition, and those that its tests ask for besides
SEASONAL = {"seasonality_strength": 0.9}
GROWING = {"growth_rate": 0.5, "trend_direction": 1.0}
DECLINING = {"growth_rate": -0.5, "trend_direction": -1.0}
INTERMITTENT = {"zero_demand_pct": 0.5}
VOLATILE = {"cv_demand": 1.5}
STEADY = {"cv_demand": 0.1}


def dfu(*changes):
    """Return the values of one DFU that is of no pattern but for these changes."""
    merged = dict(PLAIN)
    for change in changes:
        merged |= change
    return {name: np.array([value]) for name, value in merged.items()}


def pattern_of(*changes):
    return PATTERN_NAMES[int(own_patterns(dfu(*changes), CONFIG)[0])]


def holds(name, *changes, slack=0.0, tested=True):
    return bool(PATTERN_OF[name].holds(dfu(*changes), CONFIG, slack, tested=tested)[0])


def open_to(*changes, margin=0.0, tested=True):
    flags = patterns_open(dfu(*changes), CONFIG, margin, tested=tested)[0]
    return {name for name, is_open in zip(PATTERN_NAMES, flags, strict=True) if is_open}


def is_true(pattern, *changes, margin=0.0):
    return bool(true_of(dfu(*changes), CONFIG, pattern, margin)[0])


def test_the_features_judged_here_are_those_that_a_training_writes():
    assert set(PLAIN) == set(JUDGED_FEATURES)


class TestThresholds:
    @pytest.mark.parametrize(
        ("name", "feature", "meets", "misses", "besides"),
        [
            ("seasonal", "seasonality_strength", 0.5, 0.4999, {}),  # from 0.5 on
            ("growing", "growth_rate", 0.05, 0.0499, {"trend_direction": 1.0}),
            ("declining", "growth_rate", -0.05, -0.0499, {"trend_direction": -1.0}),
            ("intermittent", "zero_demand_pct", 0.2001, 0.2, {}),  # above 0.2
            ("volatile", "cv_demand", 0.8001, 0.8, {}),
            ("steady", "cv_demand", 0.3, 0.3001, {}),  # up to and including 0.3
        ],
    )
    def test_a_pattern_holds_from_its_threshold(self, name, feature, meets, misses, besides):
        assert pattern_of({feature: meets}, besides) == name
        assert pattern_of({feature: misses}, besides) == "plain"
        assert is_true(name, {feature: meets}, besides)
        assert not is_true(name, {feature: misses}, besides)

    @pytest.mark.parametrize(
        ("name", "feature", "within", "beyond"),
        [  # a tenth of 0.5, 0.05, 0.2, 0.8 and 0.3
            ("seasonal", "seasonality_strength", 0.451, 0.449),
            ("growing", "growth_rate", 0.0451, 0.0449),
            ("declining", "growth_rate", -0.0451, -0.0449),
            ("intermittent", "zero_demand_pct", 0.181, 0.179),
            ("volatile", "cv_demand", 0.721, 0.719),
            ("steady", "cv_demand", 0.329, 0.331),
        ],
    )
    def test_a_margin_eases_the_threshold_by_its_share_and_no_further(self, name, feature, within, beyond):
        assert not is_true(name, {feature: within})
        assert is_true(name, {feature: within}, margin=0.1)
        assert not is_true(name, {feature: beyond}, margin=0.1)

    @pytest.mark.parametrize(
        ("name", "feature", "clear", "hardly", "besides"),
        [
            ("seasonal", "seasonality_strength", 0.551, 0.549, {}),
            ("growing", "growth_rate", 0.0551, 0.0549, {"trend_direction": 1.0}),
            ("declining", "growth_rate", -0.0551, -0.0549, {"trend_direction": -1.0}),
            ("intermittent", "zero_demand_pct", 0.221, 0.219, {}),
            ("volatile", "cv_demand", 0.881, 0.879, {}),
            ("steady", "cv_demand", 0.269, 0.271, {}),
        ],
    )
    def test_a_negative_slack_asks_for_more_than_the_threshold(self, name, feature, clear, hardly, besides):
        assert holds(name, {feature: clear}, besides, slack=-0.1)
        assert not holds(name, {feature: hardly}, besides, slack=-0.1)

    def test_thresholds_are_those_of_the_configuration(self):
        other = load_config(labeling={"zero_demand_threshold": 0.6}).labeling
        assert PATTERN_NAMES[int(own_patterns(dfu(INTERMITTENT), other)[0])] == "plain"
        assert pattern_of(INTERMITTENT) == "intermittent"

    @pytest.mark.parametrize("pattern", [*PATTERNS], ids=lambda pattern: pattern.name)
    @pytest.mark.parametrize("slack", [0.0, 0.1, -0.1])
    def test_a_value_that_is_not_defined_never_holds(self, pattern, slack):
        values = {name: np.array([np.nan]) for name in PLAIN} | {"mean_demand": np.array([10.0])}
        assert not pattern.holds(values, CONFIG, slack, tested=False)[0]
        assert not pattern.holds(values, CONFIG, slack)[0]

    @pytest.mark.parametrize("name", ["season_months", "history_months", "trend_direction"])
    def test_a_test_of_a_value_that_is_not_defined_is_not_passed(self, name):
        tested = {"season_months": SEASONAL, "history_months": SEASONAL, "trend_direction": GROWING}[name]
        assert pattern_of(tested) != "plain"
        assert pattern_of(tested, {name: np.nan}) == "plain"


class TestSignificance:
    @pytest.mark.parametrize(("months", "strength"), [(24, 0.63), (36, 0.41), (48, 0.30)])
    def test_the_strength_that_a_season_needs_falls_with_the_months(self, months, strength):
        assert significant_strength(np.array([float(months)]))[0] == pytest.approx(strength, abs=0.005)

    @pytest.mark.parametrize("n", [24, 36, 48, 60])
    def test_at_that_strength_the_f_test_of_twelve_means_has_a_p_value_of_one_percent(self, n):
        # S = 1 - (SSR / (n - 13)) / (SSD / (n - 2)); take SSD = 1 and ask scipy for the p value of what is left
        strength = float(significant_strength(np.array([float(n)]))[0])
        left = (1 - strength) * (n - 13) / (n - 2)
        f = ((1 - left) / 11) / (left / (n - 13))
        assert scipy.stats.f.sf(f, 11, n - 13) == pytest.approx(0.01)

    @pytest.mark.parametrize("months", [0.0, 12.0, 23.0, np.nan])
    def test_below_two_years_no_strength_is_enough(self, months):
        assert significant_strength(np.array([months, 24.0]))[0] == np.inf
        assert pattern_of({"seasonality_strength": 1.0, "season_months": months}) == "plain"

    def test_each_dfu_is_tested_on_its_own_months(self):
        found = significant_strength(np.array([48.0, 24.0, 36.0, 24.0]))
        assert found == pytest.approx([0.30, 0.63, 0.41, 0.63], abs=0.005)

    def test_a_strong_season_of_few_months_is_not_taken_up_but_may_be_kept(self):
        short = {"seasonality_strength": 0.6, "season_months": 24.0}
        assert pattern_of(short) == "plain"
        assert not is_true("seasonal", short)
        assert "seasonal" not in open_to(short, margin=0.1)
        assert "seasonal" in open_to(short, margin=0.1, tested=False)
        assert is_true("seasonal", short, margin=0.1)
        assert pattern_of({"seasonality_strength": 0.65, "season_months": 24.0}) == "seasonal"

    @pytest.mark.parametrize(
        ("growth", "direction", "expected"),
        [(0.5, 1.0, "growing"), (0.5, 0.0, "plain"), (0.5, -1.0, "plain"), (-0.5, -1.0, "declining"),
         (-0.5, 0.0, "plain"), (-0.5, 1.0, "plain")],
    )  # fmt: skip
    def test_growth_needs_a_significant_trend_of_its_sign(self, growth, direction, expected):
        assert pattern_of({"growth_rate": growth, "trend_direction": direction}) == expected

    @pytest.mark.parametrize("values", [SEASONAL, GROWING, DECLINING])
    def test_with_demand_in_fewer_than_four_months_no_season_and_no_growth_is_claimed(self, values):
        three, four = ({"history_months": 24.0, "zero_demand_pct": 1 - n / 24} for n in (3, 4))
        assert pattern_of(values, three) == "intermittent"
        assert pattern_of(values, four) == pattern_of(values)


class TestOrder:
    def test_patterns_are_looked_for_in_the_order_of_the_user(self):
        expected = ["seasonal", "growing", "declining", "intermittent", "volatile", "steady"]
        assert [pattern.name for pattern in PATTERNS] == expected
        assert list(PATTERN_NAMES) == [*expected, "plain"]

    def test_the_first_pattern_that_holds_is_a_dfus_own(self):
        steps = [SEASONAL, GROWING, INTERMITTENT, VOLATILE]
        names = ["seasonal", "growing", "intermittent", "volatile"]
        assert [pattern_of(*steps[i:]) for i in range(4)] == names
        assert pattern_of(DECLINING, INTERMITTENT) == "declining"
        assert pattern_of(STEADY) == "steady"
        assert pattern_of() == "plain"

    def test_a_later_pattern_is_true_whatever_earlier_one_holds(self):
        assert all(is_true(name, SEASONAL, INTERMITTENT) for name in ("seasonal", "intermittent"))

    def test_plain_is_true_where_no_pattern_holds(self):
        assert is_true("plain")
        assert not is_true("plain", VOLATILE)

    def test_plain_is_true_within_the_margin_where_no_pattern_holds_by_more_than_it(self):
        assert not is_true("plain", {"cv_demand": 0.85})
        assert is_true("plain", {"cv_demand": 0.85}, margin=0.1)
        assert not is_true("plain", {"cv_demand": 0.89}, margin=0.1)

    def test_without_a_margin_only_the_first_pattern_that_holds_is_open(self):
        assert open_to(SEASONAL, INTERMITTENT) == {"seasonal"}
        assert open_to(INTERMITTENT) == {"intermittent"}
        assert open_to() == {"plain"}

    def test_within_the_margin_both_sides_of_a_threshold_are_open(self):
        assert open_to({"zero_demand_pct": 0.21}, margin=0.1) == {"intermittent", "plain"}
        assert open_to({"zero_demand_pct": 0.19}, margin=0.1) == {"intermittent", "plain"}
        assert open_to({"zero_demand_pct": 0.23}, margin=0.1) == {"intermittent"}
        assert open_to({"zero_demand_pct": 0.17}, margin=0.1) == {"plain"}

    def test_a_pattern_that_is_clearly_a_dfus_own_closes_all_later_ones(self):
        assert open_to(INTERMITTENT, VOLATILE, margin=0.1) == {"intermittent"}
        assert open_to({"zero_demand_pct": 0.21}, VOLATILE, margin=0.1) == {"intermittent", "volatile"}

    def test_an_earlier_pattern_that_is_not_significant_closes_nothing(self):
        assert open_to({"growth_rate": 0.5}, VOLATILE, margin=0.1) == {"volatile"}


class TestTiers:
    def test_bounds_are_the_quantiles_in_units(self):
        bounds = volume_bounds(np.array([10.0, 20.0, 30.0, 40.0, 50.0]), VolumeThresholds(high=0.75, low=0.25))
        assert bounds == (20.0, 40.0)

    @pytest.mark.parametrize(
        ("mean", "tier"),
        [(19.9, "low"), (20.0, "low"), (20.1, "medium"), (639.9, "medium"), (640.0, "high"), (1e6, "high")],
    )
    def test_the_bounds_belong_to_the_outer_tiers(self, mean, tier):
        assert TIERS[int(own_tiers(np.array([mean]), BOUNDS)[0])] == tier

    def test_where_both_bounds_are_one_value_that_value_is_medium(self):
        tiers = own_tiers(np.array([9.9, 10.0, 10.1]), Bounds(10.0, 10.0))
        assert [TIERS[at] for at in tiers] == ["low", "medium", "high"]

    @pytest.mark.parametrize(
        ("mean", "expected"),
        [
            (17.9, {"low"}),
            (18.1, {"low", "medium"}),
            (21.9, {"low", "medium"}),
            (22.1, {"medium"}),
            (575.0, {"medium"}),
            (577.0, {"medium", "high"}),
            (703.0, {"medium", "high"}),
            (705.0, {"high"}),
        ],
    )
    def test_with_a_margin_tiers_reach_a_tenth_over_their_bounds(self, mean, expected):
        within = tiers_within(np.array([mean]), BOUNDS, 0.1)[0]
        assert {tier for tier, holds in zip(TIERS, within, strict=True) if holds} == expected

    @pytest.mark.parametrize("bounds", [BOUNDS, Bounds(10.0, 10.0)])
    @pytest.mark.parametrize("mean", [1.0, 10.0, 20.0, 100.0, 640.0, 900.0])
    def test_without_a_margin_a_dfu_is_in_its_own_tier_alone(self, mean, bounds):
        within = tiers_within(np.array([mean]), bounds, 0.0)[0]
        assert np.flatnonzero(within).tolist() == own_tiers(np.array([mean]), bounds).tolist()

    def test_a_mean_that_is_not_defined_is_neither_high_nor_low(self):
        assert [TIERS[at] for at in own_tiers(np.array([np.nan]), BOUNDS)] == ["medium"]
