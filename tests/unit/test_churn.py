"""What changed against the published labels, and which word ended."""

from types import MappingProxyType

import pandas as pd
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.labels.churn import COLUMNS, compare_with_published, with_ended_words
from dfu_clustering.labels.ended_words import Judged
from dfu_clustering.labels.rules import JUDGED_FEATURES, Bounds, own_values

CONFIG = load_config().labeling
BOUNDS = Bounds(20.0, 254.0)
BEFORE = pd.DataFrame({"dfu_ck": ["a", "b", "c", "d", "gone"], "cluster_label": ["x", "x", "y", "y", "y"]})
AFTER = pd.DataFrame({"dfu_ck": ["a", "b", "c", "d", "new"], "cluster_label": ["x", "y", "y", "x", "x"]})
MOVES = pd.DataFrame({"dfu_ck": ["a", "b", "c", "d"], "move": [0.05, 0.9, 0.1, 0.2]})


def compared(before=BEFORE, after=AFTER, moves=MOVES):
    return compare_with_published(before, after, moves, unchanged_move=0.2)[0]


def changes_between(before=BEFORE, after=AFTER, moves=MOVES):
    return compare_with_published(before, after, moves, unchanged_move=0.2)[1]


def values_of(**dfus):
    """Return the judged features of DFUs by key; what is not given is 0."""
    rows = {key: dict.fromkeys(JUDGED_FEATURES, 0.0) | changes for key, changes in dfus.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(index="dfu_ck")


def words(changes, old_values, new_values, sparsity_bounds=MappingProxyType({}), **more):
    """Return what is told of changes of labels."""
    then, now = (judged(values, changes["dfu_ck"]) for values in (old_values, new_values))
    return with_ended_words(changes, then, now, sparsity_bounds, **{"min_months_history": 12} | more)


def judged(values, keys):
    at = values.reindex(index=keys, columns=list(JUDGED_FEATURES))
    return Judged(own_values(at), BOUNDS, CONFIG, margin=0.1)


def change(old_label, new_label):
    return pd.DataFrame({"dfu_ck": ["a"], "old_label": [old_label], "new_label": [new_label]})


def told(old_label, new_label, old=None, new=None, *names, **more):
    """Return what is told of one DFU; old values None: not known."""
    old_values = pd.DataFrame(index=pd.Index([], name="dfu_ck")) if old is None else values_of(a=old)
    row = words(change(old_label, new_label), old_values, values_of(a=new or {}), **more).iloc[0]
    names = names or ("word", "feature", "before", "after")
    return tuple(None if pd.isna(row[name]) else row[name] for name in names)


class TestComparison:
    def test_churn_is_the_share_of_the_dfus_in_both_whose_label_changed(self):
        result = compared()
        assert (result.shared_dfus, result.new_dfus, result.left_dfus) == (4, 1, 1)
        assert result.churn_share == 0.5

    def test_churn_without_cause_counts_only_dfus_that_barely_moved(self):
        result = compared()
        assert result.unchanged_dfus == 3
        assert result.churn_share_unchanged_history == pytest.approx(1 / 3)

    def test_a_dfu_whose_move_is_not_known_has_not_barely_moved(self):
        assert compared(moves=MOVES.iloc[:1]).unchanged_dfus == 1

    def test_changes_are_those_in_both_with_another_label_by_key(self):
        assert changes_between().to_dict("records") == [
            {"dfu_ck": "b", "old_label": "x", "new_label": "y"},
            {"dfu_ck": "d", "old_label": "y", "new_label": "x"},
        ]

    def test_flow_counts_every_dfu_once_and_none_is_no_label(self):
        flow = compared().flow
        assert sum(row.dfus for row in flow) == 6
        assert [row.new_label for row in flow if row.old_label is None] == ["x"]
        assert [row.old_label for row in flow if row.new_label is None] == ["y"]

    def test_without_moves_nothing_is_said_of_churn_without_cause(self):
        result = compared(moves=None)
        assert changes_between(moves=None)["dfu_ck"].tolist() == ["b", "d"]
        assert (result.unchanged_dfus, result.churn_share_unchanged_history) == (None, None)

    def test_the_same_labels_have_no_churn_and_an_index_of_one(self):
        result = compared(after=BEFORE)
        assert (result.churn_share, result.ari, len(changes_between(after=BEFORE))) == (0.0, 1.0, 0)

    def test_nothing_in_common_is_no_churn(self):
        result = compared(after=AFTER.assign(dfu_ck=list("vwxyz")))
        assert (result.churn_share, result.ari, result.shared_dfus) == (0.0, None, 0)

    def test_growing_up_and_falling_silent_is_no_churn_and_counted_apart(self):
        old = ["low_volume", "high_volume", "new_low_volume", "inactive", "inactive", "low_volume", "new_low_volume"]
        new = ["low_volume", "low_volume", "low_volume", "low_volume", "inactive", "inactive", "new_high_volume"]
        before, after = (pd.DataFrame({"dfu_ck": list("abcdefg"), "cluster_label": of}) for of in (old, new))
        moves = pd.DataFrame({"dfu_ck": list("abcdefg"), "move": 0.0})
        result = compared(before, after, moves)
        assert (result.shared_dfus, result.churn_share, result.lifecycle_changes) == (2, 0.5, 4)
        assert (result.unchanged_dfus, result.churn_share_unchanged_history) == (2, 0.5)
        assert result.ari == 0.0
        assert sum(row.dfus for row in result.flow) == 7
        assert changes_between(before, after, moves)["dfu_ck"].tolist() == list("bcdfg")

    def test_the_order_of_the_rows_does_not_matter(self):
        shuffled = {"before": BEFORE[::-1], "after": AFTER[::-1], "moves": MOVES[::-1]}
        assert changes_between(**shuffled).equals(changes_between())
        assert compared(**shuffled) == compared()


class TestEndedWords:
    def test_a_change_is_told_as_the_word_that_stopped_holding_with_its_values(self):
        found = told("medium_volume_volatile", "medium_volume", {"cv_demand": 0.9}, {"cv_demand": 0.6})
        assert found == ("volatile", "cv_demand", 0.9, 0.6)

    def test_where_the_old_word_still_holds_the_new_one_is_told(self):
        old, new = {"zero_demand_pct": 0.1, "cv_demand": 0.9}, {"zero_demand_pct": 0.5, "cv_demand": 0.9}
        found = told("low_volume_volatile", "intermittent_low_volume", old, new)
        assert found == ("intermittent", "zero_demand_pct", 0.1, 0.5)

    def test_a_change_of_tier_is_told_by_the_mean_demand_and_the_bound_of_this_month_with_the_margin(self):
        names = ("word", "feature", "threshold", "before", "after")
        old, new = {"mean_demand": 900.0}, {"mean_demand": 200.0}
        found = told("high_volume_steady", "medium_volume_steady", old, new, *names)
        assert found == ("high volume", "mean_demand", pytest.approx(228.6), 900.0, 200.0)

    def test_a_word_that_holds_is_never_told_to_have_ended(self):
        holds = {"mean_demand": 9.3, "cv_demand": 0.9}
        found = told("low_volume_volatile", "medium_volume_volatile", {"mean_demand": 9.24, "cv_demand": 0.9}, holds)
        assert found == ("too few DFUs in low_volume_volatile", "", None, None)

    def test_where_clusters_were_fitted_again_that_is_told_of_words_that_hold(self):
        found = told("low_volume_volatile", "low_volume", {}, {"cv_demand": 0.9}, fitted_again=True)
        assert found == ("clusters fitted again", "", None, None)

    def test_a_trait_that_ended_is_told(self):
        found = told("medium_volume_rising", "medium_volume", {"log_growth": 0.3}, {"log_growth": 0.0})
        assert found == ("rising", "log_growth", 0.3, 0.0)

    @pytest.mark.parametrize(
        ("bounds", "word"),
        [
            ({("plain", ("sparser",)): 2.0}, "too few DFUs in low_volume_sparser"),
            ({("plain", ("sparser",)): 4.0}, "sparser"),
            ({("plain", ()): 4.0}, "too few DFUs in low_volume_sparser"),  # measured against what, nobody knows
        ],
    )
    def test_a_relative_word_is_judged_by_the_bound_of_its_own_cluster(self, bounds, word):
        old, new = {"sparsity_score": 6.0}, {"sparsity_score": 3.0}
        found = told("low_volume_sparser", "low_volume", old, new, sparsity_bounds=bounds)
        assert found[0] == word

    def test_a_feature_of_which_no_values_are_kept_is_told_without(self):
        changes = change("medium_volume_volatile", "medium_volume")
        found = words(changes, values_of(a={}).drop(columns="cv_demand"), values_of(a={})).iloc[0]
        assert (found["word"], found["feature"], found["after"]) == ("volatile", "cv_demand", 0.0)
        assert pd.isna(found["before"])

    def test_without_the_published_values_the_word_is_told_with_todays(self):
        found = told("medium_volume_volatile", "medium_volume", None, {"cv_demand": 0.6})
        assert found == ("volatile", "cv_demand", None, 0.6)

    @pytest.mark.parametrize(
        ("old_label", "new_label"), [("medium_volume_larger", "medium_volume"), ("my_own_segment", "medium_volume")]
    )
    def test_no_word_is_told_where_a_dfu_bore_words_that_are_not_of_today(self, old_label, new_label):
        assert told(old_label, new_label, {}, {}) == (None, None, None, None)

    def test_a_new_dfu_has_a_segment_once_its_history_is_long_enough(self):
        names = ("word", "feature", "threshold", "after")
        found = told("new_low_volume", "low_volume", None, {"history_months": 12.0}, *names)
        assert found == ("12 months of history", "history_months", 12.0, 12.0)

    @pytest.mark.parametrize(
        ("old_label", "new_label", "word"),
        [
            ("low_volume", "inactive", "no demand in the window"),
            ("inactive", "low_volume", "sells again"),
            ("new_low_volume", "new_medium_volume", "low volume"),
        ],
    )
    def test_other_changes_in_a_dfus_life_are_told_by_its_demand(self, old_label, new_label, word):
        found = told(old_label, new_label, {"mean_demand": 5.0}, {"mean_demand": 7.0})
        assert found == (word, "mean_demand", 5.0, 7.0)

    def test_a_dfu_with_a_segment_is_new_again_where_more_history_is_asked_for(self):
        found = told("low_volume", "new_low_volume", {"history_months": 12.0}, None, "word", "feature", "before")
        assert found == ("history too short to judge", "history_months", 12.0)

    def test_a_dfu_that_is_clustered_no_more_needs_no_values(self):
        found = words(change("low_volume", "inactive"), values_of(a={}), values_of(b={}))
        assert found["after"].isna().all()

    def test_every_change_is_told_by_its_own_values_in_the_order_of_the_changes(self):
        labels = {"old_label": "medium_volume_volatile", "new_label": ["steady", "plain", "steady", "plain"]}
        changes = pd.DataFrame({"dfu_ck": list("abcd"), **labels})
        changes["new_label"] = changes["new_label"].map({"steady": "medium_volume_steady", "plain": "medium_volume"})
        old = values_of(**{key: {"cv_demand": 1.0 + i} for i, key in enumerate("dbca")})
        new = values_of(**{key: {"cv_demand": 0.1 * i} for i, key in enumerate("cadb")})
        found = words(changes, old, new)
        assert tuple(found.columns) == COLUMNS
        assert found["dfu_ck"].tolist() == list("abcd")
        assert found["before"].tolist() == [4.0, 2.0, 3.0, 1.0]
        assert found["after"].tolist() == pytest.approx([0.1, 0.3, 0.0, 0.2])

    def test_without_changes_there_are_columns_and_no_rows(self):
        changes = pd.DataFrame({"dfu_ck": [], "old_label": [], "new_label": []}, dtype="str")
        found = words(changes, values_of(a={}), values_of(a={}))
        assert (len(found), tuple(found.columns)) == (0, COLUMNS)
