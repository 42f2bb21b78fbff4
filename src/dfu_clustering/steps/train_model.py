"""Step 2: the feature matrix becomes clusters, their profiles and the fitted pipeline."""

import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from dfu_clustering.clusters.k_selection import n_fits
from dfu_clustering.config.clustering import ClusteringConfig, parse_config
from dfu_clustering.config.operations import OF_THE_DEPLOYMENT
from dfu_clustering.errors import DataError
from dfu_clustering.features.matrix import DFU_ATTRIBUTES, ITEM_ATTRIBUTES, TIME_SERIES_FEATURES
from dfu_clustering.files.progress import progress
from dfu_clustering.files.summary import Summary
from dfu_clustering.files.tables import read_table, require_columns, write_json, write_table
from dfu_clustering.labels.profiles import feature_scales, profile_clusters
from dfu_clustering.preprocessing.pipeline import matrix_columns
from dfu_clustering.runs.run import code_version
from dfu_clustering.segments.continuation import Continuity, continue_published
from dfu_clustering.segments.first_fit import Segmentation, segment_anew
from dfu_clustering.segments.movement import movement
from dfu_clustering.segments.published_model import PublishedModel
from dfu_clustering.steps.build_features import FeatureFiles, FeatureSummary
from dfu_clustering.steps.model_files import SPACE_PREFIX, ModelFiles
from dfu_clustering.steps.pictures import draw_k_selection, draw_segments, write_map, write_typical
from dfu_clustering.steps.published_files import PublishedFiles

logger = logging.getLogger(__name__)

_REMEDY = "run generate_clustering_features.py again"

TEXT_COLUMNS = frozenset(
    {"dfu_ck", "demand_class", *(a.name for a in (*ITEM_ATTRIBUTES, *DFU_ATTRIBUTES) if a.kind == "categorical")}
)


class _Published(NamedTuple):
    """The published run: its files, and its clusters, which are read once."""

    files: PublishedFiles
    model: PublishedModel


class TrainingSummary(Summary):
    """What was fitted.

    Attributes:
        k: Clusters after small ones were merged.
        k_selection: The nominations, the selected K and the feasible ones.
        silhouette: Of the clusters on the silhouette sample.
        gap: Of the selected K; None where that lies outside of the range tried.
        inertia: Sum of squared distances of all DFUs to their centroids.
        sizes: DFUs by cluster, the largest first.
        warnings: What did not go by the rules.
        continuity: How they continue the published ones; None where none were given.
    """

    n_dfus: int
    k: int
    k_selection: dict[str, Any]
    silhouette: float
    gap: float | None
    inertia: float
    sizes: list[int]
    warnings: list[str]
    continuity: Continuity | None = None


def train_model(
    config: ClusteringConfig, *, features: Path, output_dir: Path, published: PublishedFiles | None = None
) -> TrainingSummary:
    """Choose K, fit the clusters on all DFUs of the matrix and write what ModelFiles names, with pictures.

    Args:
        config: The settings.
        features: The feature matrix.
        output_dir: Folder of the files.
        published: The run whose clusters these continue; None: as if nothing had been published.

    Raises:
        DataError: The matrix is unreadable, lacks a column, repeats a DFU, or holds fewer DFUs than clusters; or the
            published run's files are missing, unreadable or of a later month.
    """
    matrix = read_matrix(features)
    origin = FeatureSummary.of_matrix(matrix, FeatureFiles(features))
    config = _as_built(config, origin)
    before = _Published(published, published.model()) if published else None
    segmentation, continuity = _segmented(config, matrix, origin, before)
    summary = _summary(config, segmentation, continuity)
    for warning in summary.warnings:
        logger.warning("train_model %s", warning)

    # all that can fail on the data comes before the first file, so that no folder holds parts of two trainings
    centroids = _centroid_table(matrix, segmentation)
    metadata = _metadata(config, matrix, segmentation, summary, origin)
    moves = _moves(matrix, segmentation, continuity, before)
    files = ModelFiles.in_folder(output_dir)
    write_table(centroids, files.centroids)
    write_table(_assignment_table(matrix, segmentation), files.assignments)
    write_json(segmentation.fitted.to_dict(), files.model)
    _write_moves(moves, files.moves)
    assignment = segmentation.assignment
    shares = write_map(segmentation.space, matrix["dfu_ck"], assignment.cluster_id, files.map)
    write_json({**metadata, "map_explained_variance": shares}, files.metadata)
    write_typical(FeatureFiles(features).panel if origin else None, matrix["dfu_ck"], assignment, files.typical)
    draw_k_selection(segmentation.k_selection, config, output_dir)
    draw_segments(files, {i: f"cluster {i}" for i in range(summary.k)}, config, output_dir)
    return summary


def read_matrix(path: Path) -> pd.DataFrame:
    """Read a feature matrix in the order of its keys, so that a shuffled file gives the same clusters.

    Raises:
        DataError: It is unreadable, lacks a column, or a key or value breaks a rule.
    """
    matrix = read_table(path, text_columns=TEXT_COLUMNS)
    names = tuple(feature.name for feature in TIME_SERIES_FEATURES)
    require_columns(matrix, ("dfu_ck", *names), of="A feature matrix")
    keys = matrix["dfu_ck"]
    _require_none(keys.isna(), keys, path, rule="A feature matrix has a dfu_ck in every row")
    if not keys.is_unique:
        _require_none(keys.duplicated(keep=False), keys, path, rule="A feature matrix holds every dfu_ck once")
    texts = [name for name in names if name != "demand_class" and not is_numeric_dtype(matrix[name])]
    if texts:
        raise DataError("Features are numbers", found=f"text in {path}", keys=texts, remedy=_REMEDY)
    _require_none(~(matrix["mean_demand"] > 0), keys, path, rule="Every DFU of a feature matrix has demand")
    return matrix if keys.is_monotonic_increasing else matrix.sort_values("dfu_ck", ignore_index=True)


def _require_none(broken: "pd.Series[bool]", keys: "pd.Series[str]", path: Path, *, rule: str) -> None:
    if broken.any():
        found = f"{broken.sum()} rows of {path} that do not"
        raise DataError(rule, found=found, keys=sorted(map(str, keys[broken].unique())), remedy=_REMEDY)


def _as_built(config: ClusteringConfig, origin: FeatureSummary | None) -> ClusteringConfig:
    """Return the configuration with history and window as the features were built, whatever this program was told."""
    if origin is None:
        return config
    built = {"min_months_history": origin.min_months_history, "time_window_months": origin.time_window_months}
    return parse_config({**config.model_dump(), **built})


def _segmented(
    config: ClusteringConfig, matrix: pd.DataFrame, origin: FeatureSummary | None, before: _Published | None
) -> tuple[Segmentation, Continuity | None]:
    with progress("choosing K", n_fits(config)) as advance:
        if before is None:
            return segment_anew(config, matrix, on_fit=lambda: advance(1)), None
        months = before.files.months_until(origin.as_of_month if origin else None, matrix)
        segmentation, continuity = continue_published(
            config, matrix, before.model, months=months, on_fit=lambda: advance(1)
        )
    logger.info(
        "continued published=%s months=%d refit=%s held_share=%.3f reason=%s",
        *(before.files.run, months, continuity.refit, continuity.held_share, continuity.reason),
    )
    return segmentation, continuity


def _summary(config: ClusteringConfig, segmentation: Segmentation, continuity: Continuity | None) -> TrainingSummary:
    selection = segmentation.k_selection
    selected = int(selection["selected"])
    of_selected = next((at for at in selection["curves"] if at["k"] == selected), None)
    anew = continuity is None or continuity.refit
    return TrainingSummary(
        n_dfus=int(segmentation.model.sizes.sum()),
        k=len(segmentation.model.centroids),
        k_selection={**selection["nominations"], "selected": selected, "feasible": list(selection["feasible"])},
        silhouette=segmentation.silhouette,
        gap=of_selected["gap"] if of_selected else None,
        inertia=segmentation.model.inertia,
        sizes=segmentation.model.sizes.tolist(),
        warnings=[*segmentation.warnings, *(_edge_warning(config, selected) if anew else ())],
        continuity=continuity,
    )


def _edge_warning(config: ClusteringConfig, selected: int) -> list[str]:
    low, high = config.k_range
    if low == high or selected < high:
        return []
    return [f"K {high} is the largest that was tried; a higher end of k_range may describe the DFUs better"]


def _assignment_table(matrix: pd.DataFrame, segmentation: Segmentation) -> pd.DataFrame:
    assignment = segmentation.assignment
    columns = {
        "dfu_ck": matrix["dfu_ck"],
        "cluster_id": assignment.cluster_id,
        "distance": assignment.distance,
        "margin": assignment.margin,
        "evidence": assignment.evidence,
        "mean_demand": matrix["mean_demand"],
    }
    return pd.DataFrame(columns)


def _centroid_table(matrix: pd.DataFrame, segmentation: Segmentation) -> pd.DataFrame:
    profiles = profile_clusters(matrix, segmentation.assignment.cluster_id).reset_index()
    columns = [f"{SPACE_PREFIX}{name}" for name in segmentation.columns]
    return pd.concat([profiles, pd.DataFrame(segmentation.model.centroids, columns=columns)], axis="columns")


def _moves(
    matrix: pd.DataFrame, segmentation: Segmentation, continuity: Continuity | None, before: _Published | None
) -> pd.DataFrame | None:
    """Return how far each published DFU moved; None where nothing, or no matrix of it, was published."""
    if continuity is None or before is None or len(segmentation.model.centroids) < 2:
        return None
    columns = ["dfu_ck", *matrix_columns(segmentation.preprocessing)]
    old = before.files.matrix(columns)
    if old is None:
        logger.warning("without the feature matrix of %s nothing says which feature moved a DFU", before.files.run)
        return None
    members = before.model.members
    shared = matrix["dfu_ck"].isin(members.index).to_numpy() & matrix["dfu_ck"].isin(old["dfu_ck"]).to_numpy()
    keys = matrix.loc[shared, "dfu_ck"]
    continues = np.full(members["cluster_id"].max() + 2, -1)
    continues[list(continuity.matched)] = np.arange(len(continuity.matched))
    continues[-1] = -1
    moved = movement(
        segmentation.preprocessing,
        segmentation.model.centroids,
        old.set_index("dfu_ck").loc[keys].reset_index(),
        matrix.loc[shared, columns].reset_index(drop=True),
        continues[members.loc[keys, "cluster_id"].to_numpy(np.int64)],
        segmentation.assignment.cluster_id[shared],
    )
    told = {"move": moved.move, "feature": moved.feature, "before": moved.before, "after": moved.after}
    return pd.DataFrame({"dfu_ck": keys.to_numpy(), **told}).astype({"feature": "str"})


def _write_moves(moves: pd.DataFrame | None, path: Path) -> None:
    if moves is None:
        path.unlink(missing_ok=True)  # of an earlier training
    else:
        write_table(moves, path)


def _metadata(
    config: ClusteringConfig,
    matrix: pd.DataFrame,
    segmentation: Segmentation,
    summary: TrainingSummary,
    origin: FeatureSummary | None,
) -> dict[str, Any]:
    return {
        "as_of_month": origin.as_of_month if origin else None,
        "config_digest": config.digest(),
        "code_version": code_version(),
        "seed": config.seed,
        "n_dfus": summary.n_dfus,
        "k": summary.k,
        "sizes": summary.sizes,
        "silhouette": summary.silhouette,
        "inertia": summary.inertia,
        "warnings": summary.warnings,
        "space_settings": segmentation.settings.model_dump(mode="json"),
        "clustered_columns": list(segmentation.columns),
        "k_selection": segmentation.k_selection,
        **({"continuity": summary.continuity.model_dump()} if summary.continuity else {}),
        "feature_scales": feature_scales(matrix).to_dict(orient="index"),
        "features": origin.model_dump() if origin else None,
        "config": config.model_dump(mode="json", exclude=set(OF_THE_DEPLOYMENT)),
    }
