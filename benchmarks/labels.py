"""What the labels say and how true it is: one JSON line a panel, first run and twelve months continued.

``true`` is the share of the DFUs for which all words of their label are strictly true by their own values, ``within``
the same with every threshold eased by label_margin. ``variance_ratio`` compares what the labels explain of the space
with volume in it to what plain K-means explains that clusters in that space. Of DFUs labelled seasonal, ``comes_again``
is the median correlation of next year's shape with the index of the past, from labels as of a year ago. On generated
archetypes ``ari`` is pattern and traits against the known class of the DFUs whose regime did not change, on seeds that
nothing was chosen on.
``calendar`` is the least ARI of clusters, and of labels, under another name for the months (shifts of 1 to 11).

    python benchmarks/labels.py [panel.parquet ...] [--archetypes 20000] [--months 12]
"""

import json
from itertools import pairwise

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from benchmarks.stability import SEED, archetype_panel, matrices, print_panels
from dfu_clustering.clusters.k_selection import select_k
from dfu_clustering.clusters.kmeans import nearest_centroids
from dfu_clustering.clusters.model import fit_clusters
from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.loading import load_config
from dfu_clustering.features.histories import select_histories
from dfu_clustering.features.matrix import time_series_features
from dfu_clustering.features.panel import Panel
from dfu_clustering.labels.rules import own_values
from dfu_clustering.segments.continuation import as_published, continue_published
from dfu_clustering.segments.first_fit import segment_from_scratch
from dfu_clustering.segments.measures import explained_share
from dfu_clustering.segments.segmentation import Segmentation

LEAST_SEASONAL = 30  # DFUs from which their seasons are looked at
GROWERS, OTHERS = 60, 930


def texts(matrix: pd.DataFrame, result: Segmentation) -> pd.Series:
    """Return the label of each DFU."""
    labels = np.array([label.text for label in result.labels], dtype=object)
    return pd.Series(labels[result.segment], index=matrix["dfu_ck"].to_numpy())


def patterns(result: Segmentation) -> np.ndarray:
    """Return pattern and traits of each DFU, without the tier."""
    words = np.array(["_".join((label.pattern, *label.traits)) for label in result.labels], dtype=object)
    return words[result.segment]


def variance_ratio(config: ClusteringConfig, matrix: pd.DataFrame, result: Segmentation) -> float:
    """Return what the labels explain of the space with volume over what K-means explains that sees the volume."""
    volume = np.log1p(matrix["mean_demand"].to_numpy())
    low, middle, high = np.quantile(volume, [0.25, 0.5, 0.75])
    scaled = np.clip((volume - middle) / ((high - low) / 1.349 or 1.0), -3, 3)
    space = np.column_stack([scaled, result.space])
    _, centroids = select_k(space, volume=matrix["mean_demand"].to_numpy(), config=config)
    kmeans = fit_clusters(space, centroids, min_cluster_size_pct=config.min_cluster_size_pct)
    plain, _ = nearest_centroids(space, kmeans.centroids)
    return explained_share(space, result.segment) / explained_share(space, plain)


def comes_again(config: ClusteringConfig, panel: Panel) -> tuple[int, float | None]:
    """Return how many DFUs were labelled seasonal a year ago, and how next year's shape goes with their index."""
    before = panel.as_of(panel.as_of_month - 12)
    matrix = matrix_of(config, before)
    seasonal = texts(matrix, segment_from_scratch(config, matrix)).str.startswith("seasonal_")
    rows = np.flatnonzero(np.isin(panel.dfu_ck, seasonal.index[seasonal]))
    if len(rows) < LEAST_SEASONAL:
        return len(rows), None
    past, following = panel.demand[rows, -60:-12], panel.demand[rows, -12:]
    index = past[:, past.shape[1] % 12 :].reshape(len(rows), -1, 12).mean(axis=1)
    found = [np.corrcoef(a, b)[0, 1] for a, b in zip(index, following, strict=True) if np.ptp(b) > 0]
    return len(rows), float(np.median(found))


def matrix_of(config: ClusteringConfig, panel: Panel) -> pd.DataFrame:
    """Return the feature matrix of a panel."""
    histories, _ = select_histories(
        panel,
        window_months=config.time_window_months,
        min_months_history=config.min_months_history,
        season_window_months=config.season_window_months,
    )
    return time_series_features(histories)


def calendar(config: ClusteringConfig, matrix: pd.DataFrame, result: Segmentation) -> dict[str, float]:
    """Return the least ARI with the original where the months have other names."""
    clusters, labels, quarters = [], [], []
    for shift in range(1, 12):
        moved = matrix.assign(peak_month=(matrix["peak_month"] - 1 + shift) % 12 + 1)
        other = segment_from_scratch(config, moved)
        clusters.append(adjusted_rand_score(result.kmeans_cluster, other.kmeans_cluster))
        labels.append(adjusted_rand_score(result.segment, other.segment))
        if shift % 3 == 0:
            quarters.append(labels[-1])
    return {"kmeans": min(clusters), "labels": min(labels), "labels_by_quarters": min(quarters)}


def continued(config: ClusteringConfig, months: list[pd.DataFrame]) -> dict[str, object]:
    """Return churn and truth over the months that follow the first."""
    result = segment_from_scratch(config, months[0])
    churn, within, refits = [], [result.figures.within_margin_share], 0
    for before, matrix in pairwise(months):
        labels = texts(before, result)
        result, continuity = continue_published(config, matrix, as_published(before, result))
        now = texts(matrix, result)
        shared = labels.index.intersection(now.index)
        churn.append(float((labels[shared] != now[shared]).mean()))
        within.append(result.figures.within_margin_share)
        refits += continuity.refit
    return {
        "churn_median": float(np.median(churn)),
        "churn_max": max(churn),
        "true_after": result.figures.true_share,
        "within_least": min(within),
        "refits": refits,
        "labels_after": len(result.labels),
    }


def figures(
    name: str, panel: Panel, config: ClusteringConfig, n_months: int, truth: pd.DataFrame | None
) -> dict[str, object]:
    """Return one panel's line."""
    months = matrices(panel, config, n_months)
    matrix = months[-1]
    result = segment_from_scratch(config, matrix)
    sizes = result.sizes / len(matrix)
    seasonal, correlation = comes_again(config, panel)
    line: dict[str, object] = {
        "panel": name,
        "dfus": len(matrix),
        "k": len(result.fitted.kmeans_centroids),
        "patterns": len({(label.pattern, label.traits) for label in result.labels}),
        "labels": len(result.labels),
        "smallest_pct": 100 * float(sizes.min()),
        **result.figures.model_dump(mode="json"),
        "least_trait_share": least_trait_share(config, matrix, result),
        "variance_ratio": variance_ratio(config, matrix, result),
        "seasonal_dfus": seasonal,
        "comes_again": correlation,
        "calendar": calendar(config, matrix, result),
        "continued": continued(config, months),
    }
    if truth is not None:
        settled = truth.index[truth["settled"] & (truth["before"] == truth["after"])]
        rows = matrix["dfu_ck"].isin(settled).to_numpy()
        known = truth.loc[matrix["dfu_ck"][rows], "after"]
        line["ari"] = adjusted_rand_score(known, patterns(result)[rows])
        line["ari_kmeans"] = adjusted_rand_score(known, result.kmeans_cluster[rows])
    return {key: rounded(value) for key, value in line.items()}


def least_trait_share(config: ClusteringConfig, matrix: pd.DataFrame, result: Segmentation) -> float:
    """Return the smallest share of the bearers of a trait word for which it is strictly true; 1 without any."""
    values, least = own_values(matrix), 1.0
    for i, claim in enumerate(result.claims):
        members = {name: of_all[result.segment == i] for name, of_all in values.items()}
        shares = (float(trait.holds(members, config.labeling).mean()) for trait in claim.traits())
        least = min([least, *shares])
    return least


def rounded(value: object) -> object:
    """Return floats with four decimals, also inside of containers."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    return value


def growers_found(config: ClusteringConfig, seed: int = SEED) -> float:
    """Return which share of 60 growers of 40 % a year among 930 level DFUs has a growing label."""
    rng = np.random.default_rng(seed)
    months = np.arange(60)
    growth = np.concatenate([np.full(GROWERS, np.log(1.4) / 12), np.zeros(OTHERS)])[:, None]
    level = rng.lognormal(4, 1, (GROWERS + OTHERS, 1))
    demand = rng.poisson(level * np.exp(growth * (months - 48)) * rng.lognormal(0, 0.15, (GROWERS + OTHERS, 60)))
    keys = np.array([f"dfu_{i:04}" for i in range(len(demand))], dtype=object)
    panel = archetype_panel(100)[0]
    matrix = matrix_of(config, Panel(keys, demand.astype(np.float64), panel.as_of_month, panel.facts))
    found = texts(matrix, segment_from_scratch(config, matrix)).str.contains("growing")
    return float(found[keys[:GROWERS]].mean())


if __name__ == "__main__":
    print_panels(__doc__ or "", figures)
    print(json.dumps({"growers_found": growers_found(load_config())}), flush=True)
