"""Each word of a label is told with the DFU's own value and the threshold, and a change with the word that ended."""

import numpy as np
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.labels.reasons import as_text, ended_word, reasons, tier_reason
from dfu_clustering.labels.rules import JUDGED_FEATURES, Bounds
from dfu_clustering.labels.traits import trait_words
from dfu_clustering.labels.vocabulary import Label

CONFIG = load_config().labeling
BOUNDS = Bounds(20.0, 254.0)
TRAITS = trait_words(2.0)
ALIKE = dict.fromkeys(JUDGED_FEATURES, 0.0) | {
    "mean_demand": 100.0,
    "season_months": 48.0,
    "peak_month": 6.0,
    "cv_demand": 0.5,
    "sparsity_score": 1.0,
    "history_months": 24.0,
}


def dfu(**changes):
    return {name: np.array([value], dtype=float) for name, value in (ALIKE | changes).items()}


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
            ("plain", {"cv_demand": 0.85}, "no other segment fits better, although volatile"),
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
                "peak_q2: strength 0.6 >= 0.25, peak clarity 0.9 >= 0.5, peak in month 5",
            ),
        ],
    )
    def test_each_trait_names_what_it_is_judged_by(self, word, values, expected):
        assert trait_part(word, **values) == expected

    def test_every_dfu_has_its_own_values(self):
        values = {name: np.repeat(value, 2) for name, value in dfu().items()} | {"cv_demand": np.array([0.9, 1.1])}
        texts = reasons(Label("volatile", "medium"), [], values, BOUNDS, CONFIG)
        assert [text.partition(";")[0] for text in texts] == ["volatile: CV 0.9 > 0.8", "volatile: CV 1.1 > 0.8"]

    def test_a_value_that_rounds_to_the_threshold_is_written_in_full(self):
        assert pattern_part("seasonal", seasonality_strength=0.49999).startswith("seasonal: strength 0.49999 < 0.5")
        assert pattern_part("volatile", cv_demand=0.80000001) == "volatile: CV 0.80000001 > 0.8"
        assert tier_reason("medium", np.array([253.99999]), BOUNDS) == ["medium volume: 253.99999 between 20 and 254"]


class TestTierReason:
    @pytest.mark.parametrize(
        ("tier", "mean", "expected"),
        [
            ("low", 20.0, "low volume: 20 <= 20"),
            ("medium", 100.0, "medium volume: 100 between 20 and 254"),
            ("high", 12345.6, "high volume: 12,346 >= 254"),
            ("high", 250.0, "high volume: 250 between 20 and 254"),  # kept within the margin
            ("medium", 10.0, "medium volume: 10 <= 20"),  # its own tier is too small
        ],
    )
    def test_the_mean_is_compared_with_the_bounds_whatever_the_tier(self, tier, mean, expected):
        assert tier_reason(tier, np.array([mean]), BOUNDS) == [expected]

    def test_where_both_bounds_are_one_value_that_value_is_not_told_to_be_high(self):
        assert tier_reason("medium", np.array([10.0]), Bounds(10.0, 10.0)) == ["medium volume: 10 between 10 and 10"]


@pytest.mark.parametrize(
    ("value", "text"), [(0.71, "0.71"), (0.49999, "0.5"), (0.4999, "0.4999"), (812.3, "812.3"), (12345.6, "12,346")]
)
def test_values_are_written_with_four_digits_and_whole_from_a_thousand_on(value, text):
    assert as_text(value) == text


class TestEndedWord:
    def ended(self, before, after, **changes):
        (found,) = ended_word(before, after, TRAITS, dfu(**changes), CONFIG, 0.1)
        return tuple(found)

    def test_a_pattern_that_no_longer_holds_within_the_margin_has_ended(self):
        before, after = Label("volatile", "medium"), Label("steady", "medium")
        assert self.ended(before, after, cv_demand=0.2) == ("volatile", "cv_demand")

    def test_where_it_still_holds_the_new_pattern_has_taken_over(self):
        before, after = Label("volatile", "medium"), Label("intermittent", "medium")
        assert self.ended(before, after, cv_demand=0.75, zero_demand_pct=0.5) == ("intermittent", "zero_demand_pct")

    def test_the_season_or_growth_that_ended_is_judged_without_its_test(self):
        short = {"seasonality_strength": 0.5, "season_months": 24, "cv_demand": 0.9}
        found = self.ended(Label("seasonal", "medium"), Label("volatile", "medium"), **short)
        assert found == ("volatile", "cv_demand")

    def test_from_plain_the_new_pattern_is_named_and_to_plain_the_old_one(self):
        plain, growing = Label("plain", "medium"), Label("growing", "medium")
        assert self.ended(plain, growing, growth_rate=0.5) == ("growing", "growth_rate")
        assert self.ended(growing, plain, growth_rate=0.0) == ("growing", "growth_rate")

    def test_within_one_pattern_the_tier_that_ended_is_named(self):
        before, after = Label("steady", "high", ("rising",)), Label("steady", "medium")
        assert self.ended(before, after) == ("high volume", "mean_demand")

    @pytest.mark.parametrize(
        ("before", "after", "expected"),
        [
            (("rising",), (), ("rising", "log_growth")),
            (("rising",), ("fading",), ("rising", "log_growth")),
            ((), ("erratic",), ("erratic", "cv2_demand")),
            (("rising",), ("rising", "erratic"), ("erratic", "cv2_demand")),  # the new word, not the one that stays
            (("rising", "sparser"), ("rising", "denser"), ("sparser", "sparsity_score")),
            (("peak_q1",), ("peak_q2",), ("peak_q1", "peak_month")),
        ],
    )
    def test_within_one_tier_the_trait_that_ended_is_named_else_the_new_one(self, before, after, expected):
        assert self.ended(Label("plain", "medium", before), Label("plain", "medium", after)) == expected
