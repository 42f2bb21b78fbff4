"""Reading back what MLflow has recorded: the files of a run, and which run is the champion."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dfu_clustering.config.operations import TrackingConfig
from dfu_clustering.tracking.deadline import READ_S, ask_mlflow
from dfu_clustering.tracking.store import CHAMPION, MlflowStore, has_store

T = TypeVar("T")


@dataclass(frozen=True)
class RecordedRuns:
    """The runs in MLflow; an MLflow run has the name of the run's folder.

    Attributes:
        config: Names of experiment and registered model.
        default_folder: Where a local store lies unless MLFLOW_TRACKING_URI names another.
    """

    config: TrackingConfig
    default_folder: Path

    def fetch(self, run: str, name: str, target: Path) -> bool:
        """Download one file of a run, whole or not at all; return whether MLflow has it.

        Raises:
            TrackingUnavailableError: MLflow does not answer or refuses.
        """
        return self._ask(lambda store: _fetch(store, run, name, target), default=False)

    def names(self, run_id: str) -> list[str]:
        """Return the names of the runs whose folder's name ends with an id, the newest first.

        Raises:
            TrackingUnavailableError: MLflow does not answer or refuses.
        """
        return self._ask(
            lambda store: [str(recorded.info.run_name) for recorded in store.runs_with_id(run_id)], default=[]
        )

    def champion(self) -> str | None:
        """Return the name of the run whose model has the alias ``champion``; None where no model does.

        Raises:
            TrackingUnavailableError: MLflow does not answer or refuses.
        """
        return self._ask(_champion, default=None)

    def _ask(self, work: Callable[[MlflowStore], T], *, default: T) -> T:
        if not has_store(self.default_folder):
            return default
        return ask_mlflow(work, config=self.config, default_folder=self.default_folder, limit_s=READ_S)


def _fetch(store: MlflowStore, run: str, name: str, target: Path) -> bool:
    for recorded in store.runs_named(run):
        mlflow_run_id = recorded.info.run_id
        folder = name.rpartition("/")[0] or None
        if name not in {file.path for file in store.client.list_artifacts(mlflow_run_id, folder)}:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".download-") as draft:
            shutil.move(store.client.download_artifacts(mlflow_run_id, name, draft), target)
        return True
    return False


def _champion(store: MlflowStore) -> str | None:
    name = store.config.registered_model
    models = store.client.search_registered_models(f"name = '{name}'")
    if not models or CHAMPION not in models[0].aliases:
        return None
    version = store.client.get_model_version(name, models[0].aliases[CHAMPION])
    return str(store.client.get_run(str(version.run_id)).info.run_name)
