"""From the feature matrix to segments, as if nothing had been published; what is published is in ``continuation``."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dfu_clustering.arrays import Floats, Integers
from dfu_clustering.clusters.k_selection import select_k
from dfu_clustering.clusters.kmeans import nearest_centroids
from dfu_clustering.clusters.model import fit_clusters
from dfu_clustering.config.clustering import LabelingConfig, RunSettings
from dfu_clustering.labels.rules import Values, own_patterns, own_values
from dfu_clustering.labels.vocabulary import PATTERN_NAMES
from dfu_clustering.preprocessing.pipeline import build_preprocessing, column_names
from dfu_clustering.segments.drift import DriftReference
from dfu_clustering.segments.fitted_model import FittedModel
from dfu_clustering.segments.meaning import Found, Meaning, distinguish
from dfu_clustering.segments.membership import Clusters, Membership, means, settle
from dfu_clustering.segments.segmentation import Fit, Segmentation, segmentation_of

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def segment_from_scratch(
    config: RunSettings, matrix: pd.DataFrame, *, on_fit: Callable[[], None] | None = None
) -> Segmentation:
    """Find the segments of a feature matrix.

    Args:
        config: The settings.
        matrix: One row a DFU, in ascending order of dfu_ck.
        on_fit: As in select_k().

    Raises:
        DataError: The matrix lacks a column, or holds fewer distinct DFUs than clusters.
    """
    return segmentation_of(config, matrix, fit_from_scratch(config, matrix, on_fit=on_fit))


def fit_from_scratch(
    config: RunSettings,
    matrix: pd.DataFrame,
    *,
    known: Iterable[Meaning] = (),
    on_fit: Callable[[], None] | None = None,
) -> Fit:
    """Fit the preprocessing, choose K, let K-means find clusters, and settle the DFUs in clusters with words.

    Args:
        config: The settings.
        matrix: One row a DFU, in ascending order of dfu_ck.
        known: Published meanings, whose relative words keep their meaning.
        on_fit: As in select_k().
    """
    preprocessing: Pipeline = build_preprocessing(config)
    space = preprocessing.fit_transform(matrix)
    selection, centroids = select_k(space, volume=volume_of(matrix), config=config, on_fit=on_fit)
    kmeans = fit_clusters(space, centroids, min_cluster_size_pct=config.min_cluster_size_pct)
    kmeans_cluster, distance = nearest_centroids(space, kmeans.centroids)
    membership = _with_words(config, space, own_values(matrix), kmeans_cluster, kmeans.centroids, known)
    reference = DriftReference.of(space, column_names(preprocessing), distance)
    fitted = FittedModel(config.of_the_space(), preprocessing, kmeans.centroids, membership.clusters, reference)
    warnings = tuple(text for text in (selection.warning, kmeans.warning) if text)
    return Fit(fitted, space, membership, selection, warnings)


def volume_of(matrix: pd.DataFrame) -> Floats:
    """Return the (n_dfus,) mean monthly demand, by which samples are stratified."""
    return matrix["mean_demand"].to_numpy(dtype=np.float64)


def _with_words(
    config: RunSettings,
    space: Floats,
    values: Values,
    kmeans_cluster: Integers,
    centroids: Floats,
    known: Iterable[Meaning],
) -> Membership:
    """Let the DFUs settle in clusters of patterns, distinguish those of one pattern, and let them settle again."""
    least = config.min_cluster_size_pct
    patterns = _patterns_of_medians(values, kmeans_cluster, len(centroids), config.labeling)
    by_pattern = Clusters(tuple(Meaning(pattern) for pattern in patterns), centroids)
    settled = settle(by_pattern, space, values, config.labeling, min_cluster_size_pct=least)
    clusters = _distinguished(config, settled, space, values, known)
    final = settle(clusters, space, values, config.labeling, min_cluster_size_pct=least)
    return replace(final, added=tuple(dict.fromkeys((*settled.added, *final.added))))


def _patterns_of_medians(values: Values, cluster_id: Integers, n_clusters: int, config: LabelingConfig) -> list[str]:
    medians = pd.DataFrame(dict(values)).groupby(cluster_id).median().reindex(range(n_clusters))
    return [PATTERN_NAMES[pattern] for pattern in own_patterns(own_values(medians), config)]


def _distinguished(
    config: RunSettings, settled: Membership, space: Floats, values: Values, known: Iterable[Meaning]
) -> Clusters:
    """Return the clusters by their full meaning; those of one meaning are one."""
    patterns = tuple(meaning.pattern for meaning in settled.clusters.meanings)
    found = Found(patterns, settled.cluster_id, settled.clusters.centroids, values)
    most = max(len(PATTERN_NAMES), config.k_range[1])
    meanings = distinguish(found, config.labeling, most=most, known=known)
    different = tuple(sorted(set(meanings)))
    cluster_id = np.array([different.index(meaning) for meaning in meanings])[settled.cluster_id]
    return Clusters(different, means(space, cluster_id, np.zeros((len(different), space.shape[1]))))
