"""What a run says of each segment: its label and reason, its size, how true its words are, and its profile."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dfu_clustering.arrays import Flags, Integers
from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.labels.reasons import reasons
from dfu_clustering.labels.rules import Bounds, Values
from dfu_clustering.labels.truth import Claim
from dfu_clustering.outputs.forecastability import of_segment
from dfu_clustering.outputs.segment_looks import LOOK
from dfu_clustering.outputs.training_files import SPACE_PREFIX
from dfu_clustering.runs.summaries import LifecycleSegment, SegmentSummary, TrainedSegment

_Profiles = Mapping[Hashable, Mapping[Hashable, Any]]


@dataclass(frozen=True, eq=False)
class Named:
    """A segment of the training under its label.

    Attributes:
        trained: What the training says of it.
        claim: Its label by the thresholds of today.
        rows: (n_members,) its rows of the assignments.
    """

    trained: TrainedSegment
    claim: Claim
    rows: Integers


@dataclass(frozen=True, eq=False)
class Labelled:
    """The segments of all clustered DFUs, and what their words are judged by.

    Attributes:
        named: The segments, every DFU in one of them.
        own: (n_dfus,) each, the DFUs' own values.
        bounds: Of the volume tiers.
        is_true: (n_dfus,) whether all words of the label are strictly true.
        labeling: Thresholds.
        label_margin: Share of a threshold by which a word may be missed and still be kept.
    """

    named: Sequence[Named]
    own: Values
    bounds: Bounds
    is_true: Flags
    labeling: LabelingConfig
    label_margin: float

    def values_of(self, rows: Integers) -> Values:
        """Return the values of some DFUs."""
        return {name: of_all[rows] for name, of_all in self.own.items()}

    def reasons_of(self, claim: Claim, values: Values) -> list[str]:
        """Return why DFUs of these values are called so."""
        return reasons(claim.label, claim.traits(), values, self.bounds, self.labeling, label_margin=self.label_margin)


def segment_summaries(
    labelled: Labelled, centroids: pd.DataFrame, of_dfus: pd.DataFrame | None = None
) -> list[SegmentSummary]:
    """Return the segments, the largest first; where two are renamed alike, the larger one speaks for both.

    Args:
        labelled: The segments.
        centroids: A row a segment of the training, with its profile.
        of_dfus: How forecastable each DFU is, in the order of the assignments; None: that is not known.
    """
    profiles = centroids.set_index("cluster_id").to_dict(orient="index")
    by_label: dict[str, list[Named]] = {}
    for one in labelled.named:
        by_label.setdefault(one.claim.label.text, []).append(one)
    summaries = [_segment(labelled, alike, profiles, of_dfus) for alike in by_label.values()]
    return sorted(summaries, key=lambda segment: (-segment.size, segment.label))


def lifecycle_segments(lifecycle: pd.DataFrame) -> list[LifecycleSegment]:
    """Return how many DFUs have each label of those that are not clustered, the largest first."""
    counts = Counter(zip(lifecycle["cluster_id"].tolist(), lifecycle["cluster_label"].tolist(), strict=True))
    return [
        LifecycleSegment(cluster_id=cluster_id, label=label, size=size)
        for (cluster_id, label), size in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def _segment(
    labelled: Labelled, alike: list[Named], profiles: _Profiles, of_dfus: pd.DataFrame | None
) -> SegmentSummary:
    largest = max(alike, key=lambda one: one.trained.size)
    label, rows = largest.claim.label, np.concatenate([one.rows for one in alike])
    of_training = [profiles[one.trained.cluster_id] for one in alike]
    return SegmentSummary(
        cluster_id=label.segment_id,
        label=label.text,
        base=label.base,
        traits=list(label.traits),
        pattern=label.pattern,
        tier=label.tier,
        reason=_reason(labelled, largest.claim, labelled.values_of(rows)),
        size=len(rows),
        share=float(sum(profile["share"] for profile in of_training)),
        volume_share=float(sum(profile["volume_share"] for profile in of_training)),
        true_share=float(labelled.is_true[rows].mean()),
        **({} if of_dfus is None else of_segment(of_dfus, rows)._asdict()),
        profile=_profile(profiles[largest.trained.cluster_id]),
    )


def _reason(labelled: Labelled, claim: Claim, members: Values) -> str:
    medians = {name: np.array([np.nanmedian(of_all)]) for name, of_all in members.items() if not np.isnan(of_all).all()}
    medians |= {name: np.array([np.nan]) for name in members if name not in medians}
    return f"by its medians {labelled.reasons_of(claim, medians)[0]}"


def _profile(profile: Mapping[Hashable, Any]) -> dict[str, Any]:
    return {
        str(name): value
        for name, value in profile.items()
        if not str(name).startswith(SPACE_PREFIX) and name not in ("cluster_label", LOOK)
    }
