"""An earlier run and its files: from its folder where it still is, else from MLflow."""

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dfu_clustering.deployment import TrackingConfig
from dfu_clustering.errors import DataError
from dfu_clustering.ledger import Ledger
from dfu_clustering.mlflow_store import TrackingUnavailableError
from dfu_clustering.publications import RunName, newest_publication, publication_before, require_publication_of_run
from dfu_clustering.recorded_runs import RecordedRuns

logger = logging.getLogger(__name__)

_FETCHED = ".from-mlflow"  # beside the runs' folders; may be deleted at any time


@dataclass(frozen=True)
class EarlierRun:
    """A run that has published.

    Attributes:
        name: Of its folder and of its MLflow run.
        folder: Where it left its files; it may be gone.
        fetched: Where its files from MLflow are put.
        recorded: The runs in MLflow.
    """

    name: str
    folder: Path
    fetched: Path
    recorded: RecordedRuns

    @property
    def as_of_month(self) -> str:
        """Return the newest month that counted."""
        return self._parts().as_of_month

    @property
    def config_digest(self) -> str:
        """Return the digest of its configuration."""
        return self._parts().config_digest

    def file(self, name: str) -> Path:
        """Return the path of one of its files, ``cluster_labels.csv``; downloaded where the folder has it no more.

        Raises:
            DataError: Neither its folder nor MLflow has the file.
            TrackingUnavailableError: Its folder has not, and MLflow does not answer.
        """
        for path in (self.folder / name, self.fetched / name):
            if path.exists():
                return path
        if self.recorded.fetch(self.name, name, self.fetched / name):
            logger.info("fetched %s of run %s from MLflow", name, self.name)
            return self.fetched / name
        raise DataError(
            "The files of an earlier run must be in its folder or in MLflow",
            found=f"{name} neither in {self.folder} nor in an MLflow run named {self.name}",
            remedy="put the folder back from a backup, or choose another run",
        )

    def find_file(self, name: str) -> Path | None:
        """Return the path of a file that not every run has; None where it is nowhere, or MLflow does not answer."""
        try:
            return self.file(name)
        except (DataError, TrackingUnavailableError) as error:
            logger.info("without %s of run %s: %s", name, self.name, error)
            return None

    def _parts(self) -> RunName:
        parts = RunName.parse(self.name)
        if parts is None:
            raise DataError(
                "A run's folder is named <as-of>-<digest>-<id>",
                found=self.name,
                remedy="correct the line of the ledger that names it",
            )
        return parts


@dataclass(frozen=True)
class EarlierRuns:
    """The runs that have published, by the ledger in the runs' folder.

    Attributes:
        runs: The folder of the runs.
        recorded: The same runs in MLflow.
    """

    runs: Path
    recorded: RecordedRuns

    @classmethod
    def in_folder(cls, var: Path, config: TrackingConfig) -> "EarlierRuns":
        """Return the runs of a ``var`` folder: its runs, and its MLflow store unless MLFLOW_TRACKING_URI names one."""
        return cls(var / "runs", RecordedRuns(config, var / "mlflow"))

    def champion(self) -> EarlierRun | None:
        """Return the run whose labels are published; None where none are.

        The ledger says it. Where there is no ledger, because it was lost, MLflow's alias ``champion`` does.
        """
        newest = newest_publication(Ledger(self.runs).publications())
        if newest is not None:
            return self.named(newest.run)
        try:
            name = self.recorded.champion()
        except TrackingUnavailableError as error:
            logger.warning("no ledger says what is published, and MLflow cannot: %s", error)
            return None
        return self.named(name) if name is not None else None

    def published_before(self, time: datetime) -> EarlierRun:
        """Return the run whose labels were published at a time.

        Raises:
            DataError: None were.
        """
        return self.named(publication_before(Ledger(self.runs).publications(), time).run)

    def find(self, run: str) -> EarlierRun:
        """Return a run that has published, named by its folder, the id at the folder's end, or its flow run's id.

        Raises:
            DataError: The ledger has no publish of it.
        """
        return self.named(require_publication_of_run(Ledger(self.runs).publications(), run).run)

    def named(self, name: str) -> EarlierRun:
        """Return the run of a folder's name as it stands in the ledger."""
        return EarlierRun(name, self.runs / name, self.runs / _FETCHED / name, self.recorded)
