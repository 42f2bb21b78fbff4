"""The steps from columns of the feature matrix to scaled columns of the clustered space."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import FiniteFloat
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from dfu_clustering.arrays import Floats, Objects
from dfu_clustering.errors import DataError
from dfu_clustering.files.tables import require_columns
from dfu_clustering.preprocessing.determinism import single_threaded
from dfu_clustering.preprocessing.learner import Flags, Learner, Matrix, PositiveVector, Vector

NULL = "\0"  # a category of its own; no text in PostgreSQL holds this character

IQR_OF_NORMAL = 1.349  # interquartile range of the standard normal distribution: 2 x 0.6745
_ROBUST_LIMIT = 3.0
_LEAST_IQR = 0.25  # IQR / 1.349 in standard deviations: 1 if normal, 0.35 if log-normal with sigma 1.5 and winsorised


class MatrixColumns(Learner):
    """Takes the named columns out of a feature matrix: numbers as float64, categories as text with NULL as a value.

    Args:
        numeric: Columns that must hold finite numbers or NULL.
        categorical: Columns that may hold anything.
    """

    def __init__(self, numeric: Sequence[str], categorical: Sequence[str] = ()) -> None:
        self.numeric = numeric
        self.categorical = categorical

    def transform(self, matrix: pd.DataFrame) -> pd.DataFrame:
        """Return the named columns.

        Raises:
            DataError: A column is missing, or one of ``numeric`` holds something else than finite numbers and NULL.
        """
        require_columns(
            matrix,
            [*self.numeric, *self.categorical],
            rule="The feature matrix must hold every column that the configuration clusters",
            remedy="build the features again, or set the weight of the missing attributes to 0",
        )
        numbers = {name: _numbers(matrix[name]) for name in self.numeric}
        return pd.DataFrame(numbers | {name: _texts(matrix[name]) for name in self.categorical}, index=matrix.index)

    def get_feature_names_out(self, input_features: Any = None) -> Objects:  # noqa: ANN401
        """Return the names of the columns."""
        return np.array([*self.numeric, *self.categorical], dtype=object)


class MedianImputer(Learner):
    """Replaces NaN by the median of its column when fitted; a column without any value becomes 0.

    scikit-learn's SimpleImputer does the same by sorting a masked array, which takes ten times as long.
    """

    values: ClassVar = {"medians": Vector}

    def fit(self, space: Floats | pd.DataFrame, y: object = None) -> Self:
        """Learn the medians of what is not NaN."""
        self.medians_ = np.array([_median(column) for column in np.asarray(space, dtype=np.float64).T])
        return self

    def transform(self, space: Floats | pd.DataFrame) -> Floats:
        """Return the columns without NaN."""
        values = np.array(space, dtype=np.float64, order="C")
        rows, columns = np.nonzero(np.isnan(values))
        values[rows, columns] = self.medians_[columns]
        return values


class Winsorizer(Learner):
    """Pulls values beyond two quantiles of each column in to these quantiles, as they were when fitted.

    Args:
        low: Lower quantile, a share (0-1).
        high: Upper quantile.
    """

    values: ClassVar = {"bounds": Matrix}

    def __init__(self, low: float, high: float) -> None:
        self.low = low
        self.high = high

    def fit(self, space: Floats, y: object = None) -> Self:
        """Learn the quantiles, interpolated linearly between ranks."""
        self.bounds_ = _quantiles(space, [self.low, self.high])
        return self

    def transform(self, space: Floats) -> Floats:
        """Return the clipped columns."""
        return np.clip(space, *self.bounds_)


class LowVarianceFilter(Learner):
    """Drops constant columns and those whose variance (ddof 0) is below a limit.

    scikit-learn's VarianceThreshold also drops columns exactly at the limit. A single row says nothing about variance:
    it keeps all columns.

    Args:
        min_variance: The limit, in squared units of the column.
        may_drop_all: Whether a result without any column is legitimate.
    """

    values: ClassVar = {"kept": Flags}

    def __init__(self, min_variance: float, *, may_drop_all: bool = False) -> None:
        self.min_variance = min_variance
        self.may_drop_all = may_drop_all

    def fit(self, space: Floats, y: object = None) -> Self:
        """Learn which columns vary; where none does and one must stay, the first stays: all rows are one point."""
        varies = (space.var(axis=0) >= self.min_variance) & (np.ptp(space, axis=0) > 0)
        self.kept_ = varies if len(space) > 1 else np.full(space.shape[1], fill_value=True)
        if not (self.kept_.any() or self.may_drop_all):
            self.kept_ = np.arange(space.shape[1]) == 0
        return self

    def transform(self, space: Floats) -> Floats:
        """Return the columns that varied when fitted."""
        return space[:, self.kept_]

    def get_feature_names_out(self, input_features: Any = None) -> Objects:  # noqa: ANN401
        """Return the names of the kept columns."""
        kept: Objects = np.asarray(input_features, dtype=object)[self.kept_]
        return kept


class StandardScaling(Learner):
    """(x - mean) / standard deviation, as scikit-learn's StandardScaler does it."""

    values: ClassVar = {"center": Vector, "scale": PositiveVector}

    def fit(self, space: Floats, y: object = None) -> Self:
        """Learn means and standard deviations; the unit of a constant column is 1."""
        fitted = StandardScaler().fit(space)
        self.center_, self.scale_ = fitted.mean_, fitted.scale_
        return self

    def transform(self, space: Floats) -> Floats:
        """Return the scaled columns."""
        scaled: Floats = (space - self.center_) / self.scale_
        return scaled


class ClippedRobustScaler(Learner):
    """(x - median) / (IQR / 1.349), clipped to +-3; the unit is one standard deviation where a column is normal.

    Where half of the DFUs all but share one value (no season, no gaps between demand), the IQR is 0, or measures only
    how much these differ among themselves: the column would become noise at +-3. There, with IQR / 1.349 no more than
    a quarter of the standard deviation, the standard deviation is the unit.
    """

    values: ClassVar = {"center": Vector, "scale": PositiveVector}

    def fit(self, space: Floats, y: object = None) -> Self:
        """Learn the medians and the units; the unit of a constant column is 1."""
        low, self.center_, high = _quantiles(space, [0.25, 0.5, 0.75])
        deviation = space.std(axis=0)
        robust = (high - low) / IQR_OF_NORMAL
        scale = np.where(robust > _LEAST_IQR * deviation, robust, deviation)
        self.scale_ = np.where(scale > 0, scale, 1.0)
        return self

    def transform(self, space: Floats) -> Floats:
        """Return the scaled and clipped columns."""
        scaled: Floats = (space - self.center_) / self.scale_
        return scaled.clip(-_ROBUST_LIMIT, _ROBUST_LIMIT)


class SeasonPlane(Learner):
    """Scales the two columns of the season, strength x (sin, cos) of the peak, by one factor around the origin.

    Both are one quantity with a direction: moving the names of the months turns the plane, and must change no distance.
    The unit is the root mean square of a column, as if turned to any direction; vectors longer than three units are
    drawn in to them. NaN is no season.

    Args:
        min_variance: Mean square of a column below which there is no season among the DFUs, and both are dropped.
    """

    values: ClassVar = {"scale": FiniteFloat}

    def __init__(self, min_variance: float) -> None:
        self.min_variance = min_variance

    def fit(self, plane: Floats | pd.DataFrame, y: object = None) -> Self:
        """Learn the unit; 0 where both columns are dropped."""
        mean_square = float(np.square(np.nan_to_num(np.asarray(plane, dtype=np.float64))).sum(axis=1).mean() / 2)
        self.scale_ = float(np.sqrt(mean_square)) if mean_square >= self.min_variance and mean_square > 0 else 0.0
        return self

    def transform(self, plane: Floats | pd.DataFrame) -> Floats:
        """Return the scaled columns, or none."""
        if self.scale_ == 0:
            return np.empty((len(plane), 0))
        scaled: Floats = np.nan_to_num(np.asarray(plane, dtype=np.float64)) / self.scale_
        length = np.sqrt(np.square(scaled).sum(axis=1))
        scaled *= (_ROBUST_LIMIT / np.maximum(length, _ROBUST_LIMIT))[:, None]
        return scaled

    def get_feature_names_out(self, input_features: Any = None) -> Objects:  # noqa: ANN401
        """Return the names of the columns that are kept."""
        return np.asarray(input_features if self.scale_ else [], dtype=object)


class BlockWeight(Learner):
    """Scales a block of columns by one factor so that their variances add up to a weight.

    Args:
        weight: Total variance wanted, > 0.
    """

    values: ClassVar = {"factor": FiniteFloat}

    def __init__(self, weight: float) -> None:
        self.weight = weight

    def fit(self, space: Floats, y: object = None) -> Self:
        """Learn the factor; a block without columns has none to scale."""
        total = space.var(axis=0).sum()
        self.factor_ = float(np.sqrt(self.weight / total)) if total > 0 else 1.0
        return self

    def transform(self, space: Floats) -> Floats:
        """Return the scaled block."""
        return space * self.factor_


class PrincipalComponents(Learner):
    """PCA by full singular value decomposition whose bits do not depend on the number of cores.

    Args:
        explained_variance: Share (0-1) of the variance that the kept components explain.
    """

    values: ClassVar = {"components": Matrix, "mean": Vector}

    def __init__(self, explained_variance: float) -> None:
        self.explained_variance = explained_variance

    def fit(self, space: Floats, y: object = None) -> Self:
        """Learn the components; the sign of each makes its largest loading positive."""
        with single_threaded(), np.errstate(invalid="ignore"):  # a single row has no variance to explain: 0 / 0
            fitted = PCA(n_components=self.explained_variance, svd_solver="full").fit(space)
        # in the order in which a stored one is read: a product's last bits depend on it
        self.components_, self.mean_ = np.ascontiguousarray(fitted.components_), fitted.mean_
        return self

    def transform(self, space: Floats) -> Floats:
        """Return the rows in the learned components."""
        with single_threaded():
            components: Floats = space @ self.components_.T - self.mean_[None] @ self.components_.T
        return components

    def get_feature_names_out(self, input_features: Any = None) -> Objects:  # noqa: ANN401
        """Return a name a component."""
        return np.array([f"principalcomponents{i}" for i in range(len(self.components_))], dtype=object)


def _median(column: Floats) -> float:
    known = column[~np.isnan(column)]
    return float(np.median(known)) if len(known) else 0.0


def _quantiles(space: Floats, shares: Sequence[float]) -> Floats:
    """Return the (n_shares, n_columns) quantiles; a column at a time in one piece of memory, four times as fast."""
    return np.column_stack([np.quantile(np.ascontiguousarray(column), shares) for column in space.T])


def _numbers(column: "pd.Series[Any]") -> Floats:
    try:
        values: Floats = column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise _not_a_number(column, str(error)) from error
    if np.isinf(values).any():
        raise _not_a_number(column, f"{np.isinf(values).sum()} infinite values")
    return values


def _not_a_number(column: "pd.Series[Any]", found: str) -> DataError:
    return DataError(
        f"{column.name} must hold finite numbers or NULL",
        found=found,
        remedy="build the features again; a matrix made elsewhere must keep their types",
    )


def _texts(column: "pd.Series[Any]") -> "pd.Series[Any]":
    return column.astype(object).map(str).where(column.notna(), NULL)
