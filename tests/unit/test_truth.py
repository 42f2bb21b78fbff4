"""All words of a label are true of a DFU, or nearly so."""

import numpy as np

from dfu_clustering.config.loading import load_config
from dfu_clustering.labels.rules import Bounds
from dfu_clustering.labels.truth import Claim, claims_are_true
from dfu_clustering.labels.vocabulary import Label
from tests.own_values import members

CONFIG = load_config().labeling
BOUNDS = Bounds(20.0, 640.0)


def truth(label, values, *, margin=0.0, bound=0.0):
    return Claim(label, bound).is_true(values, BOUNDS, CONFIG, margin).tolist()


def test_a_label_is_true_where_all_its_words_are():
    label = Label("volatile", "high", ("rising",))
    values = members(
        5,
        cv_demand=[0.9, 0.7, 0.9, 0.9, 0.75],
        mean_demand=[700.0, 700.0, 500.0, 700.0, 600.0],
        log_growth=[0.4, 0.4, 0.4, 0.0, 0.14],
    )
    assert truth(label, values) == [True, False, False, False, False]
    assert truth(label, values, margin=0.1) == [True, False, False, False, True]


def test_the_pattern_is_true_whatever_earlier_one_holds_too():
    assert truth(Label("volatile", "medium"), members(1, cv_demand=0.9, zero_demand_pct=0.5)) == [True]


def test_plain_is_true_where_no_pattern_holds():
    assert truth(Label("plain", "medium"), members(2, cv_demand=[0.5, 0.82])) == [True, False]
    assert truth(Label("plain", "medium"), members(2, cv_demand=[0.5, 0.82]), margin=0.1) == [True, True]


def test_each_dfu_is_judged_by_its_own_label():
    claims = [Claim(Label("volatile", "medium")), Claim(Label("plain", "medium", ("sparser",)), 2.5)]
    values = members(4, cv_demand=[0.9, 0.9, 0.5, 0.5], sparsity_score=[1.0, 3.0, 3.0, 1.0])
    place = np.array([0, 1, 1, 1])
    assert claims_are_true(claims, place, values, BOUNDS, CONFIG).tolist() == [True, False, True, False]


def test_a_word_that_is_kept_needs_demand_in_four_months_and_no_trend_against_it():
    label = Label("growing", "medium")
    values = members(4, growth_rate=0.5, trend_direction=[1.0, 0.0, -1.0, 1.0], zero_demand_pct=[0.0, 0.0, 0.0, 0.9])
    assert truth(label, values) == [True, False, False, False]
    assert truth(label, values, margin=0.1) == [True, True, False, False]
