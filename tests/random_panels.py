"""Random small panels of extreme sales, and the steps of a run on them, without a warehouse."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.config.loading import load_config
from dfu_clustering.features.histories import Exclusions, Histories, select_histories
from dfu_clustering.features.matrix import time_series_features
from dfu_clustering.features.panel import Panel, PanelBuilder, sales_batch
from dfu_clustering.files.summary import write_summary
from dfu_clustering.files.tables import write_table
from dfu_clustering.labels.lifecycle import lifecycle_labels
from dfu_clustering.labels.profiles import profile_clusters
from dfu_clustering.labels.reasons import reasons
from dfu_clustering.labels.rules import own_values
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.segments.continuation import as_published, continue_published
from dfu_clustering.segments.first_fit import segment_from_scratch
from dfu_clustering.segments.segmentation import Segmentation
from dfu_clustering.steps import build_features as features
from dfu_clustering.steps.build_report import write_report
from dfu_clustering.steps.label_segments import label_segments
from dfu_clustering.steps.train_model import train_model

_MOST_DFUS, _MOST_MONTHS = 30, 60
_LAST = np.datetime64("2026-10", "M")
_KINDS = (
    "zero", "one sale", "constant", "noise", "seasonal", "intermittent", "growing", "new", "ended", "returns", "twin",
    "all returns", "spike", "no rows",
)  # fmt: skip
_DEFAULTS = load_config().model_dump()
_SIZES = (1e12, 1e6, 100.0, 100.0, 100.0, 7.0, 1.0, 1e-3)


@dataclass(frozen=True)
class RandomPanel:
    """Sales of a few DFUs; a month without a row is NaN.

    Attributes:
        keys: (n_dfus,) item numbers, ascending.
        sales: (n_dfus, n_months) of the months up to October 2026.
        config: Settings as far as they may be chosen.
    """

    keys: list[str]
    sales: np.ndarray
    config: ClusteringConfig

    def scaled(self, factor: float) -> "RandomPanel":
        return replace(self, sales=self.sales * factor)

    def renamed(self) -> "RandomPanel":
        """Return the same sales of items with other numbers, in the same order."""
        return replace(self, keys=[f"renamed {key}" for key in self.keys])

    def next_month(self, rng: np.random.Generator) -> "RandomPanel":
        """Return what may be sold of it a month later: sales go on, items come and go."""
        n_dfus = len(self.keys)
        month = self.sales[rng.integers(0, n_dfus, n_dfus), -1] if n_dfus else np.empty(0)
        later = np.column_stack([self.sales[:, 1:], month]) if self.sales.shape[1] > 1 else month[:, None]
        stays = rng.random(n_dfus) < rng.choice([1.0, 0.9, 0.3, 0.0])
        come = random_panel(int(rng.integers(2**31)), months=later.shape[1])
        keys = [key for key, stay in zip(self.keys, stays, strict=True) if stay] + [f"new {key}" for key in come.keys]
        order = np.argsort(np.array(keys, dtype=str))
        sales = np.concatenate([later[stays], come.sales])
        return replace(self, keys=[keys[at] for at in order], sales=sales[order] if len(order) else sales)

    def panel(self, rng: np.random.Generator) -> Panel:
        """Return the panel of the sales, whose rows come in any order and sometimes in two."""
        n_months = self.sales.shape[1]
        texts = {"dfu_ck": [f"{key}_G_L" for key in self.keys], "dmdunit": self.keys}
        others = {name: [value] * len(self.keys) for name, value in (("dmdgroup", "G"), ("loc", "L"))}
        dims = pa.table({name: pa.array(values, pa.string()) for name, values in (texts | others).items()})
        builder = PanelBuilder(dims, first_month=_LAST - (n_months - 1), as_of_month=_LAST)
        rows = []
        for dfu, month in rng.permutation(np.argwhere(~np.isnan(self.sales))).tolist():
            day, qty = (_LAST - (n_months - 1 - month)).astype("datetime64[D]").astype(object), self.sales[dfu, month]
            parts = [qty * 0.25, qty * 0.75] if rng.random() < 0.05 else [qty]
            rows += [(self.keys[dfu], "G", "L", day, part) for part in parts]
        builder.add(sales_batch(rows))
        return builder.build()


def random_panel(seed: int, months: int | None = None) -> RandomPanel:
    """Return the panel of a seed."""
    rng = np.random.default_rng(seed)
    n_dfus, n_months = int(rng.integers(0, _MOST_DFUS + 1)), months or int(rng.integers(1, _MOST_MONTHS + 1))
    kinds = rng.choice(_KINDS, size=int(rng.integers(1, 5)))
    sales = np.full((n_dfus, n_months), np.nan)
    for dfu in range(n_dfus):
        kind = str(rng.choice(kinds))
        size = float(rng.choice(_SIZES)) * float(rng.integers(1, 9))
        sales[dfu] = sales[dfu - 1] if kind == "twin" and dfu else _history(kind, size, n_months, rng)
    keys = sorted({f"{rng.integers(0, 10**6):06d}" for _ in range(2 * n_dfus)})[:n_dfus]
    return RandomPanel(keys, sales[: len(keys)], _random_config(rng))


def _random_config(rng: np.random.Generator) -> ClusteringConfig:
    low = int(rng.integers(2, 4))
    least = int(rng.choice([3, 6, 12]))
    return settings(
        min_months_history=least,
        time_window_months=[24, "all", max(12, least)][int(rng.integers(0, 3))],
        k_range=(low, low + int(rng.integers(0, 3))),
        min_cluster_size_pct=float(rng.choice([0.0, 1.0, 10.0])),
        feature_set=str(rng.choice(["shape", "shape", "shape", "all"])),
        use_pca=bool(rng.random() < 0.1),
        gap_references=2,
        n_init=5,
    )


def settings(**changes: object) -> ClusteringConfig:
    return ClusteringConfig.model_validate(_DEFAULTS | changes)


def _history(kind: str, size: float, n_months: int, rng: np.random.Generator) -> np.ndarray:
    month, at = np.arange(n_months), int(rng.integers(0, n_months))
    only = np.where(month == at, size, np.nan)
    of_kind = {
        "no rows": lambda: np.full(n_months, np.nan),
        "zero": lambda: np.zeros(n_months),
        "one sale": lambda: only,
        "spike": lambda: np.where(month == at, 1000 * size, size),
        "constant": lambda: np.full(n_months, size),
        "twin": lambda: np.full(n_months, size),
        "noise": lambda: size * rng.lognormal(0, 0.3, n_months),
        "seasonal": lambda: size * (1.2 + np.sin(month * np.pi / 6)),
        "intermittent": lambda: np.where(rng.random(n_months) < 0.2, size, np.nan),
        "growing": lambda: size * 1.05**month,
        "new": lambda: np.where(month >= n_months - rng.integers(1, 12), size, np.nan),
        "ended": lambda: np.where(month <= at, size, np.nan),
        "returns": lambda: size * rng.normal(0.3, 1, n_months),
        "all returns": lambda: np.full(n_months, -size),
    }
    return of_kind[kind]()


@dataclass(frozen=True)
class Labelled:
    """What the library makes of a panel.

    Attributes:
        matrix: One row a clustered DFU.
        segmentation: Its segments.
        profiles: A row a segment.
        labels: dfu_ck, cluster_label, reason of every DFU with a label, in key order.
    """

    matrix: pd.DataFrame
    segmentation: Segmentation
    profiles: pd.DataFrame
    labels: pd.DataFrame


def label(panel: Panel, config: ClusteringConfig, published: Labelled | None = None) -> Labelled:
    """Label the DFUs of a panel, from scratch or continuing what is published."""
    histories, exclusions = select(panel, config)
    matrix = time_series_features(histories)
    if published is None:
        found = segment_from_scratch(config, matrix)
    else:
        found, _ = continue_published(config, matrix, as_published(published.matrix, published.segmentation))
    left_out = features._left_out(exclusions)
    others = lifecycle_labels(left_out, found.bounds)
    values, reason = own_values(matrix), np.empty(len(matrix), dtype=object)
    for at, claim in enumerate(found.claims):
        rows = np.flatnonzero(found.segment == at)
        members = {name: of_all[rows] for name, of_all in values.items()}
        told = reasons(claim.label, claim.traits(), members, found.bounds, config.labeling, label_margin=0.1)
        reason[rows] = told
    texts = [found.labels[at].text for at in found.segment]
    labels = pd.DataFrame({"dfu_ck": matrix["dfu_ck"], "cluster_label": texts, "reason": reason})
    labels = pd.concat([labels, others[labels.columns]]).sort_values("dfu_ck", ignore_index=True)
    return Labelled(matrix, found, profile_clusters(matrix, found.segment), labels)


def select(panel: Panel, config: ClusteringConfig) -> tuple[Histories, Exclusions]:
    return select_histories(
        panel,
        window_months=config.time_window_months,
        season_window_months=config.season_window_months,
        min_months_history=config.min_months_history,
    )


def run_steps(panel: Panel, config: ClusteringConfig, files: RunFolder, published: RunFolder | None = None) -> None:
    """Do the steps of a run with all their files and pictures."""
    histories, exclusions = select(panel, config)
    matrix = time_series_features(histories)
    columns = {one.name: pd.Series(None, index=matrix.index, dtype="float64") for one in config.listed_attributes()}
    write_table(matrix.assign(**columns), files.path(RunFile.MATRIX))
    write_table(features._pictured_demand(panel, histories), files.path(RunFile.PANEL))
    write_table(features._left_out(exclusions), files.path(RunFile.EXCLUDED))
    write_summary(features._summary(config, panel, histories, exclusions), files.path(RunFile.FEATURES))
    earlier = PublishedFiles.in_folder(published.folder) if published else None
    train_model(files, config, earlier)
    label_segments(files, config, earlier)
    write_report(files, config, files.path(RunFile.REPORT))
