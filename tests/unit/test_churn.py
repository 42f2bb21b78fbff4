"""What changed against the published labels, and which word ended."""

import pandas as pd
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.labels.churn import COLUMNS, compare_with_published, with_ended_words
from dfu_clustering.labels.rules import JUDGED_FEATURES
from dfu_clustering.labels.traits import trait_words

CONFIG = load_config().labeling
TRAITS = trait_words(2.0)
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


def told(old_label, new_label, old=None, new=None):
    """Return what is told of one DFU; old values None: not known."""
    changes = pd.DataFrame({"dfu_ck": ["a"], "old_label": [old_label], "new_label": [new_label]})
    old_values = pd.DataFrame(index=pd.Index([], name="dfu_ck")) if old is None else values_of(a=old)
    row = with_ended_words(changes, old_values, values_of(a=new or {}), TRAITS, CONFIG, 0.1).iloc[0]
    return tuple(None if pd.isna(row[name]) else row[name] for name in ("word", "feature", "before", "after"))


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

    def test_a_change_of_tier_is_told_by_the_mean_demand(self):
        found = told("high_volume_steady", "medium_volume_steady", {"mean_demand": 900.0}, {"mean_demand": 500.0})
        assert found == ("high volume", "mean_demand", 900.0, 500.0)

    def test_a_trait_that_ended_is_told(self):
        found = told("medium_volume_rising", "medium_volume", {"log_growth": 0.3}, {"log_growth": 0.0})
        assert found == ("rising", "log_growth", 0.3, 0.0)

    def test_without_the_published_values_the_word_is_told_with_todays(self):
        found = told("medium_volume_volatile", "medium_volume", None, {"cv_demand": 0.6})
        assert found == ("volatile", "cv_demand", None, 0.6)

    @pytest.mark.parametrize(
        ("old_label", "new_label"),
        [
            ("new_low_volume", "low_volume"),
            ("low_volume", "inactive"),
            ("medium_volume_larger", "medium_volume"),  # of an earlier version
            ("my_own_segment", "medium_volume"),
        ],
    )
    def test_no_word_is_told_where_a_dfu_was_not_clustered_or_bore_other_words(self, old_label, new_label):
        assert told(old_label, new_label, {}, {}) == (None, None, None, None)

    def test_a_dfu_that_is_clustered_no_more_needs_no_values(self):
        changes = pd.DataFrame({"dfu_ck": ["a"], "old_label": ["low_volume"], "new_label": ["inactive"]})
        found = with_ended_words(changes, values_of(a={}), values_of(b={}), TRAITS, CONFIG, 0.1)
        assert found["word"].isna().all()

    def test_every_change_is_told_by_its_own_values_in_the_order_of_the_changes(self):
        labels = {"old_label": "medium_volume_volatile", "new_label": ["steady", "plain", "steady", "plain"]}
        changes = pd.DataFrame({"dfu_ck": list("abcd"), **labels})
        changes["new_label"] = changes["new_label"].map({"steady": "medium_volume_steady", "plain": "medium_volume"})
        old = values_of(**{key: {"cv_demand": 1.0 + i} for i, key in enumerate("dbca")})
        new = values_of(**{key: {"cv_demand": 0.1 * i} for i, key in enumerate("cadb")})
        found = with_ended_words(changes, old, new, TRAITS, CONFIG, 0.1)
        assert tuple(found.columns) == COLUMNS
        assert found["dfu_ck"].tolist() == list("abcd")
        assert found["before"].tolist() == [4.0, 2.0, 3.0, 1.0]
        assert found["after"].tolist() == pytest.approx([0.1, 0.3, 0.0, 0.2])

    def test_without_changes_there_are_columns_and_no_rows(self):
        changes = pd.DataFrame({"dfu_ck": [], "old_label": [], "new_label": []}, dtype="str")
        found = with_ended_words(changes, values_of(a={}), values_of(a={}), TRAITS, CONFIG, 0.1)
        assert (len(found), tuple(found.columns)) == (0, COLUMNS)
