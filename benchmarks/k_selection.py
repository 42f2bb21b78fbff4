"""Choosing K, side by side: this project beside scikit-learn as a user would write it, and both beside the truth.

Prints one JSON line a claim.

``k_selection_sets``: synthetic sets of known K that differ in K, columns, separation, imbalance, tails and noise. The
plain way fits ``KMeans(n_init=10)`` at every K, takes the silhouette of all rows and the gap over ten references that
are fitted the same way. The rule that weighs the three nominations is the same for both. Ratios are the plain way's
seconds over ours, the median over the sets; WCSS ratios are ours over the plain way's, 1 or less being as tight. Each
set goes to standard error when it is done.

``k_selection_large``: all of ``select_k``, the final fit and the assignment on many rows, beside one plain
``KMeans(n_init=10)`` of the selected K alone on the same rows.

    python benchmarks/k_selection.py sets [--rows 20000] [--sets 20] [--first-seed 9000]
    python benchmarks/k_selection.py large [--rows 1000000] [--columns 12] [--repeats 3]
"""

import argparse
import json
import os
import statistics
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, silhouette_score

from dfu_clustering.clusters.k_selection import select_k
from dfu_clustering.clusters.kmeans import nearest_centroids
from dfu_clustering.clusters.model import fit_clusters
from dfu_clustering.clusters.nominations import KStatistics, nearest_feasible, nominate
from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.loading import load_config

K_RANGE = (3, 12)
N_REFERENCES = 10


@dataclass(frozen=True)
class KnownSet:
    """Points drawn from a known number of components, clipped to +-3 as the robust scaling clips."""

    points: np.ndarray
    component: np.ndarray
    n_components: int
    description: dict[str, float]


def known_set(seed: int, n_rows: int) -> KnownSet:
    """Draw a set; its K runs through the range, all else is drawn from the seed."""
    rng = np.random.default_rng(seed)
    n_components = 3 + seed % 8
    n_columns = int(rng.integers(4, 13))
    separation = rng.uniform(3.5, 7)  # of the closest two centres, in standard deviations of a component
    imbalance = rng.choice([100.0, 3.0, 1.0])  # concentration: even, uneven, very uneven
    tails = rng.choice([30.0, 5.0])  # degrees of freedom of Student's t
    noise_share = rng.choice([0.0, 0.03, 0.08])
    shares = np.maximum(rng.dirichlet(np.full(n_components, imbalance)), 0.03)
    component = rng.choice(n_components, size=n_rows, p=shares / shares.sum())
    spread = rng.uniform(0.7, 1.3, (n_components, n_columns))
    points = _centres(rng, n_components, n_columns, separation)[component]
    points += rng.standard_t(tails, (n_rows, n_columns)) * np.sqrt((tails - 2) / tails) * spread[component]
    noise = rng.random(n_rows) < noise_share
    low, high = np.quantile(points, [0.005, 0.995], axis=0)
    points[noise] = rng.uniform(low, high, (noise.sum(), n_columns))
    points = (points - points.mean(axis=0)) / points.std(axis=0).mean()
    description = {
        "columns": n_columns,
        "separation": round(separation, 2),
        "concentration": imbalance,
        "tails_df": tails,
        "noise_share": noise_share,
    }
    return KnownSet(points.clip(-3, 3), component, n_components, description)


def _centres(rng: np.random.Generator, n_components: int, n_columns: int, separation: float) -> np.ndarray:
    centres = rng.normal(size=(n_components, n_columns))
    gaps = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    return centres * separation / gaps[np.triu_indices(n_components, 1)].min()


@dataclass(frozen=True)
class PlainSelection:
    """What the plain way found, and the seconds of its parts."""

    selected: int
    curves: list[KStatistics]
    seconds: dict[str, float]


def plain_selection(points: np.ndarray, seed: int, min_cluster_size_pct: float) -> PlainSelection:
    """Choose K with scikit-learn at its defaults: every fit of all rows, ten starts each, all cores."""
    seconds: dict[str, list[float]] = {}
    low, high = K_RANGE
    ks = range(low, high + 2)
    with _timed(seconds, "fits"):
        fits = [KMeans(k, n_init=10, random_state=seed).fit(points) for k in ks]
    with _timed(seconds, "silhouettes"):
        silhouettes = [silhouette_score(points, fit.labels_) for fit in fits]
    rng = np.random.default_rng(seed)
    with _timed(seconds, "references"):
        references = [_reference(points, rng) for _ in range(N_REFERENCES)]
        logs = np.log([[_inertia(reference, k, 10, seed) for reference in references] for k in ks])
    errors = logs.std(axis=1) * np.sqrt(1 + 1 / N_REFERENCES)
    sizes = [np.sort(np.bincount(fit.labels_))[::-1] for fit in fits]
    curves = [
        KStatistics(
            k=k,
            wcss=fits[i].inertia_,
            silhouette=silhouettes[i],
            gap=logs[i].mean() - np.log(fits[i].inertia_),
            gap_standard_error=errors[i],
            sizes=tuple(sizes[i].tolist()),
            feasible=bool(100 * sizes[i].min() / len(points) >= min_cluster_size_pct),
        )
        for i, k in enumerate(ks)
    ]
    selected = nearest_feasible(nominate(curves[:-1], curves[-1]).median, curves[:-1])
    return PlainSelection(selected, curves, {part: values[0] for part, values in seconds.items()})


def _reference(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    pca = PCA().fit(points)
    turned = pca.transform(points)
    return pca.inverse_transform(rng.uniform(turned.min(axis=0), turned.max(axis=0), points.shape))


def _inertia(points: np.ndarray, k: int, n_init: int, seed: int) -> float:
    return KMeans(k, n_init=n_init, random_state=seed).fit(points).inertia_


def sets_figures(n_rows: int, n_sets: int, first_seed: int) -> dict[str, object]:
    """Choose K of every set both ways, and count how often each is right."""
    rows = [_one_set(known_set(first_seed + i, n_rows), first_seed + i) for i in range(n_sets)]
    of = {name: [row[name] for row in rows] for name in rows[0]}
    true, ours, plain = of["true_k"], of["our_k"], of["plain_k"]
    return {
        "median_times_faster": _median(of["times_faster"]),
        "least_times_faster": round(min(of["times_faster"]), 1),
        "our_median_s": round(statistics.median(of["our_s"]), 2),
        "right": {"ours": _count_equal(true, ours), "plain": _count_equal(true, plain)},
        "same_k": _count_equal(ours, plain),
        "same_or_neighbouring_k": sum(abs(a - b) <= 1 for a, b in zip(ours, plain, strict=True)),
        "largest_wcss_ratio": max(of["largest_wcss_ratio"]),
        "mean_wcss_ratio": round(statistics.mean(of["mean_wcss_ratio"]), 6),
        "largest_gap_difference": max(of["largest_gap_difference"]),
        "each": rows,
    }


def _one_set(known: KnownSet, seed: int) -> dict[str, Any]:
    config = load_config(seed=seed, k_range=K_RANGE, n_init=10, gap_references=N_REFERENCES)
    start = time.perf_counter()
    ours, _ = select_k(known.points, volume=np.arange(len(known.points), dtype=float), config=config)
    our_s = time.perf_counter() - start
    plain = plain_selection(known.points, seed, config.min_cluster_size_pct)
    curves = [*ours.curves, *([ours.one_past] if ours.one_past else [])]
    wcss = [a.wcss / b.wcss for a, b in zip(curves, plain.curves, strict=True)]
    gaps = [abs(a.gap - b.gap) for a, b in zip(curves, plain.curves, strict=True)]
    row = {
        "seed": seed,
        "true_k": known.n_components,
        "our_k": ours.selected,
        "plain_k": plain.selected,
        "our_nominations": [ours.nominations.elbow, ours.nominations.silhouette, ours.nominations.gap],
        "our_s": round(our_s, 2),
        "plain_s": {part: round(seconds, 2) for part, seconds in plain.seconds.items()},
        "times_faster": round(sum(plain.seconds.values()) / our_s, 1),
        "largest_wcss_ratio": round(max(wcss), 5),
        "mean_wcss_ratio": round(statistics.mean(wcss), 5),
        "largest_gap_difference": round(max(gaps), 5),
        **known.description,
    }
    print(json.dumps(row), file=sys.stderr, flush=True)
    return row


def large_figures(n_rows: int, n_columns: int, repeats: int) -> dict[str, object]:
    """Time the choice of K, the final fit and the assignment, beside one plain fit of the K that was chosen."""
    known = _large_set(n_rows, n_columns)
    config = load_config(k_range=K_RANGE)
    volume = np.random.default_rng(0).lognormal(3, 1.5, n_rows)
    seconds: dict[str, list[float]] = {}
    before_mb = _resident_mb()
    with _peak_mb() as peak:
        for _ in range(repeats):
            selection, model, assigned = _our_way(known.points, volume, config, seconds)
    for _ in range(repeats):
        with _timed(seconds, "plain_fit"):
            plain = KMeans(selection.selected, n_init=10, random_state=0).fit(known.points)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ours_s = medians["select_k"] + medians["fit_clusters"] + medians["assign"]
    return {
        "seconds": {name: round(value, 2) for name, value in medians.items()},
        "all_over_one_plain_fit": round(ours_s / medians["plain_fit"], 2),
        "extra_peak_mb": round(peak["mb"] - before_mb),
        "points_mb": round(known.points.nbytes / 1e6),
        "true_k": known.n_components,
        "selected": selection.selected,
        "inertia_over_plain": round(model.inertia / plain.inertia_, 6) if not model.merged_sizes else None,
        "ari": {
            "ours": round(adjusted_rand_score(known.component, assigned), 4),
            "plain": round(adjusted_rand_score(known.component, plain.labels_), 4),
        },
    }


def _large_set(n_rows: int, n_columns: int) -> KnownSet:
    rng = np.random.default_rng(7)
    component = rng.integers(8, size=n_rows)
    centres = _centres(rng, 8, n_columns, 4.0)
    points = centres[component] + rng.normal(size=(n_rows, n_columns))
    points /= points.std(axis=0).mean()
    return KnownSet(points.clip(-3, 3), component, 8, {})


def _our_way(points: np.ndarray, volume: np.ndarray, config: ClusteringConfig, seconds: dict[str, list[float]]):
    with _timed(seconds, "select_k"):
        selection, centroids = select_k(points, volume=volume, config=config)
    with _timed(seconds, "fit_clusters"):
        model = fit_clusters(points, centroids, min_cluster_size_pct=config.min_cluster_size_pct)
    with _timed(seconds, "assign"):
        assigned, _distances = nearest_centroids(points, model.centroids)
    return selection, model, assigned


@contextmanager
def _timed(seconds: dict[str, list[float]], name: str):
    start = time.perf_counter()
    yield
    seconds.setdefault(name, []).append(time.perf_counter() - start)


def _resident_mb() -> float:
    return psutil.Process().memory_info().rss / 1e6


@contextmanager
def _peak_mb():
    """Yield a dict whose ``mb`` is the largest resident memory seen inside the block."""
    peak, done = {"mb": _resident_mb()}, threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            peak["mb"] = max(peak["mb"], _resident_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 1)


def _count_equal(a: list[int], b: list[int]) -> int:
    return sum(x == y for x, y in zip(a, b, strict=True))


def main() -> None:
    """Parse the arguments and print the JSON line of the claim."""
    parser = argparse.ArgumentParser(description="Choosing K: this project beside scikit-learn, written plainly.")
    claims = parser.add_subparsers(dest="claim", required=True)
    sets = claims.add_parser("sets", help="synthetic sets of known K, both ways")
    sets.add_argument("--rows", type=int, default=20_000)
    sets.add_argument("--sets", type=int, default=20)
    sets.add_argument("--first-seed", type=int, default=9000)
    large = claims.add_parser("large", help="many rows, ours and one plain fit")
    large.add_argument("--rows", type=int, default=1_000_000)
    large.add_argument("--columns", type=int, default=12)
    large.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    if options.claim == "sets":
        figures = sets_figures(options.rows, options.sets, options.first_seed)
    else:
        figures = large_figures(options.rows, options.columns, options.repeats)
    setting = {"benchmark": f"k_selection_{options.claim}", **vars(options), "cpus": os.cpu_count()}
    setting.pop("claim")
    print(json.dumps(setting | figures))


if __name__ == "__main__":
    main()
