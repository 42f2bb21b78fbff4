"""MLflow as a record of the runs: parameters, metrics, artifacts and the registered pipeline.

A record, not a dependency: where the tracking server does not answer, the caller hears it within seconds and goes on.
"""

import logging
import os
import pickle
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from dfu_clustering.config import TrackingConfig
from dfu_clustering.errors import DfuClusteringError

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

TRACKING_URI_VARIABLE = "MLFLOW_TRACKING_URI"
CHAMPION = "champion"
# the defaults of the MLflow client let a dead server cost four minutes
_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
}
# what a process needs to load the logged pipeline, which is made of this package's transformers
_MODEL_REQUIREMENTS = ("dfu-clustering", "scikit-learn", "pandas", "numpy")
_SIGNATURE_ROWS = 100


class TrackingUnavailableError(DfuClusteringError):
    """MLflow could not be reached or refused the record; the run itself is not affected."""


@dataclass(frozen=True)
class RunRecord:
    """What is recorded of one run.

    Attributes:
        name: Shown in MLflow.
        params: Settings, flattened to dotted keys.
        metrics: Finite numbers.
        tags: As-of month, configuration digest, code version, seed.
        artifacts: Folder whose files are all uploaded.
        pipeline: Pickled scikit-learn pipeline that is logged as a model and registered.
        matrix: Some rows of its input, for the signature.
        champion: Whether the model's version becomes the one that is published.
    """

    name: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    artifacts: Path
    pipeline: Path
    matrix: pd.DataFrame
    champion: bool


def tracking_uri(default_folder: Path) -> str:
    """Return MLFLOW_TRACKING_URI, else a SQLite store in the folder."""
    return os.environ.get(TRACKING_URI_VARIABLE) or f"sqlite:///{default_folder.resolve() / 'mlflow.db'}"


def record_run(record: RunRecord, *, config: TrackingConfig, default_folder: Path) -> str:
    """Write one MLflow run, register its pipeline, and move the alias ``champion`` where the run was published.

    Args:
        record: What is recorded.
        config: Names of experiment and registered model.
        default_folder: Where a local store lies unless MLFLOW_TRACKING_URI names another.

    Returns:
        The id of the MLflow run.

    Raises:
        TrackingUnavailableError: MLflow does not answer or refuses.
    """
    with _impatient():
        import mlflow
        from mlflow.exceptions import MlflowException

        mlflow.set_tracking_uri(tracking_uri(default_folder))
        try:
            client = mlflow.MlflowClient()
            experiment = _experiment_id(client, config.experiment, default_folder)
            with mlflow.start_run(experiment_id=experiment, run_name=record.name, tags=dict(record.tags)) as run:
                mlflow.log_params(dict(record.params))
                mlflow.log_metrics(dict(record.metrics))
                mlflow.log_artifacts(str(record.artifacts))
                version = _log_model(record, config.registered_model)
            if record.champion:
                client.set_registered_model_alias(config.registered_model, CHAMPION, version)
        except (MlflowException, OSError) as error:
            raise TrackingUnavailableError(f"MLflow did not take the record: {type(error).__name__}") from error
    logger.info("recorded mlflow_run=%s model_version=%s champion=%s", run.info.run_id, version, record.champion)
    return str(run.info.run_id)


def _experiment_id(client: "MlflowClient", name: str, default_folder: Path) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    local = not os.environ.get(TRACKING_URI_VARIABLE)
    location = (default_folder.resolve() / "artifacts").as_uri() if local else None
    return str(client.create_experiment(name, artifact_location=location))


def _log_model(record: RunRecord, registered_model: str) -> str:
    import mlflow.sklearn
    from mlflow.models import infer_signature

    pipeline = pickle.loads(record.pipeline.read_bytes())  # noqa: S301  (the run wrote this file itself)
    # the signature names what the pipeline reads; the matrix holds more
    rows = record.matrix.head(_SIGNATURE_ROWS)[list(pipeline[0].get_feature_names_out())]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer")
        signature = infer_signature(rows, pipeline.predict(rows))
    # it warns of pickles in general; this one is our own, loaded by our own code
    logging.getLogger("mlflow.sklearn").setLevel(logging.ERROR)
    logged: Any = mlflow.sklearn.log_model(
        pipeline,
        name="pipeline",
        signature=signature,
        pip_requirements=list(_MODEL_REQUIREMENTS),
        registered_model_name=registered_model,
        serialization_format="cloudpickle",
    )
    return str(logged.registered_model_version)


@contextmanager
def _impatient() -> Iterator[None]:
    missing = {name: value for name, value in _PATIENCE.items() if name not in os.environ}
    os.environ.update(missing)
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)
