"""The files of a training: the model as data, tables under the names that the user gave, and how they came about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from dfu_clustering.config.clustering import RunSettings
from dfu_clustering.figures.looks import places_of
from dfu_clustering.files.summary import write_summary
from dfu_clustering.files.tables import read_rows_of, write_json, write_table
from dfu_clustering.labels.profiles import feature_scales, profile_clusters
from dfu_clustering.labels.rules import JUDGED_FEATURES
from dfu_clustering.outputs.dfu_map import map_of
from dfu_clustering.outputs.forecastability import forecastability
from dfu_clustering.outputs.segment_looks import LOOK
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.run import code_version
from dfu_clustering.runs.summaries import FeatureSummary, TrainingMetadata, TrainingSummary
from dfu_clustering.segments.membership import means
from dfu_clustering.segments.segmentation import Segmentation

SPACE_PREFIX: Final = "space_"  # of the centroids' columns in the clustered space, beside profiles in original units
TYPICAL_MEMBERS: Final = 5


@dataclass(frozen=True, eq=False)
class Training:
    """What there is to write.

    Attributes:
        config: The settings.
        matrix: One row a DFU.
        origin: What it was built from; None where it came from elsewhere.
        segmentation: The clusters.
        summary: What the step says of them.
        left_out: dfu_ck, reason, mean_demand of the DFUs that are not clustered; None where that is not known.
        moves: How far DFUs moved since they were published; None where that is not known.
        looks: How the published segments look, by their number.
        published_map: dfu_ck, x, y; None: there is none.
    """

    config: RunSettings
    matrix: pd.DataFrame
    origin: FeatureSummary | None
    segmentation: Segmentation
    summary: TrainingSummary
    left_out: pd.DataFrame | None
    moves: pd.DataFrame | None
    looks: Mapping[int, int]
    published_map: pd.DataFrame | None = None


def write_training(files: RunFolder, training: Training) -> None:
    """Write tables, model and metadata; all that can fail on the data comes before the first file."""
    centroids, assignments = _centroid_table(training), _assignment_table(training)
    points, shares = _map(training)
    metadata = _metadata(training, shares)
    write_table(centroids, files.path(RunFile.CENTROIDS))
    write_table(assignments, files.path(RunFile.ASSIGNMENTS))
    write_json(training.segmentation.fitted.to_dict(), files.path(RunFile.MODEL))
    _write_or_remove(files, RunFile.MOVES, training.moves)
    _write_or_remove(files, RunFile.LEFT_OUT, training.left_out)
    panel = files.find(RunFile.PANEL) if training.origin else None
    write_table(forecastability(training.matrix, panel), files.path(RunFile.FORECASTABILITY))
    write_table(points, files.path(RunFile.MAP))
    write_summary(metadata, files.path(RunFile.METADATA))
    _write_or_remove(files, RunFile.TYPICAL, _typical(files, assignments) if training.origin else None)


def _write_or_remove(files: RunFolder, file: RunFile, table: pd.DataFrame | None) -> None:
    if table is None:
        files.remove(file)  # of an earlier training
    else:
        write_table(table, files.path(file))


def _assignment_table(training: Training) -> pd.DataFrame:
    segmentation = training.segmentation
    labels = segmentation.labels
    columns = {
        "dfu_ck": training.matrix["dfu_ck"],
        "cluster_id": np.array([label.segment_id for label in labels])[segmentation.segment],
        "cluster_label": np.array([label.text for label in labels], dtype=object)[segmentation.segment],
        "kmeans_cluster": segmentation.kmeans_cluster,
        "distance": segmentation.distance,
        "margin": segmentation.margin,
        "next_label": segmentation.next_label,
        **{name: training.matrix[name] for name in JUDGED_FEATURES},
    }
    return pd.DataFrame(columns)


def _centroid_table(training: Training) -> pd.DataFrame:
    """Return a row a segment: its profile in original units, then the mean of its DFUs in the clustered space."""
    segmentation = training.segmentation
    labels = segmentation.labels
    profiles = profile_clusters(training.matrix, segmentation.segment).reset_index(drop=True)
    looks = places_of((one.segment_id for one in labels), training.looks)
    of_label = {
        "cluster_id": [one.segment_id for one in labels],
        "cluster_label": [one.text for one in labels],
        LOOK: [looks[one.segment_id] for one in labels],
    }
    columns = [f"{SPACE_PREFIX}{name}" for name in segmentation.columns]
    centroids = means(segmentation.space, segmentation.segment, np.zeros((len(labels), len(columns))))
    return pd.concat([pd.DataFrame(of_label), profiles, pd.DataFrame(centroids, columns=columns)], axis="columns")


def _metadata(training: Training, map_shares: tuple[float, float]) -> TrainingMetadata:
    origin, segmentation = training.origin, training.segmentation
    return TrainingMetadata(
        **{name: getattr(training.summary, name) for name in ("n_dfus", "k", "segments", "figures", "warnings")},
        continuity=training.summary.continuity,
        as_of_month=origin.as_of_month if origin else None,
        config_digest=training.config.digest(),
        code_version=code_version(),
        seed=training.config.seed,
        space_settings=segmentation.fitted.settings,
        clustered_columns=list(segmentation.columns),
        k_selection=segmentation.k_selection,
        feature_scales=_by_name(feature_scales(training.matrix)),
        features=origin,
        config=training.config.of_the_run(),
        volume_bounds=segmentation.bounds,
        map_explained_variance=map_shares,
    )


def _by_name(scales: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    return {str(name): {str(key): float(value) for key, value in row.items()} for name, row in scales.iterrows()}


def _map(training: Training) -> tuple[pd.DataFrame, tuple[float, float]]:
    segmentation = training.segmentation
    cluster_id = np.array([label.segment_id for label in segmentation.labels])[segmentation.segment]
    return map_of(segmentation.space, training.matrix["dfu_ck"], cluster_id, training.published_map)


def _typical(files: RunFolder, assignments: pd.DataFrame) -> pd.DataFrame | None:
    """Return the monthly demand of the members nearest to each centroid; None where the demand is not at hand."""
    panel = files.find(RunFile.PANEL)
    if panel is None:
        return None
    members = assignments[["dfu_ck", "cluster_id", "distance"]]
    rank = members.groupby("cluster_id")["distance"].rank(method="min")
    near = members[rank <= TYPICAL_MEMBERS]  # a few of a million, and more only where distances tie
    nearest = near.sort_values(["cluster_id", "distance", "dfu_ck"]).groupby("cluster_id").head(TYPICAL_MEMBERS)
    nearest["rank"] = nearest.groupby("cluster_id").cumcount()
    demand = read_rows_of(panel, "dfu_ck", nearest["dfu_ck"].tolist())
    tidy = _since_first_sale(demand).melt(id_vars="dfu_ck", var_name="month", value_name="demand").dropna()
    typical = nearest[["cluster_id", "rank", "dfu_ck"]].merge(tidy, on="dfu_ck")
    return typical.sort_values(["cluster_id", "rank", "month"], ignore_index=True)


def _since_first_sale(demand: pd.DataFrame) -> pd.DataFrame:
    """Return the demand with the months before a DFU's first sale left undefined: they are no zero demand."""
    months = demand.columns.drop("dfu_ck")
    begun = (demand[months] > 0).cummax(axis="columns")
    return demand.assign(**demand[months].where(begun))
