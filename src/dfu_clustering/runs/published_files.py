"""What a published run left, as far as a later run continues from it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd

from dfu_clustering.errors import DataError
from dfu_clustering.files.keys import places_of
from dfu_clustering.files.tables import parquet_columns, require_columns
from dfu_clustering.labels.rules import JUDGED_FEATURES
from dfu_clustering.months import parse_month
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.segments.continuity import FROM_SCRATCH

if TYPE_CHECKING:
    from dfu_clustering.segments.fitted_model import FittedModel
    from dfu_clustering.segments.published_model import PublishedModel

LEAST_SHARED: Final = 0.5  # of the published DFUs; below it the published run was of another assortment or database
_LABEL_COLUMNS: Final = ("dfu_ck", "cluster_id", "cluster_label")
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
        """Return the run that is named by its folder."""
        return cls(RunFolder(folder.resolve()))

    @property
    def run(self) -> str:
        """Return the name of the run, for people."""
        return self.files.name

    @cached_property
    def model(self) -> "PublishedModel":
        """Its clusters, read once.

        Raises:
            DataError: A file is missing or unreadable, or they do not belong together.
        """
        # late: what only names a run loads no scikit-learn
        from dfu_clustering.segments.published_model import PublishedModel

        fitted, labels = self.fitted(), self.labels()
        rule = "The labels of a published run must hold each DFU once"
        if not len(labels) or labels["dfu_ck"].duplicated().any() or labels["cluster_label"].isna().any():
            raise DataError(
                rule,
                found=f"{labels['dfu_ck'].duplicated().sum()} DFUs again, {labels['cluster_label'].isna().sum()} "
                f"without a label, in {len(labels)} rows of {self.run}",
                remedy=f"name the folder of a complete run, or {FROM_SCRATCH}",
            )
        texts = labels.set_index("dfu_ck")["cluster_label"]
        return PublishedModel(fitted, self.run, texts, self.files.training_to_continue().k_selection)

    def fitted(self) -> "FittedModel":
        """Return the stored model; it is data, and reading it executes nothing.

        Raises:
            DataError: It is missing, damaged, of another version, or none of ours.
        """
        from dfu_clustering.segments.fitted_model import parse_model

        self._refuse_pickle()
        path = self.files.require(RunFile.MODEL)
        content = path.read_bytes()
        self._require_undamaged(path, content)
        return parse_model(content, source=str(path))

    def labels(self) -> pd.DataFrame:
        """Return dfu_ck, cluster_id and cluster_label.

        Raises:
            DataError: The file is missing, unreadable or lacks a column.
        """
        labels = self.files.table(RunFile.LABELS, _LABEL_COLUMNS)
        rule = "The labels of a published run must have the columns that the next one continues from"
        remedy = f"name the folder of a complete run, or {FROM_SCRATCH}"
        require_columns(labels, _LABEL_COLUMNS, rule=rule, remedy=remedy)
        return labels

    def own_values(self) -> pd.DataFrame:
        """Return what the published words were judged by, indexed by dfu_ck; no rows where the run kept none."""
        if self.files.find(RunFile.ASSIGNMENTS) is not None:
            return self.files.table(RunFile.ASSIGNMENTS).set_index("dfu_ck")
        matrix = self.matrix(["dfu_ck", *JUDGED_FEATURES])  # a month of a backfill keeps them there alone
        return pd.DataFrame(index=pd.Index([], name="dfu_ck")) if matrix is None else matrix.set_index("dfu_ck")

    def matrix(self, columns: Sequence[str] | None = None) -> pd.DataFrame | None:
        """Return the feature matrix that the clusters were made of; None where it was not kept, or lacks a column.

        Args:
            columns: Those to read; None: all.
        """
        path = self.files.find(RunFile.MATRIX)
        if path is None or (columns and path.suffix == ".parquet" and set(columns) - set(parquet_columns(path))):
            return None
        return self.files.table(RunFile.MATRIX, columns)

    def require_not_later(self, as_of_month: str | None) -> None:
        """Check that it is of the same month as another run, or of an earlier one, where both are known.

        Raises:
            DataError: It is of a later month.
        """
        before = self.files.training_to_continue().as_of_month
        if before is None or as_of_month is None or parse_month(before) <= parse_month(as_of_month):
            return
        raise DataError(
            "Labels must continue those of an earlier month, or of the same",
            found=f"features as of {as_of_month} and {self.run} as of {before}",
            remedy="name a run of an earlier month, or none",
        )

    def shared_share(self, known: "pd.Series[str]") -> float:
        """Return the share (0-1) of its DFUs that are among others."""
        return float((places_of(self.model.labels.index.to_series(), known) >= 0).mean())

    def require_shared(self, known: "pd.Series[str]") -> None:
        """Check that it is of the same assortment and warehouse as the DFUs that continue it.

        Raises:
            DataError: Too few of its DFUs are among them.
        """
        shared = self.shared_share(known)
        if shared < LEAST_SHARED:
            raise DataError(
                "Labels must continue those of the same DFUs",
                found=f"only {shared:.0%} of the {len(self.model.labels)} DFUs of {self.run} are among the "
                f"{len(known)} of these features, less than {LEAST_SHARED:.0%}: another assortment or warehouse",
                remedy="check DATABASE_URL, name the run that published to this warehouse, or run without one (with "
                "make: move data/published away) and labels are made from scratch",
            )

    def _refuse_pickle(self) -> None:
        """Say what to do with the run of a version that pickled its model: loading a pickle executes what is in it."""
        path = self.files.folder / _PICKLED
        if path.exists() and not self.files.path(RunFile.MODEL).exists():
            raise DataError(
                f"A published run must have stored its model as data, in {RunFile.MODEL}",
                found=f"{path}, a pickle of an earlier version, which is never loaded",
                remedy=f"{FROM_SCRATCH}; later months continue those labels",
            )

    def _require_undamaged(self, path: Path, content: bytes) -> None:
        found = hashlib.sha256(content).hexdigest()
        if self.model_sha256 not in (None, found):
            raise DataError(
                "The stored model of a published run must be the one that the ledger names",
                found=f"{path} with SHA-256 {found} instead of {self.model_sha256}",
                remedy=f"restore it from a backup; or delete it, if MLflow has an undamaged copy; or {FROM_SCRATCH}",
            )
