"""Segments of one training under other thresholds: named by what most of their DFUs are by themselves."""

import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.labels.renaming import renamed
from dfu_clustering.labels.rules import Bounds
from dfu_clustering.labels.vocabulary import Label
from tests.own_values import members

CONFIG = load_config().labeling
BOUNDS = Bounds(20.0, 640.0)


def name_of(trained, values, *, bound=0.0, config=CONFIG):
    return renamed(trained, bound, values, BOUNDS, config)


class TestRenamed:
    def test_a_segment_gets_the_pattern_that_most_members_have_by_themselves(self):
        trained = Label("volatile", "medium")
        assert name_of(trained, members(cv_demand=[0.2] * 6 + [0.9] * 4)) == Label("steady", "medium")
        assert name_of(trained, members(cv_demand=[0.2] * 4 + [0.9] * 6)) == trained

    def test_of_two_patterns_as_frequent_the_earlier_in_order_is_taken(self):
        assert name_of(Label("plain", "medium"), members(cv_demand=[0.2] * 5 + [0.9] * 5)).pattern == "volatile"

    def test_a_segment_gets_the_tier_that_most_members_have_by_themselves(self):
        assert name_of(Label("plain", "medium"), members(mean_demand=[700.0] * 6 + [100.0] * 4)).tier == "high"
        assert name_of(Label("plain", "high"), members(mean_demand=[10.0] * 5 + [100.0] * 5)).tier == "low"

    @pytest.mark.parametrize(("rising", "expected"), [(10, ("rising",)), (9, ("rising",)), (8, ())])
    def test_a_trait_stays_where_it_is_true_of_nine_members_in_ten(self, rising, expected):
        values = members(log_growth=[0.4] * rising + [0.0] * (10 - rising))
        assert name_of(Label("plain", "medium", ("rising",)), values).traits == expected

    def test_a_trait_that_was_not_said_is_not_added(self):
        assert name_of(Label("plain", "medium"), members(log_growth=0.4)).traits == ()

    def test_sparser_stays_by_the_bound_of_the_training(self):
        trained, values = Label("plain", "medium", ("sparser",)), members(sparsity_score=3.0)
        assert name_of(trained, values, bound=2.5).traits == ("sparser",)
        assert name_of(trained, values, bound=3.5).traits == ()

    def test_other_thresholds_give_another_name(self):
        strict = load_config(labeling={"cv_thresholds": {"steady": 0.6}}).labeling
        assert name_of(Label("plain", "medium"), members(), config=strict) == Label("steady", "medium")
