"""The pictures of a model, and the small tables from which they are drawn again once clusters have names."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as parquet
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.figures.dfu_figures import plot_cluster_map, plot_typical_dfus
from dfu_clustering.figures.segment_figures import plot_k_selection, plot_profile_heatmap, plot_sizes
from dfu_clustering.files.tables import atomic_path, read_json, read_table, write_table
from dfu_clustering.preprocessing.determinism import single_threaded
from dfu_clustering.segments.assignment import Assignment
from dfu_clustering.steps.model_files import ModelFiles

Floats = NDArray[np.float64]

TYPICAL_MEMBERS = 5
_MAP_POINTS = 4000
_DPI = 130
_TEXT_COLUMNS = frozenset({"dfu_ck", "demand_class", "month"})


def write_map(
    space: NDArray[np.float64], dfu_ck: pd.Series, cluster_id: NDArray[np.int64], path: Path
) -> tuple[float, float]:
    """Write a sample of the DFUs on the first two principal components of the clustered space.

    Returns:
        The share of the variance that each of the two explains.
    """
    with single_threaded():
        components = PCA(n_components=min(2, *space.shape), svd_solver="full").fit(space)
    rows = np.linspace(0, len(space) - 1, min(_MAP_POINTS, len(space))).astype(np.int64)  # evenly over the keys
    points = np.zeros((len(rows), 2))
    points[:, : components.n_components_] = components.transform(space[rows])
    table = {"dfu_ck": dfu_ck.to_numpy()[rows], "cluster_id": cluster_id[rows], "x": points[:, 0], "y": points[:, 1]}
    write_table(pd.DataFrame(table), path)
    first, second = [*components.explained_variance_ratio_, 0.0][:2]
    return float(first), float(second)


def write_typical(panel: Path | None, dfu_ck: pd.Series, assignment: Assignment, path: Path) -> None:
    """Write the monthly demand of the members nearest to each centroid, where the demand lies beside the features."""
    if panel is None or not panel.exists():
        path.unlink(missing_ok=True)  # of an earlier training on another matrix
        return
    members = pd.DataFrame(
        {"dfu_ck": dfu_ck.to_numpy(), "cluster_id": assignment.cluster_id, "distance": assignment.distance}
    )
    rank = members.groupby("cluster_id")["distance"].rank(method="min")
    near = members[rank <= TYPICAL_MEMBERS]  # a few of a million, and more only where distances tie
    nearest = near.sort_values(["cluster_id", "distance", "dfu_ck"]).groupby("cluster_id").head(TYPICAL_MEMBERS)
    nearest["rank"] = nearest.groupby("cluster_id").cumcount()
    wanted = [("dfu_ck", "in", nearest["dfu_ck"].tolist())]
    demand = parquet.read_table(panel, filters=wanted).to_pandas()
    tidy = _since_first_sale(demand).melt(id_vars="dfu_ck", var_name="month", value_name="demand").dropna()
    typical = nearest[["cluster_id", "rank", "dfu_ck"]].merge(tidy, on="dfu_ck")
    write_table(typical.sort_values(["cluster_id", "rank", "month"], ignore_index=True), path)


def _since_first_sale(demand: pd.DataFrame) -> pd.DataFrame:
    """Return the demand with the months before a DFU's first sale left undefined: they are no zero demand."""
    months = demand.columns.drop("dfu_ck")
    begun = (demand[months] > 0).cummax(axis="columns")
    return demand.assign(**demand[months].where(begun))


def draw_k_selection(selection: Mapping[str, Any], config: ClusteringConfig, folder: Path) -> None:
    """Draw k_selection_plots.png: the curves and nominations behind the number of clusters."""
    figure = plot_k_selection(selection, min_cluster_size_pct=config.min_cluster_size_pct)
    _save(figure, folder / "k_selection_plots.png")


def draw_segments(files: ModelFiles, names: Mapping[int, str], config: ClusteringConfig, folder: Path) -> None:
    """Draw the map, sizes, profiles and typical members of the clusters under the given names."""
    profiles = read_table(files.centroids, text_columns=_TEXT_COLUMNS).set_index("cluster_id")
    metadata = read_json(files.metadata)
    scales = pd.DataFrame.from_dict(metadata["feature_scales"], orient="index")
    _save(plot_sizes(profiles, names), folder / "cluster_sizes.png")
    heatmap = plot_profile_heatmap(profiles, scales, names, peak_threshold=config.labeling.peak_threshold)
    _save(heatmap, folder / "cluster_profiles.png")
    if files.map.exists():
        points = read_table(files.map, text_columns=_TEXT_COLUMNS)
        first, second = metadata["map_explained_variance"]
        xy, cluster_id = points[["x", "y"]].to_numpy(), points["cluster_id"].to_numpy()
        n_dfus = int(profiles["size"].sum())
        figure = plot_cluster_map(xy, cluster_id, names, (first, second), n_dfus=n_dfus)
        _save(figure, folder / "cluster_visualization.png")
    if files.typical.exists():
        typical = read_table(files.typical, text_columns=_TEXT_COLUMNS)
        figure = plot_typical_dfus(typical, profiles, names, window_months=metadata["features"]["window_months"])
        _save(figure, folder / "typical_dfus.png")


def _save(figure: Figure, path: Path) -> None:
    with atomic_path(path) as draft, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # of a key in a script that the font lacks
        # no software version inside: the same picture is the same file
        figure.savefig(draft, dpi=_DPI, metadata={"Software": None})
