"""The filters and the order of a page: text from the query string becomes conditions with bound values.

``filters`` is a JSON object, column -> value. A text that begins with ``=`` means exactly the rest, any other text is
looked for anywhere in the column, in upper or lower case; an empty text restricts nothing. A number means exactly that
number, null that the column is empty. Columns are taken from those of a row, never from the text.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

from sqlalchemy import BigInteger, ColumnElement, DateTime, Integer, Numeric, Text, cast
from sqlalchemy.types import TypeEngine

from api.problem_details import InvalidParameterError
from api.tables import COLUMNS, NAMES
from dfu_clustering.errors import did_you_mean

Value = str | int | Decimal | None

LABEL: Final = "cluster_assignment"
KEY: Final = "dfu_sk"

_BIGINT: Final = 2**63
_LARGEST_EXPONENT: Final = 100  # of a decimal number; numeric(10,4) holds six digits before the point


@dataclass(frozen=True)
class Filter:
    """One condition on one column.

    Attributes:
        column: Name of a field of a row.
        exact: Whether the value is compared, or looked for as a part of the column's text.
        value: None: the column is empty.
    """

    column: str
    exact: bool
    value: Value | datetime

    def condition(self, columns: Mapping[str, ColumnElement[Any]] = COLUMNS) -> ColumnElement[bool]:
        """Return the condition on a field's column, with the value bound, never part of the SQL."""
        column = columns[self.column]
        if self.value is None:
            return column.is_(None)
        if self.exact:
            return column == self.value
        text: ColumnElement[str] = column if isinstance(column.type, Text) else cast(column, Text)
        return text.icontains(str(self.value), autoescape=True)


@dataclass(frozen=True)
class Sort:
    """The order of a page: rows without a value come last, rows of one value by dfu_sk."""

    column: str = KEY
    descending: bool = False

    def order(self, columns: Mapping[str, ColumnElement[Any]] = COLUMNS) -> list[ColumnElement[Any]]:
        """Return the columns to order by; the order is total, so that pages neither repeat nor leave out a row."""
        column, key = columns[self.column], columns[KEY]
        directed = column.desc() if self.descending else column.asc()
        # a column that is never empty keeps its plain order, which an index can give
        return [directed] if self.column == KEY else [directed.nulls_last(), key.asc()]


def parse_filters(text: str | None) -> tuple[Filter, ...]:
    """Return the conditions that a ``filters`` parameter asks for, in its order.

    Raises:
        InvalidParameterError: It is no JSON object, names an unknown column, or a value does not fit its column.
    """
    if text is None or not text.strip():
        return ()
    content = _json(text)
    if not isinstance(content, Mapping):
        raise _refusal(f"It must be a JSON object, column to value, not {_kind(content)}.")
    return tuple(_filter(name, value) for name, value in content.items() if value != "")


def parse_sort(text: str | None) -> Sort:
    """Return the order that a ``sort`` parameter asks for: ``brand`` upwards, ``-brand`` downwards.

    Raises:
        InvalidParameterError: The column is unknown.
    """
    if not text:
        return Sort()
    name = text.removeprefix("-")
    return Sort(_known(name, parameter="sort"), descending=name != text)


def _json(text: str) -> Any:  # noqa: ANN401
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_once, strict=True)
    except (ValueError, InvalidOperation, RecursionError):
        raise _refusal('It must be a JSON object such as {"cluster_assignment": "=high_volume_steady"}.') from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise _refusal("It names a column twice.")
    return content


def _filter(name: str, value: object) -> Filter:
    column_type = COLUMNS[_known(name, parameter="filters")].type
    if value is None:
        return Filter(name, exact=True, value=None)
    if isinstance(value, str):
        _require_storable(value, name)
        exact = value.startswith("=")
        return Filter(name, exact=exact, value=_typed(name, column_type, value[1:]) if exact else value)
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and not isinstance(column_type, Text):
        return Filter(name, exact=True, value=_typed(name, column_type, str(value)))
    raise _refusal(
        f"{name} takes a text{'' if isinstance(column_type, Text) else ', a number'} or null, not {_kind(value)}."
    )


def _known(name: str, *, parameter: str) -> str:
    if name not in COLUMNS:
        asked = name[:60]
        near = did_you_mean(asked, COLUMNS)
        raise _refusal(f"{NAMES.tables.dfu} has no column {asked!r}{near}. It has {', '.join(COLUMNS)}.", parameter)
    return name


def _require_storable(text: str, name: str) -> None:
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise _refusal(f"{name}: PostgreSQL keeps neither the character NUL nor half a surrogate pair.")


def _typed(name: str, column_type: TypeEngine[Any], text: str) -> Value | datetime:
    convert = next((convert for kind, convert in _CONVERSIONS if isinstance(column_type, kind)), None)
    if convert is None:
        return text
    try:
        return convert(text)
    except (ValueError, InvalidOperation, OverflowError):
        wanted = {Numeric: "a number", DateTime: "a time such as 2026-11-01T00:00:00Z"}
        what = next((words for kind, words in wanted.items() if isinstance(column_type, kind)), "a whole number")
        raise _refusal(f"{name} is compared with {what}, not {text[:40]!r}.") from None


def _integer(text: str) -> int:
    number = int(text)
    if not -_BIGINT <= number < _BIGINT:
        raise ValueError(text)
    return number


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite() or abs(number.adjusted()) > _LARGEST_EXPONENT or len(text) > _LARGEST_EXPONENT:
        raise ValueError(text)
    return number


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


_CONVERSIONS: Final[tuple[tuple[type, Callable[[str], Value | datetime]], ...]] = (
    (Integer, _integer),
    (BigInteger, _integer),
    (Numeric, _decimal),
    (DateTime, _time),
)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


def _refusal(detail: str, parameter: str = "filters") -> InvalidParameterError:
    return InvalidParameterError(parameter, detail)
