"""From attributes to numbers: categories one-hot or as frequencies, numbers scaled."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import FiniteFloat
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from dfu_clustering.arrays import Floats, Objects
from dfu_clustering.preprocessing.learner import Blocks, Learner
from dfu_clustering.preprocessing.transformers import NULL, MedianImputer


class OneHotEncoder(Learner):
    """A column for each category of each column: 1 where a row has it; a category never seen has none.

    scikit-learn's encoder does the same, but what it has learned cannot be put into another one.
    """

    values: ClassVar = {"categories": list[list[str]]}

    def fit(self, categories: pd.DataFrame, y: object = None) -> Self:
        """Learn the categories of each column, in the order of their texts."""
        self.categories_ = [sorted(categories[name].unique()) for name in categories]
        return self

    def transform(self, categories: pd.DataFrame) -> Floats:
        """Return zeros and ones."""
        columns = [categories[name] == category for name, category in self._pairs(categories)]
        return np.column_stack(columns).astype(np.float64)

    def get_feature_names_out(self, input_features: Any = None) -> Objects:  # noqa: ANN401
        """Return ``column=category`` of each, ``column is NULL`` where there is none."""
        names = [f"{name} is NULL" if text == NULL else f"{name}={text}" for name, text in self._pairs(input_features)]
        return np.array(names, dtype=object)

    def _pairs(self, columns: Any) -> list[tuple[str, str]]:  # noqa: ANN401  (their names, or a frame of them)
        return [(name, text) for name, known in zip(columns, self.categories_, strict=True) for text in known]


class FrequencyEncoder(Learner):
    """Replaces each category by the share (0-1) of the rows fitted on that have it; 0 for one never seen."""

    values: ClassVar = {"shares": list[dict[str, FiniteFloat]]}

    def fit(self, categories: pd.DataFrame, y: object = None) -> Self:
        """Learn the shares."""
        self.shares_ = [categories[name].value_counts(normalize=True).to_dict() for name in categories]
        return self

    def transform(self, categories: pd.DataFrame) -> Floats:
        """Return the shares."""
        columns = zip(categories, self.shares_, strict=True)
        return np.column_stack([[shares.get(text, 0.0) for text in categories[name]] for name, shares in columns])


class AttributeEncoder(Learner):
    """Makes numbers of attributes: numeric ones scaled, categories one-hot, or scaled frequencies where they are many.

    Args:
        numeric: Columns of numbers.
        categorical: Columns of categories.
        max_categories: Up to this many values, NULL being one, a column is one-hot.
        scaler: Unfitted, of numbers and of frequencies.
    """

    values: ClassVar = {"one_hot": list[str]}

    def __init__(
        self, numeric: Sequence[str], categorical: Sequence[str], max_categories: int, scaler: Learner
    ) -> None:
        self.numeric = numeric
        self.categorical = categorical
        self.max_categories = max_categories
        self.scaler = scaler

    def fit(self, matrix: pd.DataFrame, y: object = None) -> Self:
        """Learn which columns are one-hot, and fit their encoders."""
        self.one_hot_ = [name for name in self.categorical if matrix[name].nunique() <= self.max_categories]
        self.encoders_ = self._encoders().fit(matrix)
        return self

    def transform(self, matrix: pd.DataFrame) -> Floats:
        """Return the numeric columns, then the one-hot ones, then the frequencies."""
        return self.encoders_.transform(matrix)

    def get_feature_names_out(self, input_features: Any = None) -> Objects:  # noqa: ANN401
        """Return the names of the encoded columns."""
        return self.encoders_.get_feature_names_out()

    def learned(self) -> dict[str, Any]:
        """Return the one-hot columns and what the encoders have learned."""
        return super().learned() | {"encoders": self.encoders_.learned()}

    def learn(self, values: Mapping[str, Any]) -> Self:
        """Take over what learned() of another one has returned."""
        super().learn(values)
        self.encoders_ = self._encoders().learn(values["encoders"])
        return self

    def _encoders(self) -> Blocks:
        numbers = Pipeline([("imputation", MedianImputer()), ("scaling", clone(self.scaler))])
        frequencies = Pipeline([("frequency", FrequencyEncoder()), ("scaling", clone(self.scaler))])
        many = [name for name in self.categorical if name not in self.one_hot_]
        blocks = [
            ("numeric", numbers, self.numeric),
            ("one_hot", OneHotEncoder(), self.one_hot_),
            ("frequency", frequencies, many),
        ]
        return Blocks([block for block in blocks if block[2]])
