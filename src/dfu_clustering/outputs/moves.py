"""How far each published DFU has moved since."""

import logging

import pandas as pd

from dfu_clustering.files.keys import places_of
from dfu_clustering.preprocessing.pipeline import matrix_columns
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.segments.movement import distance_moved
from dfu_clustering.segments.segmentation import Segmentation

logger = logging.getLogger(__name__)


def measure_moves(matrix: pd.DataFrame, segmentation: Segmentation, published: PublishedFiles) -> pd.DataFrame | None:
    """Compare this month's feature matrix with the published one, DFU by DFU.

    Returns:
        dfu_ck and move of the DFUs in both; None where there is a single cluster, or where the published run has not
        kept a matrix with the columns of today.
    """
    fitted = segmentation.fitted
    if len(fitted.kmeans_centroids) < 2:
        return None
    columns = ["dfu_ck", *matrix_columns(fitted.preprocessing)]
    old = published.matrix(columns)
    if old is None:
        logger.warning("how far DFUs have moved is not known: the feature matrix of %s is missing", published.run)
        return None
    place = places_of(matrix["dfu_ck"], old["dfu_ck"])
    known = place >= 0
    now = matrix.loc[known, columns].reset_index(drop=True)
    then = old.iloc[place[known]].reset_index(drop=True)
    moved = distance_moved(fitted.preprocessing, fitted.kmeans_centroids, then, now)
    return pd.DataFrame({"dfu_ck": now["dfu_ck"].to_numpy(), "move": moved})
