"""What each step of a run says when it is done, and what the JSON files of a run hold: one record for one fact."""

from dataclasses import asdict
from typing import Annotated, Any

import pandas as pd
from pydantic import Field

from dfu_clustering.clusters.k_selection import KSelection
from dfu_clustering.config.clustering import LabelingConfig, RunSettings, SpaceSettings
from dfu_clustering.files.summary import Summary
from dfu_clustering.labels.churn import LabelChurn, RenamedSegment
from dfu_clustering.loads.publication import Publication
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.quality.gate_reports import SuiteSummary
from dfu_clustering.segments.continuation import Continuity


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
    """What was published when a run began: its labels may replace these and nothing newer; None: nothing was."""

    newest: Publication | None


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


class _Training(Summary):
    """What summary and metadata of a training both say.

    Attributes:
        k: Clusters after small ones were merged.
        sizes: DFUs by cluster, the largest first.
        silhouette: Of the clusters on the silhouette sample.
        inertia: Sum of squared distances of all DFUs to their centroids.
        warnings: What did not go by the rules.
        continuity: How they continue the published ones; None where none were given.
    """

    n_dfus: int
    k: int
    sizes: list[int]
    silhouette: float
    inertia: float
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
        map_explained_variance: Share (0-1) of the variance along each of the two directions of the map.
    """

    config_digest: str
    code_version: str
    seed: int
    space_settings: SpaceSettings
    clustered_columns: list[str]
    feature_scales: dict[str, dict[str, float | None]]
    features: FeatureSummary | None
    config: RunSettings
    map_explained_variance: tuple[float, float]

    def scales(self) -> pd.DataFrame:
        """Return center and scale of each feature, indexed by its name."""
        return pd.DataFrame.from_dict(self.feature_scales, orient="index", dtype=float)


class SegmentSummary(Summary):
    """One segment: its label, why it is called so, how large it is, what is typical of it."""

    cluster_id: int
    label: Annotated[str, Field(description="cluster_assignment", examples=["high_volume_steady"])]
    base: Annotated[str, Field(description="the label before traits were added to tell it from others")]
    traits: list[str]
    reason: Annotated[str, Field(description="why it is called so")]
    size: Annotated[int, Field(description="DFUs in the run")]
    share: Annotated[float, Field(ge=0, le=1, description="of the clustered DFUs")]
    volume_share: Annotated[float, Field(ge=0, le=1, description="of their demand in the window")]
    profile: Annotated[dict[str, Any], Field(description="medians of the features in original units, and quartiles")]
    published_label: Annotated[
        str | None, Field(description="what the segment that it continues was called; null: it continues none")
    ] = None


class Segments(Summary):
    """The segments, the largest first: what readers of cluster_profiles.json need, whatever version wrote it."""

    segments: list[SegmentSummary]


class Profiles(Segments):
    """The segments and where they come from: cluster_profiles.json.

    Attributes:
        training_digest: Of the settings of the training.
        labeling: The thresholds by which they are named.
    """

    as_of_month: str | None
    code_version: str
    seed: int
    training_digest: str
    labeling: LabelingConfig


class StabilitySummary(LabelChurn):
    """Labels beside the published ones: stability.json.

    Attributes:
        published_run: The run compared with.
        refit: Whether the clusters were fitted again.
        refit_reason: Why, or why not.
        renamed: Segments that continue under another name.
        psi: Population stability index by column, against the DFUs that the clusters were fitted on.
        far_share: Share (0-1) of the DFUs further out than 99 % of those.
        held_share: Share (0-1) of the DFUs that stay in a segment although another one is nearer.
        silhouette: Of the labels, in the clustered space.
        silhouette_nearest: With every DFU in the segment that is nearest; None after a change of settings.
    """

    published_run: str
    refit: bool
    refit_reason: str
    renamed: list[RenamedSegment]
    psi: dict[str, float]
    far_share: float | None
    held_share: float | None
    silhouette: float
    silhouette_nearest: float | None


class LabelSummary(Summary):
    """The segments, the largest first, and how they differ from the published ones; None: nothing to compare with."""

    segments: list[SegmentSummary]
    stability: StabilitySummary | None = None

    def sizes(self) -> dict[str, int]:
        """Return the number of DFUs by label."""
        return {segment.label: segment.size for segment in self.segments}


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
    silhouette: float
    warnings: list[str]
    data_quality: list[SuiteSummary]
    clusters: list[SegmentSummary]
    published: PublishSummary
    stability: StabilitySummary | None
    durations_s: dict[str, float]
    peak_memory_mb: float
    config_digest: str
    code_version: str
    seed: int
    report: ReportSummary | None = None
    mlflow_run_id: str | None
    run_folder: str
