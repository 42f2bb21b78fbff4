"""Where MLflow keeps the runs, and how long its client waits: a record, not a dependency, so seconds and no more."""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dfu_clustering.addresses import UNREADABLE, is_ambiguous
from dfu_clustering.config.operations import TrackingConfig
from dfu_clustering.errors import DfuClusteringError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

TRACKING_URI_VARIABLE = "MLFLOW_TRACKING_URI"
CHAMPION = "champion"
_DATABASE = "mlflow.db"
# the defaults of the MLflow client let a dead server cost four minutes
_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
}
_SQLITE = "sqlite:///"
_SQLITE_LOCK_S = 2.0
_CREDENTIALS = re.compile(r"//\S*@")  # of an address in an error's text
_RUN_NAME = re.compile(r"[\w.-]+")


class TrackingUnavailableError(DfuClusteringError):
    """MLflow could not be reached or refused; the run itself is not affected."""


@dataclass(frozen=True)
class MlflowStore:
    """An open MLflow store.

    Attributes:
        client: Of the tracking server or the local store.
        config: Names of experiment and registered model.
        artifacts: Where a new experiment keeps its files; None: the server's choice.
    """

    client: "MlflowClient"
    config: TrackingConfig
    artifacts: str | None

    def experiment_id(self) -> str:
        """Return the id of the experiment, which is made where there is none."""
        found = self.client.get_experiment_by_name(self.config.experiment)
        if found:
            return str(found.experiment_id)
        return str(self.client.create_experiment(self.config.experiment, artifact_location=self.artifacts))

    def runs_named(self, name: str) -> "list[MlflowRun]":
        """Return the runs recorded under the name of a run's folder, the newest first."""
        return self._runs_whose_name(f"= '{name}'") if _RUN_NAME.fullmatch(name) else []

    def runs_with_id(self, run_id: str) -> "list[MlflowRun]":
        """Return the runs recorded under the name of a folder that ends with an id, the newest first."""
        return self._runs_whose_name(f"LIKE '%-{run_id}'") if _RUN_NAME.fullmatch(run_id) else []

    def _runs_whose_name(self, condition: str) -> "list[MlflowRun]":
        experiment = self.client.get_experiment_by_name(self.config.experiment)
        if experiment is None:
            return []
        wanted, newest_first = f"attributes.run_name {condition}", ["attributes.start_time DESC"]
        return list(self.client.search_runs([experiment.experiment_id], wanted, order_by=newest_first))


@contextmanager
def mlflow_store(config: TrackingConfig, default_folder: Path) -> Iterator[MlflowStore]:
    """Open the store that MLFLOW_TRACKING_URI names, else the local one in ``default_folder``.

    Raises:
        TrackingUnavailableError: MLflow does not answer or refuses, also while the block works with it.
        OSError: A file of this machine cannot be read or written; MLflow has no part in it.
    """
    uri, artifacts = tracking_address(default_folder)
    _require_usable(uri)
    with _environment_of_mlflow():
        import mlflow
        import requests  # of MLflow, whose client lets some errors of the libraries below it through
        from alembic.util import CommandError
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        mlflow.set_tracking_uri(uri)
        try:
            yield MlflowStore(mlflow.MlflowClient(), config, artifacts)
        except (MlflowException, requests.RequestException, SQLAlchemyError, CommandError) as error:
            reason = _CREDENTIALS.sub("//", str(error).partition("\n")[0])[:300]
            raise TrackingUnavailableError(f"MLflow did not answer or refused: {reason}") from None


def has_store(default_folder: Path) -> bool:
    """Tell whether there is a store to read: a configured one, or a local one that a run has made."""
    return bool(os.environ.get(TRACKING_URI_VARIABLE)) or (default_folder / _DATABASE).exists()


def _require_usable(uri: str) -> None:
    """Check what MLflow itself tries again and again, or repeats in an error.

    Raises:
        TrackingUnavailableError: The address cannot be read for certain, or a local store is damaged or locked.
    """
    if is_ambiguous(uri):
        raise TrackingUnavailableError(f"{TRACKING_URI_VARIABLE} is {UNREADABLE}: it holds several @")
    path = Path(uri.removeprefix(_SQLITE))
    if not uri.startswith(_SQLITE) or not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=_SQLITE_LOCK_S, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("SELECT count(*) FROM sqlite_master")
            database.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise TrackingUnavailableError(f"the MLflow store {path} cannot be used: {error}") from None


def tracking_address(default_folder: Path) -> tuple[str, str | None]:
    """Return the tracking URI and where artifacts go: MLFLOW_TRACKING_URI and its server's choice, else the folder."""
    configured = os.environ.get(TRACKING_URI_VARIABLE)
    if configured:
        return configured, None
    folder = default_folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / _DATABASE}", (folder / "artifacts").as_uri()


@contextmanager
def _environment_of_mlflow() -> Iterator[None]:
    """Set the client's patience where the user has not, and undo what it leaves: it writes its URI there itself."""
    before = {name: os.environ.get(name) for name in (*_PATIENCE, TRACKING_URI_VARIABLE)}
    os.environ.update({name: value for name, value in _PATIENCE.items() if before[name] is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
