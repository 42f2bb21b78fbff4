"""Clusters of one pattern are told apart by words that are true of their members, and are one where none is."""

import numpy as np
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.labels.rules import JUDGED_FEATURES
from dfu_clustering.segments.meaning import Found, Meaning, distinguish

CONFIG = load_config().labeling
ALIKE = dict.fromkeys(JUDGED_FEATURES, 0.0) | {
    "mean_demand": 100.0,
    "season_months": 48.0,
    "peak_month": 6.0,
    "cv2_demand": 0.2,
    "sparsity_score": 1.0,
    "cv_demand": 0.5,
}
MEMBERS = 8  # of every cluster


def found(*clusters, patterns=None, centroids=None):
    """Return clusters of eight members each; a value is the members' or a list of eight."""
    values = {
        name: np.concatenate([np.broadcast_to((ALIKE | cluster)[name], MEMBERS) for cluster in clusters]).astype(float)
        for name in ALIKE
    }
    places = np.arange(len(clusters), dtype=float)[:, None] if centroids is None else np.array(centroids, dtype=float)
    return Found(patterns or ("plain",) * len(clusters), np.repeat(np.arange(len(clusters)), MEMBERS), places, values)


def told(clusters, most=12, known=()):
    return distinguish(clusters, CONFIG, most=most, known=known)


def words(*clusters, **given):
    return [meaning.traits for meaning in told(found(*clusters, **given))]


def mostly(value, other, share):
    """Return eight values of which this share is the first."""
    n = round(share * MEMBERS)
    return [value] * n + [other] * (MEMBERS - n)


def peaking(month):
    return {"seasonality_strength": 0.6, "peak_month": month, "peak_clarity": 0.9}


class TestTellApart:
    def test_a_pattern_of_one_cluster_needs_no_word(self):
        meanings = told(found({"log_growth": 0.9}, {"log_growth": 0.9}, patterns=("steady", "volatile")))
        assert meanings == (Meaning("steady"), Meaning("volatile"))

    @pytest.mark.parametrize(
        ("one", "other", "expected"),
        [
            ({"log_growth": 0.4}, {"log_growth": -0.4}, [("rising",), ("fading",)]),
            ({"log_growth": 0.4}, {"log_growth": 0.1}, [("rising",), ()]),
            ({"cv2_demand": 0.6}, {"cv2_demand": 0.2}, [("erratic",), ("regular",)]),
            ({"sparsity_score": 4.0}, {"sparsity_score": 1.0}, [("sparser",), ("denser",)]),
            (peaking(2.0), peaking(8.0), [("peak_q1",), ("peak_q3",)]),
            (peaking(2.0), {}, [("peak_q1",), ()]),
        ],
    )
    def test_two_clusters_get_the_words_in_which_they_differ(self, one, other, expected):
        assert words(one, other) == expected
        assert words(other, one) == expected[::-1]

    def test_clusters_that_no_true_word_tells_apart_mean_the_same(self):
        assert words({"mean_demand": 5.0}, {"mean_demand": 5000.0}) == [(), ()]
        assert words({"log_growth": 0.14}, {"log_growth": -0.14}) == [(), ()]
        assert words({"log_growth": 0.2}, {"log_growth": 0.9}) == [(), ()]  # both rising

    def test_a_word_must_be_true_of_three_quarters_of_the_members(self):
        falls = {"log_growth": -0.4}
        assert words({"log_growth": mostly(0.4, 0.0, 6 / 8)}, falls) == [("rising",), ("fading",)]
        assert words({"log_growth": mostly(0.4, 0.0, 5 / 8)}, falls) == [(), ("fading",)]

    def test_the_bound_of_density_is_the_geometric_mean_of_the_medians(self):
        meanings = told(found({"sparsity_score": 8.0}, {"sparsity_score": 2.0}))
        assert [meaning.sparsity_bound_months for meaning in meanings] == [pytest.approx(4.0)] * 2

    def test_other_words_have_no_bound(self):
        meanings = told(found({"log_growth": 0.4}, {"log_growth": -0.4}))
        assert [meaning.sparsity_bound_months for meaning in meanings] == [0.0, 0.0]

    def test_the_family_is_taken_that_keeps_most_of_the_distances(self):
        # growth joins the clusters at 0 and 1, sizes those at 1 and 9
        three = (
            {"log_growth": 0.4, "cv2_demand": 0.9},
            {"log_growth": 0.4, "cv2_demand": 0.1},
            {"log_growth": -0.4, "cv2_demand": 0.1},
        )
        far = words(*three, centroids=[[0], [1], [9]])
        assert far == [("rising", "erratic"), ("rising", "regular"), ("fading",)]
        near = words(*three, centroids=[[0], [8], [9]])
        assert near == [("erratic",), ("rising", "regular"), ("fading", "regular")]

    def test_a_cluster_of_many_members_weighs_more(self):
        # joining 0 with 1 costs 1 x the weight of both, joining 1 with 2 costs 1 as well: the larger pair is kept apart
        three = (
            {"log_growth": 0.4, "cv2_demand": 0.9},
            {"log_growth": 0.4, "cv2_demand": 0.1},
            {"log_growth": -0.4, "cv2_demand": 0.1},
        )
        once = found(*three, centroids=[[0], [1], [2]])
        rows = np.flatnonzero((once.cluster_id != 0) | (np.arange(len(once.cluster_id)) == 0))
        few = Found(once.patterns, once.cluster_id[rows], once.centroids, {n: v[rows] for n, v in once.values.items()})
        # the cluster of one is joined first
        assert [meaning.traits for meaning in told(few)] == [("rising", "erratic"), ("rising", "regular"), ("fading",)]
        assert few.sizes.tolist() == [1, 8, 8]

    def test_a_label_has_two_words_at_most(self):
        grid = [
            {"log_growth": growth, "cv2_demand": cv2, "sparsity_score": sparsity}
            for growth in (-0.4, 0.4)
            for cv2 in (0.1, 0.9)
            for sparsity in (1.0, 4.0)
        ]
        told = words(*grid)
        assert max(map(len, told)) == 2
        assert len(set(told)) == 4

    def test_patterns_are_told_apart_one_by_one(self):
        rising, fading = {"log_growth": 0.4}, {"log_growth": -0.4}
        meanings = told(found(rising, rising, fading, patterns=("plain", "volatile", "volatile")))
        assert meanings == (Meaning("plain"), Meaning("volatile", ("rising",)), Meaning("volatile", ("fading",)))

    @pytest.mark.parametrize("seed", range(30))
    def test_no_two_meanings_are_written_alike(self, seed):
        # a word of density that was said of two blocks with two bounds would be one label of two segments
        rng = np.random.default_rng(seed)
        spread = [{"sparsity_score": rng.lognormal(rng.normal(1, 1), rng.uniform(0, 2), MEMBERS)} for _ in range(8)]
        meanings = set(told(found(*spread, centroids=rng.normal(size=(8, 2)))))
        assert len({(meaning.pattern, meaning.traits) for meaning in meanings}) == len(meanings)


class TestMeaning:
    VALUES = {name: np.array([value] * 4) for name, value in ALIKE.items()} | {
        "log_growth": np.array([0.4, 0.14, 0.4, np.nan]),
        "cv_demand": np.array([1.0, 1.0, 0.75, 1.0]),
    }

    def test_pattern_and_words_must_all_be_true(self):
        rising = Meaning("volatile", ("rising",))
        assert rising.true_of(self.VALUES, CONFIG).tolist() == [True, False, False, False]
        assert rising.true_of(self.VALUES, CONFIG, 0.1).tolist() == [True, True, True, False]
        assert rising.traits_hold(self.VALUES, CONFIG).tolist() == [True, False, True, False]

    def test_without_words_the_pattern_alone_counts(self):
        assert Meaning("volatile").true_of(self.VALUES, CONFIG).tolist() == [True, True, False, True]

    def test_sparser_is_measured_against_the_own_bound(self):
        values = self.VALUES | {"sparsity_score": np.array([1.0, 2.0, 3.0, 4.0])}
        assert Meaning("plain", ("sparser",), 2.5).traits_hold(values, CONFIG).tolist() == [False, False, True, True]
        assert Meaning("plain", ("denser",), 1.0).traits_hold(values, CONFIG).tolist() == [True, False, False, False]

    def test_another_word_is_added_in_the_order_of_the_list_and_keeps_the_bound(self):
        sparser = Meaning("plain").also("sparser", 2.5)
        assert sparser == Meaning("plain", ("sparser",), 2.5)
        assert sparser.also("rising", 0.0) == Meaning("plain", ("rising", "sparser"), 2.5)
        assert sparser.also(None, 9.0) == sparser

    def test_no_more_meanings_than_may_be_are_told_apart_and_the_nearest_clusters_are_joined(self):
        clusters = ({"log_growth": 0.4}, {"log_growth": -0.4}, {"cv2_demand": 0.6}, {"cv2_demand": 0.2})
        four = found(*clusters, patterns=("plain", "plain", "steady", "steady"), centroids=[[0], [1], [10], [19]])
        assert [meaning.traits for meaning in told(four, most=4)] == [
            ("rising",),
            ("fading",),
            ("erratic",),
            ("regular",),
        ]
        assert [meaning.traits for meaning in told(four, most=3)] == [(), (), ("erratic",), ("regular",)]
        assert [meaning.traits for meaning in told(four, most=1)] == [(), (), (), ()]

    def test_sparser_goes_on_being_measured_against_what_it_was(self):
        clusters = found({"sparsity_score": 8.0}, {"sparsity_score": 2.0})
        known = [Meaning("plain", ("denser",), 5.0), Meaning("steady", ("denser",), 3.0)]
        assert {meaning.sparsity_bound_months for meaning in told(clusters, known=known)} == {5.0}
        assert {meaning.sparsity_bound_months for meaning in told(clusters)} == {4.0}
