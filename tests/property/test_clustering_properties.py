"""What holds of every space, panel and seed on the way from features to clusters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import silhouette_score

from dfu_clustering.clusters.k_selection import select_k
from dfu_clustering.clusters.kmeans import nearest_centroids
from dfu_clustering.clusters.model import fit_clusters
from dfu_clustering.clusters.nominations import KStatistics, nearest_feasible
from dfu_clustering.clusters.sampling import stratified_sample
from dfu_clustering.clusters.silhouette import mean_silhouettes
from dfu_clustering.config.loading import load_config
from dfu_clustering.features.histories import Histories
from dfu_clustering.features.matrix import time_series_features
from dfu_clustering.preprocessing.pipeline import build_preprocessing
from dfu_clustering.preprocessing.shape import SHAPE_COLUMNS, shape_columns

SEEDS = st.integers(0, 2**32 - 1)
# integers make equal distances and equal rows common
SPACES = arrays.arrays(
    np.float64, st.tuples(st.integers(6, 40), st.integers(1, 3)), elements=st.integers(-5, 5).map(float)
)


def panel_of(seed: int, n_dfus: int = 30) -> Histories:
    rng = np.random.default_rng(seed)
    demand = rng.lognormal(3, 1, (n_dfus, 24)) * (rng.random((n_dfus, 24)) < rng.uniform(0.3, 1, (n_dfus, 1)))
    demand[:, -1] += 1
    keys = np.array([f"dfu_{i:03}" for i in range(n_dfus)], dtype=object)
    return Histories(keys, demand, np.full(n_dfus, 24), np.datetime64("2026-10"))


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS, factor=st.floats(1e-3, 1e4))
def test_the_unit_of_demand_changes_no_shape_column(seed, factor):
    panel = panel_of(seed)
    rescaled = Histories(panel.dfu_ck, panel.demand * factor, panel.history_months, panel.as_of_month)
    before, after = (shape_columns(time_series_features(histories)) for histories in (panel, rescaled))
    for name in SHAPE_COLUMNS:
        assert after[name].to_numpy() == pytest.approx(before[name].to_numpy(), abs=1e-9)


@settings(deadline=None, max_examples=10)
@given(seed=SEEDS)
def test_a_shuffled_matrix_gives_every_dfu_the_same_cluster_once_sorted(seed):
    config = load_config(k_range=(2, 3), n_init=5, gap_references=2)
    matrix = time_series_features(panel_of(seed))
    shuffled = matrix.sample(frac=1, random_state=seed % 2**31)
    results = []
    for frame in (matrix, shuffled):
        ordered = frame.sort_values("dfu_ck", ignore_index=True)
        space = build_preprocessing(config).fit_transform(ordered)
        _selection, centroids = select_k(space, volume=ordered["mean_demand"].to_numpy(), config=config)
        model = fit_clusters(space, centroids, min_cluster_size_pct=config.min_cluster_size_pct)
        cluster_id, _ = nearest_centroids(space, model.centroids)
        results.append(dict(zip(ordered["dfu_ck"], cluster_id.tolist(), strict=True)))
    assert results[0] == results[1]


@given(space=SPACES, seed=SEEDS)
def test_permuting_rows_permutes_their_assignment(space, seed):
    centroids = np.unique(space, axis=0)[:4]
    order = np.random.default_rng(seed).permutation(len(space))
    straight, permuted = nearest_centroids(space, centroids), nearest_centroids(space[order], centroids)
    assert [part.tolist() for part in permuted] == [part[order].tolist() for part in straight]


@settings(deadline=None)
@given(space=SPACES, k=st.integers(1, 5), min_pct=st.floats(0, 50))
def test_fitted_clusters_are_large_enough_in_order_and_hold_their_nearest_rows(space, k, min_pct):
    distinct = np.unique(space, axis=0)[:k]
    model = fit_clusters(space, distinct, min_cluster_size_pct=min_pct)
    cluster_id, distance = nearest_centroids(space, model.centroids)
    sizes = np.bincount(cluster_id, minlength=len(model.centroids))
    assert sizes.tolist() == model.sizes.tolist()
    assert (100 * sizes / len(space) >= min_pct).all()
    assert (sizes > 0).all()
    assert (np.diff(sizes) <= 0).all()
    assert len(model.centroids) + len(model.merged_sizes) == len(distinct)
    distances = np.linalg.norm(space[:, None, :] - model.centroids[None], axis=2)
    assert distance == pytest.approx(distances.min(axis=1))


@settings(deadline=None)
@given(space=SPACES, seed=SEEDS, k=st.integers(2, 5))
def test_silhouettes_are_those_of_scikit_learn(space, seed, k):
    labels = np.random.default_rng(seed).integers(0, k, len(space))
    labels[:2] = [0, 1]
    labels[2] = 0
    assert mean_silhouettes(space, [labels])[0] == pytest.approx(silhouette_score(space, labels), abs=1e-9)


@given(
    volume=arrays.arrays(np.float64, st.integers(1, 300), elements=st.floats(0, 1e6), unique=True),
    size=st.integers(1, 300),
    seed=SEEDS,
    share=st.floats(0, 1),
)
def test_the_sample_holds_every_tier_in_proportion(volume, size, seed, share):
    rows = stratified_sample(volume, size, np.random.default_rng(seed))
    assert len(set(rows.tolist())) == min(size, len(volume))
    tier = volume <= np.quantile(volume, share)
    assert abs(tier[rows].sum() - len(rows) * tier.mean()) < 1 + 1e-9


@given(
    feasible=st.lists(st.booleans(), min_size=1, max_size=12),
    position=st.integers(0, 11),
    silhouettes=st.lists(st.floats(-1, 1), min_size=12, max_size=12),
)
def test_the_chosen_k_is_feasible_and_none_is_nearer(feasible, position, silhouettes):
    curves = [
        KStatistics(3 + i, 1.0, silhouettes[i], 0.0, 0.0, (1,), is_feasible) for i, is_feasible in enumerate(feasible)
    ]
    wanted = 3 + position % len(feasible)
    chosen = nearest_feasible(wanted, curves)
    possible = [at.k for at in curves if at.feasible]
    if possible:
        assert chosen in possible
        assert abs(chosen - wanted) == min(abs(k - wanted) for k in possible)
    else:
        assert chosen == 3
