"""The files that a published run left, as far as this month's run continues from them."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dfu_clustering.errors import DataError
from dfu_clustering.files.tables import read_json, read_table, require_columns
from dfu_clustering.months import parse_month
from dfu_clustering.segments.fitted_model import FittedModel, parse_model
from dfu_clustering.segments.published_model import PublishedModel
from dfu_clustering.steps.model_files import MODEL

logger = logging.getLogger(__name__)

LABELS = "cluster_labels.csv"
MATRIX = "clustering_features.parquet"
NEEDED = ("cluster_assignments.csv", "cluster_metadata.json", MODEL, LABELS)
_PICKLED = "cluster_pipeline.pkl"  # what versions before the stored model left in its place

_TEXT_COLUMNS = frozenset({"dfu_ck", "demand_class", "cluster_label"})
_FROM_SCRATCH = (
    "have labels made from scratch, with override_reason in a run of the flow, without --published in the programs"
)
_REMEDY = f"name the output folder of a run that is whole, or {_FROM_SCRATCH}"


@dataclass(frozen=True)
class PublishedFiles:
    """Where the files of a published run lie.

    Attributes:
        run: Its name, for people.
        file: Returns the path of a file by its name, and raises DataError where there is none.
        model_sha256: What the ledger says of its stored model; None: nothing does.
    """

    run: str
    file: Callable[[str], Path]
    model_sha256: str | None = None

    @classmethod
    def in_folder(cls, folder: Path) -> "PublishedFiles":
        """Return the files of one folder."""
        run = folder.resolve().name

        def file(name: str) -> Path:
            if (path := folder / name).exists():
                return path
            raise DataError("A published run must have left its files", found=f"no {name} of {run}", remedy=_REMEDY)

        return cls(run, file)

    def metadata(self) -> dict[str, Any]:
        """Return how its clusters came about.

        Raises:
            DataError: The file is missing or unreadable.
        """
        return read_json(self.file("cluster_metadata.json"))

    def model(self) -> PublishedModel:
        """Return its clusters.

        Raises:
            DataError: A file is missing or unreadable, or was written before runs kept what continuing needs.
        """
        fitted = self.fitted()
        assignments = read_table(self.file("cluster_assignments.csv"), text_columns=_TEXT_COLUMNS)
        require_columns(assignments, ("dfu_ck", "cluster_id", "evidence"), of="A file of cluster assignments")
        members = assignments.set_index("dfu_ck")[["cluster_id", "evidence"]]
        if not members["cluster_id"].isin(range(len(fitted.centroids))).all():
            raise DataError(
                "The members of a published run must be in clusters of its model",
                found=f"other cluster numbers than 0 to {len(fitted.centroids) - 1} in the assignments of {self.run}",
                remedy=_REMEDY,
            )
        return PublishedModel(**vars(fitted), run=self.run, members=members, k_selection=self.metadata()["k_selection"])

    def fitted(self) -> FittedModel:
        """Return the stored model; it is data, and reading it executes nothing.

        Raises:
            DataError: It is missing, damaged, of another version, or none of ours.
        """
        try:
            path = self.file(MODEL)
        except DataError:
            self._refuse_pickle()
            raise
        content = path.read_bytes()
        self._require_undamaged(path, content)
        return parse_model(content, source=str(path))

    def labels(self) -> pd.DataFrame:
        """Return dfu_ck, cluster_id and cluster_label.

        Raises:
            DataError: The file is missing or unreadable.
        """
        return read_table(self.file(LABELS), text_columns=_TEXT_COLUMNS)

    def matrix(self, columns: Sequence[str] | None = None) -> pd.DataFrame | None:
        """Return the feature matrix that the clusters were made of; None where it was not kept.

        Args:
            columns: Those to read; None: all.
        """
        try:
            path = self.file(MATRIX)
        except DataError:
            return None
        return read_table(path, columns=columns)

    def months_until(self, as_of_month: str | None, matrix: pd.DataFrame) -> int:
        """Return the months from its as-of month to another.

        Where one of them is not known it is 1, but 0 where the feature matrix is the one that was published.

        Raises:
            DataError: It is of a later month.
        """
        before = self.metadata().get("as_of_month")
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
        try:
            path = self.file(_PICKLED)
        except DataError:
            return
        raise DataError(
            f"A published run must have stored its model as data, in {MODEL}",
            found=f"a pickle of an earlier version, {path}, which is not loaded",
            remedy=f"{_FROM_SCRATCH}; the runs after that one continue it",
        )

    def _require_undamaged(self, path: Path, content: bytes) -> None:
        found = hashlib.sha256(content).hexdigest()
        if self.model_sha256 not in (None, found):
            raise DataError(
                "The stored model of a published run must be the one that the ledger names",
                found=f"{path} with SHA-256 {found} instead of {self.model_sha256}",
                remedy=f"put it back from a backup, or delete it if MLflow has it undamaged; or {_FROM_SCRATCH}",
            )
