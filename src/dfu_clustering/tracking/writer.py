"""MLflow as a record of the runs: parameters, metrics, artifacts and the registered model.

A record, not a dependency: where the tracking server does not answer, the caller learns it in seconds and continues.
"""

import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from dfu_clustering.config.operations import TrackingConfig
from dfu_clustering.tracking.deadline import EARLY_S, READ_S, RECORD_S, ask_mlflow
from dfu_clustering.tracking.store import CHAMPION, MlflowStore

logger = logging.getLogger(__name__)

# what a process needs beside dfu-clustering, which comes from the checkout or the image: no index has it
_MODEL_PACKAGES = ("scikit-learn", "pandas", "numpy")
SIGNATURE_ROWS = 100


@dataclass(frozen=True)
class RunRecord:
    """What is recorded of one run.

    Attributes:
        name: Shown in MLflow.
        params: Settings, flattened to dotted keys.
        metrics: Finite numbers.
        tags: As-of month, configuration digest, code version, seed.
        artifacts: Folder whose files are all uploaded.
        model: Stored model that is logged and registered.
        matrix: Some rows of its input, for the signature.
        champion: Whether the model's version becomes the one that is published.
    """

    name: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    artifacts: Path
    model: Path
    matrix: pd.DataFrame
    champion: bool


def record_run(record: RunRecord, *, config: TrackingConfig, default_folder: Path) -> str:
    """Write one MLflow run, register its model, and move the alias ``champion`` where the run was published.

    Args:
        record: What is recorded.
        config: Names of experiment and registered model.
        default_folder: Where a local store lies unless MLFLOW_TRACKING_URI names another.

    Returns:
        The id of the MLflow run.

    Raises:
        TrackingUnavailableError: MLflow does not answer or refuses.
    """
    return ask_mlflow(
        lambda store: _record(store, record), config=config, default_folder=default_folder, limit_s=RECORD_S
    )


@dataclass(frozen=True)
class MeasurementRecord:
    """What is recorded of a measurement that makes no model.

    Attributes:
        name: Shown in MLflow.
        metrics: Finite numbers.
        tags: What was measured, and what came out.
        file: Uploaded.
    """

    name: str
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    file: Path


def record_measurement(record: MeasurementRecord, *, config: TrackingConfig, default_folder: Path) -> str:
    """Write a measurement as an MLflow run of its own and return that run's id.

    Raises:
        TrackingUnavailableError: MLflow does not answer or refuses.
    """

    def write(store: MlflowStore) -> str:
        import mlflow

        with mlflow.start_run(run_id=_open_run(store, record.name), tags=dict(record.tags)) as run:
            mlflow.log_metrics(dict(record.metrics))
            mlflow.log_artifact(str(record.file))
        return str(run.info.run_id)

    return ask_mlflow(write, config=config, default_folder=default_folder, limit_s=RECORD_S)


def record_file(name: str, file: Path, *, config: TrackingConfig, default_folder: Path) -> None:
    """Upload one file of a run before the rest of it, within seconds: record_run continues with the same MLflow run.

    Until then that run counts as failed, and so it does where the rest never comes.

    Raises:
        TrackingUnavailableError: MLflow does not answer or refuses.
    """

    def upload(store: MlflowStore) -> None:
        mlflow_run_id = _open_run(store, name)
        store.client.log_artifact(mlflow_run_id, str(file))
        store.client.set_terminated(mlflow_run_id, "FAILED")

    ask_mlflow(upload, config=config, default_folder=default_folder, limit_s=EARLY_S)


def record_restore(name: str, run: str, *, config: TrackingConfig, default_folder: Path) -> bool:
    """Move the alias ``champion`` to the model of an earlier run whose labels were restored, and say so in a run.

    Args:
        name: Of the MLflow run that stands for the restore.
        run: Name of the earlier run.
        config: Names of experiment and registered model.
        default_folder: Where a local store lies unless MLFLOW_TRACKING_URI names another.

    Returns:
        Whether MLflow has a model of the earlier run.

    Raises:
        TrackingUnavailableError: MLflow does not answer or refuses.
    """

    def restore(store: MlflowStore) -> str | None:
        model_version = _newest_model(store, run)
        if model_version is not None:
            store.client.set_registered_model_alias(config.registered_model, CHAMPION, model_version)
        mlflow_run_id = _open_run(store, name)
        store.client.set_tag(mlflow_run_id, "restored_run", run)
        store.client.set_terminated(mlflow_run_id)
        return model_version

    model_version = ask_mlflow(restore, config=config, default_folder=default_folder, limit_s=READ_S)
    logger.info("champion=%s model_version=%s", run, model_version)
    return model_version is not None


def _record(store: MlflowStore, record: RunRecord) -> str:
    import mlflow

    registered_model = store.config.registered_model
    with mlflow.start_run(run_id=_open_run(store, record.name), tags=dict(record.tags)) as run:
        mlflow.log_params(dict(record.params))
        mlflow.log_metrics(dict(record.metrics))
        mlflow.log_artifacts(str(record.artifacts))
        model_version = _log_model(record, registered_model)
    if record.champion:
        store.client.set_registered_model_alias(registered_model, CHAMPION, model_version)
    logger.info("recorded mlflow_run=%s model_version=%s champion=%s", run.info.run_id, model_version, record.champion)
    return str(run.info.run_id)


def _newest_model(store: MlflowStore, run: str) -> str | None:
    name = store.config.registered_model
    for recorded in store.runs_named(run):
        models = store.client.search_model_versions(f"name = '{name}' and run_id = '{recorded.info.run_id}'")
        if models:
            return str(max(int(model.version) for model in models))
    return None


def _open_run(store: MlflowStore, name: str) -> str:
    """Return the id of the MLflow run of this name, which is made where there is none: a run has one, not one a try."""
    found = store.runs_named(name)
    run = found[0] if found else store.client.create_run(store.experiment_id(), run_name=name)
    return str(run.info.run_id)


def _log_model(record: RunRecord, registered_model: str) -> str:
    import mlflow.pyfunc
    from mlflow.models import infer_signature

    # late, as MLflow: they load scikit-learn, and who looks up a record does without
    from dfu_clustering import mlflow_loader
    from dfu_clustering.preprocessing.pipeline import matrix_columns

    model = mlflow_loader.load_model(record.model)
    # the signature names what the model reads; the matrix holds more
    rows = record.matrix[list(matrix_columns(model.preprocessing))]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer")
        warnings.filterwarnings("ignore", message=".*An input example was not provided")  # the signature says it
        logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)  # it warns of an image without pip
        logged: Any = mlflow.pyfunc.log_model(
            name="model",
            loader_module=mlflow_loader.__name__,
            data_path=str(record.model),
            signature=infer_signature(rows, model.predict(rows)),
            pip_requirements=[f"{package}=={version(package)}" for package in _MODEL_PACKAGES],
            registered_model_name=registered_model,
        )
    return str(logged.registered_model_version)
