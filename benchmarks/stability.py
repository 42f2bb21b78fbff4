"""Labels rolled over the last 12 as-of months: continued from month to month, beside independent refits.

Prints one JSON line a panel. Both sides run the same settings on the same feature matrices; independent refits are
matched month to month by the DFUs that they share (Hungarian). Churn is the share of the DFUs clustered in both months
that changed; ``label_churn`` counts labels as a planner sees them, so also segments that were renamed. The columns of
chance count in full for ``independent_churn_in_full_median`` (``discount_noise: false``): what refits move without it.
On generated archetypes (seeds that nothing was chosen on) some DFUs change their regime six months before the last
as-of month; the others must stay. ``fitting`` is the segment whose centroid is nearest then, with nothing held.

    python benchmarks/stability.py [panel.parquet ...] [--archetypes 20000] [--months 12]
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.archetypes import ARCHETYPE_NAMES, Traits, draw_traits, simulate_demand
from dfu_clustering.demo.tidy import read_tidy_sales
from dfu_clustering.features.matrix import time_series_features
from dfu_clustering.features.panel import Panel, PanelBuilder, SalesFacts, select_histories
from dfu_clustering.labels.naming import ClusterLabel, label_clusters
from dfu_clustering.labels.profiles import feature_scales, profile_clusters, volume_bounds
from dfu_clustering.months import month_range
from dfu_clustering.segments.assignment import nearest
from dfu_clustering.segments.continuation import as_published, continue_published
from dfu_clustering.segments.first_fit import Segmentation, sampled_silhouettes, segment_anew
from dfu_clustering.segments.matching import match_clusters

SEED = 77_001
AS_OF = np.datetime64("2026-10", "M")
PANEL_MONTHS = 60
MONTHS_AFTER_CHANGE = 6
# from -> to; every regime of the generator that has a behaviour of its own, none that is too young or already gone
CHANGES = (
    ("steady", "growing"), ("steady", "declining"), ("steady", "intermittent"), ("steady", "volatile"),
    ("growing", "declining"), ("declining", "growing"), ("intermittent", "steady"), ("seasonal_summer", "declining"),
)  # fmt: skip
CHANGED_SHARE = 0.2  # of the DFUs of the regimes that change
NO_FACTS = SalesFacts(0, 0, 0, 0, (), 0, ())


@dataclass(frozen=True, eq=False)
class Month:
    """One as-of month as it was labelled."""

    keys: pd.Index
    segmentation: Segmentation
    labels: dict[int, str]
    refit: bool
    nearest_label: np.ndarray

    @property
    def cluster(self) -> pd.Series:
        """Return the cluster of each DFU."""
        return pd.Series(self.segmentation.assignment.cluster_id, self.keys)

    @property
    def label(self) -> pd.Series:
        """Return the label of each DFU."""
        return self.cluster.map(self.labels)


def panel_of_file(path: Path) -> Panel:
    """Return the whole panel of a tidy parquet file."""
    tables = read_tidy_sales(path)
    months = tables.sales.column("startdate").to_numpy().astype("datetime64[M]")
    keys = tables.dfus.select(["dfu_ck", "dmdunit", "dmdgroup", "loc"])
    builder = PanelBuilder(keys, first_month=months.min(), as_of_month=months.max())
    sales = tables.sales.select(["dmdunit", "dmdgroup", "loc", "startdate", "qty"])
    for batch in sales.set_column(4, "qty", sales.column("qty").cast("float64")).to_batches():
        builder.add(batch)
    return builder.build()


def archetype_panel(n_dfus: int, seed: int = SEED) -> tuple[Panel, pd.DataFrame]:
    """Return a panel in which some DFUs change their regime, and of each DFU the regimes before and after."""
    months = month_range(AS_OF, PANEL_MONTHS)
    rng, chance, for_old, for_new = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(4))
    old = draw_traits(rng, n_dfus, PANEL_MONTHS)
    to = _regimes_after(chance, old.archetype)
    donors = draw_traits(rng, 10 * n_dfus, PANEL_MONTHS)
    new = _with_regime_of(chance, old, to, donors)
    demand, after = simulate_demand(for_old, old, months), simulate_demand(for_new, new, months)
    change = PANEL_MONTHS - MONTHS_AFTER_CHANGE
    changes = to != old.archetype
    # a new regime starts from the level that the old one had come to
    level = demand[:, change - 12 : change].mean(axis=1) / np.maximum(after[:, change - 12 : change].mean(axis=1), 1e-9)
    spliced = np.round(after[:, change:] * np.minimum(level, 10)[:, None])
    demand[changes, change:] = spliced[changes]
    keys = np.array([f"dfu_{i:07}" for i in range(n_dfus)], dtype=object)
    names = np.array(ARCHETYPE_NAMES, dtype=object)
    # young, ended and ending DFUs change by themselves
    settled = (old.first_month < 0) & (old.last_month == PANEL_MONTHS - 1)
    truth = pd.DataFrame({"before": names[old.archetype], "after": names[to], "settled": settled}, index=keys)
    return Panel(keys, np.maximum(demand, 0.0), AS_OF, NO_FACTS), truth


def _regimes_after(rng: np.random.Generator, archetype: np.ndarray) -> np.ndarray:
    after = archetype.copy()
    for before in sorted({pair[0] for pair in CHANGES}):
        targets = [ARCHETYPE_NAMES.index(to) for of, to in CHANGES if of == before]
        rows = np.flatnonzero(archetype == ARCHETYPE_NAMES.index(before))
        chosen = rows[rng.random(len(rows)) < CHANGED_SHARE]
        after[chosen] = rng.choice(targets, len(chosen))
    return after


def _with_regime_of(rng: np.random.Generator, old: Traits, to: np.ndarray, donors: Traits) -> Traits:
    donor = np.arange(len(to))
    for regime in np.unique(to):
        rows, pool = np.flatnonzero(to == regime), np.flatnonzero(donors.archetype == regime)
        donor[rows] = rng.choice(pool, len(rows))
    taken = ("noise_cv", "noise_memory", "peak", "sharpness", "log_growth", "adi", "return_share")
    return replace(old, archetype=to, **{name: getattr(donors, name)[donor] for name in taken})


def matrices(panel: Panel, config: ClusteringConfig, n_months: int) -> list[pd.DataFrame]:
    """Return the feature matrices as of the last n_months + 1 months, the oldest first."""
    found = []
    for back in range(n_months, -1, -1):
        width = panel.demand.shape[1] - back
        as_of = Panel(panel.dfu_ck, panel.demand[:, :width], panel.as_of_month - back, panel.facts)
        window, least = config.time_window_months, config.min_months_history
        histories, _ = select_histories(
            as_of,
            window_months=window,
            season_window_months=config.season_window_months,
            min_months_history=least,
        )
        found.append(time_series_features(histories))
    return found


def labelled(
    config: ClusteringConfig, matrix: pd.DataFrame, segmentation: Segmentation, borne: dict[int, str], *, refit: bool
) -> Month:
    """Return a month with the labels of its clusters."""
    cluster_id = segmentation.assignment.cluster_id
    labels: tuple[ClusterLabel, ...] = label_clusters(
        profile_clusters(matrix, cluster_id),
        feature_scales(matrix),
        volume_bounds(matrix["mean_demand"], config.labeling.volume_thresholds),
        config.labeling,
        published=borne,
        margin=config.stability.label_margin,
    )
    names = {label.cluster_id: label.label for label in labels}
    by_nearest = nearest(segmentation.space, segmentation.model.centroids).cluster_id
    return Month(
        pd.Index(matrix["dfu_ck"]), segmentation, names, refit, np.array([names[i] for i in by_nearest], dtype=object)
    )


def rolled(config: ClusteringConfig, months: Sequence[pd.DataFrame]) -> list[Month]:
    """Label month after month, each continuing the one before."""
    done = [labelled(config, months[0], segment_anew(config, months[0]), {}, refit=True)]
    for before, matrix in pairwise(months):
        published = as_published(before, done[-1].segmentation)
        segmentation, continuity = continue_published(config, matrix, published, months=1)
        borne = {i: done[-1].labels[of] for i, of in enumerate(continuity.matched) if of >= 0}
        done.append(labelled(config, matrix, segmentation, borne, refit=continuity.refit))
    return done


def independent(config: ClusteringConfig, months: Sequence[pd.DataFrame]) -> list[Month]:
    """Label every month as if nothing had been published."""
    return [labelled(config, matrix, segment_anew(config, matrix), {}, refit=True) for matrix in months]


def matched_churn(before: Month, after: Month) -> float:
    """Return the share of the shared DFUs that are not in the cluster matched to theirs."""
    shared = before.cluster.index.intersection(after.cluster.index)
    one, other = before.cluster[shared].to_numpy(), after.cluster[shared].to_numpy()
    continues = match_clusters(one, other, one.max() + 1, other.max() + 1)
    return float((continues[other] != one).mean())


def moved(before: pd.Series, after: pd.Series, among: pd.Index | None = None) -> float:
    """Return the share of the shared DFUs whose value differs."""
    shared = before.index.intersection(after.index)
    shared = shared if among is None else shared.intersection(among)
    return float((before[shared] != after[shared]).mean())


def followed(done: Sequence[Month], truth: pd.DataFrame) -> dict[str, float]:
    """Return what became of the DFUs whose regime changed, six months after it did."""
    last, start = done[-1], done[-1 - MONTHS_AFTER_CHANGE]
    changed = truth.index[truth["settled"] & (truth["before"] != truth["after"])]
    keys = changed.intersection(last.keys).intersection(start.keys)
    fitting = pd.Series(last.nearest_label, last.keys)[keys]
    visible = (fitting != start.label[keys]).to_numpy()
    carried = (last.label[keys] == fitting).to_numpy()
    by_kind = pd.Series(carried[visible]).groupby(truth.loc[keys, "after"].to_numpy()[visible]).mean()
    return {
        "changed_dfus": len(keys),
        "visible_share": round(float(visible.mean()), 4),
        "fitting_label_share": round(float(carried.mean()), 4),
        "fitting_label_share_of_visible": round(float(carried[visible].mean()), 4),
        "of_visible_by_new_regime": by_kind.round(3).to_dict(),
    }


def compare(name: str, panel: Panel, config: ClusteringConfig, n_months: int, truth: pd.DataFrame | None) -> dict:
    """Return one panel's figures."""
    months = matrices(panel, config, n_months)
    started = time.perf_counter()
    ours = rolled(config, months)
    ours_s = time.perf_counter() - started
    theirs = independent(config, months)
    theirs_s = time.perf_counter() - started - ours_s
    in_full = independent(config.model_copy(update={"discount_noise": False}), months)
    churn_in_full = [matched_churn(*pair) for pair in pairwise(in_full)]
    pairs, their_pairs = list(pairwise(ours)), list(pairwise(theirs))
    churn, their_churn = [matched_churn(*p) for p in pairs], [matched_churn(*p) for p in their_pairs]
    label_churn = [moved(a.label, b.label) for a, b in pairs]
    quality = [month.segmentation.silhouette for month in ours[1:]]
    their_quality = [month.segmentation.silhouette for month in theirs[1:]]
    in_their_space = [
        sampled_silhouettes(config, m, b.segmentation.space, [a.segmentation.assignment.cluster_id])[0]
        for m, a, b in zip(months[1:], ours[1:], theirs[1:], strict=True)
    ]
    result = {
        "panel": name,
        "dfus": len(months[-1]),
        "months": n_months,
        "churn_median": round(float(np.median(churn)), 4),
        "churn_max": round(max(churn), 4),
        "label_churn_median": round(float(np.median(label_churn)), 4),
        "label_churn_max": round(max(label_churn), 4),
        "independent_churn_median": round(float(np.median(their_churn)), 4),
        "churn_ratio": round(float(np.median(churn) / np.median(their_churn)), 3),
        "label_churn_ratio": round(float(np.median(label_churn) / np.median(their_churn)), 3),
        "independent_churn_in_full_median": round(float(np.median(churn_in_full)), 4),
        "silhouette_median": round(float(np.median(quality)), 4),
        "independent_silhouette_median": round(float(np.median(their_quality)), 4),
        "silhouette_ratio": round(float(np.median(np.array(quality) / their_quality)), 3),
        "silhouette_ratio_in_the_refits_space": round(float(np.median(np.array(in_their_space) / their_quality)), 3),
        "k": [len(month.segmentation.model.centroids) for month in ours],
        "independent_k": [len(month.segmentation.model.centroids) for month in theirs],
        "refits": sum(month.refit for month in ours[1:]),
        "renamed_segments": sum(len(set(a.labels.values()) - set(b.labels.values())) for a, b in pairs),
        "time_ratio": round(ours_s / theirs_s, 3),
    }
    if truth is not None:
        stayed = truth.index[truth["settled"] & (truth["before"] == truth["after"])]
        calm = [moved(a.label, b.label, stayed) for a, b in pairs]
        result |= {"churn_of_unchanged_median": round(float(np.median(calm)), 4), "planted": followed(ours, truth)}
    return result


def main() -> None:
    """Parse the arguments and print one line a panel."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("panels", nargs="*", type=Path, help="tidy parquet files")
    parser.add_argument("--archetypes", type=int, default=20_000, help="DFUs of the generated panel; 0: none")
    parser.add_argument("--months", type=int, default=12, help="as-of months that follow the first")
    parser.add_argument("--seed", type=int, default=SEED, help="of the generated panel")
    options = parser.parse_args()
    config = load_config()
    for path in options.panels:
        print(json.dumps(compare(path.stem, panel_of_file(path), config, options.months, None)), flush=True)
    if options.archetypes:
        panel, truth = archetype_panel(options.archetypes, options.seed)
        name = f"archetypes-{options.seed}"
        print(json.dumps(compare(name, panel, config, options.months, truth)), flush=True)


if __name__ == "__main__":
    main()
