"""The segments of one month applied to the DFUs as of another: without memory, so that a segment means one thing.

A DFU is put where a DFU of these values would be put that had no label before: into the nearest cluster that is open to
it and has its tier. Model, words, thresholds, tiers and the list of labels are those of the one month. So the same
DFU as of the same month gets the same segment whenever it is asked, and no segment that the one month does not have.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dfu_clustering.arrays import Flags, Floats, Integers, Objects
from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.labels.lifecycle import lifecycle_labels
from dfu_clustering.labels.rules import Bounds, own_tiers, own_values
from dfu_clustering.labels.vocabulary import LABELS, LIFECYCLE_LABELS, TIERS, Label
from dfu_clustering.segments.fitted_model import FittedModel
from dfu_clustering.segments.measures import distances
from dfu_clustering.segments.membership import nearest_of, open_to
from dfu_clustering.segments.segmentation import Segmentation


@dataclass(frozen=True, eq=False)
class SegmentSet:
    """The segments of one month, with all that says who belongs to them.

    Attributes:
        fitted: The model.
        labeling: Thresholds of the words.
        bounds: Of the volume tiers, units a month.
        sizes: DFUs of each label of the month, without new and inactive ones.
    """

    fitted: FittedModel
    labeling: LabelingConfig
    bounds: Bounds
    sizes: Mapping[Label, int]

    @classmethod
    def of(cls, segmentation: Segmentation, labeling: LabelingConfig) -> "SegmentSet":
        """Return the segments that were found."""
        sizes = dict(zip(segmentation.labels, segmentation.sizes.tolist(), strict=True))
        return cls(segmentation.fitted, labeling, segmentation.bounds, sizes)

    def numbers(self) -> dict[int, str]:
        """Return every label that a DFU of any month can have, by its number: the segments, then new and inactive."""
        life = [LABELS[text] for text in LIFECYCLE_LABELS] if self.labeling.lifecycle else []
        return {label.segment_id: label.text for label in (*sorted(self.sizes, key=lambda one: one.text), *life)}

    def cells(self) -> Integers:
        """Return the (k, 3) DFUs of each cluster in each tier; 0: that is no segment."""
        sizes = [
            [self.sizes.get(Label(meaning.pattern, tier, meaning.traits), 0) for tier in TIERS]
            for meaning in self.fitted.clusters.meanings
        ]
        return np.array(sizes, dtype=np.int64)


def apply_segments(segments: SegmentSet, matrix: pd.DataFrame, left_out: pd.DataFrame) -> pd.DataFrame:
    """Return the segment that each DFU has by the parameters of one month, its features being those of any month.

    Args:
        segments: Of the one month.
        matrix: One row a DFU that could be clustered as of the other month.
        left_out: dfu_ck, reason, mean_demand of the other DFUs as of that month.

    Returns:
        dfu_ck, segment (number of the label), label, distance to the centroid of its cluster, margin to the nearest
        other one; in key order. DFUs that never sold, or are not in dim_dfu, have no row; new and inactive ones have
        neither distance nor margin.

    Raises:
        DataError: The matrix lacks a column.
    """
    cells = segments.cells()
    space = segments.fitted.preprocessing.transform(matrix)
    cluster, tier = _cells_of(segments, cells, matrix, space)
    label_of, ids, texts = _labels(segments, cells)
    distance, margin = distances(space, segments.fitted.clusters.centroids, cluster)
    place = label_of[cluster, tier]
    columns = {"dfu_ck": matrix["dfu_ck"].to_numpy(), "segment": ids[place], "label": texts[place]}
    clustered = pd.DataFrame({**columns, "distance": distance, "margin": margin})
    if not segments.labeling.lifecycle:
        return clustered.sort_values("dfu_ck", ignore_index=True)
    others = lifecycle_labels(left_out, segments.bounds)
    named = others.rename(columns={"cluster_id": "segment", "cluster_label": "label"})[list(columns)]
    unplaced = named.assign(distance=np.nan, margin=np.nan)
    both = pd.concat([clustered, unplaced]) if len(unplaced) else clustered
    return both.sort_values("dfu_ck", ignore_index=True).astype({"dfu_ck": "str", "label": "str"})


def _cells_of(segments: SegmentSet, cells: Integers, matrix: pd.DataFrame, space: Floats) -> tuple[Integers, Integers]:
    """Return the (n,) cluster of each DFU, and its own tier as a place in TIERS."""
    values, clusters = own_values(matrix), segments.fitted.clusters
    tier = own_tiers(values["mean_demand"], segments.bounds)
    allowed, homeless = open_to(clusters.meanings, values, segments.labeling)
    has_tier: Flags = allowed & (cells[:, tier].T > 0) & ~homeless[:, None]
    options: Flags = np.where(has_tier.any(axis=1, keepdims=True), has_tier, allowed)
    return nearest_of(space, clusters.centroids, options), tier


def _labels(segments: SegmentSet, cells: Integers) -> tuple[Integers, Integers, Objects]:
    """Return the (k, 3) place of the label of each cluster and tier, and numbers and texts of the labels.

    A tier in which its cluster is no segment is called by the nearest tier in which it is, of two the larger.
    """
    labels: list[Label] = []
    place = np.zeros(cells.shape, dtype=np.int64)
    for at, meaning in enumerate(segments.fitted.clusters.meanings):
        for tier in range(len(TIERS)):
            there = [other for other in range(len(TIERS)) if cells[at, other]] or [tier]
            nearest = min(there, key=lambda other: (abs(other - tier), -cells[at, other]))
            place[at, tier] = len(labels)
            labels.append(Label(meaning.pattern, TIERS[nearest], meaning.traits))
    ids = np.array([label.segment_id for label in labels], dtype=np.int64)
    return place, ids, np.array([label.text for label in labels], dtype=object)
