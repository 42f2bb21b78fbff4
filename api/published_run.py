"""The files of the published run: what its segments are, who is in them, and what its publish changed."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow.dataset as dataset
import pyarrow.parquet as parquet

from api.members import KnownLabel, KnownLabels, Members
from api.problem_details import NotFoundError
from api.schemas import DfuChange, SegmentMember
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES
from dfu_clustering.loads.publication import Publication
from dfu_clustering.overrides.overlay import overridden_dfus
from dfu_clustering.overrides.override import Override
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.runs.dfu_facts import dfu_facts, label_changes
from dfu_clustering.runs.folder import PICTURES, RunFile, RunFolder
from dfu_clustering.runs.manifest import PUBLISH_LABELS
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.summaries import Segments, SegmentSummary
from dfu_clustering.steps.restore_labels import find_restore, restore_folder

_FEATURES: Final = tuple(feature.name for feature in TIME_SERIES_FEATURES)


class PublishedRun:
    """One publish and the folder of its run; a file is read when something of it is asked for, and then kept.

    Attributes:
        publication: The ledger's line.
        brought: The line that brought the labels of the run: the same, or where only overrides changed an earlier one.
    """

    def __init__(
        self,
        runs: Path,
        publication: Publication,
        brought: Publication | None = None,
        overrides: Sequence[Override] = (),
    ) -> None:
        self.publication = publication
        self._overrides = overrides
        self.brought = brought or publication
        self._run = Run(runs / publication.run, as_of_month=publication.as_of_month)
        self._reading = threading.RLock()  # a million members are read once, not by every thread that wants them

    @property
    def segments(self) -> tuple[SegmentSummary, ...]:
        """Return the segments, the largest first; none where the run's files are gone."""
        return tuple(self._read_profiles.segments) if self._run.find(RunFile.PROFILES) else ()

    @property
    def members(self) -> Members:
        """Return who is in them.

        Raises:
            NotFoundError: The run's files are gone.
        """
        self._existing(RunFile.ASSIGNMENTS)
        with self._reading:
            return self._read_members

    def member(self, dfu_ck: str) -> SegmentMember | None:
        """Return how a DFU lies in its cluster; None where it is in none or the files are gone."""
        return self.members.get(dfu_ck) if self._run.find(RunFile.ASSIGNMENTS) else None

    def label(self, dfu_ck: str) -> KnownLabel | None:
        """Return what the run says of a DFU's label; None where it has none or the files are gone."""
        if self._run.find(RunFile.LABELS) is None:
            return None
        with self._reading:
            return self._read_labels.get(dfu_ck)

    def cluster_id(self, label: str) -> int | None:
        """Return the number of a label of the run, of clustered DFUs or of others; None where it has no such label."""
        if self._run.find(RunFile.PROFILES) is None:
            return None
        known = {segment.label: segment.cluster_id for segment in self._read_profiles.segments}
        known |= {others.label: others.cluster_id for others in self._read_profiles.lifecycle}
        return known.get(label)

    def override(self, dfu_ck: str) -> Override | None:
        """Return what a person has set for a DFU in this publish; None where nobody has."""
        if not self.publication.overrides:
            return None
        with self._reading:
            return self._read_overrides.get(dfu_ck)

    @property
    def agreeing(self) -> dict[str, int]:
        """Return by the id of each published override the DFUs to which the run gives the same label by itself."""
        overridden = [one for one in self._overrides if one.id in self.publication.overrides]
        if not overridden or self._run.find(RunFile.LABELS) is None:
            return {one.id: 0 for one in overridden}
        with self._reading:
            table = overridden_dfus(self._read_labels.table, overridden)
        same = table.loc[table["machine_label"] == table["label"], "override"].value_counts()
        return {one.id: int(same.get(one.id, 0)) for one in overridden}

    @property
    def facts(self) -> pd.DataFrame | None:
        """Return what the run knows of each DFU, see dfu_facts(); None where its files are gone."""
        if not all(map(self._run.find, (RunFile.LABELS, RunFile.ASSIGNMENTS))):
            return None
        with self._reading:
            return self._read_facts

    @property
    def label_changes(self) -> pd.DataFrame:
        """Return which labels the publish changed, and what changed each.

        Raises:
            NotFoundError: The labels that it replaced are not kept.
        """
        return label_changes(self._run, self._replaced())

    def _replaced(self) -> RunFolder | None:
        """Return the folder beside the run's own that keeps what the publish replaced, for a restore; None: the run's.

        Raises:
            NotFoundError: It is not kept.
        """
        kept = None
        if self.publication.restored:
            restore = find_restore(self._run.runs, self.brought)
            if restore is None:
                raise NotFoundError(f"Which labels the restore of {self.publication.run} replaced is not known.")
            kept = restore_folder(self._run.runs, restore)
        if (kept or self._run).find(RunFile.PREVIOUS_LABELS) is None:
            raise NotFoundError(f"Which labels the publish of {self.publication.run} replaced is not kept.")
        return kept

    def change(self, dfu_ck: str) -> DfuChange | None:
        """Return what the publish changed of a DFU's label; None where it kept it, or what it replaced is not kept."""
        with suppress(NotFoundError):
            for row in label_changes(self._run, self._replaced(), of=[dfu_ck]).to_dict("records"):
                known = {str(name): None if pd.isna(value) else value for name, value in row.items()}
                return DfuChange.model_validate(known)
        return None

    @cached_property
    def changes(self) -> PublishSummary:
        """What the publish that brought the labels changed.

        Raises:
            NotFoundError: The run's files are gone.
        """
        if self.publication.restored:
            return self._restored()
        self._existing(RunFile.MANIFEST)
        return self._run.result(PUBLISH_LABELS)

    def segment(self, label: str | None) -> SegmentSummary | None:
        """Return the segment of a label; None where the run has none of that name."""
        return next((segment for segment in self.segments if segment.label == label), None)

    def features(self, dfu_ck: str) -> dict[str, Any] | None:
        """Return the time-series features of a DFU; None where the run did not cluster it, or its files are gone."""
        matrix = self._run.find(RunFile.MATRIX)
        if matrix is None:
            return None
        names = [name for name in parquet.read_schema(matrix).names if name in _FEATURES]
        return _row(matrix, dfu_ck, names)

    def forecastability(self, dfu_ck: str) -> dict[str, float | None] | None:
        """Return how forecastable a DFU is; None where the run does not know it, or its files are gone."""
        path = self._run.find(RunFile.FORECASTABILITY)
        row = _row(path, dfu_ck, ["naive_wape", "explained_share"]) if path else None
        return None if row is None else {name: None if value != value else value for name, value in row.items()}

    def history(self, dfu_ck: str) -> list[tuple[str, float]]:
        """Return month and demand of a DFU since its first sale, as far back as the run kept them."""
        panel = self._run.find(RunFile.PANEL)
        months = list((_row(panel, dfu_ck) or {}).items()) if panel else []
        begun = next((i for i, (_, demand) in enumerate(months) if demand > 0), len(months))
        return [(month, float(demand)) for month, demand in months[begun:]]

    def known_label(self, dfu_ck: str) -> dict[str, Any] | None:
        """Return label, distance and margin of a DFU as of the run's month, None for all where it had no label.

        Returns:
            None where the run kept no labels as of its month, or its files are gone.
        """
        path = self._run.find(RunFile.LABEL_HISTORY)
        if path is None:
            return None
        row = _row(path, dfu_ck, ["label", "distance", "margin"]) or dict.fromkeys(("label", "distance", "margin"))
        if override := self.override(dfu_ck):
            row["label"] = override.label
        return {name: None if value != value else value for name, value in row.items()}

    def excluded_reason(self, dfu_ck: str) -> str | None:
        """Return why the run left a DFU out; None where it did not, or its files are gone."""
        if self._run.find(RunFile.EXCLUDED) is None:
            return None
        with self._reading:
            return self._read_excluded.get(dfu_ck)

    def pictures(self) -> list[RunFile]:
        """Return the pictures that the run has left."""
        return [picture for picture in PICTURES if self._run.find(picture)]

    def picture(self, picture: RunFile) -> bytes:
        """Return the content of a picture.

        Raises:
            NotFoundError: The run has left none.
        """
        return self._existing(picture).read_bytes()

    @property
    def report(self) -> Path:
        """Return the path of the run's report, which is written after its publish."""
        return self._run.path(RunFile.REPORT)

    def _restored(self) -> PublishSummary:
        """Return what putting the run's labels back has changed; it is written down after the ledger is."""
        restore = find_restore(self._run.runs, self.brought)
        if restore is not None:
            return restore.published
        raise NotFoundError(f"The labels of run {self.publication.run} were restored; what that changed is not known.")

    @cached_property
    def _read_profiles(self) -> Segments:
        return self._run.segments()

    @cached_property
    def _read_overrides(self) -> dict[str, Override]:
        published = (one for one in self._overrides if one.id in self.publication.overrides)
        return {key: override for override in published for key in override.dfu_cks}

    @cached_property
    def _read_labels(self) -> KnownLabels:
        return KnownLabels(self._run.table(RunFile.LABELS, KnownLabels.COLUMNS))

    @cached_property
    def _read_members(self) -> Members:
        return Members(self._run.table(RunFile.ASSIGNMENTS, Members.COLUMNS))

    @cached_property
    def _read_facts(self) -> pd.DataFrame:
        return dfu_facts(self._run)

    @cached_property
    def _read_excluded(self) -> dict[str, str]:
        table = self._run.table(RunFile.EXCLUDED)
        return dict(zip(table["dfu_ck"], table["reason"], strict=True))

    def _existing(self, file: RunFile) -> Path:
        if (path := self._run.find(file)) is not None:
            return path
        raise NotFoundError(f"The run {self.publication.run}, which is published, has no {file}, or it was deleted.")


def _row(path: Path, dfu_ck: str, columns: list[str] | None = None) -> dict[str, Any] | None:
    """Return the row of a DFU without its key; only the row groups that may hold it are read."""
    table = dataset.dataset(path).to_table(columns=columns, filter=dataset.field("dfu_ck") == dfu_ck)
    rows: list[dict[str, Any]] = table.slice(0, 1).to_pylist()
    return {name: value for name, value in rows[0].items() if name != "dfu_ck"} if rows else None
