"""A finished run in a folder, made by the real steps without a warehouse, for tests of its report."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dfu_clustering.config.loading import load_config
from dfu_clustering.features.dfu_keys import keys_digest
from dfu_clustering.features.histories import Histories
from dfu_clustering.features.matrix import time_series_features
from dfu_clustering.files.summary import write_summary
from dfu_clustering.files.tables import write_table
from dfu_clustering.publishing.outcome import PublishSummary, Transition
from dfu_clustering.quality.gate_reports import Check, GateReport
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.manifest import BUILD_FEATURES, PUBLISH_LABELS
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.summaries import FeatureSummary, LabelSummary, StabilitySummary
from dfu_clustering.segments.measures import Figures
from dfu_clustering.steps.label_segments import label_segments
from dfu_clustering.steps.train_model import train_model

N_MONTHS = 48
# what a key may hold: nothing of it may become markup, end a script or break a line of one
HOSTILE_KEYS = (
    "</script><script>window.broken = 1</script>",
    "<img src=x onerror='window.broken = 2'>",
    "\"quoted\" & 'single' <!-- comment",
    "line\u2028separator\u2029paragraph",
    "{{ 7 * 7 }}${window.broken = 3}",
    "日本酒_東京_01",
)
CONFIG = load_config(k_range=(3, 5), gap_references=2, n_init=5)


def make_run(runs: Path, *, n_dfus: int = 300, published: bool = True) -> Run:
    """Return a run whose DFUs are steady, seasonal, growing or intermittent; the typical ones bear hostile keys."""
    run = Run.open(runs, as_of_month="2026-10", config_digest=CONFIG.digest(), run_id="0123456789ab")
    keys, demand = _demand(n_dfus)
    _write_features(run, keys, demand)
    train_model(run, CONFIG)
    labels = label_segments(run, CONFIG)
    _write_gates(run)
    if published:
        run.once(PUBLISH_LABELS, lambda: published_summary(labels))
    return run


def published_summary(labels: LabelSummary) -> PublishSummary:
    """Return what publishing would have said had most DFUs borne their label before."""
    first, second, *others = [segment.label for segment in labels.segments]
    sizes = {segment.label: segment.size for segment in labels.segments}
    flows: list[tuple[str | None, str | None, int]] = [
        (first, first, sizes[first] - 12),
        (second, first, 7),
        (None, first, 5),
        ("gone_label", second, 9),
    ]
    flows += [(second, second, sizes[second] - 9), *((label, label, sizes[label]) for label in others)]
    flows += [("gone_label", None, 3), (None, None, 4)]
    transitions = tuple(Transition(old_label=old, new_label=new, dfus=dfus) for old, new, dfus in flows)
    return PublishSummary(transitions=transitions, not_found=0, not_found_keys=(), dry_run=False)


FIGURES = Figures(
    true_share=0.97, within_margin_share=0.99, first_rule_share=0.98, variance_explained_share=0.7,
    kmeans_variance_explained_share=0.8, silhouette=0.3, inertia=12.5, added_patterns=(), moved_dfus=3,
)  # fmt: skip


def stability_of(**told: Any) -> StabilitySummary:
    """Return a comparison with the published run that measured nothing but what is told."""
    nothing: dict[str, Any] = {
        "shared_dfus": 300, "new_dfus": 0, "left_dfus": 0, "churn_share": 0.0, "unchanged_dfus": None,
        "churn_share_unchanged_history": None, "ari": None, "flow": [], "published_run": "r1", "refit": True,
        "refit_reason": "refit is always", "psi": {}, "far_share": None, "held_share": None, "figures": FIGURES,
    }  # fmt: skip
    return StabilitySummary(**(nothing | told))


def _demand(n_dfus: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    month = np.arange(N_MONTHS)
    kind = np.arange(n_dfus) % 4
    level = np.exp(rng.normal(4, 1, n_dfus))[:, None]
    shapes = np.stack([np.ones(N_MONTHS), 1 + 0.8 * np.sin(month * np.pi / 6), np.exp(0.03 * month), np.ones(N_MONTHS)])
    demand = level * shapes[kind] * rng.lognormal(0, 0.12, (n_dfus, N_MONTHS))
    demand[kind == 3] *= rng.random((int((kind == 3).sum()), N_MONTHS)) < 0.5
    demand[:, -1] += 1.0  # nobody is without demand
    keys = np.array([f"{i:06d}_CLUB_DC{i % 40:02d}" for i in range(n_dfus)], dtype=object)
    keys[: len(HOSTILE_KEYS)] = HOSTILE_KEYS
    order = np.argsort(keys)
    return keys[order], demand[order].round(2)


def _write_features(run: Run, keys: np.ndarray, demand: np.ndarray) -> None:
    window = 24
    as_of = np.datetime64("2026-10", "M")
    history = np.full(len(keys), window)
    matrix = time_series_features(Histories(keys, demand[:, -window:], history, as_of))
    write_table(matrix, run.path(RunFile.MATRIX))
    months = [str(month) for month in as_of - np.arange(N_MONTHS - 1, -1, -1)]
    panel = pd.DataFrame(demand, columns=months)
    panel.insert(0, "dfu_ck", pd.Series(keys, dtype="str"))
    write_table(panel, run.path(RunFile.PANEL))
    parts = {"dmdunit": [key[:6] for key in keys], "dmdgroup": "CLUB", "loc": [key.rpartition("_")[2] for key in keys]}
    write_table(pd.DataFrame({"dfu_ck": pd.Series(keys, dtype="str"), **parts}), run.path(RunFile.DFUS))
    excluded = {"insufficient_history": 3, "no_demand_in_window": 0, "never_sold": 4, "not_in_dim_dfu": 1}
    summary = FeatureSummary(
        as_of_month="2026-10", first_month=months[0], min_months_history=12, time_window_months=window,
        window_months=window, season_window_months=48, n_dfus=len(keys) + 8, clustered=len(keys), excluded=excluded,
        sales_rows=12_345, null_qty_rows=2, negative_qty_rows=5, duplicate_rows=0, clipped_months=1,
        config_digest=CONFIG.digest(), code_version="0", keys_digest=keys_digest(keys),
    )  # fmt: skip
    write_summary(summary, run.path(RunFile.FEATURES))
    run.once(BUILD_FEATURES, lambda: summary)


def _write_gates(run: Run) -> None:
    failed = Check(
        name="newest_month_rows", severity="warning", description="Too few rows in the newest month",
        passed=False, observed=0.21, threshold="at most 0.15", sample_keys=["<b>2026-10</b>"],
    )  # fmt: skip
    report = GateReport(
        suite="fact_sales_monthly", as_of_month="2026-10", outcome="warned", override_reason=None, checks=[failed],
        not_judged=[], facts={}, duration_s=0.1,
    )  # fmt: skip
    run.write_gate_report(report)
