"""Step 2: the feature matrix becomes clusters, their profiles and the fitted pipeline."""

import logging
import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype
from sklearn.pipeline import Pipeline

from dfu_clustering.clusters import Assignment, ClusterModel, assignment_pipeline, fit_clusters
from dfu_clustering.config import OF_THE_DEPLOYMENT, ClusteringConfig, parse_config
from dfu_clustering.errors import DataError
from dfu_clustering.features import DFU_ATTRIBUTES, ITEM_ATTRIBUTES, TIME_SERIES_FEATURES
from dfu_clustering.k_selection import KSelection, n_fits, select_k
from dfu_clustering.preprocessing import build_preprocessing, column_names
from dfu_clustering.profiles import feature_scales, profile_clusters
from dfu_clustering.progress import progress
from dfu_clustering.runs import Summary, code_version
from dfu_clustering.steps.features import FeatureFiles, FeatureSummary
from dfu_clustering.steps.model_files import SPACE_PREFIX, ModelFiles
from dfu_clustering.steps.pictures import draw_k_selection, draw_segments, write_map, write_typical
from dfu_clustering.tables import atomic_path, read_table, require_columns, write_json, write_table

logger = logging.getLogger(__name__)

_REMEDY = "run generate_clustering_features.py again"

TEXT_COLUMNS = frozenset(
    {"dfu_ck", "demand_class", *(a.name for a in (*ITEM_ATTRIBUTES, *DFU_ATTRIBUTES) if a.kind == "categorical")}
)


class TrainingSummary(Summary):
    """What was fitted.

    Attributes:
        k: Clusters after small ones were merged.
        k_selection: The nominations, the selected K and the feasible ones.
        silhouette: Of the selected K on the silhouette sample.
        gap: Of the selected K.
        inertia: Sum of squared distances of all DFUs to their centroids.
        sizes: DFUs by cluster, the largest first.
        warnings: What did not go by the rules.
    """

    n_dfus: int
    k: int
    k_selection: dict[str, Any]
    silhouette: float
    gap: float
    inertia: float
    sizes: list[int]
    warnings: list[str]


def train_model(config: ClusteringConfig, *, features: Path, output_dir: Path) -> TrainingSummary:
    """Choose K, fit the clusters on all DFUs of the matrix and write what ModelFiles names, with pictures.

    Raises:
        DataError: The matrix is unreadable, lacks a column, repeats a DFU, or holds fewer DFUs than clusters.
    """
    matrix = read_matrix(features)
    origin = FeatureSummary.of_matrix(matrix, FeatureFiles(features))
    config = _as_built(config, origin)
    preprocessing = build_preprocessing(config)
    space = preprocessing.fit_transform(matrix)
    selection = _select_k(config, space, matrix)
    model = fit_clusters(space, selection.centroids, min_cluster_size_pct=config.min_cluster_size_pct)
    assignment = model.assign(space)
    summary = _summary(config, selection, model)
    for warning in summary.warnings:
        logger.warning("train_model %s", warning)

    # all that can fail on the data comes before the first file, so that no folder holds parts of two trainings
    centroids = _centroid_table(matrix, preprocessing, model, assignment)
    metadata = _metadata(config, matrix, preprocessing, selection, summary, origin)
    files = ModelFiles.in_folder(output_dir)
    write_table(centroids, files.centroids)
    write_table(_assignment_table(matrix, assignment), files.assignments)
    _write_pipeline(files, preprocessing, model)
    shares = write_map(space, matrix["dfu_ck"], assignment.cluster_id, files.map)
    write_json({**metadata, "map_explained_variance": shares}, files.metadata)
    write_typical(FeatureFiles(features).panel if origin else None, matrix["dfu_ck"], assignment, files.typical)
    draw_k_selection(selection, config, output_dir)
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


def _select_k(config: ClusteringConfig, space: NDArray[np.float64], matrix: pd.DataFrame) -> KSelection:
    with progress("choosing K", n_fits(config)) as advance:
        volume = matrix["mean_demand"].to_numpy(dtype=np.float64)
        return select_k(space, volume=volume, config=config, on_fit=lambda: advance(1))


def _summary(config: ClusteringConfig, selection: KSelection, model: ClusterModel) -> TrainingSummary:
    chosen = next(at for at in selection.curves if at.k == selection.selected)
    nominated = asdict(selection.nominations)
    return TrainingSummary(
        n_dfus=int(model.sizes.sum()),
        k=len(model.centroids),
        k_selection={**nominated, "selected": selection.selected, "feasible": list(selection.feasible)},
        silhouette=chosen.silhouette,
        gap=chosen.gap,
        inertia=model.inertia,
        sizes=model.sizes.tolist(),
        warnings=[text for text in (selection.warning, model.warning, _edge_warning(config, selection)) if text],
    )


def _edge_warning(config: ClusteringConfig, selection: KSelection) -> str | None:
    low, high = config.k_range
    if low == high or selection.selected < high:
        return None
    return f"K {high} is the largest that was tried; a higher end of k_range may describe the DFUs better"


def _assignment_table(matrix: pd.DataFrame, assignment: Assignment) -> pd.DataFrame:
    members = matrix[["dfu_ck", "mean_demand"]].copy()
    members.insert(1, "cluster_id", assignment.cluster_id)
    members.insert(2, "distance", assignment.distance)
    return members


def _centroid_table(
    matrix: pd.DataFrame, preprocessing: Pipeline, model: ClusterModel, assignment: Assignment
) -> pd.DataFrame:
    profiles = profile_clusters(matrix, assignment.cluster_id).reset_index()
    space = pd.DataFrame(model.centroids, columns=[f"{SPACE_PREFIX}{name}" for name in column_names(preprocessing)])
    return pd.concat([profiles, space], axis="columns")


def _write_pipeline(files: ModelFiles, preprocessing: Pipeline, model: ClusterModel) -> None:
    with atomic_path(files.pipeline) as draft:
        draft.write_bytes(pickle.dumps(assignment_pipeline(preprocessing, model)))


def _metadata(
    config: ClusteringConfig,
    matrix: pd.DataFrame,
    preprocessing: Pipeline,
    selection: KSelection,
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
        "clustered_columns": list(column_names(preprocessing)),
        "k_selection": selection.to_dict(),
        "feature_scales": feature_scales(matrix).to_dict(orient="index"),
        "features": origin.model_dump() if origin else None,
        "config": config.model_dump(mode="json", exclude=set(OF_THE_DEPLOYMENT)),
    }
