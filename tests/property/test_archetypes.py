"""Archetypes with known classes are recovered, on panels that no threshold was chosen on."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from dfu_clustering.clusters.k_selection import select_k
from dfu_clustering.clusters.model import fit_clusters
from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.features.matrix import time_series_features
from dfu_clustering.features.panel import PanelBuilder, select_histories
from dfu_clustering.preprocessing.pipeline import build_preprocessing
from dfu_clustering.segments.assignment import nearest

# the archetypes' ranges were settled on seeds 1-34 and 20261101
HELD_OUT_SEEDS = (1001, 1002, 1003)
N_DFUS = 2500


def matrix_and_truth(seed):
    demo = generate_panel(N_DFUS, 48, seed)
    first, last = (np.datetime64(day, "M") for day in ("2022-11-01", "2026-10-01"))
    builder = PanelBuilder(
        demo.dfus.select(["dfu_ck", "dmdunit", "dmdgroup", "loc"]), first_month=first, as_of_month=last
    )
    sales = demo.sales.select(["dmdunit", "dmdgroup", "loc", "startdate", "qty"])
    sales = sales.set_column(4, "qty", sales.column("qty").cast("float64"))
    for batch in sales.to_batches():
        builder.add(batch)
    histories, _ = select_histories(builder.build(), window_months=24, season_window_months=48, min_months_history=12)
    matrix = time_series_features(histories)
    truth = demo.truth.to_pandas().set_index("dfu_ck").loc[matrix["dfu_ck"], "archetype"]
    return matrix, truth


def recovered(matrix, truth, feature_set):
    config = load_config(feature_set=feature_set)
    space = build_preprocessing(config).fit_transform(matrix)
    _selection, centroids = select_k(space, volume=matrix["mean_demand"].to_numpy(), config=config)
    model = fit_clusters(space, centroids, min_cluster_size_pct=config.min_cluster_size_pct)
    return adjusted_rand_score(truth, nearest(space, model.centroids).cluster_id)


@pytest.fixture(scope="module")
def scores():
    """ARI at the selected K by panel and feature set."""
    rows = {}
    for seed in HELD_OUT_SEEDS:
        matrix, truth = matrix_and_truth(seed)
        rows[seed] = {name: recovered(matrix, truth, name) for name in ("shape", "all")}
    return pd.DataFrame(rows).T


def test_archetypes_are_recovered_at_the_selected_k(scores):
    assert (scores["shape"] >= 0.75).all(), scores  # 0.65 was asked for; measured 0.83-0.85


def test_shape_beats_the_plain_recipe_on_the_same_panels(scores):
    # twice the plain recipe was aimed at; measured 1.85-2.01 times (docs/decisions/0004), so 1.7 is held here
    assert (scores["shape"] / scores["all"]).median() >= 1.7, scores
