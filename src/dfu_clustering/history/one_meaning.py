"""The segments of one month in every month: what its run or backfill stored, applied to the features of the others."""

from dataclasses import dataclass

import pandas as pd

from dfu_clustering.files.summary import Summary
from dfu_clustering.history.sources import MonthSource
from dfu_clustering.labels.label_set import label_set_digest
from dfu_clustering.labels.vocabulary import LABELS
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.segments.applied import SegmentSet, apply_segments


class SegmentNumbers(Summary):
    """The segments of a month by number: the categories of a model that is trained on segment_applied.

    Attributes:
        month: The month.
        segments: Label of each number, new and inactive ones included, also where no DFU has it.
        label_set_digest: Of the labels; the same as long as they are.
    """

    month: str
    segments: dict[int, str]
    label_set_digest: str


@dataclass(frozen=True, eq=False)
class OneMeaning:
    """The segments of one month.

    Attributes:
        segments: Its model, words, thresholds and tiers.
    """

    segments: SegmentSet

    def numbers(self, month: str) -> SegmentNumbers:
        """Return them by number."""
        segments = self.segments.numbers()
        return SegmentNumbers(month=month, segments=segments, label_set_digest=label_set_digest(segments.values()))

    @classmethod
    def of(cls, source: MonthSource) -> "OneMeaning":
        """Read what the run or backfill of the month stored.

        Raises:
            DataError: A file is missing or unreadable, or of another version.
        """
        trained = source.files.trained_segments()
        sizes = {LABELS[one.label]: one.size for one in trained.segments if one.label in LABELS}
        fitted = PublishedFiles(source.files).fitted()
        segments = SegmentSet(fitted, trained.config.labeling, trained.volume_bounds, sizes)
        return cls(segments.closed(*_known(source)))

    def applied_to(self, source: MonthSource) -> pd.DataFrame:
        """Return dfu_ck, segment, label, distance and margin of all DFUs that had sold as of a month, in key order.

        Raises:
            DataError: A file of the month is missing or unreadable, or its matrix lacks a column of the model.
        """
        return apply_segments(self.segments, *_known(source))


def _known(source: MonthSource) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the feature matrix of a month, and the DFUs that it left out."""
    return source.files.table(RunFile.MATRIX), source.files.table(RunFile.EXCLUDED)
