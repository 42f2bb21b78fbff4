import numpy as np
import pytest

from dfu_clustering.clusters.kmeans import nearest_centroids
from dfu_clustering.clusters.model import fit_clusters


def column(*values):
    return np.array(values, dtype=np.float64)[:, None]


def groups(*members):
    """A one-column space: of each (value, count), count rows at value."""
    return column(*[value for value, count in members for _ in range(count)])


class TestFit:
    def test_numbers_go_by_descending_size(self):
        model = fit_clusters(groups((0, 3), (10, 5), (20, 4)), column(0, 10, 20), min_cluster_size_pct=0)
        assert model.centroids.ravel() == pytest.approx([10.0, 20.0, 0.0])
        assert model.sizes.tolist() == [5, 4, 3]

    def test_numbers_do_not_depend_on_the_order_of_the_initial_centroids(self):
        space = groups((0, 3), (10, 5), (20, 4))
        models = [fit_clusters(space, column(*start), min_cluster_size_pct=0) for start in ([0, 10, 20], [20, 0, 10])]
        assert models[0].centroids.tolist() == models[1].centroids.tolist()

    def test_clusters_of_one_size_are_numbered_by_their_centroids(self):
        points = np.array([[2.0, 5.0], [0.0, 7.0], [1.0, 9.0]])
        model = fit_clusters(np.repeat(points, 4, axis=0), points, min_cluster_size_pct=0)
        assert model.centroids == pytest.approx(np.array([[0.0, 7.0], [1.0, 9.0], [2.0, 5.0]]))

    def test_inertia_is_the_sum_of_squared_distances(self):
        # means 1 and 11, each two rows at a distance of 1
        model = fit_clusters(column(0, 2, 10, 12), column(0, 12), min_cluster_size_pct=0)
        assert model.inertia == pytest.approx(4.0)

    def test_centroids_start_where_they_are_told(self):
        # 0 | 6, 12 and 0, 6 | 12 are equally good: which one Lloyd's algorithm ends in depends on its start alone
        space = column(0, 0, 6, 6, 12, 12)
        left = fit_clusters(space, column(0, 9), min_cluster_size_pct=0)
        right = fit_clusters(space, column(3, 12), min_cluster_size_pct=0)
        assert sorted(left.centroids.ravel()) == pytest.approx([0.0, 9.0])
        assert sorted(right.centroids.ravel()) == pytest.approx([3.0, 12.0])


class TestMerges:
    def test_a_small_cluster_goes_into_its_nearest_neighbour_by_weighted_mean(self):
        # 1 row at 12 is 10 % of 10; its neighbour holds 4 rows at 10: (4 x 10 + 1 x 12) / 5 = 10.4
        model = fit_clusters(groups((0, 5), (10, 4), (12, 1)), column(0, 10, 12), min_cluster_size_pct=20)
        assert model.centroids.ravel() == pytest.approx([0.0, 10.4])
        assert model.sizes.tolist() == [5, 5]
        assert model.merged_sizes == (1,)
        assert model.warning == "clusters of 1 DFUs, below 20 % of all, were merged into their neighbours"

    def test_the_smallest_is_merged_first(self):
        # 1 row at 30 joins the 2 at 20: mean 70/3, 3 rows of 13 are 23 %: large enough, so that no second merge follows
        space = groups((0, 10), (20, 2), (30, 1))
        model = fit_clusters(space, column(0, 20, 30), min_cluster_size_pct=20)
        assert model.merged_sizes == (1,)
        assert model.centroids.ravel() == pytest.approx([0.0, 70 / 3])

    def test_merging_goes_on_until_every_cluster_is_large_enough(self):
        space = groups((0, 95), (20, 3), (30, 2))
        model = fit_clusters(space, column(0, 20, 30), min_cluster_size_pct=10)
        assert model.merged_sizes == (2, 5)
        assert model.sizes.tolist() == [100]
        assert model.centroids.ravel() == pytest.approx([(3 * 20 + 2 * 30) / 100])

    def test_without_merges_there_is_no_warning(self):
        model = fit_clusters(groups((0, 5), (10, 5)), column(0, 10), min_cluster_size_pct=50)
        assert (model.merged_sizes, model.warning) == ((), None)


class TestAssignment:
    def test_every_row_goes_to_its_nearest_centroid(self):
        space = np.random.default_rng(4).normal(size=(400, 3))
        model = fit_clusters(space, space[:7], min_cluster_size_pct=3)
        cluster_id, distance = nearest_centroids(space, model.centroids)
        distances = np.linalg.norm(space[:, None, :] - model.centroids[None], axis=2)
        assert (cluster_id == distances.argmin(axis=1)).all()
        assert distance == pytest.approx(distances.min(axis=1))
        assert np.bincount(cluster_id).tolist() == model.sizes.tolist()
        assert model.inertia == pytest.approx((distance**2).sum())

    def test_a_row_on_a_centroid_is_at_distance_zero(self):
        centroids = np.array([[1e9, 1.0], [0.1, 0.2]])
        assert nearest_centroids(centroids, centroids)[1].tolist() == [0.0, 0.0]
