"""Reading a feature matrix, which may come from elsewhere than the first step."""

from pathlib import Path
from typing import Final

import pandas as pd
from pandas.api.types import is_numeric_dtype

from dfu_clustering.config.clustering import SpaceSettings
from dfu_clustering.errors import DataError
from dfu_clustering.features.attributes import clustered_attributes
from dfu_clustering.features.matrix import TIME_SERIES_FEATURES
from dfu_clustering.files.tables import read_table, require_columns, require_none
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.published_files import PublishedFiles

_REMEDY: Final = "run generate_clustering_features.py again"
_TEXTS: Final = ("dfu_ck", "demand_class")


def read_matrix(files: RunFolder, settings: SpaceSettings, published: PublishedFiles | None = None) -> pd.DataFrame:
    """Read a feature matrix in the order of its keys, so that a shuffled file gives the same clusters.

    Of the attributes only those with a weight are read: the others are texts that take a third of the memory.

    Args:
        files: Where it is.
        settings: They say which attributes have a weight, and which are text in a CSV file.
        published: The run that is continued, and whose attributes are read, too.

    Raises:
        DataError: It is unreadable, lacks a column, or a key or value breaks a rule; or the published run's files are
            missing or unreadable.
    """
    path = files.path(RunFile.MATRIX)
    names = tuple(feature.name for feature in TIME_SERIES_FEATURES)
    spaces = (settings, published.model.fitted.settings) if published else (settings,)
    weighted = [one for space in spaces for of in clustered_attributes(space).values() for one in of]
    texts = [one.name for one in weighted if one.kind == "categorical"]
    columns = dict.fromkeys(("dfu_ck", *names, *(one.name for one in weighted)))
    matrix = read_table(path, text_columns=frozenset((*_TEXTS, *texts)), columns=list(columns))
    require_columns(matrix, ("dfu_ck", *names), rule="A feature matrix must hold every feature", remedy=_REMEDY)
    keys = matrix["dfu_ck"]
    _require_none(keys.isna(), keys, path, rule="A feature matrix must have a dfu_ck in every row")
    if not keys.is_unique:
        _require_none(keys.duplicated(keep=False), keys, path, rule="A feature matrix must hold every dfu_ck once")
    no_numbers = [name for name in names if name != "demand_class" and not is_numeric_dtype(matrix[name])]
    if no_numbers:
        raise DataError("Features must be numbers", found=f"text in {path}", keys=no_numbers, remedy=_REMEDY)
    _require_none(~(matrix["mean_demand"] > 0), keys, path, rule="Every DFU of a feature matrix must have demand")
    return matrix if keys.is_monotonic_increasing else matrix.sort_values("dfu_ck", ignore_index=True)


def _require_none(broken: "pd.Series[bool]", keys: "pd.Series[str]", path: Path, *, rule: str) -> None:
    require_none(broken, keys, rule=rule, found=f"{broken.sum()} rows of {path} that break it", remedy=_REMEDY)
