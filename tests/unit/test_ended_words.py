"""A change of a label is told as the word that ended, the pattern that took over, or that neither did."""

import numpy as np
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.labels.ended_words import EndedWord, Judged, ended_word
from dfu_clustering.labels.rules import Bounds
from dfu_clustering.labels.traits import trait_words
from dfu_clustering.labels.vocabulary import Label
from tests.own_values import dfu

CONFIG = load_config().labeling
BOUNDS = Bounds(20.0, 254.0)
TRAITS = trait_words(2.0)


NOT_KNOWN = {name: of_one * np.nan for name, of_one in dfu().items()}
OTHERWISE = EndedWord("nothing ended")


def ended(before, after, **changes):
    """Return what is said of a DFU of which the earlier values are not known."""
    return since(before, after, NOT_KNOWN, dfu(**changes))[:2]


def since(before, after, then, now, bounds_then=BOUNDS, config_then=CONFIG):
    """Return what is said of one DFU by its values then and now."""
    at = Judged(then, bounds_then, config_then, 0.1), Judged(now, BOUNDS, CONFIG, 0.1)
    (found,) = ended_word(before, after, TRAITS, *at, otherwise=OTHERWISE)
    return found


def test_a_pattern_that_no_longer_holds_within_the_margin_has_ended():
    before, after = Label("volatile", "medium"), Label("steady", "medium")
    assert ended(before, after, cv_demand=0.2) == ("volatile", "cv_demand")


def test_where_it_still_holds_an_earlier_pattern_that_clearly_holds_has_taken_over():
    before, after = Label("volatile", "medium"), Label("intermittent", "medium")
    assert ended(before, after, cv_demand=0.75, zero_demand_pct=0.5) == ("intermittent", "zero_demand_pct")


def test_of_two_that_took_over_that_of_the_new_label_is_told():
    both = {"cv_demand": 0.9, "zero_demand_pct": 0.5, "seasonality_strength": 0.9}
    found = ended(Label("volatile", "medium"), Label("intermittent", "medium"), **both)
    assert found == ("intermittent", "zero_demand_pct")


def test_the_season_or_growth_that_ended_is_judged_without_its_test():
    short = {"seasonality_strength": 0.5, "season_months": 24, "cv_demand": 0.9}
    found = ended(Label("seasonal", "medium"), Label("volatile", "medium"), **short)
    assert found == ("nothing ended", "")


def test_from_plain_the_pattern_that_took_over_is_named_and_to_plain_the_old_one():
    plain, growing = Label("plain", "medium"), Label("growing", "medium")
    assert ended(plain, growing, growth_rate=0.5, trend_direction=1) == ("growing", "growth_rate")
    assert ended(growing, plain, growth_rate=0.0) == ("growing", "growth_rate")


def test_a_tier_that_the_mean_left_by_more_than_the_margin_has_ended():
    before, after = Label("steady", "high", ("rising",)), Label("steady", "medium", ("rising",))
    assert ended(before, after, mean_demand=228) == ("high volume", "mean_demand")
    assert ended(before, after, mean_demand=229) == ("nothing ended", "")


def test_a_trait_comes_before_the_tier():
    before, after = Label("steady", "high", ("rising",)), Label("steady", "medium")
    assert ended(before, after, mean_demand=100) == ("rising", "log_growth")
    assert ended(before, after, mean_demand=100, log_growth=0.2) == ("high volume", "mean_demand")


def test_a_word_that_still_holds_has_not_ended_because_a_small_segment_joined_another():
    # 9.24 units are low by a bound of 20: the DFU left low volume because there were too few of them
    before, after = Label("volatile", "low"), Label("volatile", "medium")
    assert ended(before, after, mean_demand=9.3, cv_demand=0.9) == ("nothing ended", "")


def test_another_pattern_has_not_taken_over_where_the_pattern_stayed():
    before, after = Label("volatile", "low"), Label("volatile", "medium")
    assert ended(before, after, mean_demand=9.3, zero_demand_pct=0.5) == ("nothing ended", "")


def test_a_word_that_the_new_label_has_too_did_not_end():
    before, after = Label("volatile", "high", ("rising",)), Label("intermittent", "high", ("rising",))
    holds = {"cv_demand": 0.9, "zero_demand_pct": 0.5}
    assert ended(before, after, mean_demand=1.0, **holds) == ("intermittent", "zero_demand_pct")


@pytest.mark.parametrize(
    ("before", "after", "values", "expected"),
    [
        (("rising",), (), {}, ("rising", "log_growth")),
        (("rising",), ("fading",), {}, ("rising", "log_growth")),
        (("rising",), (), {"log_growth": 0.14}, ("nothing ended", "")),
        (("rising", "sparser"), ("rising", "denser"), {}, ("sparser", "sparsity_score")),
        (("peak_q1",), ("peak_q2",), {"seasonality_strength": 0.1}, ("peak_q1", "seasonality_strength")),
        (
            ("peak_q1",),
            ("peak_q2",),
            {"seasonality_strength": 0.9, "peak_clarity": 0.9, "peak_month": 6},
            ("peak_q1", "peak_month"),
        ),
        (("larger",), (), {}, ("nothing ended", "")),  # a word whose claim is not known
    ],
)
def test_a_trait_that_fails_beyond_the_margin_has_ended(before, after, values, expected):
    assert ended(Label("plain", "medium", before), Label("plain", "medium", after), **values) == expected


@pytest.mark.parametrize(
    ("tier", "mean", "threshold"), [("low", 30, 22), ("medium", 10, 18), ("medium", 300, 279.4), ("high", 100, 228.6)]
)
def test_a_tier_is_told_with_the_bound_that_was_passed_the_margin_included(tier, mean, threshold):
    before, after = Label("plain", tier), Label("plain", "medium" if tier != "medium" else "low")
    found = since(before, after, NOT_KNOWN, dfu(mean_demand=mean))
    assert found[:2] == (f"{tier} volume", "mean_demand")
    assert found.threshold == pytest.approx(threshold)


def test_each_dfu_has_its_own_answer():
    cv = np.array([0.2, 0.79, np.nan])
    values = {name: np.repeat(value, 3) for name, value in dfu().items()} | {"cv_demand": cv}
    before, after = Label("volatile", "medium"), Label("plain", "medium")
    then = {name: np.repeat(value, 3) for name, value in NOT_KNOWN.items()}
    at = (Judged(of, BOUNDS, CONFIG, 0.1) for of in (then, values))
    found = ended_word(before, after, {}, *at, otherwise=EndedWord("none"))
    assert [(ended.word, ended.feature) for ended in found] == [
        ("volatile", "cv_demand"),
        ("none", ""),
        ("volatile", "cv_demand"),
    ]


class TestWhatWasSoBeforeIsNoCause:
    def test_growth_beyond_its_threshold_before_and_after_took_over_by_its_test(self):
        before, after = Label("steady", "medium"), Label("growing", "medium")
        then, now = dfu(cv_demand=0.2, growth_rate=0.0923), dfu(cv_demand=0.2, growth_rate=0.09, trend_direction=1)
        found = since(before, after, then, now)
        assert found[:2] == ("growing: rising trend significant at 1 %", "trend_direction")
        assert np.isnan(found.threshold)

    def test_growth_that_passed_its_threshold_took_over_by_that(self):
        before, after = Label("steady", "medium"), Label("growing", "medium")
        now = dfu(cv_demand=0.2, growth_rate=0.09, trend_direction=1)
        found = since(before, after, dfu(cv_demand=0.2, growth_rate=0.01), now)
        assert tuple(found) == ("growing", "growth_rate", pytest.approx(0.055))

    def test_a_word_that_was_held_by_the_margin_ends_at_the_threshold_less_the_margin(self):
        then, now = dfu(seasonality_strength=0.499), dfu(seasonality_strength=0.403)
        found = since(Label("seasonal", "medium"), Label("plain", "medium"), then, now)
        assert tuple(found) == ("seasonal", "seasonality_strength", pytest.approx(0.45))

    def test_a_trend_that_is_no_longer_significant_is_named_where_no_threshold_was_passed(self):
        before, after = Label("declining", "medium"), Label("plain", "high")
        then = dfu(growth_rate=-0.3, trend_direction=-1, mean_demand=2_208)
        found = since(before, after, then, dfu(growth_rate=-0.3, mean_demand=2_146))
        assert found[:2] == ("declining: without a significant falling trend", "trend_direction")

    def test_a_dfu_of_a_joined_tier_goes_to_its_own_when_there_are_enough(self):
        before, after = Label("volatile", "medium"), Label("volatile", "low")
        then, now = dfu(cv_demand=0.9, mean_demand=9.26), dfu(cv_demand=0.9, mean_demand=8.85)
        assert since(before, after, then, now)[:2] == ("enough DFUs in low_volume_volatile", "")

    def test_a_bound_that_moved_past_the_mean_is_told_as_that(self):
        then, now = dfu(cv_demand=0.2, mean_demand=300), dfu(cv_demand=0.2, mean_demand=200)
        before, after = Label("steady", "high"), Label("steady", "medium")
        assert since(before, after, then, now)[:2] == ("high volume", "mean_demand")
        then = dfu(cv_demand=0.2, mean_demand=205)
        found = since(before, after, then, now, bounds_then=Bounds(20.0, 200.0))
        assert found[:2] == ("high volume: its bounds moved", "mean_demand")

    def test_where_nothing_of_a_dfu_changed_the_clusters_did(self):
        steady = dfu(cv_demand=0.2, growth_rate=0.5, trend_direction=1)
        assert since(Label("steady", "medium"), Label("growing", "medium"), steady, steady) == OTHERWISE


class TestThresholdsThatMoved:
    LOOSE = CONFIG.model_copy(update={"cv_thresholds": CONFIG.cv_thresholds.model_copy(update={"steady": 0.5})})

    def test_a_word_that_only_another_threshold_ended_says_so_with_the_new_one(self):
        same = dfu(cv_demand=0.45)
        found = since(Label("steady", "medium"), Label("plain", "medium"), same, same, config_then=self.LOOSE)
        assert tuple(found) == ("steady: its threshold moved", "cv_demand", pytest.approx(0.33))

    def test_a_value_that_passed_both_thresholds_ended_the_word_itself(self):
        found = since(
            *(Label("steady", "medium"), Label("plain", "medium")),
            *(dfu(cv_demand=0.2), dfu(cv_demand=0.7)),
            config_then=self.LOOSE,
        )
        assert found[:2] == ("steady", "cv_demand")

    def test_a_pattern_that_took_over_by_another_threshold_alone_says_so(self):
        strict = CONFIG.model_copy(update={"zero_demand_threshold": 0.6})
        same = dfu(cv_demand=0.9, zero_demand_pct=0.5)
        found = since(Label("volatile", "low"), Label("intermittent", "low"), same, same, config_then=strict)
        assert found[:2] == ("intermittent: its threshold moved", "zero_demand_pct")
        assert found.threshold == pytest.approx(CONFIG.zero_demand_threshold * 1.1)

    def test_a_trait_that_another_threshold_ended_says_so(self):
        lower = CONFIG.model_copy(update={"momentum_threshold": 0.05})
        same = dfu(log_growth=0.08)
        before, after = Label("plain", "medium", ("rising",)), Label("plain", "medium")
        assert since(before, after, same, same, config_then=lower)[:2] == ("rising: its threshold moved", "log_growth")

    def test_of_a_dfu_whose_values_are_not_known_no_threshold_is_said_to_have_moved(self):
        found = since(
            *(Label("steady", "medium"), Label("plain", "medium")),
            *(NOT_KNOWN, dfu(cv_demand=0.45)),
            config_then=self.LOOSE,
        )
        assert found[:2] == ("steady", "cv_demand")
