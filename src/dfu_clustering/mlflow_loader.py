"""Loads a registered model for MLflow: ``mlflow.pyfunc.load_model("models:/dfu_clustering@champion")``.

MLflow keeps the name of this module beside every model that it stores, so this module never moves and is never
renamed. The model itself is data (``cluster_model.json``): loading it executes nothing that was stored.
"""

from pathlib import Path

from dfu_clustering.segments.fitted_model import FittedModel, parse_model

__all__ = ["load_model"]


def load_model(path: Path | str) -> FittedModel:
    """Return a stored model; its ``predict(matrix)`` gives the cluster numbers of the rows of a feature matrix.

    Raises:
        DataError: The file is no stored model, or one of another schema version.
    """
    return parse_model(Path(path).read_bytes(), source=str(path))


_load_pyfunc = load_model  # the name by which MLflow asks for it, with the path that log_model() had as data_path
