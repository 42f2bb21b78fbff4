import json
import math
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from threadpoolctl import threadpool_limits

from dfu_clustering.clusters.gap_statistic import uniform_reference
from dfu_clustering.clusters.k_selection import n_fits, select_k
from dfu_clustering.clusters.kmeans import best_of_starts, nearest_centroids
from dfu_clustering.clusters.nominations import KStatistics, Nominations, nearest_feasible, nominate
from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.loading import load_config
from dfu_clustering.errors import DataError


def config(**overrides) -> ClusteringConfig:
    usual: dict[str, Any] = {"n_init": 5, "gap_references": 4, "k_range": (2, 7)}
    return load_config(**usual | overrides)


def statistics(k, *, wcss=1.0, silhouette=0.0, gap=0.0, error=0.0, feasible=True) -> KStatistics:
    return KStatistics(k, wcss, silhouette, gap, error, (1,) * k, feasible)


def blobs(n_blobs, seed, *, rows_each=80, columns=6, spread=0.3):
    rng = np.random.default_rng(seed)
    corners = 4 * np.eye(n_blobs, columns)
    return np.repeat(corners, rows_each, axis=0) + rng.normal(0, spread, (n_blobs * rows_each, columns))


class TestNominations:
    def test_elbow_is_furthest_below_the_chord(self):
        # chord from 100 at K = 3 to 20 at K = 7: 100, 80, 60, 40, 20; the curve is 0, 20, 30, 15, 0 below it
        curves = [statistics(k, wcss=wcss) for k, wcss in zip(range(3, 8), (100, 60, 30, 25, 20), strict=True)]
        assert nominate(curves, None).elbow == 5

    def test_elbow_of_a_straight_curve_is_the_smallest_k(self):
        curves = [statistics(k, wcss=100.0 - 10 * k) for k in range(3, 8)]
        assert nominate(curves, None).elbow == 3

    def test_silhouette_nominates_its_maximum_and_the_smaller_k_of_equals(self):
        curves = [statistics(k, silhouette=s) for k, s in zip(range(3, 7), (0.2, 0.4, 0.4, 0.1), strict=True)]
        assert nominate(curves, None).silhouette == 4

    def test_gap_nominates_the_first_k_that_the_next_one_does_not_beat_by_its_error(self):
        # K = 3: 1.0 < 1.5 - 0.1; K = 4: 1.5 >= 1.55 - 0.1; K = 5 would pass too, but comes later
        gaps = zip(range(3, 7), (1.0, 1.5, 1.55, 1.3), strict=True)
        assert nominate([statistics(k, gap=gap, error=0.1) for k, gap in gaps], None).gap == 4

    def test_gap_looks_one_k_past_the_range(self):
        curves = [statistics(k, gap=gap, error=0.01) for k, gap in ((3, 1.0), (4, 1.5), (5, 1.8))]
        assert nominate(curves, statistics(6, gap=1.805, error=0.01)).gap == 5

    def test_a_gap_that_grows_throughout_nominates_the_largest(self):
        curves = [statistics(k, gap=gap, error=0.01) for k, gap in ((3, 1.0), (4, 1.5), (5, 1.8))]
        assert nominate(curves, statistics(6, gap=2.0, error=0.01)).gap == 5
        assert nominate(curves, None).gap == 5

    def test_the_gap_rule_weighs_the_error_of_the_next_k_not_its_own(self):
        # 1.0 >= 1.2 - 0.3 holds with the error of K = 4; with that of K = 3, 0.0, it would not
        curves = [statistics(3, gap=1.0, error=0.0), statistics(4, gap=1.2, error=0.3), statistics(5, gap=1.5)]
        assert nominate(curves, None).gap == 3

    @pytest.mark.parametrize(("three", "middle"), [((6, 3, 12), 6), ((4, 4, 9), 4), ((5, 5, 5), 5)])
    def test_median_is_the_middle_nomination(self, three, middle):
        assert Nominations(*three).median == middle


class TestNearestFeasible:
    def test_a_feasible_k_stays(self):
        assert nearest_feasible(4, [statistics(k, silhouette=k / 10) for k in range(3, 7)]) == 4

    def test_the_nearer_feasible_k_wins_over_the_better_silhouette(self):
        curves = [statistics(k, silhouette=s, feasible=k in (3, 6)) for k, s in ((3, 0.9), (4, 0), (5, 0), (6, 0.1))]
        assert nearest_feasible(5, curves) == 6

    @pytest.mark.parametrize(("of_3", "of_5", "expected"), [(0.3, 0.2, 3), (0.2, 0.3, 5), (0.2, 0.2, 3)])
    def test_of_two_as_near_the_better_silhouette_wins_then_the_smaller_k(self, of_3, of_5, expected):
        curves = [statistics(3, silhouette=of_3), statistics(4, silhouette=1.0, feasible=False)]
        assert nearest_feasible(4, [*curves, statistics(5, silhouette=of_5)]) == expected

    def test_without_a_feasible_k_it_is_the_smallest(self):
        assert nearest_feasible(5, [statistics(k, feasible=False) for k in (3, 4, 5)]) == 3


class TestSelectK:
    @pytest.mark.parametrize(("n_blobs", "seed"), [(3, 1), (4, 2), (5, 3), (6, 4)])
    def test_well_separated_blobs_are_counted(self, n_blobs, seed):
        space = blobs(n_blobs, seed)
        selection, centroids = select_k(space, volume=np.ones(len(space)), config=config(seed=seed))
        assert selection.nominations == Nominations(n_blobs, n_blobs, n_blobs)
        assert selection.selected == n_blobs
        assert centroids.shape == (n_blobs, 6)
        assert [at.sizes for at in selection.curves if at.k == n_blobs] == [(80,) * n_blobs]
        assert selection.warning is None

    def test_curves_are_those_of_scikit_learn(self):
        space = blobs(4, 5)
        selection, _centroids = select_k(space, volume=np.ones(len(space)), config=config())
        at = next(at for at in selection.curves if at.k == 4)
        expected = KMeans(4, n_init=20, random_state=0).fit(space)
        assert at.wcss == pytest.approx(expected.inertia_)
        assert at.silhouette == pytest.approx(silhouette_score(space, expected.labels_))

    def test_curves_cover_the_range_and_one_past(self):
        space = blobs(3, 6)
        selection, _centroids = select_k(space, volume=np.ones(len(space)), config=config())
        assert [at.k for at in selection.curves] == [2, 3, 4, 5, 6, 7]
        assert selection.one_past is not None
        assert selection.one_past.k == 8

    def test_gap_equals_a_plain_computation_from_the_paper(self):
        # as the paper has it, references are turned and shifted back from the principal axes to where the data lie
        space = np.random.default_rng(7).normal(size=(30, 2)) @ [[3.0, 1.0], [0.0, 1.0]] + [100.0, -50.0]
        chosen = config(k_range=(2, 3), seed=9)
        selection, _centroids = select_k(space, volume=np.ones(len(space)), config=chosen)
        mean = space.mean(axis=0)
        _, _, axes = np.linalg.svd(space - mean, full_matrices=False)
        turned = (space - mean) @ axes.T
        references = []
        for b in range(chosen.gap_references):
            rng = np.random.default_rng(np.random.SeedSequence(9, spawn_key=(1, b)))
            box = uniform_reference(np.ptp(turned, axis=0), len(space), rng)
            references.append((box + turned.min(axis=0)) @ axes + mean)
        assert selection.one_past is not None
        for at in (*selection.curves, selection.one_past):
            of_data = log_dispersion(space, at.k, n_starts=5, stream=(0, at.k))
            logs = [
                log_dispersion(points, at.k, n_starts=3, stream=(2, at.k, b)) for b, points in enumerate(references)
            ]
            mean_log = sum(logs) / len(logs)
            deviation = (sum((log - mean_log) ** 2 for log in logs) / len(logs)) ** 0.5
            assert at.gap == pytest.approx(mean_log - of_data, abs=1e-9)
            assert at.gap_standard_error == pytest.approx(deviation * (1 + 1 / len(logs)) ** 0.5, abs=1e-9)

    def test_neither_threads_nor_cores_change_a_bit(self):
        space = np.random.default_rng(1).normal(size=(2500, 8))
        volume = np.arange(2500.0)
        results = []
        for outer_limit, n_threads in ((1, 1), (2, 1), (4, 2), (4, 5)):
            with threadpool_limits(outer_limit):
                selection, centroids = select_k(
                    space, volume=volume, config=config(k_range=(3, 5)), n_threads=n_threads
                )
            results.append((centroids.tobytes(), json.dumps(selection.model_dump(mode="json"))))
        assert len(set(results)) == 1

    def test_the_seed_changes_the_references(self):
        space = blobs(3, 1)
        gaps = {select_k(space, volume=np.ones(240), config=config(seed=seed))[0].curves[0].gap for seed in (1, 2)}
        assert len(gaps) == 2

    def test_samples_are_no_larger_than_configured(self):
        space = blobs(4, 3, rows_each=300)
        chosen = config(selection_sample=1000, silhouette_sample=100)
        selection, _centroids = select_k(space, volume=np.arange(1200.0), config=chosen)
        assert (selection.sample_size, selection.silhouette_sample_size) == (1000, 100)
        assert selection.selected == 4
        assert [sum(at.sizes) for at in selection.curves] == [1000] * 6

    def test_progress_is_told_of_every_fit(self):
        calls = []
        chosen = config(k_range=(2, 4))
        select_k(blobs(3, 1), volume=np.ones(240), config=chosen, on_fit=lambda: calls.append(1))
        assert len(calls) == n_fits(chosen) == 4 * (1 + 4)

    def test_a_range_without_a_feasible_k_takes_the_smallest_and_says_so(self):
        # one far row: from K = 2 on it is a cluster of its own, 1 of 101 rows
        space = np.vstack([np.random.default_rng(0).normal(size=(100, 2)), [[1000.0, 1000.0]]])
        selection, _centroids = select_k(space, volume=np.ones(101), config=config(min_cluster_size_pct=5.0))
        assert selection.feasible == ()
        assert selection.selected == 2
        assert selection.warning is not None
        assert "no K from 2 to 7 gives every cluster 5 % of the DFUs" in selection.warning

    def test_feasible_k_are_those_whose_smallest_cluster_is_large_enough(self):
        space = blobs(4, 2, rows_each=25)
        selection, _centroids = select_k(space, volume=np.ones(100), config=config(min_cluster_size_pct=25.0))
        assert 4 in selection.feasible
        assert all((min(at.sizes) >= 25) == (at.k in selection.feasible) for at in selection.curves)

    def test_json_values_survive_a_round_trip(self):
        space = blobs(3, 1)
        values = select_k(space, volume=np.ones(240), config=config())[0].model_dump(mode="json")
        assert json.loads(json.dumps(values, allow_nan=False)) == values
        assert values["nominations"] == {"elbow": 3, "silhouette": 3, "gap": 3}
        assert values["curves"][1]["sizes"] == [80, 80, 80]


class TestTooFewDfus:
    def test_a_panel_of_one_dfu_is_refused(self):
        with pytest.raises(DataError, match="DFUs to cluster, the smallest K of k_range"):
            select_k(np.zeros((1, 3)), volume=np.ones(1), config=config())

    def test_rows_that_do_not_differ_count_once(self):
        space = np.repeat([[0.0], [1.0]], 500, axis=0)
        selection, centroids = select_k(space, volume=np.ones(1000), config=config(k_range=(3, 5)))
        assert (selection.selected, sorted(centroids.ravel().tolist())) == (2, [0.0, 1.0])
        assert selection.warning == "k_range ends at 2 instead of 5: only 2 DFUs differ"

    def test_dfus_that_are_all_alike_are_one_cluster(self):
        selection, centroids = select_k(np.full((40, 2), 7.0), volume=np.ones(40), config=config(k_range=(3, 5)))
        assert (selection.selected, centroids.tolist()) == (1, [[7.0, 7.0]])
        assert selection.warning == "k_range ends at 1 instead of 5: all DFUs are alike"
        json.dumps(selection.model_dump(mode="json"), allow_nan=False)

    def test_a_range_that_ends_too_high_is_cut_with_a_warning(self):
        space = np.array([[0.0], [0.1], [5.0], [5.1], [9.0]])
        selection, _centroids = select_k(space, volume=np.ones(5), config=config(k_range=(3, 12)))
        assert [at.k for at in selection.curves] == [3, 4, 5]
        assert selection.one_past is None
        assert selection.selected == 3
        assert selection.warning == "k_range ends at 5 instead of 12: only 5 DFUs differ"

    @pytest.mark.parametrize("k_range", [(2, 4), (4, 4), (2, 12)])
    def test_k_may_equal_the_number_of_distinct_dfus(self, k_range):
        # 0, 4, 9 and 9.5, ten times each: three clusters leave (9.5 - 9)^2 / 4 of each of twenty rows, four leave 0
        space = np.repeat([[0.0], [4.0], [9.0], [9.5]], 10, axis=0)
        selection, centroids = select_k(space, volume=np.ones(40), config=config(k_range=k_range))
        assert selection.selected == 4
        assert sorted(centroids.ravel().tolist()) == pytest.approx([0.0, 4.0, 9.0, 9.5])
        at = selection.curves[-1]
        assert (at.k, at.wcss, at.sizes) == (4, 0.0, (10,) * 4)
        assert at.silhouette == pytest.approx(1.0)
        assert [other.wcss for other in selection.curves if other.k == 3] == pytest.approx([1.25] * (k_range[0] < 4))
        json.dumps(selection.model_dump(mode="json"), allow_nan=False)

    def test_a_range_that_ends_at_the_number_of_distinct_dfus_is_not_cut(self):
        space = np.array([[0.0], [0.1], [5.0], [5.1], [9.0]])
        selection, _centroids = select_k(space, volume=np.ones(5), config=config(k_range=(3, 5)))
        assert [at.k for at in selection.curves] == [3, 4, 5]
        assert selection.one_past is None  # six clusters of five points cannot be
        assert selection.warning is None

    def test_one_distinct_dfu_more_than_the_range_is_enough_to_look_one_past_it(self):
        space = np.array([[0.0], [0.1], [5.0], [5.1], [9.0]])
        selection, _centroids = select_k(space, volume=np.ones(5), config=config(k_range=(3, 4)))
        assert [at.k for at in selection.curves] == [3, 4]
        assert selection.one_past is not None
        assert selection.one_past.k == 5

    def test_as_many_distinct_dfus_as_the_smallest_k_are_enough(self):
        space = np.repeat([[0.0], [4.0], [9.0]], 10, axis=0)
        selection, centroids = select_k(space, volume=np.ones(30), config=config(k_range=(3, 12)))
        assert sorted(centroids.ravel().tolist()) == pytest.approx([0.0, 4.0, 9.0])
        assert selection.one_past is None
        assert selection.curves[0].silhouette == pytest.approx(1.0)
        json.dumps(selection.model_dump(mode="json"), allow_nan=False)


def log_dispersion(points, k, *, n_starts, stream) -> float:
    """log of the paper's W_k = sum over clusters of D_r / (2 n_r), D_r the sum of all pairwise squared distances."""
    seeds = [int(seed) for seed in np.random.SeedSequence(9, spawn_key=stream).generate_state(n_starts)]
    labels = nearest_centroids(points, best_of_starts(points, k, seeds=seeds).centroids)[0]
    total = 0.0
    for cluster in range(k):
        members = points[labels == cluster].tolist()
        pairwise = sum((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 for a in members for b in members)
        total += pairwise / (2 * len(members))
    return math.log(total)
