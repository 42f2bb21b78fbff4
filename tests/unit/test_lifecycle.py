"""DFUs that are not clustered: the young ones are new, those that stopped selling inactive, the others unlabelled."""

import numpy as np
import pandas as pd

from dfu_clustering.labels.lifecycle import LABEL_COLUMNS, lifecycle_labels
from dfu_clustering.labels.rules import Bounds

BOUNDS = Bounds(20.0, 640.0)
YOUNG, SILENT = "insufficient_history", "no_demand_in_window"


def labels_of(*rows):
    left_out = pd.DataFrame(rows, columns=["dfu_ck", "reason", "mean_demand"])
    return lifecycle_labels(left_out, BOUNDS)


def test_a_young_dfu_is_new_with_the_tier_of_its_demand_so_far():
    labels = labels_of(("a", YOUNG, 20.0), ("b", YOUNG, 21.0), ("c", YOUNG, 640.0))
    assert labels["cluster_label"].tolist() == ["new_low_volume", "new_medium_volume", "new_high_volume"]
    assert labels["cluster_id"].tolist() == [81, 82, 83]
    assert labels["reason"].tolist() == [
        "new: history too short to judge; low volume: 20 <= 20",
        "new: history too short to judge; medium volume: 21 between 20 and 640",
        "new: history too short to judge; high volume: 640 >= 640",
    ]


def test_a_dfu_that_has_sold_but_not_in_the_window_is_inactive():
    labels = labels_of(("a", SILENT, 0.0), ("b", SILENT, np.nan))
    assert labels["cluster_label"].tolist() == ["inactive", "inactive"]
    assert labels["cluster_id"].tolist() == [9, 9]
    assert labels["reason"].tolist() == ["inactive: sold before, but not in the window"] * 2


def test_dfus_that_never_sold_or_are_not_in_dim_dfu_have_no_label():
    labels = labels_of(("a", "never_sold", np.nan), ("b", "not_in_dim_dfu", np.nan), ("c", YOUNG, 1.0))
    assert labels["dfu_ck"].tolist() == ["c"]


def test_labels_come_in_key_order_with_the_mean_demand():
    labels = labels_of(("b", YOUNG, 700.0), ("c", SILENT, 0.0), ("a", YOUNG, 1.0))
    assert tuple(labels.columns) == LABEL_COLUMNS
    assert labels["dfu_ck"].tolist() == ["a", "b", "c"]
    assert labels["mean_demand"].tolist() == [1.0, 700.0, 0.0]
    assert labels["cluster_label"].tolist() == ["new_low_volume", "new_high_volume", "inactive"]


def test_where_nobody_is_left_out_there_are_no_labels():
    labels = labels_of()
    assert (len(labels), tuple(labels.columns)) == (0, LABEL_COLUMNS)


def test_many_dfus_are_labelled_as_one_by_one():
    rows = [(f"{i:03d}", YOUNG if i % 3 else SILENT, 7.0 * (i % 200)) for i in range(300)]
    together = labels_of(*rows)
    one_by_one = pd.concat([labels_of(row) for row in rows], ignore_index=True)
    pd.testing.assert_frame_equal(together, one_by_one)
