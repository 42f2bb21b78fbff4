"""What is wrong with a setting or a parameter, in words: where it stands, what was given, which name was meant."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from dfu_clustering.config.clustering import ClusteringConfig
from dfu_clustering.errors import nearest, suggestion
from dfu_clustering.months import MONTH_PATTERN

_CHOICES = ("int", "constrained-int", "literal['all']")  # pydantic's names of what a value may be, not of a place


def problem_in_words(detail: Mapping[str, Any]) -> str:
    """Return what pydantic says of one wrong value, in words for people.

    Args:
        detail: One of the ``errors()`` of a ValidationError.
    """
    location = ".".join(str(part) for part in detail["loc"] if part not in _CHOICES)
    match detail["type"]:
        case "extra_forbidden":
            return f"unknown key {location}{suggestion(nearest_setting(location))}"
        case "missing" | "missing_argument" | "missing_keyword_only_argument":
            return f"{location} must be given"
        case "model_type":
            return f"{location} = {detail['input']!r}: it has settings of its own, written as '{{name: value}}'"
        case "string_pattern_mismatch":
            return f"{location} = {detail['input']!r}: {_written(detail)}"
        case _:
            return f"{location} = {detail['input']!r}: {detail['msg']}" if location else str(detail["msg"])


def nearest_setting(location: str) -> str | None:
    """Return the setting that somebody meant by a name that there is not, as it stands in the tree; None: none is near.

    A right name in a wrong place counts, and of settings of one name the one in the likeliest place.
    """
    paths = list(_paths(ClusteringConfig))
    near = nearest(_name_in(location), map(_name_in, paths))
    there = [path for path in paths if _name_in(path) == near]
    return max(there, key=lambda path: difflib.SequenceMatcher(a=location, b=path).ratio(), default=None)


def _name_in(path: str) -> str:
    return path.rpartition(".")[2]


def _written(detail: Mapping[str, Any]) -> str:
    text = str(detail["input"])
    if not text.strip():
        return "it must not be blank"
    if detail["ctx"]["pattern"] == MONTH_PATTERN:
        return "a month must be written as YYYY-MM, such as 2026-10"
    if not text.isprintable():
        return "it must be one line, without control characters"
    return str(detail["msg"])


def _paths(model: type[BaseModel], section: str = "") -> Iterator[str]:
    """Return where each key stands in the tree: ``labeling.seasonality_threshold``."""
    for name, field in model.model_fields.items():
        yield f"{section}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _paths(field.annotation, f"{section}{name}.")
