"""What changed against the published labels."""

import pandas as pd
import pytest

from dfu_clustering.labels.churn import COLUMNS, compare_with_published

BEFORE = pd.DataFrame({"dfu_ck": ["a", "b", "c", "d", "gone"], "cluster_label": ["x", "x", "y", "y", "y"]})
AFTER = pd.DataFrame({"dfu_ck": ["a", "b", "c", "d", "new"], "cluster_label": ["x", "y", "y", "x", "x"]})
MOVES = pd.DataFrame(
    {
        "dfu_ck": ["a", "b", "c", "d"],
        "move": [0.05, 0.9, 0.1, 0.2],
        "feature": ["cv_demand", "mean_demand", "cv_demand", "log_growth"],
        "before": [0.1, 10.0, 0.2, 0.0],
        "after": [0.2, 90.0, 0.2, 0.4],
    }
)


def compared(before=BEFORE, after=AFTER, moves=MOVES):
    return compare_with_published(before, after, moves, unchanged_move=0.2)[0]


def changes_between(before=BEFORE, after=AFTER, moves=MOVES):
    return compare_with_published(before, after, moves, unchanged_move=0.2)[1]


def test_churn_is_the_share_of_the_dfus_in_both_whose_label_changed():
    result = compared()
    assert (result.shared_dfus, result.new_dfus, result.left_dfus) == (4, 1, 1)
    assert result.churn_share == 0.5


def test_churn_without_cause_counts_only_dfus_that_barely_moved():
    result = compared()
    assert result.unchanged_dfus == 3
    assert result.churn_share_unchanged_history == pytest.approx(1 / 3)


def test_each_change_names_the_feature_that_moved_with_its_values():
    changes = changes_between()
    assert tuple(changes.columns) == COLUMNS
    assert changes.to_dict("records") == [
        {"dfu_ck": "b", "old_label": "x", "new_label": "y", "feature": "mean_demand", "before": 10.0, "after": 90.0},
        {"dfu_ck": "d", "old_label": "y", "new_label": "x", "feature": "log_growth", "before": 0.0, "after": 0.4},
    ]


def test_flow_counts_every_dfu_once_and_none_is_no_label():
    flow = compared().flow
    assert sum(row.dfus for row in flow) == 6
    assert [row.new_label for row in flow if row.old_label is None] == ["x"]
    assert [row.old_label for row in flow if row.new_label is None] == ["y"]


def test_without_moves_changes_are_listed_without_a_feature():
    result, changes = compared(moves=None), changes_between(moves=None)
    assert changes["dfu_ck"].tolist() == ["b", "d"]
    assert changes["feature"].isna().all()
    assert (result.unchanged_dfus, result.churn_share_unchanged_history) == (None, None)


def test_the_same_labels_have_no_churn_and_an_index_of_one():
    result = compared(after=BEFORE)
    assert (result.churn_share, result.ari, len(changes_between(after=BEFORE))) == (0.0, 1.0, 0)


def test_nothing_in_common_is_no_churn():
    result = compared(after=AFTER.assign(dfu_ck=list("vwxyz")))
    assert (result.churn_share, result.ari, result.shared_dfus) == (0.0, None, 0)


def test_the_order_of_the_rows_does_not_matter():
    shuffled = {"before": BEFORE[::-1], "after": AFTER[::-1], "moves": MOVES[::-1]}
    assert changes_between(**shuffled).equals(changes_between())
    assert compared(**shuffled) == compared()
