"""Each word of a label is told with the DFU's own value and the threshold."""

import numpy as np
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.labels.number_texts import as_text
from dfu_clustering.labels.reasons import reasons, tier_reason
from dfu_clustering.labels.rules import Bounds
from dfu_clustering.labels.traits import trait_words
from dfu_clustering.labels.vocabulary import Label
from tests.own_values import dfu

CONFIG = load_config().labeling
BOUNDS = Bounds(20.0, 254.0)
TRAITS = trait_words(2.0)


def reason(label, **changes):
    (text,) = reasons(label, [TRAITS[word] for word in label.traits], dfu(**changes), BOUNDS, CONFIG)
    return text


def pattern_part(pattern, **changes):
    return reason(Label(pattern, "medium"), **changes).partition("; ")[0]


def trait_part(word, **changes):
    return reason(Label("plain", "medium", (word,)), **changes).rpartition("; ")[2]


class TestReasons:
    def test_pattern_and_tier_are_told_with_value_and_threshold(self):
        assert reason(Label("seasonal", "high"), seasonality_strength=0.62, mean_demand=320) == (
            "seasonal: strength 0.62 >= 0.5, significant at 1 %; high volume: 320 >= 254"
        )

    @pytest.mark.parametrize(
        ("pattern", "values", "expected"),
        [
            (
                "growing",
                {"growth_rate": 0.3, "trend_direction": 1},
                "growing: growth a year 0.3 >= 0.05, rising trend significant at 1 %",
            ),
            (
                "declining",
                {"growth_rate": -0.3, "trend_direction": -1},
                "declining: growth a year -0.3 <= -0.05, falling trend significant at 1 %",
            ),
            ("intermittent", {"zero_demand_pct": 0.25}, "intermittent: share of months without demand 0.25 > 0.2"),
            ("volatile", {"cv_demand": 0.9}, "volatile: CV 0.9 > 0.8"),
            ("steady", {"cv_demand": 0.3}, "steady: CV 0.3 <= 0.3"),
            ("plain", {}, "no pattern holds"),
        ],
    )
    def test_each_pattern_names_what_it_is_judged_by(self, pattern, values, expected):
        assert pattern_part(pattern, **values) == expected

    @pytest.mark.parametrize(
        ("pattern", "values", "expected"),
        [
            ("steady", {"cv_demand": 0.32}, "steady: CV 0.32 > 0.3"),
            ("intermittent", {"zero_demand_pct": 0.2}, "intermittent: share of months without demand 0.2 <= 0.2"),
            (
                "seasonal",
                {"seasonality_strength": 0.6, "season_months": 24},
                "seasonal: strength 0.6 >= 0.5, not significant at 1 %",
            ),
            ("growing", {"growth_rate": 0.3}, "growing: growth a year 0.3 >= 0.05, without a significant rising trend"),
            (
                "declining",
                {"growth_rate": -0.02, "trend_direction": -1},
                "declining: growth a year -0.02 > -0.05, falling trend significant at 1 %",
            ),
            ("plain", {"cv_demand": 0.85}, "no other segment fits better, although volatile: CV 0.85 > 0.8"),
            (
                "growing",
                {"growth_rate": np.nan},
                "growing: growth a year undefined, without a significant rising trend",
            ),
        ],
    )
    def test_a_word_that_is_not_strictly_true_is_told_with_the_values_that_say_so(self, pattern, values, expected):
        assert pattern_part(pattern, **values) == expected

    @pytest.mark.parametrize(
        ("word", "values", "expected"),
        [
            ("rising", {"log_growth": 0.4}, "rising: momentum 0.4 > 0.15"),
            ("fading", {"log_growth": -0.14}, "fading: momentum -0.14 >= -0.15"),
            ("erratic", {"cv2_demand": 0.49}, "erratic: CV² of sizes 0.49 >= 0.49"),
            ("regular", {"cv2_demand": 0.2}, "regular: CV² of sizes 0.2 < 0.49"),
            ("sparser", {"sparsity_score": 3}, "sparser: months from demand to demand 3 > 2"),
            ("denser", {"sparsity_score": 2}, "denser: months from demand to demand 2 <= 2"),
            (
                "peak_q2",
                {"seasonality_strength": 0.6, "peak_clarity": 0.9, "peak_month": 5},
                "peak_q2: strength 0.6 >= 0.25, peak clarity 0.9 >= 0.5, season significant at 1 %, peak in month 5",
            ),
            (
                "peak_q1",
                {"seasonality_strength": 0.3, "season_months": 24, "peak_clarity": 0.9, "peak_month": 4},
                (
                    "peak_q1: strength 0.3 >= 0.25, peak clarity 0.9 >= 0.5, season not significant at 1 %, "
                    "peak in month 4, outside of Q1"
                ),
            ),
        ],
    )
    def test_each_trait_names_what_it_is_judged_by(self, word, values, expected):
        assert trait_part(word, **values) == expected

    @pytest.mark.parametrize(
        ("pattern", "values", "expected"),
        [
            (
                "seasonal",
                {"seasonality_strength": 0.95},
                "seasonal: strength 0.95 >= 0.5, significant at 1 %, demand in fewer than 4 months",
            ),
            (
                "growing",
                {"growth_rate": 0.3, "trend_direction": 1},
                "growing: growth a year 0.3 >= 0.05, rising trend significant at 1 %, demand in fewer than 4 months",
            ),
            (
                "declining",
                {"growth_rate": -0.3, "trend_direction": 0},
                (
                    "declining: growth a year -0.3 <= -0.05, without a significant falling trend, "
                    "demand in fewer than 4 months"
                ),
            ),
        ],
    )
    def test_each_test_that_is_not_passed_is_told_by_itself(self, pattern, values, expected):
        three_of_24 = {"zero_demand_pct": 21 / 24}
        assert pattern_part(pattern, **values, **three_of_24) == expected
        assert "fewer" not in pattern_part(pattern, **values, zero_demand_pct=20 / 24)

    def test_a_plain_dfu_of_a_pattern_is_told_the_pattern_with_its_values_and_tests(self):
        assert pattern_part("plain", cv_demand=0.25) == "no other segment fits better, although steady: CV 0.25 <= 0.3"
        assert pattern_part("plain", seasonality_strength=0.9, cv_demand=0.25) == (
            "no other segment fits better, although seasonal: strength 0.9 >= 0.5, significant at 1 %"
        )

    def test_every_dfu_has_its_own_values(self):
        values = {name: np.repeat(value, 2) for name, value in dfu().items()} | {"cv_demand": np.array([0.9, 1.1])}
        texts = reasons(Label("volatile", "medium"), [], values, BOUNDS, CONFIG)
        assert [text.partition(";")[0] for text in texts] == ["volatile: CV 0.9 > 0.8", "volatile: CV 1.1 > 0.8"]

    def test_of_plain_dfus_each_has_the_pattern_that_holds_for_it(self):
        cv = np.array([0.9, 0.5, 0.2])
        values = {name: np.repeat(value, 3) for name, value in dfu().items()} | {"cv_demand": cv}
        texts = reasons(Label("plain", "medium"), [], values, BOUNDS, CONFIG)
        assert [text.partition(";")[0].removeprefix("no other segment fits better, although ") for text in texts] == [
            "volatile: CV 0.9 > 0.8",
            "no pattern holds",
            "steady: CV 0.2 <= 0.3",
        ]

    def test_a_value_that_rounds_to_the_threshold_is_written_in_full(self):
        assert pattern_part("seasonal", seasonality_strength=0.49999).startswith("seasonal: strength 0.49999 < 0.5")
        assert pattern_part("volatile", cv_demand=0.80000001) == "volatile: CV 0.80000001 > 0.8"
        assert tier_reason("medium", np.array([253.99999]), BOUNDS) == ["medium volume: 253.99999 between 20 and 254"]

    def test_a_value_and_a_threshold_that_round_alike_are_both_written_in_full(self):
        bounds = Bounds(28.0859375, 12345.75)
        assert tier_reason("medium", np.array([28.087]), bounds) == [
            "medium volume: 28.087 between 28.0859375 and 12,345.75"
        ]
        assert tier_reason("high", np.array([12345.9]), bounds) == ["high volume: 12,345.9 >= 12,345.75"]

    def test_numbers_are_compared_across_the_switch_of_formats_at_a_thousand(self):
        bounds = Bounds(20.0, 1000.0)
        assert tier_reason("medium", np.array([999.96]), bounds) == ["medium volume: 999.96 between 20 and 1,000"]
        assert tier_reason("medium", np.array([999.94]), bounds) == ["medium volume: 999.9 between 20 and 1,000"]
        assert tier_reason("high", np.array([1000.4]), bounds) == ["high volume: 1,000.4 >= 1,000"]

    def test_a_value_of_a_threshold_is_written_as_the_threshold_is(self):
        assert tier_reason("low", np.array([28.085]), Bounds(28.085, 254.0)) == ["low volume: 28.09 <= 28.09"]
        assert tier_reason("low", np.array([12344.5]), Bounds(12344.5, 2e4)) == ["low volume: 12,344 <= 12,344"]

    def test_many_values_are_written_as_one_by_one(self):
        rng = np.random.default_rng(1)
        mean = np.concatenate([np.exp(rng.normal(4, 4, 2000)), [0.0, 1e-5, 999.95, 999.9499, 1e9]])
        found = [text.split()[2] for text in tier_reason("high", mean, Bounds(0.0, 0.0))]
        assert found == [as_text(value) for value in mean.tolist()]


class TestTierReason:
    @pytest.mark.parametrize(
        ("tier", "mean", "expected"),
        [
            ("low", 20.0, "low volume: 20 <= 20"),
            ("medium", 100.0, "medium volume: 100 between 20 and 254"),
            ("high", 12345.6, "high volume: 12,346 >= 254"),
            ("high", 250.0, "high volume: 250 is medium by itself, within 10 % of 254"),
            ("low", 21.0, "low volume: 21 is medium by itself, within 10 % of 20"),
            ("medium", 19.0, "medium volume: 19 is low by itself, within 10 % of 20"),
            ("medium", 260.0, "medium volume: 260 is high by itself, within 10 % of 254"),
            ("medium", 10.0, "medium volume: 10 is low by itself, too few low DFUs of this pattern"),
            ("low", 50.0, "low volume: 50 is medium by itself, too few medium DFUs of this pattern"),
            ("low", 900.0, "low volume: 900 is high by itself, too few high DFUs of this pattern"),
        ],
    )
    def test_a_dfu_of_another_tier_than_its_own_is_told_why(self, tier, mean, expected):
        assert tier_reason(tier, np.array([mean]), BOUNDS, label_margin=0.1) == [expected]

    def test_without_the_margin_nothing_says_why_and_nothing_contradicts_the_word(self):
        assert tier_reason("low", np.array([50.0]), BOUNDS) == [
            "low volume: 50 is medium by itself (between 20 and 254)"
        ]

    def test_a_label_is_told_so_too(self):
        values = dfu(mean_demand=50, cv_demand=0.2)
        assert reasons(Label("steady", "low"), [], values, BOUNDS, CONFIG, label_margin=0.1) == [
            "steady: CV 0.2 <= 0.3; low volume: 50 is medium by itself, too few medium DFUs of this pattern"
        ]

    def test_where_both_bounds_are_one_value_that_value_is_not_told_to_be_high(self):
        assert tier_reason("medium", np.array([10.0]), Bounds(10.0, 10.0)) == ["medium volume: 10 between 10 and 10"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.71, "0.71"), (0.49999, "0.5"), (0.4999, "0.4999"), (812.3, "812.3"), (999.96, "1,000"), (12345.6, "12,346")],
)
def test_values_are_written_with_four_digits_and_whole_from_a_thousand_on(value, text):
    assert as_text(value) == text
