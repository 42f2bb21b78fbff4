"""The tier that a DFU is labelled with: its own, but for tiers in which its cluster has too few DFUs."""

import numpy as np
import pytest

from dfu_clustering.labels.rules import Bounds
from dfu_clustering.labels.vocabulary import TIERS, Label
from dfu_clustering.segments.meaning import Meaning
from dfu_clustering.segments.tiers import held_tiers, joined_tiers, least_sizes_pct


def called(sizes, percent, others=0):
    """Return under which tier those of each tier of a cluster of these sizes go; others are in a second cluster."""
    tier = np.concatenate([np.repeat(np.arange(3), sizes), np.full(others, 1)])
    cluster_id = np.concatenate([np.zeros(sum(sizes), int), np.ones(others, int)])
    joined = joined_tiers(cluster_id, tier, np.full((2, 3), percent))
    return {TIERS[own]: {TIERS[at] for at in joined[(tier == own) & (cluster_id == 0)]} for own in set(tier.tolist())}


def test_tiers_that_are_large_enough_stay():
    assert called([10, 10, 10], 30) == {"low": {"low"}, "medium": {"medium"}, "high": {"high"}}


def test_a_tier_exactly_at_the_minimum_stays():
    assert called([10, 10, 80], 10) == {"low": {"low"}, "medium": {"medium"}, "high": {"high"}}


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([2, 48, 50], {"low": {"medium"}, "medium": {"medium"}, "high": {"high"}}),
        ([50, 48, 2], {"low": {"low"}, "medium": {"medium"}, "high": {"medium"}}),
        ([50, 2, 48], {"low": {"low"}, "medium": {"low"}, "high": {"high"}}),  # of two neighbours the larger
        ([48, 2, 50], {"low": {"low"}, "medium": {"high"}, "high": {"high"}}),
        ([49, 2, 49], {"low": {"low"}, "medium": {"low"}, "high": {"high"}}),  # of two of one size the lower
        ([2, 0, 98], {"low": {"high"}, "high": {"high"}}),  # the nearest that there is
    ],
)
def test_a_tier_that_is_too_small_joins_its_neighbour(sizes, expected):
    assert called(sizes, 5) == expected


def test_the_smallest_joins_first_and_what_it_joined_may_join_in_turn():
    # 1 goes to 3, 4 of 100 are still below 5 % and go to the 96
    assert called([1, 3, 96], 5) == {"low": {"high"}, "medium": {"high"}, "high": {"high"}}
    # 1 goes to 4, 5 of 100 are enough
    assert called([1, 4, 95], 5) == {"low": {"medium"}, "medium": {"medium"}, "high": {"high"}}


def test_the_last_tier_of_a_cluster_stays_however_small():
    assert called([0, 3, 0], 50, others=97) == {"medium": {"medium"}}
    assert called([2, 3, 0], 50, others=95) == {"low": {"medium"}, "medium": {"medium"}}


def test_the_minimum_is_a_share_of_all_dfus_not_of_the_cluster():
    assert called([10, 10, 10], 5, others=70) == {"low": {"low"}, "medium": {"medium"}, "high": {"high"}}
    assert called([10, 10, 12], 11, others=68)["high"] == {"high"}
    assert called([10, 10, 12], 11, others=68)["low"] == {"medium"}


def test_a_label_that_is_not_published_must_exceed_the_least_size_by_the_margin():
    meanings = (Meaning("steady"), Meaning("seasonal", ("peak_q4",)))
    published = {Label("steady", "low"), Label("seasonal", "high", ("peak_q4",))}
    least = least_sizes_pct(meanings, 1.0, published, 0.1)
    assert least == pytest.approx(np.array([[1.0, 1.1, 1.1], [1.1, 1.1, 1.0]]))
    assert least_sizes_pct(meanings, 1.0, None, 0.1) == pytest.approx(np.ones((2, 3)))


def test_a_published_tier_is_kept_within_the_margin_of_its_bound():
    mean = np.array([105.0, 115.0, 105.0, 105.0])
    published = np.array([0, 0, -1, 2])  # low, low, none, high
    assert held_tiers(mean, Bounds(100.0, 1000.0), published, 0.1).tolist() == [0, 1, 1, 1]
    assert held_tiers(mean, Bounds(100.0, 1000.0), None, 0.1).tolist() == [1, 1, 1, 1]
