"""Transformers whose learned values are plain data, so that a model is stored without naming a class.

What a fitted transformer knows comes out of ``learned()`` as JSON values and goes into an unfitted one by ``learn()``:
nothing is executed when a stored model is read, and moving a class makes none unreadable.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import AfterValidator, Field, FiniteFloat, TypeAdapter
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import Pipeline

from dfu_clustering.arrays import Floats, Objects


def _rows_of_one_length(rows: list[list[float]]) -> Floats:
    if len({len(row) for row in rows}) != 1:
        raise ValueError("rows must all have the same length")
    return np.array(rows, dtype=np.float64)


# what learned values are as JSON, and the arrays that they become
Vector = Annotated[list[FiniteFloat], AfterValidator(lambda values: np.array(values, dtype=np.float64))]
PositiveVector = Annotated[
    list[Annotated[FiniteFloat, Field(gt=0)]], AfterValidator(lambda values: np.array(values, dtype=np.float64))
]
Matrix = Annotated[list[list[FiniteFloat]], AfterValidator(_rows_of_one_length)]
Flags = Annotated[list[bool], AfterValidator(lambda values: np.array(values, dtype=np.bool_))]


class Learner(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer whose learned values can be stored; it keeps the names of its columns unless it says otherwise.

    Attributes:
        values: The learned attributes, without their underscore, and what each is as JSON.
    """

    values: ClassVar[Mapping[str, Any]] = {}

    def fit(self, space: Any, y: object = None) -> Self:  # noqa: ANN401
        """Return the transformer as it is: there is nothing to learn."""
        return self

    def learned(self) -> dict[str, Any]:
        """Return what was learned, as JSON values."""
        return {name: _json_value(getattr(self, f"{name}_")) for name in self.values}

    def learn(self, values: Mapping[str, Any]) -> Self:
        """Take over what learned() of another one has returned.

        Raises:
            LookupError, TypeError, ValueError: The values are not those of such a transformer.
        """
        for name, kind in self.values.items():
            setattr(self, f"{name}_", TypeAdapter(kind).validate_python(values[name], strict=True))
        return self

    def get_feature_names_out(self, input_features: Any = None) -> Objects:  # noqa: ANN401
        """Return the names of the columns that come out."""
        return np.asarray(input_features, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return all(hasattr(self, f"{name}_") for name in self.values)


def learned(step: Pipeline | Learner) -> dict[str, Any]:
    """Return what a fitted pipeline of learners, or one of them, has learned, as JSON values."""
    if isinstance(step, Pipeline):
        return {name: learned(inner) for name, inner in step.steps}
    return step.learned()


def learn(step: Any, values: Mapping[str, Any]) -> Any:  # noqa: ANN401  (returns what it is given)
    """Put into an unfitted pipeline of learners, or one of them, what learned() has returned.

    Raises:
        LookupError, TypeError, ValueError: The values are not those of such a pipeline.
    """
    if isinstance(step, Pipeline):
        for name, inner in step.steps:
            learn(inner, values[name])
        return step
    return step.learn(values)


class Blocks(Learner):
    """Puts blocks side by side, each made of its own columns of a matrix.

    Args:
        blocks: Name, transformer and columns of each.
    """

    def __init__(self, blocks: Sequence[tuple[str, Any, Sequence[str]]]) -> None:
        self.blocks = blocks

    def fit(self, matrix: pd.DataFrame, y: object = None) -> Self:
        """Fit each block on its columns."""
        self.blocks_ = {name: clone(block).fit(matrix[list(columns)]) for name, block, columns in self.blocks}
        return self

    def transform(self, matrix: pd.DataFrame) -> Floats:
        """Return the blocks side by side."""
        return np.hstack([self.blocks_[name].transform(matrix[list(columns)]) for name, _, columns in self.blocks])

    def get_feature_names_out(self, input_features: Any = None) -> Objects:  # noqa: ANN401
        """Return the names of the blocks' columns."""
        names = [self.blocks_[name].get_feature_names_out(columns) for name, _, columns in self.blocks]
        return np.concatenate(names).astype(object)

    def learned(self) -> dict[str, Any]:
        """Return what each block has learned, by its name."""
        return {name: learned(block) for name, block in self.blocks_.items()}

    def learn(self, values: Mapping[str, Any]) -> Self:
        """Take over what learned() of another one has returned."""
        self.blocks_ = {name: learn(clone(block), values[name]) for name, block, _ in self.blocks}
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "blocks_")


def _json_value(value: Any) -> Any:  # noqa: ANN401
    return value.tolist() if isinstance(value, np.ndarray) else value
