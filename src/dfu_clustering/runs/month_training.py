"""What a training leaves for other months: which segments it found, and what each month of a backfill says."""

from typing import TYPE_CHECKING

from dfu_clustering.config.clustering import LabelingConfig
from dfu_clustering.files.summary import Summary
from dfu_clustering.labels.rules import Bounds
from dfu_clustering.runs.summaries import TrainedSegment, TrainingToContinue
from dfu_clustering.segments.continuity import Continuity

if TYPE_CHECKING:  # who reads records loads nothing that clusters
    from dfu_clustering.segments.segmentation import Segmentation


class NamingSettings(Summary):
    """Of the settings of a training those that name its segments."""

    labeling: LabelingConfig


class TrainedSegments(TrainingToContinue):
    """Which segments a training found and by which bounds: what it takes to apply them to another month.

    Attributes:
        segments: The largest first.
        volume_bounds: mean_demand that bounds the tiers low and high, units a month.
        config: Thresholds of the words.
    """

    segments: list[TrainedSegment]
    volume_bounds: Bounds
    config: NamingSettings


class MonthTraining(TrainedSegments):
    """What a month of a backfill leaves in the place of the metadata of a run.

    Attributes:
        continuity: How its segments continue those of the month before; None of the first.
    """

    code_version: str
    continuity: Continuity | None


class MonthSummary(Summary):
    """One month of a backfill.

    Attributes:
        clustered: DFUs in segments.
        k: Clusters that K-means found.
        labels: DFUs by label, the largest first, new and inactive ones last.
        refit: Why the clusters were fitted again; None where those of the month before were kept.
    """

    as_of_month: str
    clustered: int
    k: int
    labels: dict[str, int]
    refit: str | None


def trained_segments(segmentation: "Segmentation") -> list[TrainedSegment]:
    """Return the segments that were found, the largest first."""
    return [
        TrainedSegment(
            cluster_id=claim.label.segment_id,
            label=claim.label.text,
            size=size,
            sparsity_bound_months=claim.sparsity_bound_months,
        )
        for claim, size in zip(segmentation.claims, segmentation.sizes.tolist(), strict=True)
    ]
