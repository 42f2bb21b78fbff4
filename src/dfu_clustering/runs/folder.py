"""The folder of a run: the name of each of its files, and what is in it, read as the record that a step wrote.

Nobody else names these files. Steps write to ``path()``; report, API, restore, history and MLflow read by the rest.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

import pandas as pd

from dfu_clustering.errors import DataError
from dfu_clustering.files.summary import Summary, read_summary, write_summary
from dfu_clustering.files.tables import read_table, require_columns
from dfu_clustering.quality.gate_reports import SUITES, GateReport, Suite
from dfu_clustering.runs.manifest import Step
from dfu_clustering.runs.month_training import TrainedSegments
from dfu_clustering.runs.summaries import (
    FeatureSummary,
    Profiles,
    Segments,
    StabilitySummary,
    TrainingMetadata,
    TrainingToContinue,
)

S = TypeVar("S", bound=Summary)


class RunFile(StrEnum):
    """What a run leaves, by the name in its folder."""

    # build_features
    MATRIX = "clustering_features.parquet"  # one row of features a DFU
    FEATURES = "clustering_features.parquet.meta.json"  # FeatureSummary
    PANEL = "clustering_features.parquet.panel.parquet"  # monthly demand of the clustered DFUs
    EXCLUDED = "clustering_features.parquet.excluded.csv"  # dfu_ck, reason, mean_demand of those left out
    DFUS = "clustering_features.parquet.dfus.parquet"  # dfu_ck, dmdunit, dmdgroup, loc of all DFUs
    # train_model
    ASSIGNMENTS = "cluster_assignments.csv"  # a row a clustered DFU: its segment, K-means's cluster, its own values
    CENTROIDS = "cluster_centroids.csv"  # a row a cluster: its profile, then its centroid in the clustered space
    METADATA = "cluster_metadata.json"  # TrainingMetadata
    MODEL = "cluster_model.json"  # FittedModel
    MAP = "cluster_map.csv"  # a sample of DFUs on the plane of the first two principal components
    TYPICAL = "typical_dfus.csv"  # monthly demand of the members nearest to each centroid
    MOVES = "dfu_moves.parquet"  # how far each DFU moved since it was published
    FORECASTABILITY = "dfu_forecastability.parquet"  # of each clustered DFU: what a naive forecast missed
    LEFT_OUT = "left_out_dfus.csv"  # dfu_ck, reason, mean_demand of the DFUs that a training did not cluster
    # label_segments
    LABELS = "cluster_labels.csv"  # dfu_ck, cluster_id, cluster_label, abc_class, reason
    PROFILES = "cluster_profiles.json"  # Profiles
    LABEL_HISTORY = "dfu_label_history.parquet"  # what was known of each DFU as of the month
    STABILITY = "stability.json"  # StabilitySummary
    LABEL_CHANGES = "label_changes.parquet"  # each DFU whose label changed, and the word that ended
    # pictures of both
    SIZES_PICTURE = "cluster_sizes.png"
    PROFILES_PICTURE = "cluster_profiles.png"
    TYPICAL_PICTURE = "typical_dfus.png"
    MAP_PICTURE = "cluster_visualization.png"
    K_PICTURE = "k_selection_plots.png"
    # publish_labels, build_report, record_run, restore_labels
    PREVIOUS_LABELS = "previous_labels.parquet"  # dfu_ck, cluster_assignment of the rows that a publish changes
    OVERRIDES = "overrides.csv"  # the DFUs whose label a person has set, with the machine's beside it
    PUBLISH_ATTEMPT = "publish_attempt.json"  # the newest transaction of the publish
    REPORT = "report.html"
    SUMMARY = "summary.json"  # RunSummary
    MANIFEST = "manifest.json"  # the finished steps with their summaries
    RESTORE = "restore.json"  # RestoreSummary


# what each picture shows, in the order in which they are looked at
PICTURES: Final = {
    RunFile.SIZES_PICTURE: "Share of DFUs and share of volume",
    RunFile.PROFILES_PICTURE: "What sets the segments apart",
    RunFile.TYPICAL_PICTURE: "What typical DFUs of each segment look like",
    RunFile.MAP_PICTURE: "Map of the DFUs: near each other is alike",
    RunFile.K_PICTURE: "How the number of segments was chosen",
}
TEXT_COLUMNS: Final = frozenset(
    {
        "dfu_ck",
        "reason",
        "month",
        "demand_class",
        "cluster_label",
        "abc_class",
        "old_label",
        "new_label",
        "machine_label",
        "label",
        "override",
        "owner",
        "until_month",
        "next_label",
        "word",
        "feature",
    }
)
# without these columns a table is another one; the rest differs by version
_COLUMNS: Final[Mapping[RunFile, tuple[str, ...]]] = {
    RunFile.MATRIX: ("dfu_ck",),
    RunFile.PANEL: ("dfu_ck",),
    RunFile.EXCLUDED: ("dfu_ck", "reason"),
    RunFile.DFUS: ("dfu_ck", "dmdunit", "dmdgroup", "loc"),
    RunFile.ASSIGNMENTS: ("dfu_ck", "cluster_id", "distance"),
    RunFile.CENTROIDS: ("cluster_id", "size"),
    RunFile.MAP: ("dfu_ck", "cluster_id", "x", "y"),
    RunFile.TYPICAL: ("cluster_id", "rank", "dfu_ck", "month", "demand"),
    RunFile.MOVES: ("dfu_ck",),
    RunFile.FORECASTABILITY: ("dfu_ck", "naive_wape", "explained_share"),
    RunFile.LEFT_OUT: ("dfu_ck", "reason", "mean_demand"),
    RunFile.LABELS: ("dfu_ck", "cluster_id", "cluster_label"),
    RunFile.LABEL_HISTORY: ("dfu_ck", "as_of_month", "label", "distance", "margin"),
    RunFile.LABEL_CHANGES: ("dfu_ck", "old_label", "new_label"),
    RunFile.OVERRIDES: ("dfu_ck", "machine_label", "label"),
    RunFile.PREVIOUS_LABELS: ("dfu_ck", "cluster_assignment"),
}
_PARTS: Final = "parts"
_GATES: Final = "data_quality"
_BESIDE: Final[Mapping[RunFile, tuple[RunFile, ...]]] = {
    RunFile.MATRIX: (RunFile.FEATURES, RunFile.PANEL, RunFile.EXCLUDED, RunFile.DFUS),
    RunFile.CENTROIDS: (RunFile.MODEL, RunFile.MAP, RunFile.TYPICAL, RunFile.MOVES),
    RunFile.ASSIGNMENTS: (RunFile.LEFT_OUT, RunFile.FORECASTABILITY),
    RunFile.LABELS: (
        *(RunFile.PROFILES, RunFile.LABEL_HISTORY, RunFile.STABILITY, RunFile.LABEL_CHANGES),
        *(RunFile.SIZES_PICTURE, RunFile.PROFILES_PICTURE, RunFile.TYPICAL_PICTURE, RunFile.MAP_PICTURE),
    ),
}


@dataclass(frozen=True)
class RunFolder:
    """The files of a run.

    Attributes:
        folder: Where they lie; its name is that of the run.
        places: Those that lie elsewhere, or under another name, because the flags of a program say so.
    """

    folder: Path
    places: Mapping[RunFile, Path] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        """Return the name of the run."""
        return self.folder.name

    def placing(self, file: RunFile, path: Path) -> "RunFolder":
        """Return the same folder with a file elsewhere; what belongs to that file lies beside it."""
        beside = {other: path.with_name(_name_beside(other, file, path)) for other in _BESIDE.get(file, ())}
        return RunFolder(self.folder, {**self.places, **beside, file: path})

    def part(self, number: int) -> "RunFolder":
        """Return the files of one part of the DFUs, while features are built in parts."""
        return self.placing(RunFile.MATRIX, self.parts / f"{number:04d}.parquet")

    @property
    def parts(self) -> Path:
        """Return the folder of the parts."""
        return self.folder / _PARTS

    def once(self, step: Step[S], work: Callable[[], S], *, finished_if: Callable[[S], bool] = lambda _: True) -> S:
        """Do the work of a step; a plain folder keeps no manifest of what has finished."""
        return work()

    def path(self, file: RunFile) -> Path:
        """Return where a file is, or is to be written."""
        return self.places.get(file, self.folder / file)

    def find(self, file: RunFile) -> Path | None:
        """Return the path of a file that not every run has; None where it is nowhere."""
        return path if (path := self.path(file)).exists() else None

    def require(self, file: RunFile) -> Path:
        """Return the path of a file that must be there.

        Raises:
            DataError: It is not.
        """
        if (path := self.find(file)) is not None:
            return path
        raise DataError(
            "A run must have written its files",
            found=f"no {file} of {self.folder.resolve().name}",
            remedy="name the folder of a complete run, or run the step that writes this file",
        )

    def remove(self, *files: RunFile) -> None:
        """Remove what an earlier run of a step left and this one does not write."""
        for file in files:
            self.path(file).unlink(missing_ok=True)

    def table(self, file: RunFile, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Read a table; text is text also where every value looks like a number.

        Args:
            file: A .csv or .parquet one.
            columns: Those to read; None: all.

        Raises:
            DataError: It is missing or unreadable, or lacks a column by which it is known.
        """
        path = self.require(file)
        table = read_table(path, text_columns=TEXT_COLUMNS, columns=columns)
        wanted = [column for column in _COLUMNS.get(file, ()) if columns is None or column in columns]
        rule = f"{path.name} must hold the columns {', '.join(_COLUMNS.get(file, ()))}"
        require_columns(table, wanted, rule=rule, remedy=f"run the step that writes {path} again, with this version")
        return table

    def find_table(self, file: RunFile, columns: Sequence[str] | None = None) -> pd.DataFrame | None:
        """Read a table that not every run has."""
        return self.table(file, columns) if self.find(file) is not None else None

    def features(self) -> FeatureSummary:
        """Return what the features were built from.

        Raises:
            DataError: The file is missing or unreadable; so for those below.
        """
        return read_summary(FeatureSummary, self.require(RunFile.FEATURES))

    def metadata(self) -> TrainingMetadata:
        """Return how the clusters came about."""
        return read_summary(TrainingMetadata, self.require(RunFile.METADATA))

    def training_to_continue(self) -> TrainingToContinue:
        """Return what a later run needs of that, also where another version wrote it."""
        return read_summary(TrainingToContinue, self.require(RunFile.METADATA))

    def trained_segments(self) -> TrainedSegments:
        """Return which segments were trained and by which bounds, of a run or of a month of a backfill."""
        return read_summary(TrainedSegments, self.require(RunFile.METADATA))

    def segments(self) -> Segments:
        """Return the segments, also where another version wrote them."""
        return read_summary(Segments, self.require(RunFile.PROFILES))

    def profiles(self) -> Profiles:
        """Return the segments and the thresholds by which they are named."""
        return read_summary(Profiles, self.require(RunFile.PROFILES))

    def stability(self) -> StabilitySummary | None:
        """Return how the labels follow the published ones; None where they were compared with none."""
        return read_summary(StabilitySummary, path) if (path := self.find(RunFile.STABILITY)) else None

    def gate_report(self, suite: Suite) -> GateReport | None:
        """Return the report of a suite; None where it has not been judged."""
        return read_summary(GateReport, path) if (path := self.gate_path(suite)).exists() else None

    def gate_reports(self) -> list[GateReport]:
        """Return the reports so far, in the order of the gates."""
        reports = (self.gate_report(suite) for suite in SUITES)
        return [report for report in reports if report is not None]

    def write_gate_report(self, report: GateReport) -> None:
        """Write a report in place of an earlier one of its suite."""
        write_summary(report, self.gate_path(report.suite))

    def gate_path(self, suite: Suite) -> Path:
        """Return where the report of a suite is, or is to be written."""
        return self.folder / _GATES / f"{suite}.json"


def _name_beside(other: RunFile, file: RunFile, path: Path) -> str:
    # a plain text: with_name() of Python 3.11 takes no member of an enumeration
    return path.name + other.removeprefix(file) if other.startswith(file) else other.value
