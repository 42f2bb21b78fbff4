"""Records in files: what a step or a part of it has to say, frozen and JSON-ready."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from dfu_clustering.errors import DataError
from dfu_clustering.files.tables import read_json, write_json


class Summary(BaseModel):
    """A record that is handed on and stored; as JSON it reads back to the same values."""

    model_config = ConfigDict(frozen=True)


S = TypeVar("S", bound=Summary)


def write_summary(summary: Summary, path: Path) -> None:
    """Write a record as JSON that people read; an interrupted write leaves the old file or none."""
    write_json(summary.model_dump(mode="json"), path)


def read_summary(kind: type[S], path: Path) -> S:
    """Read a record.

    Raises:
        DataError: The file is missing, or holds no such record.
    """
    return parse_summary(kind, read_json(path), path)


def parse_summary(kind: type[S], content: Mapping[str, Any], path: Path) -> S:
    """Return the record that a part of a JSON file holds.

    Raises:
        DataError: It holds no such record.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors()]
        raise DataError(
            f"{path.name} must hold the values of a {kind.__name__}",
            found=f"{path} with wrong or missing values",
            keys=problems,
            remedy="run the step that writes it again, with this version",
        ) from error
