"""MLflow as a record of the runs: parameters, metrics, artifacts and the registered pipeline.

A record, not a dependency: where the tracking server does not answer, the caller hears it within seconds and goes on.
"""

import logging
import os
import pickle
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
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
# (dfu-clustering itself comes from the checkout or the image: no index has it)
_MODEL_PACKAGES = ("scikit-learn", "pandas", "numpy")
SIGNATURE_ROWS = 100
_CREDENTIALS = re.compile(r"//[^/@\s]*@")  # of an address in an error's text


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
    uri, artifacts = _store(default_folder)
    with _environment_of_mlflow():
        import mlflow
        from mlflow.exceptions import MlflowException

        mlflow.set_tracking_uri(uri)
        try:
            client = mlflow.MlflowClient()
            experiment = _experiment_id(client, config.experiment, artifacts)
            with mlflow.start_run(experiment_id=experiment, run_name=record.name, tags=dict(record.tags)) as run:
                mlflow.log_params(dict(record.params))
                mlflow.log_metrics(dict(record.metrics))
                mlflow.log_artifacts(str(record.artifacts))
                model_version = _log_model(record, config.registered_model)
            if record.champion:
                client.set_registered_model_alias(config.registered_model, CHAMPION, model_version)
        except (MlflowException, OSError) as error:
            reason = _CREDENTIALS.sub("//", str(error).partition("\n")[0])[:300]
            raise TrackingUnavailableError(f"MLflow did not take the record: {reason}") from error
    logger.info("recorded mlflow_run=%s model_version=%s champion=%s", run.info.run_id, model_version, record.champion)
    return str(run.info.run_id)


def _store(default_folder: Path) -> tuple[str, str | None]:
    """Return the tracking URI and where artifacts go: MLFLOW_TRACKING_URI and its server's choice, else the folder."""
    configured = os.environ.get(TRACKING_URI_VARIABLE)
    if configured:
        return configured, None
    folder = default_folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'mlflow.db'}", (folder / "artifacts").as_uri()


def _experiment_id(client: "MlflowClient", name: str, artifacts: str | None) -> str:
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name, artifact_location=artifacts))


def _log_model(record: RunRecord, registered_model: str) -> str:
    import mlflow.sklearn
    from mlflow.models import infer_signature

    pipeline = pickle.loads(record.pipeline.read_bytes())  # noqa: S301  (the run wrote this file itself)
    # the signature names what the pipeline reads; the matrix holds more
    rows = record.matrix[list(pipeline[0].get_feature_names_out())]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer")
        signature = infer_signature(rows, pipeline.predict(rows))
    # they warn of pickles in general (this one is our own, loaded by our own code) and of an image without pip
    for name in ("mlflow.sklearn", "mlflow.utils.environment"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logged: Any = mlflow.sklearn.log_model(
        pipeline,
        name="pipeline",
        signature=signature,
        pip_requirements=[f"{package}=={version(package)}" for package in _MODEL_PACKAGES],
        registered_model_name=registered_model,
        serialization_format="cloudpickle",
    )
    return str(logged.registered_model_version)


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
