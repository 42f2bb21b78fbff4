"""The segments of one month applied to the DFUs as of another: without memory, so that a segment means one thing.

A DFU is put where a DFU of these values would be put that had no label before: into the nearest cluster that is open to
it and has its tier. Model, words, thresholds, tiers and the list of labels are those of the one month. So the same
DFU as of the same month gets the same segment whenever it is asked, and no segment that the one month does not have.
New and inactive DFUs have the label of these; where no DFU of the one month is so called, none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

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

LIFE: Final = tuple(LABELS[text] for text in LIFECYCLE_LABELS)


@dataclass(frozen=True, eq=False)
class SegmentSet:
    """The segments of one month, with all that says who belongs to them.

    Attributes:
        fitted: The model.
        labeling: Thresholds of the words.
        bounds: Of the volume tiers, units a month.
        sizes: DFUs of each label of the month, without new and inactive ones.
        life: Labels of new and inactive DFUs that there are.
    """

    fitted: FittedModel
    labeling: LabelingConfig
    bounds: Bounds
    sizes: Mapping[Label, int]
    life: tuple[Label, ...] = LIFE

    @classmethod
    def of(cls, segmentation: Segmentation, labeling: LabelingConfig) -> "SegmentSet":
        """Return the segments that were found."""
        sizes = dict(zip(segmentation.labels, segmentation.sizes.tolist(), strict=True))
        return cls(segmentation.fitted, labeling, segmentation.bounds, sizes)

    def closed(self, matrix: pd.DataFrame, left_out: pd.DataFrame) -> "SegmentSet":
        """Return the same with those labels alone that DFUs of the month itself get, so that each is one of today.

        Args:
            matrix: One row a DFU of the month that could be clustered.
            left_out: dfu_ck, reason, mean_demand of the others.
        """
        found = apply_segments(self, matrix, left_out)["label"].value_counts()
        sizes = {LABELS[str(text)]: int(dfus) for text, dfus in found.items()}
        clustered = {label: dfus for label, dfus in sizes.items() if label not in LIFE}
        return replace(self, sizes=clustered, life=tuple(label for label in LIFE if label in sizes))

    def numbers(self) -> dict[int, str]:
        """Return every label that a DFU of any month can have, by its number: the segments, then new and inactive."""
        clustered = sorted(self.sizes, key=lambda one: one.text)
        return {label.segment_id: label.text for label in (*clustered, *self.life)}

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
        dfu_ck, segment (number of the label, Int64), label, distance to the centroid of its cluster, margin to the
        nearest other one; in key order. DFUs that never sold, or are not in dim_dfu, have no row; new and inactive ones
        have neither distance nor margin, and no segment where no DFU of the one month is so called.

    Raises:
        DataError: The matrix lacks a column.
    """
    cells = segments.cells()
    space = segments.fitted.preprocessing.transform(matrix)
    cluster, tier = _cells_of(segments, cells, matrix, space)
    label_of, ids, texts = _labels(segments, cells)
    distance, margin, _ = distances(space, segments.fitted.clusters.centroids, cluster)
    place = label_of[cluster, tier]
    columns = {"dfu_ck": matrix["dfu_ck"].to_numpy(), "segment": ids[place], "label": texts[place]}
    clustered = pd.DataFrame({**columns, "distance": distance, "margin": margin})
    others = _of_life(segments, left_out).assign(distance=np.nan, margin=np.nan)
    both = pd.concat([clustered, others]) if len(others) else clustered
    types = {"dfu_ck": "str", "segment": "Int64", "label": "str"}
    return both.sort_values("dfu_ck", ignore_index=True).astype(types)


def _of_life(segments: SegmentSet, left_out: pd.DataFrame) -> pd.DataFrame:
    """Return dfu_ck, segment and label of new and inactive DFUs: of their own tier, else of the nearest that is new."""
    own = lifecycle_labels(left_out if segments.labeling.lifecycle else left_out.iloc[:0], segments.bounds)
    called = {label.text: _among(label, segments.life) for label in LIFE}
    labels = [called[text] for text in own["cluster_label"]]
    return pd.DataFrame(
        {
            "dfu_ck": own["dfu_ck"],
            "segment": pd.array([label.segment_id if label else None for label in labels], dtype="Int64"),
            "label": pd.array([label.text if label else None for label in labels], dtype="str"),
        }
    )


def _among(label: Label, life: tuple[Label, ...]) -> Label | None:
    """Return the label of a DFU's life that is there: of the same pattern, and of the nearest tier."""
    there = [other for other in life if other.pattern == label.pattern]
    return min(there, key=lambda other: abs(TIERS.index(other.tier) - TIERS.index(label.tier)), default=None)


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
