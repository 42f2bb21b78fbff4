"""An earlier run and its files: from its folder where it still is, else from MLflow."""

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dfu_clustering.config.operations import TrackingConfig
from dfu_clustering.errors import DataError
from dfu_clustering.loads.publication import Publication
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.lookup import (
    newest_publication,
    publication_before,
    publication_of_run,
    require_publication_of_run,
    wanted_run_id,
)
from dfu_clustering.runs.manifest import RECORD_PUBLICATION
from dfu_clustering.runs.run import Run, RunName
from dfu_clustering.tracking.reader import RecordedRuns
from dfu_clustering.tracking.store import TrackingUnavailableError

logger = logging.getLogger(__name__)

FETCHED = ".from-mlflow"  # beside the runs' folders; may be deleted at any time


@dataclass(frozen=True, kw_only=True)
class EarlierRun(Run):
    """A run that has published; what its folder has no more is downloaded from MLflow.

    Attributes:
        fetched: Where its files from MLflow are put.
        recorded: The runs in MLflow.
    """

    fetched: Path
    recorded: RecordedRuns

    @property
    def publication(self) -> Publication | None:
        """Return the line that it wrote into the ledger, as its own manifest keeps it; None where it wrote none.

        Raises:
            TrackingUnavailableError: The manifest is not in its folder, and MLflow does not answer.
        """
        return self.find_result(RECORD_PUBLICATION)

    def require(self, file: RunFile) -> Path:
        """Return the path of one of its files; downloaded where the folder has it no more.

        Raises:
            DataError: Neither its folder nor MLflow has the file.
            TrackingUnavailableError: Its folder has not, and MLflow does not answer.
        """
        for path in (self.path(file), self.fetched / file):
            if path.exists():
                return path
        if self.recorded.fetch(self.name, file, self.fetched / file):
            logger.info("fetched %s of run %s from MLflow", file, self.name)
            return self.fetched / file
        raise DataError(
            "The files of an earlier run must be in its folder or in MLflow",
            found=f"{file} neither in {self.folder} nor in an MLflow run named {self.name}",
            remedy="restore the folder from a backup, or choose another run",
        )

    def find(self, file: RunFile) -> Path | None:
        """Return the path of a file that not every run has; None where it is in neither place.

        Raises:
            TrackingUnavailableError: Its folder has not, and MLflow does not answer: an outage is no absence.
        """
        try:
            return self.require(file)
        except DataError:
            return None


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
            logger.warning("what is published is not known: there is no ledger, and MLflow does not answer: %s", error)
            return None
        return self.named(name) if name is not None else None

    def publication_before(self, time: datetime) -> Publication:
        """Return what was published at a time, by the ledger.

        Raises:
            DataError: Nothing was.
        """
        return publication_before(Ledger(self.runs).publications(), time)

    def publication(self, run: str) -> Publication:
        """Return the newest publish of a run.

        The ledger says it. Where it was lost, or is another machine's, the run's manifest in MLflow does.

        Raises:
            DataError: Neither knows one.
            TrackingUnavailableError: The ledger knows none, and MLflow does not answer.
        """
        lines = Ledger(self.runs).publications()
        found = publication_of_run(lines, run) or self.recorded_publication(run)
        return found if found is not None else require_publication_of_run(lines, run)

    def recorded_publication(self, run: str) -> Publication | None:
        """Return the publish of a run that MLflow keeps; None where it knows none.

        Args:
            run: Its folder, the id at the folder's end, or its flow run's id.

        Raises:
            TrackingUnavailableError: MLflow does not answer.
        """
        run_id = _run_id(run) or wanted_run_id(run)
        if run_id is None:
            return None
        wanted = run if RunName.parse(run) else run_id
        try:
            # the store's LIKE takes "_" for any character
            names = [name for name in self.recorded.names(run_id) if wanted in (name, _run_id(name))]
            return next((found for name in names if (found := self.named(name).publication) is not None), None)
        except TrackingUnavailableError as error:
            unknown = f"the ledger has no publish of {run!r}, and MLflow does not answer"
            raise TrackingUnavailableError(f"{unknown}: {error}") from error

    def named(self, name: str) -> EarlierRun:
        """Return the run of a folder's name as it stands in the ledger.

        Raises:
            DataError: It is no name of a run.
        """
        parts = RunName.parse(name)
        if parts is None:
            raise DataError(
                "A run's folder must be named <as-of>-<digest>-<id>",
                found=name,
                remedy="correct the line of the ledger that names it",
            )
        fetched = self.runs / FETCHED / name
        return EarlierRun(self.runs / name, as_of_month=parts.as_of_month, fetched=fetched, recorded=self.recorded)


def _run_id(name: str) -> str | None:
    parts = RunName.parse(name)
    return parts.run_id if parts else None
