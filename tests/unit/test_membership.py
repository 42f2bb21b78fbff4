"""A DFU belongs to the nearest cluster whose words are true of it."""

import numpy as np
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.segments.meaning import Meaning
from dfu_clustering.segments.membership import FREE, Clusters, admissible, means, nearest_of, settle
from tests.own_values import ALIKE

CONFIG = load_config(labeling={"membership_margin": 0.1}).labeling
STEADY, PLAIN, VOLATILE = Meaning("steady"), Meaning("plain"), Meaning("volatile")


def values_of(**columns):
    n = max(len(column) for column in columns.values())
    given = {name: np.array(column, dtype=float) for name, column in columns.items()}
    return {name: np.full(n, value) for name, value in ALIKE.items()} | given


def column(*values):
    return np.array(values, dtype=float)[:, None]


def settled(meanings, centroids, space, values, *, percent=0.0, held=None):
    clusters = Clusters(tuple(meanings), column(*centroids))
    held = None if held is None else np.array(held)
    return settle(clusters, column(*space), values, CONFIG, min_cluster_size_pct=percent, held=held)


def bearers(membership):
    """Return for each DFU the meaning of its cluster."""
    return [membership.clusters.meanings[i] for i in membership.cluster_id]


class TestAdmission:
    def test_a_cluster_is_open_to_those_of_whom_its_pattern_is_true_within_the_margin(self):
        flags = admissible((STEADY, PLAIN, VOLATILE), values_of(cv_demand=[0.2, 0.32, 0.34, 0.75, 0.9]), CONFIG, 0.1)
        assert flags.tolist() == [
            [True, False, False],
            [True, True, False],  # 0.32 misses 0.3 by less than a tenth, and no pattern is clearly its own
            [False, True, False],
            [False, True, True],
            [False, False, True],
        ]

    def test_trait_words_have_a_margin_of_their_own(self):
        rising = (Meaning("plain", ("rising",)),)
        values = values_of(log_growth=[0.16, 0.14])
        assert admissible(rising, values, CONFIG, 0.1).ravel().tolist() == [True, False]
        assert admissible(rising, values, CONFIG, 0.1, trait_margin=0.1).ravel().tolist() == [True, True]

    def test_a_pattern_that_is_clearly_a_dfus_own_keeps_it_out_of_later_ones(self):
        values = values_of(zero_demand_pct=[0.19, 0.21, 0.23], cv_demand=[1.0] * 3)
        assert admissible((VOLATILE,), values, CONFIG, 0.1).ravel().tolist() == [True, True, False]


class TestNearestOf:
    def test_the_nearest_centroid_that_is_allowed_is_taken(self):
        allowed = np.array([[True, True], [False, True]])
        assert nearest_of(column(1, 1), column(0, 10), allowed).tolist() == [0, 1]

    def test_ties_go_to_the_lower_centroid_whatever_its_number(self):
        allowed = np.ones((1, 2), dtype=bool)
        assert nearest_of(column(5), column(0, 10), allowed).tolist() == [0]
        assert nearest_of(column(5), column(10, 0), allowed).tolist() == [1]


class TestSettle:
    def test_a_dfu_goes_to_the_nearest_cluster_that_is_open_to_it_not_to_the_nearest(self):
        # the last DFU lies on the steady cluster, but varies too much for the word
        values = values_of(cv_demand=[0.1, 0.1, 0.5, 0.5, 0.5])
        membership = settled([STEADY, PLAIN], [0, 10], [0, 0, 10, 10, 0], values)
        assert bearers(membership) == [STEADY, STEADY, PLAIN, PLAIN, PLAIN]

    def test_where_both_are_open_the_nearer_one_is_taken(self):
        values = values_of(cv_demand=[0.1, 0.5, 0.31, 0.31])
        membership = settled([STEADY, PLAIN], [0, 10], [0, 10, 2, 8], values)
        assert bearers(membership) == [STEADY, PLAIN, STEADY, PLAIN]

    def test_centroids_are_the_means_of_their_members(self):
        values = values_of(cv_demand=[0.1, 0.1, 0.5, 0.5, 0.5])
        membership = settled([STEADY, PLAIN], [0, 10], [0, 2, 10, 13, 1], values)
        assert membership.clusters.centroids.ravel().tolist() == [1.0, 8.0]

    def test_the_first_round_moves_the_centroids_even_where_it_moves_nobody(self):
        # all who may choose are nearest to the first cluster, whose mean moves away from the last of them
        values = values_of(cv_demand=[0.31] * 5 + [0.5])
        membership = settled([STEADY, PLAIN], [0, 9], [-4, -4, -4, -4, 4.0, 5.5], values)
        assert bearers(membership) == [STEADY] * 4 + [PLAIN] * 2

    @pytest.mark.parametrize("seed", range(10))
    def test_in_the_end_nobody_is_nearer_to_another_cluster_that_is_open(self, seed):
        rng = np.random.default_rng(seed)
        values = values_of(cv_demand=rng.uniform(0.1, 1.2, 60), log_growth=rng.normal(0, 0.3, 60))
        meanings = (STEADY, VOLATILE, PLAIN, Meaning("plain", ("rising",)))
        space = rng.normal(size=(60, 2))
        clusters = Clusters(meanings, rng.normal(size=(4, 2)))
        membership = settle(clusters, space, values, CONFIG, min_cluster_size_pct=2)
        found = membership.clusters
        is_open = admissible(found.meanings, values, CONFIG, CONFIG.membership_margin)
        away = np.where(is_open, np.linalg.norm(space[:, None] - found.centroids[None], axis=2), np.inf)
        at_home = ~membership.homeless
        assert at_home.any()
        assert (away.argmin(axis=1) == membership.cluster_id)[at_home].all()
        assert found.centroids == pytest.approx(
            np.array([space[membership.cluster_id == i].mean(axis=0) for i in range(len(found.meanings))])
        )

    def test_the_order_of_the_dfus_does_not_matter(self):
        rng = np.random.default_rng(4)
        values = values_of(
            cv_demand=rng.uniform(0.1, 1.2, 80), zero_demand_pct=rng.choice([0.0, 0.4], 80, p=[0.9, 0.1])
        )
        space, order = rng.normal(size=80).round(3), rng.permutation(80)
        meanings, centroids = [STEADY, PLAIN], [-1.0, 1.0]
        straight = settled(meanings, centroids, space, values, percent=3)
        shuffled_values = {name: of_all[order] for name, of_all in values.items()}
        shuffled = settled(meanings, centroids, space[order], shuffled_values, percent=3)
        assert bearers(shuffled) == [bearers(straight)[i] for i in order]
        assert shuffled.added == straight.added

    def test_the_order_of_the_clusters_does_not_matter(self):
        rng = np.random.default_rng(5)
        values = values_of(cv_demand=rng.uniform(0.1, 1.2, 50))
        space = rng.normal(size=50)
        one = settled([STEADY, PLAIN, VOLATILE], [-1, 0, 1], space, values)
        other = settled([VOLATILE, STEADY, PLAIN], [1, -1, 0], space, values)
        assert bearers(one) == bearers(other)


class TestMissingPattern:
    VALUES = values_of(cv_demand=[0.5] * 6 + [1.0] * 3 + [0.5])
    SPACE = (0, 0, 0, 1, 1, 1, 20, 21, 22, 0)

    def test_a_pattern_that_enough_dfus_show_gets_a_cluster(self):
        membership = settled([PLAIN], [0], self.SPACE, self.VALUES, percent=30)
        assert bearers(membership) == [PLAIN] * 6 + [VOLATILE] * 3 + [PLAIN]
        assert membership.added == ("volatile",)
        assert membership.clusters.centroids[1].tolist() == [21.0]
        assert not membership.homeless.any()

    def test_a_rarer_one_joins_the_nearest(self):
        membership = settled([PLAIN, STEADY], [0, 30], self.SPACE, self.VALUES, percent=31)
        assert bearers(membership) == [PLAIN] * 10
        assert membership.added == ()
        assert np.flatnonzero(membership.homeless).tolist() == [6, 7, 8]

    def test_the_most_frequent_missing_pattern_is_added_first(self):
        values = values_of(cv_demand=[0.5] * 4 + [1.0] * 2 + [0.1] * 3)
        assert settled([PLAIN], [0], range(9), values, percent=10).added == ("steady", "volatile")

    def test_a_cluster_of_the_pattern_that_is_not_open_is_no_cluster_of_it(self):
        # volatile and falling: the cluster of volatile and rising DFUs claims what is not true of them
        values = values_of(cv_demand=[1.0] * 6, log_growth=[0.5, 0.5, 0.5, -0.5, -0.5, -0.5])
        rising = Meaning("volatile", ("rising",))
        membership = settled([rising], [0], range(6), values, percent=10)
        assert bearers(membership) == [rising] * 3 + [VOLATILE] * 3

    def test_homeless_dfus_go_where_the_word_is_true_although_an_earlier_pattern_holds(self):
        # intermittent and volatile: volatile is true of it, plain is not
        values = values_of(cv_demand=[0.5] * 10 + [1.0] * 10 + [1.0], zero_demand_pct=[0.0] * 20 + [0.5])
        membership = settled([PLAIN, VOLATILE], [0, 50], [0] * 10 + [50] * 10 + [1], values, percent=10)
        assert bearers(membership)[-1] == VOLATILE
        assert np.flatnonzero(membership.homeless).tolist() == [20]


class TestSmallClusters:
    def test_a_cluster_that_is_too_small_gives_its_members_to_the_others(self):
        values = values_of(cv_demand=[0.5] * 8 + [0.1] * 2)
        membership = settled([PLAIN, STEADY], [0, 9], [0] * 8 + [9] * 2, values, percent=25)
        assert bearers(membership) == [PLAIN] * 10
        assert membership.added == ()  # and it is not added again

    def test_a_cluster_exactly_at_the_minimum_stays(self):
        values = values_of(cv_demand=[0.5] * 8 + [0.1] * 2)
        membership = settled([PLAIN, STEADY], [0, 9], [0] * 8 + [9] * 2, values, percent=20)
        assert bearers(membership) == [PLAIN] * 8 + [STEADY] * 2

    def test_a_cluster_without_members_goes_whatever_the_minimum(self):
        membership = settled([PLAIN, STEADY], [0, 9], [0, 0], values_of(cv_demand=[0.5, 0.5]), percent=0)
        assert membership.clusters.meanings == (PLAIN,)

    def test_the_smallest_goes_first_and_may_save_the_next(self):
        # 1 DFU is regular as well as rising, and makes the 2 regular ones 3 of 10
        regular, rising = Meaning("plain", ("regular",)), Meaning("plain", ("rising",))
        values = values_of(cv_demand=[0.1] * 7 + [0.5] * 3, log_growth=[0.0] * 9 + [0.5], cv2_demand=[0.2] * 10)
        space = [0] * 7 + [9, 9, 20]
        membership = settled([STEADY, regular, rising], [0, 9, 20], space, values, percent=30)
        assert bearers(membership) == [STEADY] * 7 + [regular] * 3

    def test_the_last_cluster_stays(self):
        membership = settled([PLAIN], [0], [0, 1], values_of(cv_demand=[0.5, 0.5]), percent=50)
        assert membership.cluster_id.tolist() == [0, 0]


class TestHeld:
    def test_a_dfu_that_is_held_stays_although_it_is_nearer_to_another_and_its_word_is_untrue(self):
        values = values_of(cv_demand=[0.1, 0.1, 0.5, 0.5, 0.9])
        membership = settled([STEADY, PLAIN], [0, 10], [0, 0, 10, 10, 10], values, held=[FREE] * 4 + [0])
        assert bearers(membership)[-1] == STEADY
        assert not membership.homeless.any()
        assert membership.clusters.centroids.ravel() == pytest.approx([10 / 3, 10.0])

    def test_it_is_free_once_its_cluster_is_gone_and_others_stay_where_they_were(self):
        values = values_of(cv_demand=[0.5] * 8 + [0.1] + [0.5])
        clusters = [STEADY, PLAIN, Meaning("plain", ("regular",))]
        held = [1] * 4 + [2] * 4 + [0, 2]
        membership = settled(clusters, [0, 10, 20], [10] * 4 + [20] * 4 + [0, 10], values, percent=20, held=held)
        regular = clusters[2]
        assert bearers(membership) == [PLAIN] * 4 + [regular] * 4 + [PLAIN, regular]


class TestMeans:
    def test_a_cluster_without_members_stays_where_it_was(self):
        found = means(column(1, 3, 8), np.array([0, 0, 2]), column(0, 77, 0))
        assert found.ravel().tolist() == [2.0, 77.0, 8.0]
