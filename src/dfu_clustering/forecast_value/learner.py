"""LightGBM as it is measured with: l2, 31 leaves, rate 0.1, 100 rounds, at least 20 rows a leaf, deterministic.

Each training has one thread. Several trainings at the same time use the cores better than the threads of one, which
wait for each other at every leaf: on a machine that did something else two threads took eight times as long as one.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dfu_clustering.arrays import Floats
from dfu_clustering.errors import ConfigError
from dfu_clustering.forecast_value.known_demand import Columns

if TYPE_CHECKING:
    from types import ModuleType

    import lightgbm

_ROUNDS: Final = 100
_PARAMETERS: Final[dict[str, Any]] = {
    "objective": "l2",
    "num_leaves": 31,
    "learning_rate": 0.1,
    "min_data_in_leaf": 20,
    "deterministic": True,
    "force_row_wise": True,  # which way is faster is otherwise tried out, and differs from run to run
    "num_threads": 1,
    "verbosity": -1,
}


def require_lightgbm() -> "ModuleType":
    """Return LightGBM.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        return importlib.import_module("lightgbm")
    except (ImportError, OSError) as error:  # the second where the system lacks libgomp
        raise ConfigError(
            "LightGBM must be installed to measure what segments are worth",
            found=f"it cannot be imported: {error}",
            remedy="install the optional group, in a checkout with pip install --editable '.[forecast]' (a slim Linux "
            "also needs its package libgomp1)",
        ) from error


def fit(
    columns: Columns, target: Floats, weight: Floats, *, categories: frozenset[str], seed: int
) -> "lightgbm.Booster":
    """Fit one model.

    Args:
        columns: (n_rows,) each; NaN is missing.
        target: (n_rows,)
        weight: (n_rows,)
        categories: Columns that hold numbers of groups.
        seed: Of the bins of large tables.
    """
    library = require_lightgbm()
    names = list(columns)
    data = library.Dataset(
        table(columns),
        target,
        weight=weight,
        feature_name=names,
        categorical_feature=[name for name in names if name in categories],
        params={"verbosity": -1, "num_threads": 1},
    )
    booster: lightgbm.Booster = library.train({**_PARAMETERS, "seed": seed}, data, _ROUNDS)
    return booster


def table(columns: Columns) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return (n_rows, n_columns) of single precision, in which LightGBM makes its bins."""
    return np.column_stack([values.astype(np.float32) for values in columns.values()])
