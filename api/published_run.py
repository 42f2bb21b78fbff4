"""The files of the published run: what its segments are, who is in them, and what its publish changed."""

import threading
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pyarrow.dataset as dataset
import pyarrow.parquet as parquet

from api.members import Member, Members
from api.problem_details import NotFoundError
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES
from dfu_clustering.files.tables import read_json, read_table
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.runs.label_history import LABEL_HISTORY
from dfu_clustering.runs.publication import Publication
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.build_features import FeatureFiles
from dfu_clustering.steps.label_segments import LabelSummary, SegmentSummary
from dfu_clustering.steps.model_files import PICTURES, ModelFiles
from dfu_clustering.steps.restore_labels import find_restore

_FEATURES: Final = tuple(feature.name for feature in TIME_SERIES_FEATURES)


class PublishedRun:
    """One publish and the folder of its run; a file is read when something of it is asked for, and then kept.

    Attributes:
        publication: The ledger's line.
    """

    def __init__(self, runs: Path, publication: Publication) -> None:
        self.publication = publication
        self._run = Run(runs / publication.run, publication.as_of_month)
        self._files = FeatureFiles(self._run.features)
        self._profiles = self._run.folder / "cluster_profiles.json"
        self._assignments = ModelFiles.in_folder(self._run.folder).assignments
        self._reading = threading.RLock()  # a million members are read once, not by every thread that wants them

    @property
    def segments(self) -> tuple[SegmentSummary, ...]:
        """Return the segments, the largest first; none where the run's files are gone."""
        return self._read_segments if self._profiles.is_file() else ()

    @property
    def members(self) -> Members:
        """Return who is in them.

        Raises:
            NotFoundError: The run's files are gone.
        """
        self._existing(self._assignments)
        with self._reading:
            return self._read_members

    def member(self, dfu_ck: str) -> Member | None:
        """Return a DFU in its segment; None where the run did not cluster it, or its files are gone."""
        return self.members.get(dfu_ck) if self._assignments.is_file() else None

    @cached_property
    def changes(self) -> PublishSummary:
        """What the publish changed.

        Raises:
            NotFoundError: The run's files are gone.
        """
        if self.publication.restored:
            return self._restored()
        self._existing(self._run.manifest)
        return self._run.result("update_assignments", PublishSummary)

    def segment(self, label: str | None) -> SegmentSummary | None:
        """Return the segment of a label; None where the run has none of that name."""
        return next((segment for segment in self.segments if segment.label == label), None)

    def features(self, dfu_ck: str) -> dict[str, Any] | None:
        """Return the time-series features of a DFU; None where the run did not cluster it, or its files are gone."""
        matrix = self._files.matrix
        if not matrix.is_file():
            return None
        names = [name for name in parquet.read_schema(matrix).names if name in _FEATURES]
        return _row(matrix, dfu_ck, names)

    def history(self, dfu_ck: str) -> list[tuple[str, float]]:
        """Return month and demand of a DFU since its first sale, as far back as the run kept them."""
        panel = self._files.panel
        months = list((_row(panel, dfu_ck) or {}).items()) if panel.is_file() else []
        begun = next((i for i, (_, demand) in enumerate(months) if demand > 0), len(months))
        return [(month, float(demand)) for month, demand in months[begun:]]

    def known_label(self, dfu_ck: str) -> dict[str, Any] | None:
        """Return label, distance and margin of a DFU as of the run's month, None for all where it had no label.

        Returns:
            None where the run kept no labels as of its month, or its files are gone.
        """
        path = self._run.folder / LABEL_HISTORY
        if not path.is_file():
            return None
        row = _row(path, dfu_ck, ["label", "distance", "margin"]) or dict.fromkeys(("label", "distance", "margin"))
        return {name: None if value != value else value for name, value in row.items()}

    def excluded_reason(self, dfu_ck: str) -> str | None:
        """Return why the run left a DFU out; None where it did not, or its files are gone."""
        if not self._files.excluded.is_file():
            return None
        with self._reading:
            return self._read_excluded.get(dfu_ck)

    def pictures(self) -> list[str]:
        """Return the names of the pictures that the run has left."""
        return [name for name in PICTURES if (self._run.folder / name).is_file()]

    def file(self, name: str) -> bytes:
        """Return the content of a picture.

        Raises:
            NotFoundError: The run has left none.
        """
        return self._existing(self._run.folder / name).read_bytes()

    @property
    def report(self) -> Path:
        """Return the path of the run's report, which is written after its publish."""
        return self._run.report

    def _restored(self) -> PublishSummary:
        """Return what putting the run's labels back has changed; it is written down after the ledger is."""
        restore = find_restore(self._run.folder.parent, self.publication)
        if restore is not None:
            return restore.published
        raise NotFoundError(f"The labels of run {self.publication.run} were put back; what that changed is not known.")

    @cached_property
    def _read_segments(self) -> tuple[SegmentSummary, ...]:
        return tuple(LabelSummary.model_validate(read_json(self._profiles)).segments)

    @cached_property
    def _read_members(self) -> Members:
        return Members.read(self._assignments)

    @cached_property
    def _read_excluded(self) -> dict[str, str]:
        table = read_table(self._files.excluded, text_columns=frozenset({"dfu_ck", "reason"}))
        return dict(zip(table["dfu_ck"], table["reason"], strict=True))

    def _existing(self, path: Path) -> Path:
        if path.is_file():
            return path
        raise NotFoundError(
            f"The run {self.publication.run}, which is published, has left no {path.name}, or it was cleared away."
        )


def _row(path: Path, dfu_ck: str, columns: list[str] | None = None) -> dict[str, Any] | None:
    """Return the row of a DFU without its key; only the row groups that may hold it are read."""
    table = dataset.dataset(path).to_table(columns=columns, filter=dataset.field("dfu_ck") == dfu_ck)
    rows: list[dict[str, Any]] = table.slice(0, 1).to_pylist()
    return {name: value for name, value in rows[0].items() if name != "dfu_ck"} if rows else None
