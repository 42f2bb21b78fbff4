"""What a published run left, as far as a later run continues from it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
from pandas.api.types import is_numeric_dtype

from dfu_clustering.errors import DataError
from dfu_clustering.files.tables import require_columns
from dfu_clustering.months import parse_month
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.segments.fitted_model import FROM_SCRATCH, FittedModel, parse_model
from dfu_clustering.segments.published_model import PublishedModel

_PICKLED = "cluster_pipeline.pkl"  # what versions before the stored model left in its place


@dataclass(frozen=True)
class PublishedFiles:
    """The files of a published run.

    Attributes:
        files: The run.
        model_sha256: What the ledger says of its stored model; None: nothing does.
    """

    files: RunFolder
    model_sha256: str | None = None

    @classmethod
    def in_folder(cls, folder: Path) -> "PublishedFiles":
        """Return the run that somebody names by its folder."""
        return cls(RunFolder(folder.resolve()))

    @property
    def run(self) -> str:
        """Return the name of the run, for people."""
        return self.files.name

    @cached_property
    def model(self) -> PublishedModel:
        """Its clusters, read once.

        Raises:
            DataError: A file is missing or unreadable, or they do not belong together.
        """
        fitted = self.fitted()
        assignments = self.files.table(RunFile.ASSIGNMENTS)
        remedy = f"name the folder of a run that is whole, or {FROM_SCRATCH}"
        rule = "The assignments of a published run must have the columns that the next one continues from"
        require_columns(assignments, ("dfu_ck", "cluster_id", "evidence"), rule=rule, remedy=remedy)
        members = assignments.set_index("dfu_ck")[["cluster_id", "evidence"]]
        known = members["cluster_id"].isin(range(len(fitted.centroids)))
        if not (len(members) and known.all() and members.index.is_unique and is_numeric_dtype(members["evidence"])):
            raise DataError(
                "The assignments of a published run hold each DFU once, in a cluster of its model",
                found=f"{(~known).sum()} other cluster numbers than 0 to {len(fitted.centroids) - 1}, "
                f"{members.index.duplicated().sum()} DFUs again, evidence of type {members['evidence'].dtype}, "
                f"in {len(members)} rows of {self.run}",
                remedy=remedy,
            )
        return PublishedModel(
            settings=fitted.settings,
            preprocessing=fitted.preprocessing,
            centroids=fitted.centroids,
            reference=fitted.reference,
            run=self.run,
            members=members,
            k_selection=self.files.training_to_continue().k_selection,
        )

    def fitted(self) -> FittedModel:
        """Return the stored model; it is data, and reading it executes nothing.

        Raises:
            DataError: It is missing, damaged, of another version, or none of ours.
        """
        self._refuse_pickle()
        path = self.files.require(RunFile.MODEL)
        content = path.read_bytes()
        self._require_undamaged(path, content)
        return parse_model(content, source=str(path))

    def labels(self) -> pd.DataFrame:
        """Return dfu_ck, cluster_id and cluster_label.

        Raises:
            DataError: The file is missing or unreadable.
        """
        return self.files.table(RunFile.LABELS)

    def matrix(self, columns: Sequence[str] | None = None) -> pd.DataFrame | None:
        """Return the feature matrix that the clusters were made of; None where it was not kept.

        Args:
            columns: Those to read; None: all.
        """
        return self.files.table(RunFile.MATRIX, columns) if self.files.find(RunFile.MATRIX) else None

    def months_until(self, as_of_month: str | None, matrix: pd.DataFrame) -> int:
        """Return the months from its as-of month to another.

        Where one of them is not known it is 1, but 0 where the feature matrix is the one that was published.

        Raises:
            DataError: It is of a later month.
        """
        before = self.files.training_to_continue().as_of_month
        if before is None or as_of_month is None:
            published = self.matrix()
            return 1 if published is None or not published.equals(matrix) else 0
        months = int((parse_month(as_of_month) - parse_month(before)).astype(int))
        if months < 0:
            raise DataError(
                "Labels continue those of an earlier month, or of the same",
                found=f"features as of {as_of_month} and {self.run} as of {before}",
                remedy="name a run of an earlier month, or run without it",
            )
        return months

    def _refuse_pickle(self) -> None:
        """Say what to do with the run of a version that pickled its model: loading a pickle executes what is in it."""
        path = self.files.folder / _PICKLED
        if path.exists() and not self.files.path(RunFile.MODEL).exists():
            raise DataError(
                f"A published run must have stored its model as data, in {RunFile.MODEL}",
                found=f"a pickle of an earlier version, {path}, which is not loaded",
                remedy=f"{FROM_SCRATCH}; runs of later months continue it",
            )

    def _require_undamaged(self, path: Path, content: bytes) -> None:
        found = hashlib.sha256(content).hexdigest()
        if self.model_sha256 not in (None, found):
            raise DataError(
                "The stored model of a published run must be the one that the ledger names",
                found=f"{path} with SHA-256 {found} instead of {self.model_sha256}",
                remedy=f"put it back from a backup, or delete it if MLflow has it undamaged; or {FROM_SCRATCH}",
            )
