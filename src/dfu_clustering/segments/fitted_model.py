"""A fitted model: the way from a feature matrix to clusters, and its form as plain data.

The form is JSON with a schema version. It names columns, steps and numbers and no class, and reading it executes
nothing, wherever the file came from.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError
from sklearn.pipeline import Pipeline

from dfu_clustering.arrays import Floats, Integers
from dfu_clustering.clusters.kmeans import nearest_centroids
from dfu_clustering.config.clustering import Space
from dfu_clustering.errors import DataError
from dfu_clustering.labels.vocabulary import PATTERN_NAMES, Label, is_known
from dfu_clustering.preprocessing.learner import learn, learned
from dfu_clustering.preprocessing.pipeline import build_preprocessing, column_names, matrix_columns
from dfu_clustering.segments.continuity import FROM_SCRATCH
from dfu_clustering.segments.drift import DriftReference
from dfu_clustering.segments.meaning import Meaning
from dfu_clustering.segments.membership import Clusters

SCHEMA_VERSION: Final = 2
_FORMER_SCHEMES: Final = {1: "whose labels are words of whole clusters, not of each DFU"}
_FORMAT: Final = "dfu-clustering model"


@dataclass(frozen=True, eq=False)
class FittedModel:
    """What was fitted, as a later month or another program needs it.

    Attributes:
        settings: Those that made the space.
        preprocessing: The fitted pipeline from the feature matrix to the space.
        kmeans_centroids: (k, n_columns) what K-means found.
        clusters: What became of it: clusters with words.
        reference: What the DFUs were like when the model was fitted.
    """

    settings: Space
    preprocessing: Pipeline
    kmeans_centroids: Floats
    clusters: Clusters
    reference: DriftReference

    def predict(self, matrix: pd.DataFrame) -> Integers:
        """Return the (n,) clusters of K-means whose centroids are nearest to n rows of a feature matrix.

        Raises:
            DataError: The matrix lacks a column.
        """
        return nearest_centroids(self.preprocessing.transform(matrix), self.kmeans_centroids)[0]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values, from which model_of() makes the same model to the last bit."""
        return {
            "format": _FORMAT,
            "schema_version": SCHEMA_VERSION,
            "settings": self.settings.model_dump(mode="json"),
            "matrix_columns": list(matrix_columns(self.preprocessing)),
            "columns": list(column_names(self.preprocessing)),
            "preprocessing": learned(self.preprocessing),
            "kmeans_centroids": self.kmeans_centroids.tolist(),
            "clusters": [
                {**asdict(meaning), "traits": list(meaning.traits), "centroid": centroid.tolist()}
                for meaning, centroid in zip(self.clusters.meanings, self.clusters.centroids, strict=True)
            ],
            "drift_reference": self.reference.to_dict(),
        }


class _StoredCluster(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    pattern: str
    traits: list[str]
    sparsity_bound_months: FiniteFloat
    centroid: list[FiniteFloat]

    def meaning(self) -> Meaning:
        """Return the words.

        Raises:
            ValueError: They are none of the closed list.
        """
        if self.pattern not in PATTERN_NAMES or not is_known(Label(self.pattern, "low", tuple(self.traits))):
            raise ValueError(f"{self.pattern} {' '.join(self.traits)} are not words of labels")
        return Meaning(self.pattern, tuple(self.traits), self.sparsity_bound_months)


class _StoredModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["dfu-clustering model"]
    schema_version: Literal[2]
    settings: Space
    matrix_columns: list[str]
    columns: list[str]
    preprocessing: dict[str, Any]
    kmeans_centroids: list[list[FiniteFloat]]
    clusters: list[_StoredCluster]
    drift_reference: DriftReference


def parse_model(content: bytes, *, source: str) -> FittedModel:
    """Read a stored model.

    Args:
        content: The bytes of the file.
        source: What the file is, for the message.

    Raises:
        DataError: It holds no model, one of another schema version, or values that do not fit together.
    """
    stored = _parsed(content, source)
    try:
        preprocessing: Pipeline = learn(build_preprocessing(stored.settings), stored.preprocessing)
        kmeans_centroids = np.array(stored.kmeans_centroids, dtype=np.float64)
        centroids = np.array([cluster.centroid for cluster in stored.clusters], dtype=np.float64)
        clusters = Clusters(tuple(cluster.meaning() for cluster in stored.clusters), centroids)
        _require_fit(stored, preprocessing, (kmeans_centroids, centroids))
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise _unreadable(source, f"values that do not fit together ({_first_line(error)})") from error
    return FittedModel(stored.settings, preprocessing, kmeans_centroids, clusters, stored.drift_reference)


def _parsed(content: bytes, source: str) -> _StoredModel:
    try:
        values = json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise _unreadable(source, "text that is not JSON") from error
    if not isinstance(values, dict) or values.get("format") != _FORMAT:
        raise _unreadable(source, f"JSON that is not a {_FORMAT!r}")
    written = values.get("schema_version")
    if type(written) is int and written in _FORMER_SCHEMES:
        raise _of_former_scheme(source, written)
    if type(written) is not int or written != SCHEMA_VERSION:
        raise _unreadable(source, f"schema_version {written!r}, while this version reads {SCHEMA_VERSION}")
    try:
        return _StoredModel.model_validate_json(content, strict=True)
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(map(str, detail["loc"]))
        raise _unreadable(source, f"{error.error_count()} wrong values, the first {where}: {detail['msg']}") from error


def _require_fit(stored: _StoredModel, preprocessing: Pipeline, centroids: tuple[Floats, ...]) -> None:
    """Check the columns, and send one row without values through all steps: their values must be of one length.

    Args:
        stored: What was read.
        preprocessing: The pipeline that was made of it.
        centroids: (k, n_columns) each.
    """
    if (
        list(matrix_columns(preprocessing)) != stored.matrix_columns
        or list(column_names(preprocessing)) != stored.columns
    ):
        raise ValueError("the columns are not those of the settings")
    probe = pd.DataFrame({name: [None] for name in stored.matrix_columns}, dtype=object)
    with np.errstate(all="ignore"):
        width = preprocessing.transform(probe).shape[1]
    for found in centroids:
        if found.ndim != 2 or not width == found.shape[1] == len(stored.columns):
            raise ValueError(f"{width} columns, {len(stored.columns)} names and centroids of shape {found.shape}")
    if learned(preprocessing) != stored.preprocessing:
        raise ValueError("the learned values are not those that the steps expect")
    stored.drift_reference.require_valid(stored.columns)


def _unreadable(source: str, found: str) -> DataError:
    return DataError(
        f"A stored model must be a {_FORMAT} of schema version {SCHEMA_VERSION}",
        found=f"{source}: {found}",
        remedy=f"restore the file from a backup or from MLflow, or {FROM_SCRATCH}",
    )


def _of_former_scheme(source: str, written: int) -> DataError:
    return DataError(
        "Labels must continue labels of the same scheme",
        found=f"{source}: schema_version {written}, {_FORMER_SCHEMES[written]}; this version reads {SCHEMA_VERSION}",
        remedy=f"look at the report of a run with dry_run=true, then {FROM_SCRATCH}; later months continue these",
    )


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a number in JSON")


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
