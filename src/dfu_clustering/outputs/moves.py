"""How far each published DFU has moved since, and by which feature."""

import logging

import numpy as np
import pandas as pd

from dfu_clustering.preprocessing.pipeline import matrix_columns
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.segments.continuation import Continuity
from dfu_clustering.segments.first_fit import Segmentation
from dfu_clustering.segments.movement import movement

logger = logging.getLogger(__name__)


def explain_moves(
    matrix: pd.DataFrame,
    segmentation: Segmentation,
    continuity: Continuity,
    published: PublishedFiles,
    *,
    peak_threshold: float,
) -> pd.DataFrame | None:
    """Compare this month's feature matrix with the published one, DFU by DFU.

    Args:
        matrix: One row a DFU.
        segmentation: This month's clusters.
        continuity: How they continue the published ones.
        published: The published run.
        peak_threshold: seasonality_strength from which a peak says something.

    Returns:
        dfu_ck, move, feature, before, after of the DFUs in both; None where there is a single cluster, or where the
        published run has not kept its matrix.
    """
    if len(segmentation.model.centroids) < 2:
        return None
    columns = ["dfu_ck", *matrix_columns(segmentation.preprocessing)]
    old = published.matrix(columns)
    if old is None:
        logger.warning("without the feature matrix of %s nothing says which feature moved a DFU", published.run)
        return None
    members = published.model.members
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
        peak_threshold=peak_threshold,
    )
    told = {"move": moved.move, "feature": moved.feature, "before": moved.before, "after": moved.after}
    return pd.DataFrame({"dfu_ck": keys.to_numpy(), **told}).astype({"feature": "str"})
