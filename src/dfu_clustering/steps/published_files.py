"""The files that a published run left, as far as this month's run continues from them."""

import hashlib
import logging
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dfu_clustering.drift import DriftReference
from dfu_clustering.errors import DataError
from dfu_clustering.months import parse_month
from dfu_clustering.published_model import PublishedModel
from dfu_clustering.steps.model_files import SPACE_PREFIX, ModelFiles
from dfu_clustering.tables import read_json, read_table, require_columns

logger = logging.getLogger(__name__)

LABELS = "cluster_labels.csv"
MATRIX = "clustering_features.parquet"
NEEDED = ("cluster_assignments.csv", "cluster_centroids.csv", "cluster_metadata.json", "cluster_pipeline.pkl", LABELS)

_TEXT_COLUMNS = frozenset({"dfu_ck", "demand_class", "cluster_label"})
_REMEDY = "name the output folder of a run that is whole, or run without it: labels are then made anew"


@dataclass(frozen=True)
class PublishedFiles:
    """Where the files of a published run lie.

    Attributes:
        run: Its name, for people.
        file: Returns the path of a file by its name, and raises DataError where there is none.
        pipeline_sha256: What the ledger says of its pipeline; None: nothing does, and the folder is trusted.
    """

    run: str
    file: Callable[[str], Path]
    pipeline_sha256: str | None = None

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
        metadata = self.metadata()
        assignments = read_table(self.file("cluster_assignments.csv"), text_columns=_TEXT_COLUMNS)
        if "drift_reference" not in metadata or "evidence" not in assignments:
            raise DataError(
                "A published run must have kept what the next one continues from",
                found=f"files of {self.run} by {metadata.get('code_version')}, which did not",
                remedy=_REMEDY,
            )
        require_columns(assignments, ("dfu_ck", "cluster_id", "evidence"), of="A file of cluster assignments")
        centroids = read_table(self.file("cluster_centroids.csv"), text_columns=_TEXT_COLUMNS).set_index("cluster_id")
        space = [name for name in centroids if str(name).startswith(SPACE_PREFIX)]
        return PublishedModel(
            settings=metadata.get("space_settings", metadata["config"]),  # older runs wrote the configuration only
            preprocessing=self._pipeline()[:-1],
            centroids=centroids.sort_index()[space].to_numpy(dtype=float),
            members=assignments.set_index("dfu_ck")[["cluster_id", "evidence"]],
            k_selection=metadata["k_selection"],
            reference=DriftReference(**metadata["drift_reference"]),
        )

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

    def _pipeline(self) -> Any:  # noqa: ANN401
        path = self.file(ModelFiles.in_folder(Path()).pipeline.name)
        content = path.read_bytes()
        self._require_unchanged(path, content)
        try:
            return pickle.loads(content)  # noqa: S301  (an earlier run of this project wrote it)
        except (
            pickle.UnpicklingError,
            AttributeError,
            ImportError,
            EOFError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            raise DataError(
                "The fitted pipeline of a published run must be readable",
                found=f"{path}: {type(error).__name__}: {error}",
                remedy=_REMEDY,
            ) from error

    def _require_unchanged(self, path: Path, content: bytes) -> None:
        """Check a pickle before it is loaded: loading runs what is in it, and it may come from MLflow."""
        found = hashlib.sha256(content).hexdigest()
        if self.pipeline_sha256 not in (None, found):
            raise DataError(
                "The fitted pipeline of a published run must be the one that the ledger names",
                found=f"{path} with SHA-256 {found} instead of {self.pipeline_sha256}",
                remedy="find out who changed it; put it back from a backup, or delete it if MLflow has it unchanged",
            )
