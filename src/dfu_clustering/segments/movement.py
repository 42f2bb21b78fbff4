"""How far DFUs moved since they were published, in the space in which they are compared."""

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from dfu_clustering.arrays import Floats
from dfu_clustering.clusters.kmeans import nearest_centroids


def distance_moved(
    preprocessing: Pipeline, centroids: Floats, old_matrix: pd.DataFrame, new_matrix: pd.DataFrame
) -> Floats:
    """Return how far each DFU moved, as a multiple of the distance from its cluster's centroid to the next one.

    Both matrices are seen through this month's preprocessing.

    Args:
        preprocessing: Fitted, from a feature matrix to the space.
        centroids: (k, n_columns) of K-means, k >= 2.
        old_matrix: n rows as they were published.
        new_matrix: The same DFUs now, in the same order.

    Returns:
        (n,) multiples.
    """
    now = preprocessing.transform(new_matrix)
    step: Floats = np.sqrt(np.square(now - preprocessing.transform(old_matrix)).sum(axis=1))
    cluster, _ = nearest_centroids(now, centroids)
    return step / _distance_to_next(centroids)[cluster]


def _distance_to_next(centroids: Floats) -> Floats:
    apart = np.sqrt(np.square(centroids[:, None] - centroids[None]).sum(axis=-1))
    np.fill_diagonal(apart, np.inf)
    nearest: Floats = apart.min(axis=1)
    return nearest
