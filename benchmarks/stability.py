"""Labels rolled over the last 12 as-of months: continued from month to month, beside independent fits.

Prints one JSON line a panel. Both sides run the same settings on the same feature matrices. Churn is the share of the
DFUs clustered in both months whose label changed; a label is its text, so that months need no matching.
On generated archetypes (seeds that nothing was chosen on) some DFUs change their regime six months before the last
as-of month; the others must stay. ``fitting`` is the label that a fit from scratch gives them then.

    python benchmarks/stability.py [panel.parquet ...] [--archetypes 20000] [--months 12]
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.archetypes import ARCHETYPE_NAMES, Traits, draw_traits, simulate_demand
from dfu_clustering.demo.tidy import read_tidy_sales
from dfu_clustering.features.histories import select_histories
from dfu_clustering.features.matrix import time_series_features
from dfu_clustering.features.panel import Panel, PanelBuilder
from dfu_clustering.features.sales_facts import SalesFacts
from dfu_clustering.months import month_range
from dfu_clustering.segments.continuation import as_published, continue_published
from dfu_clustering.segments.first_fit import segment_from_scratch
from dfu_clustering.segments.segmentation import Segmentation

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
NO_FACTS = SalesFacts()


@dataclass(frozen=True, eq=False)
class Month:
    """One as-of month as it was labelled."""

    label: pd.Series
    result: Segmentation
    refit: bool

    @classmethod
    def of(cls, matrix: pd.DataFrame, result: Segmentation, *, refit: bool) -> "Month":
        """Return the labels of a segmentation."""
        texts = np.array([label.text for label in result.labels], dtype=object)
        return cls(pd.Series(texts[result.segment], index=matrix["dfu_ck"].to_numpy()), result, refit)


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
        as_of = panel.as_of(panel.as_of_month - back)
        window, least = config.time_window_months, config.min_months_history
        histories, _ = select_histories(
            as_of,
            window_months=window,
            season_window_months=config.season_window_months,
            min_months_history=least,
        )
        found.append(time_series_features(histories))
    return found


def rolled(config: ClusteringConfig, months: Sequence[pd.DataFrame]) -> list[Month]:
    """Label month after month, each continuing the one before."""
    done = [Month.of(months[0], segment_from_scratch(config, months[0]), refit=True)]
    for before, matrix in pairwise(months):
        result, continuity = continue_published(config, matrix, as_published(before, done[-1].result))
        done.append(Month.of(matrix, result, refit=continuity.refit))
    return done


def independent(config: ClusteringConfig, months: Sequence[pd.DataFrame]) -> list[Month]:
    """Label every month as if nothing had been published."""
    return [Month.of(matrix, segment_from_scratch(config, matrix), refit=True) for matrix in months]


def moved(before: pd.Series, after: pd.Series, among: pd.Index | None = None) -> float:
    """Return the share of the shared DFUs whose label differs."""
    shared = before.index.intersection(after.index)
    shared = shared if among is None else shared.intersection(among)
    return float((before[shared] != after[shared]).mean())


def followed(done: Sequence[Month], fitting: pd.Series, truth: pd.DataFrame) -> dict[str, object]:
    """Return what became of the DFUs whose regime changed, six months after it did."""
    last, start = done[-1].label, done[-1 - MONTHS_AFTER_CHANGE].label
    changed = truth.index[truth["settled"] & (truth["before"] != truth["after"])]
    keys = changed.intersection(last.index).intersection(start.index)
    visible = (fitting[keys] != start[keys]).to_numpy()
    left = (last[keys] != start[keys]).to_numpy()
    by_kind = pd.Series(left[visible]).groupby(truth.loc[keys, "after"].to_numpy()[visible]).mean()
    return {
        "changed_dfus": len(keys),
        "visible_share": round(float(visible.mean()), 4),
        "left_share_of_visible": round(float(left[visible].mean()), 4),
        "fitting_label_share_of_visible": round(float((last[keys] == fitting[keys])[visible].mean()), 4),
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
    pairs, their_pairs = list(pairwise(ours)), list(pairwise(theirs))
    churn, their_churn = ([moved(a.label, b.label) for a, b in of] for of in (pairs, their_pairs))
    result = {
        "panel": name,
        "dfus": len(months[-1]),
        "months": n_months,
        "churn_median": round(float(np.median(churn)), 4),
        "churn_max": round(max(churn), 4),
        "independent_churn_median": round(float(np.median(their_churn)), 4),
        "churn_ratio": round(float(np.median(churn) / np.median(their_churn)), 3),
        "true_after": round(ours[-1].result.figures.true_share, 4),
        "within_margin_after": round(ours[-1].result.figures.within_margin_share, 4),
        "labels": [len(month.result.labels) for month in ours],
        "independent_labels": [len(month.result.labels) for month in theirs],
        "refits": sum(month.refit for month in ours[1:]),
        "time_ratio": round(ours_s / theirs_s, 3),
    }
    if truth is not None:
        stayed = truth.index[truth["settled"] & (truth["before"] == truth["after"])]
        calm = [moved(a.label, b.label, stayed) for a, b in pairs]
        planted = followed(ours, theirs[-1].label, truth)
        result |= {"churn_of_unchanged_median": round(float(np.median(calm)), 4), "planted": planted}
    return result


def print_panels(description: str, line_of: Callable[..., dict[str, object]]) -> None:
    """Parse the arguments and print a line for each panel.

    Args:
        description: Of the benchmark.
        line_of: Name, panel, configuration, as-of months and, of generated DFUs, the truth -> figures.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("panels", nargs="*", type=Path, help="tidy parquet files")
    parser.add_argument("--archetypes", type=int, default=20_000, help="DFUs of the generated panel; 0: none")
    parser.add_argument("--months", type=int, default=12, help="as-of months that follow the first")
    parser.add_argument("--seed", type=int, default=SEED, help="of the generated panel")
    options = parser.parse_args()
    config = load_config()
    for path in options.panels:
        print(json.dumps(line_of(path.stem, panel_of_file(path), config, options.months, None)), flush=True)
    if options.archetypes:
        panel, truth = archetype_panel(options.archetypes, options.seed)
        name = f"archetypes-{options.seed}"
        print(json.dumps(line_of(name, panel, config, options.months, truth)), flush=True)


if __name__ == "__main__":
    print_panels(__doc__ or "", compare)
