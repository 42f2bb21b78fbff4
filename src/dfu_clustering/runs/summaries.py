"""What each step of a run says when it is done, and what the JSON files of a run hold: one record for one fact."""

from dataclasses import asdict
from typing import Annotated, Any

import pandas as pd
from pydantic import AwareDatetime, Field

from dfu_clustering.clusters.nominations import KSelection
from dfu_clustering.config.clustering import LabelingConfig, RunSettings, Space
from dfu_clustering.files.summary import Summary
from dfu_clustering.labels.churn import LabelChurn
from dfu_clustering.labels.rules import Bounds
from dfu_clustering.loads.publication import Publication
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.quality.gate_reports import SuiteSummary
from dfu_clustering.runs.answer import Answer
from dfu_clustering.segments.continuity import Continuity
from dfu_clustering.segments.measures import Figures


class FeatureSummary(Summary):
    """What the features were built from; beside the matrix.

    Attributes:
        time_window_months: As configured, a number or "all".
        window_months: Months that the window holds.
        season_window_months: As configured.
        keys_digest: Of the matrix's keys, so that a summary is not taken for that of another matrix.
    """

    as_of_month: str
    first_month: str
    min_months_history: int
    time_window_months: int | str
    window_months: int
    season_window_months: int
    n_dfus: int
    clustered: int
    excluded: dict[str, int]
    sales_rows: int
    null_qty_rows: int
    negative_qty_rows: int
    duplicate_rows: int
    clipped_months: int
    config_digest: str
    code_version: str
    keys_digest: str


class NotedPublish(Summary):
    """What was published when a run began: its labels may replace these and nothing newer.

    Attributes:
        newest: What was published last; None: nothing was.
        began: When the run began, by the warehouse's clock; None in runs of earlier versions.
    """

    newest: Publication | None
    began: AwareDatetime | None = None


class PublishedChoice(Summary):
    """The run whose labels this one continues.

    Attributes:
        run: Name of its folder; None: labels are made from scratch.
        problem: Why they are although something is published; None where nothing went wrong.
    """

    run: str | None
    problem: str | None = None


class KChoice(Summary):
    """The K that each criterion nominates, the one that was selected, and those at which clusters are large enough."""

    elbow: int
    silhouette: int
    gap: int
    selected: int
    feasible: tuple[int, ...]

    @classmethod
    def of(cls, selection: KSelection) -> "KChoice":
        """Return the choice without the curves behind it."""
        return cls(**asdict(selection.nominations), selected=selection.selected, feasible=selection.feasible)


class TrainedSegment(Summary):
    """A segment as the training found it.

    Attributes:
        cluster_id: Number of its label.
        label: Its label, by the thresholds of the training.
        size: DFUs in it.
        sparsity_bound_months: What ``sparser`` and ``denser`` are measured against; 0 where neither is said.
    """

    cluster_id: int
    label: str
    size: int
    sparsity_bound_months: float


class _Training(Summary):
    """What summary and metadata of a training both say.

    Attributes:
        k: Clusters that K-means found, after small ones were merged.
        segments: What became of them, the largest first.
        figures: How true and how distinct the segments are.
        warnings: What did not go by the rules.
        continuity: How they continue the published ones; None where none were given.
    """

    n_dfus: int
    k: int
    segments: list[TrainedSegment]
    figures: Figures
    warnings: list[str]
    continuity: Continuity | None = None


class TrainingSummary(_Training):
    """What was fitted.

    Attributes:
        gap: Of the selected K; None where that lies outside of the range tried.
    """

    k_selection: KChoice
    gap: float | None


class TrainingToContinue(Summary):
    """What a later run reads of cluster_metadata.json, whatever settings the version that wrote it had.

    Attributes:
        as_of_month: None where the matrix came from elsewhere.
        k_selection: How K was chosen.
    """

    as_of_month: str | None
    k_selection: KSelection


class TrainingMetadata(_Training, TrainingToContinue):
    """How the clusters came about: cluster_metadata.json.

    Attributes:
        space_settings: Of the clustered space; where a published one was kept, those of its fit.
        clustered_columns: Of the space.
        feature_scales: Center and scale of each feature over all DFUs, by name.
        features: What the features were built from; None where the matrix came from elsewhere.
        config: The settings of the training.
        volume_bounds: mean_demand that bounds the tiers low and high, units a month.
        map_explained_variance: Share (0-1) of the variance along each of the two directions of the map.
    """

    config_digest: str
    code_version: str
    seed: int
    space_settings: Space
    clustered_columns: list[str]
    feature_scales: dict[str, dict[str, float | None]]
    features: FeatureSummary | None
    config: RunSettings
    volume_bounds: Bounds
    map_explained_variance: tuple[float, float]

    def scales(self) -> pd.DataFrame:
        """Return center and scale of each feature, indexed by its name."""
        return pd.DataFrame.from_dict(self.feature_scales, orient="index", dtype=float)


class SegmentSummary(Summary):
    """One segment: its label, why it is called so, how large it is, what is typical of it."""

    cluster_id: Annotated[int, Field(description="number of the label, the same in every run", examples=[36])]
    label: Annotated[str, Field(description="cluster_assignment", examples=["high_volume_steady"])]
    base: Annotated[str, Field(description="the label without its traits")]
    traits: list[str]
    pattern: Annotated[
        str | None, Field(description="seasonal, growing, …; plain: none holds", examples=["steady"])
    ] = None
    tier: Annotated[str | None, Field(description="volume tier: high, medium, low", examples=["high"])] = None
    reason: Annotated[str, Field(description="why it has this label: its medians beside the thresholds")]
    size: Annotated[int, Field(description="DFUs in the run")]
    share: Annotated[float, Field(ge=0, le=1, description="of the clustered DFUs")]
    volume_share: Annotated[float, Field(ge=0, le=1, description="of their demand in the window")]
    true_share: Annotated[
        float | None, Field(ge=0, le=1, description="of its DFUs: all words strictly true by their own values")
    ] = None
    naive_wape: Annotated[
        float | None, Field(ge=0, description="errors of repeating last year over the last six months / their demand")
    ] = None
    explained_share: Annotated[
        float | None, Field(ge=0, le=1, description="of a typical DFU's variance, by trend and season")
    ] = None
    profile: Annotated[dict[str, Any], Field(description="medians of the features in original units, and quartiles")]


class LifecycleSegment(Summary):
    """DFUs that are not clustered and share a label of their life: new or inactive."""

    cluster_id: int
    label: str
    size: int


class Segments(Summary):
    """The segments, the largest first: what readers of cluster_profiles.json need, whatever version wrote it.

    Attributes:
        segments: Of the clustered DFUs.
        lifecycle: Of the others that have a label, the largest first.
    """

    segments: list[SegmentSummary]
    lifecycle: list[LifecycleSegment] = Field(default_factory=list)


class Profiles(Segments):
    """The segments and where they come from: cluster_profiles.json.

    Attributes:
        training_digest: Of the settings of the training.
        labeling: The thresholds by which they are named.
        figures: How true and how distinct they are.
    """

    as_of_month: str | None
    code_version: str
    seed: int
    training_digest: str
    labeling: LabelingConfig
    figures: Figures


class StabilitySummary(LabelChurn):
    """Labels beside the published ones: stability.json. New and inactive DFUs are in no share of it.

    Attributes:
        published_run: The run compared with.
        refit: Whether the clusters were fitted again.
        refit_reason: Why, or why not.
        psi: Population stability index by column, against the DFUs that the clusters were fitted on.
        far_share: Share (0-1) of the DFUs further out than 99 % of those.
        held_share: Share (0-1) of the DFUs that keep a label although one of its words is not strictly true of them.
        figures: How true and how distinct the segments are.
    """

    published_run: str
    refit: bool
    refit_reason: str
    psi: dict[str, float]
    far_share: float | None
    held_share: float | None
    figures: Figures


class LabelSummary(Summary):
    """The segments, the largest first, and how they differ from the published ones; None: nothing to compare with.

    Attributes:
        segments: Of the clustered DFUs.
        lifecycle: Of the others that have a label.
        figures: How true and how distinct the segments are.
        stability: How the labels follow the published ones.
    """

    segments: list[SegmentSummary]
    lifecycle: list[LifecycleSegment]
    figures: Figures
    stability: StabilitySummary | None = None

    def sizes(self) -> dict[str, int]:
        """Return the number of DFUs by label."""
        clustered = {segment.label: segment.size for segment in self.segments}
        return clustered | {others.label: others.size for others in self.lifecycle}


class ReportSummary(Summary):
    """The page that was written.

    Attributes:
        name: Its file, in the run's folder.
        size_mb: Megabytes.
        dfus_shown: DFUs that it can show by themselves.
    """

    name: str
    size_mb: float
    dfus_shown: int


class RunSummary(Summary):
    """What a run did: summary.json."""

    as_of_month: str
    n_dfus: int
    clustered: int
    excluded: dict[str, int]
    k: int
    k_selection: KChoice
    figures: Figures
    warnings: list[str]
    data_quality: list[SuiteSummary]
    clusters: list[SegmentSummary]
    lifecycle: list[LifecycleSegment]
    published: PublishSummary
    stability: StabilitySummary | None
    durations_s: dict[str, float]
    peak_memory_mb: float
    config_digest: str
    code_version: str
    seed: int
    report: ReportSummary | None = None
    approval: Answer | None = None
    mlflow_run_id: str | None
    run_folder: str

    @property
    def labelled(self) -> int:
        """Return the number of DFUs that have a label: the clustered ones, and those of the lifecycle."""
        return self.clustered + sum(others.size for others in self.lifecycle)
