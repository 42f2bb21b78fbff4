"""What a report is made from: the files of a run, as read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from dfu_clustering.forecast_value.verdict import Verdict
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.quality.gate_reports import GateReport
from dfu_clustering.report.model import Status
from dfu_clustering.runs.answer import Answer
from dfu_clustering.runs.summaries import FeatureSummary, Profiles, SegmentSummary, StabilitySummary, TrainingMetadata


@dataclass(frozen=True, eq=False)
class RunArtifacts:
    """The files of a run; what a run may lack is None or empty.

    Attributes:
        profiles: The segments.
        metadata: How the clusters came about.
        members: dfu_ck, number of the segment on the page, distance, margin, mean_demand, abc_class and reason of the
            clustered DFUs; own words, next_label and what words are judged by, where the run has them.
        map_points: dfu_ck, cluster_id, x, y; None where there is no map.
        demand: Monthly demand of some DFUs, indexed by dfu_ck, a column a month; None where none is at hand.
        gates: Reports of the data-quality gates.
        published: What was written to dim_dfu or would have been; None: labels were not published.
        asked: Whether a person was asked before the publish, and nothing is published yet.
        answer: What the person answered; None: nobody was asked, or has not answered yet.
        stability: How the labels follow the published ones; None: there were none.
        not_continued: Why the labels do not continue published ones although there are some; None: nothing went wrong.
        label_changes: dfu_ck, old_label, new_label, word, feature, threshold, before, after of DFUs with another label.
        run_name: Name of the run folder.
        dfu_table: What the table is called to which labels are published.
        looks: Number of each segment's look, by its cluster_id.
        overridden: dfu_ck, machine_label, label, override, owner, reason, until_month of DFUs whose label a person has
            set; None: of an earlier version.
        earlier_labels: Labels of the DFUs that are shown, indexed by dfu_ck, a column a month; None: none are known.
        verdict: What the segments are worth to a forecaster, as measured last; None: never.
    """

    profiles: Profiles
    metadata: TrainingMetadata
    members: pd.DataFrame
    map_points: pd.DataFrame | None = None
    demand: pd.DataFrame | None = None
    gates: Sequence[GateReport] = field(default=())
    published: PublishSummary | None = None
    asked: bool = False
    answer: Answer | None = None
    stability: StabilitySummary | None = None
    not_continued: str | None = None
    label_changes: pd.DataFrame | None = None
    run_name: str | None = None
    dfu_table: str = "dim_dfu"
    looks: Mapping[int, int] = field(default_factory=dict)
    overridden: pd.DataFrame | None = None
    verdict: Verdict | None = None
    earlier_labels: pd.DataFrame | None = None

    @property
    def status(self) -> Status:
        """Return what became of the labels; a run that was approved, and then overtaken, has published nothing."""
        if self.asked and (self.answer is None or not self.answer.publish):
            return "waiting" if self.answer is None else "refused"
        if self.published is None or self.asked:
            return "not_published"
        return "dry_run" if self.published.dry_run else "published"

    @property
    def segments(self) -> list[SegmentSummary]:
        """Return the segments, the largest first: a segment's number on the page is its place here."""
        return self.profiles.segments

    @property
    def number_of(self) -> dict[int, int]:
        """Return the number on the page of each cluster_id."""
        return {segment.cluster_id: number for number, segment in enumerate(self.segments)}

    @property
    def origin(self) -> FeatureSummary | None:
        """Return what the features were built from; None where the matrix came from elsewhere."""
        return self.metadata.features

    @property
    def window_months(self) -> int:
        """Return the number of months that were clustered; 0 where that is not known."""
        return self.origin.window_months if self.origin else 0
