"""The columns of feature_set "shape", and how clearly each differs from chance.

A history of two years says little about growth, season or autocorrelation where demand is noisy: sorted by them, such
DFUs fall into segments that are chance, and change places the next month. So each of these columns counts by as much
as it is certain, for each DFU, as in empirical Bayes and in the random-effects model of meta-analysis.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import FiniteFloat
from scipy.optimize import brentq
from scipy.special import ndtr
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from dfu_clustering.arrays import Floats, Objects
from dfu_clustering.preprocessing.learner import Learner, learn, learned

SHAPE_SOURCES = (
    "mean_demand",
    "sparsity_score",
    "cv2_demand",
    "residual_cv",
    "trend_slope",
    "log_growth",
    "log_recent",
    "lag1_autocorrelation",
    "seasonality_strength",
    "peak_month",
    "history_months",
    "season_months",
)
LEVEL_COLUMNS = (  # each by itself
    "log_sparsity_score",
    "log1p_cv2_demand",
    "log1p_residual_cv",
    "annual_trend",
    "log_growth",
    "log_recent",
    "lag1_autocorrelation",
    "seasonality_strength",
)
SEASON_PLANE = ("season_sin", "season_cos")  # one quantity with a direction
SHAPE_COLUMNS = (*LEVEL_COLUMNS, *SEASON_PLANE)
NOISY_COLUMNS = (
    *("annual_trend", "log_growth", "log_recent", "lag1_autocorrelation"),
    *("seasonality_strength", *SEASON_PLANE),
)

_TREND_LIMIT = 2.0  # times the mean, a year
_DAMPING = 1.1  # log_growth and log_recent add a tenth of the mean to both sides of their ratio
_SEASON_MONTHS = 24  # from which seasonality_strength is measured
_SEASON_FREEDOM = 11  # of twelve calendar-month means
_LEAST_NOISE = 1e-6  # share of the detrended variance that a perfect season leaves
_TOLERANCE = 1e-9  # of the variance between DFUs, relative
_ERROR_SOURCES = ("residual_cv", "seasonality_strength", "season_months", "history_months")
_ROWS_AT_A_TIME = 65_536  # bounds the memory of what lies between features and errors


class ShapeColumns(Learner):
    """Makes SHAPE_COLUMNS of SHAPE_SOURCES."""

    def transform(self, matrix: pd.DataFrame) -> pd.DataFrame:
        """Return the columns."""
        return shape_columns(matrix)

    def get_feature_names_out(self, input_features: Any = None) -> Objects:  # noqa: ANN401
        """Return SHAPE_COLUMNS."""
        return np.array(SHAPE_COLUMNS, dtype=object)


class NoiseDiscount(Learner):
    """Makes a block of columns centred on 0 and draws the noisy ones towards it by as much as chance can explain them.

    A value with standard error s is multiplied by t2 / (t2 + s^2), t2 being the variance of the true values between
    DFUs, learned when fitted: nearly 1 where the history is long or calm, 0 where DFUs differ by chance only. What has
    no standard error, because the history is too short, counts nothing.

    Args:
        block: Unfitted pipeline from SHAPE_SOURCES to scaled columns that have their centre at 0.
    """

    values: ClassVar = {"variances": dict[str, FiniteFloat]}

    def __init__(self, block: Pipeline) -> None:
        self.block = block

    def fit(self, matrix: pd.DataFrame, y: object = None) -> Self:
        """Fit the block and learn how much the DFUs truly differ; where only by chance, all of them are one point."""
        self.block_ = clone(self.block).fit(matrix)
        columns, errors = shape_columns(matrix), standard_errors(matrix)
        levels = [name for name in NOISY_COLUMNS if name not in SEASON_PLANE]
        self.variances_ = {name: variance_between(columns[name].to_numpy(), errors[name].to_numpy()) for name in levels}
        self.variances_ |= dict.fromkeys(SEASON_PLANE, _variance_in_the_plane(columns, errors))
        return self

    def transform(self, matrix: pd.DataFrame) -> Floats:
        """Return the discounted columns."""
        space: Floats = self.block_.transform(matrix)
        errors = standard_errors(matrix)
        names = self.get_feature_names_out().tolist()
        for name in [name for name in NOISY_COLUMNS if name in names]:
            space[:, names.index(name)] *= _certainty(self.variances_[name], errors[name].to_numpy())
        return space

    def get_feature_names_out(self, input_features: Any = None) -> Objects:  # noqa: ANN401
        """Return the names of the block's columns."""
        names: Objects = self.block_.get_feature_names_out(input_features)
        return names

    def learned(self) -> dict[str, Any]:
        """Return the variances and what the block has learned."""
        return super().learned() | {"block": learned(self.block_)}

    def learn(self, values: Mapping[str, Any]) -> Self:
        """Take over what learned() of another one has returned."""
        self.block_ = learn(clone(self.block), values["block"])
        return super().learn(values)


def shape_columns(matrix: pd.DataFrame) -> pd.DataFrame:
    """Return the ten columns of feature_set "shape", SHAPE_COLUMNS, from SHAPE_SOURCES.

    None depends on the unit of demand. annual_trend is 12 x trend_slope / mean_demand, clipped to
    +-2; season_sin and season_cos are seasonality_strength x sin and cos of 2 pi peak_month / 12, so that December and
    January are neighbours and DFUs without a season meet in the origin whatever their peak. NaN stays NaN.
    """
    strength = matrix["seasonality_strength"]
    angle = 2 * np.pi * matrix["peak_month"] / 12
    annual_trend = 12 * matrix["trend_slope"] / matrix["mean_demand"]
    columns = (
        np.log(matrix["sparsity_score"]),
        np.log1p(matrix["cv2_demand"]),
        np.log1p(matrix["residual_cv"]),
        annual_trend.clip(-_TREND_LIMIT, _TREND_LIMIT),
        matrix["log_growth"],
        matrix["log_recent"],
        matrix["lag1_autocorrelation"],
        strength,
        strength * np.sin(angle),
        strength * np.cos(angle),
    )
    return pd.DataFrame(dict(zip(SHAPE_COLUMNS, columns, strict=True)))


def standard_errors(matrix: pd.DataFrame) -> pd.DataFrame:
    """Return the standard errors of NOISY_COLUMNS, were the noise of every month independent of the others'.

    With c = residual_cv, the noise of a month over the mean, S = seasonality_strength, which was measured on the
    season's own window, and n months of history:

    - annual_trend, 12 slope / mu: 12 c sqrt(12 / (n^3 - n)), that of an OLS slope;
    - log_growth, of two means of h = min(12, n // 2) months: c sqrt(2 / h) / 1.1, by the delta method at equal means;
    - log_recent, of 6 months and the b = min(18, n - 6) before: c sqrt(1/6 + 1/b) / 1.1;
    - lag1_autocorrelation: 1 / sqrt(n), that of white noise (Bartlett 1946);
    - seasonality_strength: see _strength_error(); season_sin and season_cos: half its square each, for it may lie in
      any direction.

    Args:
        matrix: Columns residual_cv, seasonality_strength, season_months and history_months.

    Returns:
        One column each; NaN where the history is too short for the column, or residual_cv is NaN.
    """
    sources = matrix[list(_ERROR_SOURCES)]
    blocks = [
        _standard_errors(sources.iloc[first : first + _ROWS_AT_A_TIME])
        for first in range(0, max(len(sources), 1), _ROWS_AT_A_TIME)
    ]
    return pd.concat(blocks)


def _standard_errors(matrix: pd.DataFrame) -> pd.DataFrame:
    noise, months = matrix["residual_cv"], matrix["history_months"].astype(np.float64)
    n = months.where(months >= 1)
    before = (n - 6).clip(upper=18)
    season = _strength_error(
        matrix["seasonality_strength"], matrix["season_months"].where(lambda n: n >= _SEASON_MONTHS)
    )
    errors = (
        12 * noise * np.sqrt(12 / (n**3 - n).where(n > 1)),
        noise * np.sqrt(2 / (n // 2).clip(upper=12).where(n > 1)) / _DAMPING,
        noise * np.sqrt(1 / 6 + 1 / before.where(before > 0)) / _DAMPING,
        1 / np.sqrt(n),
        season,
        season / np.sqrt(2),
        season / np.sqrt(2),
    )
    return pd.DataFrame(dict(zip(NOISY_COLUMNS, errors, strict=True)))


def _strength_error(strength: "pd.Series[float]", n: "pd.Series[float]") -> "pd.Series[float]":
    """Return the standard error of S = 1 - (SSR / (n - 13)) / (SSD / (n - 2)), clipped at 0.

    In units of the noise's variance SSR, on n - 13 degrees of freedom, has variance 2 (n - 13), and SSD - SSR, the
    season's sum of squares on 11, has 2 (11 + 2 l) with the noncentrality l that S gives. The delta method makes of
    these the error of S; the clip narrows it near 0, as it does a normal variable of this mean and error.
    """
    residual, total = n - 13, (n - 2) / (1 - strength).clip(lower=_LEAST_NOISE)
    season = total - residual
    noncentrality = (season - _SEASON_FREEDOM).clip(lower=0)
    variance = np.square(season) * 2 * residual + np.square(residual) * 2 * (_SEASON_FREEDOM + 2 * noncentrality)
    error = (n - 2) / residual * np.sqrt(variance) / np.square(total)
    normal = strength / error
    above, density = ndtr(normal), np.exp(-np.square(normal) / 2) / np.sqrt(2 * np.pi)
    mean = strength * above + error * density
    clipped = (np.square(strength) + np.square(error)) * above + strength * error * density - np.square(mean)
    error_of_clipped: pd.Series[float] = np.sqrt(clipped.clip(lower=0))
    return error_of_clipped


def variance_between(values: Floats, errors: Floats, *, mirrored: bool = False) -> float:
    """Return the variance of the true values behind values that were measured with known standard errors.

    It is the t2 at which the sum of (x - m)^2 / (t2 + s^2), with m the mean weighted by 1 / (t2 + s^2), is its
    expectation, the number of values less one (Paule & Mandel 1982); 0 where the errors alone explain more than that.

    Args:
        values: (n,), NaN where unknown.
        errors: (n,) standard errors, 0 or more, NaN where unknown.
        mirrored: Whether each value stands for its opposite, too, so that the mean is 0 whatever the weights.

    Returns:
        t2 over the values for which both are known; 0 where fewer than two of them, or of them and their opposites,
        differ.
    """
    known = ~(np.isnan(values) | np.isnan(errors))
    x, squared_errors = values[known], np.square(errors[known])
    each = 2 if mirrored else 1
    n = each * len(x)

    def spread(weights: Floats | None = None) -> float:
        mean = 0.0 if mirrored else np.average(x, weights=weights)
        squares = np.square(x - mean)
        return each * float((squares if weights is None else weights * squares).sum())

    largest = spread() / (n - 1) if n > 1 else 0.0
    if largest == 0.0:
        return 0.0

    def excess(variance: float) -> float:
        return spread(1 / (variance + squared_errors)) - (n - 1)

    least = _TOLERANCE * largest
    if excess(least) <= 0:
        return 0.0
    if excess(largest) >= 0:  # without any error the variance is that of the values; a rounding error above 0
        return largest
    return float(brentq(excess, least, largest, rtol=_TOLERANCE))


def _variance_in_the_plane(columns: pd.DataFrame, errors: pd.DataFrame) -> float:
    """Return the variance of the true season along any direction: mirrored, so that its centre is the origin."""
    values, error = (np.concatenate([of[name] for name in SEASON_PLANE]) for of in (columns, errors))
    return variance_between(values, error, mirrored=True)


def _certainty(variance: float, errors: Floats) -> Floats:
    """Return t2 / (t2 + s^2), 0 where s is unknown or both are 0."""
    total = variance + np.square(errors)
    share: Floats = np.divide(variance, total, out=np.zeros(len(errors)), where=total > 0)
    return share
