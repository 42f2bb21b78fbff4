"""A DFU leaves its published cluster for evidence, not for noise."""

import numpy as np
import pytest

from dfu_clustering.clusters.kmeans import nearest_centroids
from dfu_clustering.segments.assignment import UNPUBLISHED, Members, SwitchRule, hold, nearest

CENTROIDS = np.array([[0.0], [10.0]])
RULE = SwitchRule(margin=0.1, evidence=0.15)


def at(*values):
    return np.array(values, dtype=np.float64)[:, None]


def around(centroids, spread=None):
    """Members whose mean is the centroid."""
    return Members(centroids, np.zeros(len(centroids)) if spread is None else np.array(spread))


def held(values, published, evidence=None, rule=RULE, centroids=CENTROIDS, spread=None):
    before = np.zeros(len(values)) if evidence is None else np.array(evidence)
    return hold(at(*values), centroids, around(centroids, spread), np.array(published), before, rule)


def by_hand(x, centroids, members, published, evidence, rule):
    """The same for one row, in plain words."""
    distance = [float(np.linalg.norm(x - c)) for c in centroids]
    reach = [
        float(np.hypot(np.linalg.norm(x - m), s)) if np.isfinite(s) else np.inf
        for m, s in zip(members.mean, members.spread, strict=True)
    ]
    own = int(np.argmin(distance)) if published == UNPUBLISHED else published
    nearer = [i for i in range(len(centroids)) if distance[i] < distance[own] and np.isfinite(reach[i])]
    other = min(nearer, key=lambda i: reach[i], default=own)
    excess = 1 - reach[other] / reach[own] if nearer else 0.0
    built_up = 0.0 if published == UNPUBLISHED else max(0.0, evidence + rule.months * (excess - rule.margin))
    if built_up > rule.evidence and excess > 0:
        own, built_up = other, 0.0
    between = min(d for i, d in enumerate(distance) if i != own)
    return own, distance[own], between - distance[own], built_up


def test_a_row_past_the_border_by_less_than_the_margin_stays():
    # 5.2: the other centroid is 1 - 4.8 / 5.2 = 7.7 % nearer
    result = held([5.2], [0])
    assert result.cluster_id.tolist() == [0]
    assert result.margin == pytest.approx([-0.4])
    assert result.evidence.tolist() == [0.0]
    assert result.held.tolist() == [True]


def test_a_row_far_past_the_border_switches_at_once():
    # 6: 1 - 4 / 6 = 33 % nearer, more than 25 %
    result = held([6.0], [0])
    assert (result.cluster_id.tolist(), result.evidence.tolist()) == ([1], [0.0])
    assert result.margin == pytest.approx([2.0])


def test_a_row_between_switches_once_the_evidence_has_added_up():
    # 5.5: 1 - 4.5 / 5.5 = 18.2 % nearer, 8.2 % above the margin: the second month passes 15 %
    evidence, clusters = [0.0], []
    for _ in range(2):
        result = held([5.5], [0], evidence)
        evidence = result.evidence
        clusters.append(int(result.cluster_id[0]))
    assert clusters == [0, 1]


def test_evidence_is_taken_off_again_by_a_month_on_the_own_side():
    assert held([4.0, 4.0], [0, 0], [0.12, 0.08]).evidence == pytest.approx([0.02, 0.0])  # by the margin, 0.1


def test_the_same_month_once_more_adds_nothing():
    again = SwitchRule(0.1, 0.15, months=0)
    result = held([9.0, 5.5], [0, 0], [0.0, 0.1], rule=again)
    assert result.cluster_id.tolist() == [0, 0]
    assert result.evidence.tolist() == [0.0, 0.1]


def test_a_gap_of_months_counts_for_its_months():
    # 8.2 % above the margin for two months at once
    assert held([5.5], [0], rule=SwitchRule(0.1, 0.15, months=2)).cluster_id.tolist() == [1]


def test_whatever_stays_more_than_an_eighth_nearer_passes_within_six_months():
    evidence, cluster = np.zeros(1), np.zeros(1, dtype=int)
    for _ in range(6):
        result = hold(at(10 / 1.874), CENTROIDS, around(CENTROIDS), cluster, evidence, RULE)  # 1 - 0.874 = 12.6 %
        evidence, cluster = result.evidence, result.cluster_id
    assert cluster.tolist() == [1]


def test_a_cluster_spread_wide_is_no_nearer_for_its_centre_alone():
    # 6: the centre is 1 - 4 / 6 nearer, but its members lie around it with 5: hypot(4, 5) = 6.4 from here, against 6
    assert held([6.0], [0], spread=[0.0, 5.0]).cluster_id.tolist() == [0]
    # and where the own members are spread as wide: 1 - 6.4 / hypot(6, 5) = 18 %, 8 % above the margin
    result = held([6.0], [0], spread=[5.0, 5.0])
    assert result.evidence == pytest.approx([1 - 41**0.5 / 61**0.5 - 0.1])


def test_a_row_nearest_to_its_own_centre_stays_whatever_the_spread():
    assert held([4.0], [0], spread=[9.0, 0.0]).cluster_id.tolist() == [0]


def test_of_two_nearer_clusters_the_one_with_the_nearer_members_is_taken():
    centroids = np.array([[0.0], [10.0], [11.0]])
    result = held([9.0], [0], centroids=centroids, spread=[1.0, 6.0, 0.5])
    assert result.cluster_id.tolist() == [2]


def test_members_are_summed_up_by_mean_and_root_mean_square_distance():
    members = Members.of(at(1.0, -1.0, 13.0, 10.0), np.array([0, 0, 1, 1]), 3)
    assert members.mean[:, 0] == pytest.approx([0.0, 11.5, np.nan], nan_ok=True)
    assert members.spread.tolist() == [1.0, 1.5, np.inf]


def test_what_is_compared_is_the_root_mean_square_distance_to_the_members():
    # the members have left their centroid 0 for 3, and the row with them: it is no nearer to those around 10
    own, other = np.random.default_rng(5).normal(3, 0.5, 50), np.random.default_rng(6).normal(10, 4, 50)
    members = Members.of(at(*own, *other), np.repeat([0, 1], 50), 2)
    to_own, to_other = (np.sqrt(np.square(group - 6.0).mean()) for group in (own, other))
    assert to_own < to_other
    assert hold(at(6.0), CENTROIDS, members, np.array([0]), np.zeros(1), RULE).cluster_id.tolist() == [0]
    back = hold(at(6.0), CENTROIDS, members, np.array([0]), np.array([5.0]), SwitchRule(0.1, 9.0))
    assert back.evidence == pytest.approx([5.0 + 1 - to_other / to_own - 0.1])


def test_nobody_is_drawn_to_a_cluster_without_members():
    members = Members(np.array([[0.0], [np.nan]]), np.array([4.0, np.inf]))
    assert hold(at(9.0), CENTROIDS, members, np.array([0]), np.zeros(1), RULE).cluster_id.tolist() == [0]


def test_rows_without_a_published_cluster_go_to_the_nearest_with_its_distance():
    space = np.random.default_rng(3).normal(size=(500, 3))
    centroids = space[:7]
    result = nearest(space, centroids)
    cluster_id, distance = nearest_centroids(space, centroids)
    assert result.cluster_id.tolist() == cluster_id.tolist()
    assert result.distance.tolist() == distance.tolist()
    assert not result.held.any()


def test_every_row_is_as_computed_by_hand():
    rng = np.random.default_rng(1)
    space, centroids = rng.normal(size=(400, 2)), rng.normal(size=(5, 2))
    published, evidence = rng.integers(-1, 5, 400), rng.uniform(0, 0.2, 400)
    members = Members(centroids + rng.normal(0, 0.3, centroids.shape), rng.uniform(0, 2, 5))
    members.spread[3] = np.inf
    members.mean[3] = np.nan
    published[published == 3] = 0
    result = hold(space, centroids, members, published, evidence, RULE)
    expected = [by_hand(x, centroids, members, p, e, RULE) for x, p, e in zip(space, published, evidence, strict=True)]
    for column, of_rows in zip(
        (result.cluster_id, result.distance, result.margin, result.evidence), zip(*expected, strict=True), strict=True
    ):
        assert column == pytest.approx(np.array(of_rows))


def test_the_unit_of_the_space_does_not_matter():
    rng = np.random.default_rng(2)
    space, centroids, published = rng.normal(size=(200, 3)), rng.normal(size=(4, 3)), rng.integers(0, 4, 200)
    spread = rng.uniform(0, 2, 4)
    one = hold(space, centroids, around(centroids, spread), published, np.zeros(200), RULE)
    larger = around(centroids * 1024, spread * 1024)
    other = hold(space * 1024, centroids * 1024, larger, published, np.zeros(200), RULE)
    assert one.cluster_id.tolist() == other.cluster_id.tolist()
    assert one.evidence.tolist() == other.evidence.tolist()


def test_with_one_cluster_there_is_no_margin():
    result = held([3.0], [0], centroids=CENTROIDS[:1])
    assert np.isnan(result.margin).all()
    assert result.cluster_id.tolist() == [0]


def test_no_rows_give_no_rows():
    assert nearest(np.empty((0, 1)), CENTROIDS).cluster_id.shape == (0,)
