"""Clusters continue the published ones with which they share most DFUs."""

from itertools import permutations

import numpy as np
import pytest

from dfu_clustering.segments.matching import UNMATCHED, match_clusters


def test_each_cluster_continues_the_one_it_shares_most_dfus_with():
    published = np.array([0, 0, 0, 1, 1, 2])
    now = np.array([2, 2, 0, 0, 0, 1])
    assert match_clusters(published, now, 3, 3).tolist() == [1, 2, 0]


def test_the_pairs_share_most_dfus_as_a_whole_not_one_by_one():
    # cluster 0 shares 4 with published 0 and 3 with 1; cluster 1 shares 3 with 0 only: 3 + 3 beats 4 + 0
    published = np.array([0] * 4 + [1] * 3 + [0] * 3)
    now = np.array([0] * 7 + [1] * 3)
    assert match_clusters(published, now, 2, 2).tolist() == [1, 0]


def test_a_cluster_that_shares_no_dfu_continues_none():
    assert match_clusters(np.array([0, 0]), np.array([0, 0]), 2, 3).tolist() == [0, UNMATCHED, UNMATCHED]


def test_no_shared_dfus_match_nothing():
    empty = np.array([], dtype=int)
    assert match_clusters(empty, empty, 2, 2).tolist() == [UNMATCHED, UNMATCHED]


@pytest.mark.parametrize("seed", range(5))
def test_no_other_pairing_shares_more(seed):
    rng = np.random.default_rng(seed)
    published, now = rng.integers(0, 4, 60), rng.integers(0, 4, 60)
    matched = match_clusters(published, now, 4, 4)
    shared = sum(int(((now == i) & (published == matched[i])).sum()) for i in range(4))
    best = max(
        sum(int(((now == i) & (published == p)).sum()) for i, p in enumerate(order)) for order in permutations(range(4))
    )
    assert shared == best


def test_the_order_of_the_dfus_does_not_matter():
    rng = np.random.default_rng(9)
    published, now, order = rng.integers(0, 5, 80), rng.integers(0, 6, 80), rng.permutation(80)
    assert match_clusters(published[order], now[order], 5, 6).tolist() == match_clusters(published, now, 5, 6).tolist()
