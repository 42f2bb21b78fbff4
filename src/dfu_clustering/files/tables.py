"""Tables in files: .csv or .parquet by the file's ending, whole or not at all, exact to the last bit in both forms."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.csv as csv
import pyarrow.parquet as parquet

from dfu_clustering.errors import DataError

_ENDINGS = (".csv", ".parquet")
_ROW_GROUP_ROWS = 65_536  # what a reader that goes row group by row group holds at once


def write_table(frame: pd.DataFrame | pa.Table, path: Path, *, floats_repeat: bool = True) -> None:
    """Write a frame or an Arrow table as CSV or parquet; an interrupted write leaves the old file or none.

    Floats are written in the shortest form that reads back to the same bits; a missing value is an empty CSV field,
    while an empty text is a quoted one.

    Args:
        frame: The table.
        path: Where it goes, by its ending.
        floats_repeat: Of parquet, whether a dictionary of the values of a column of floats is worth its time.

    Raises:
        DataError: The file's ending is neither .csv nor .parquet.
    """
    require_known_ending(path)
    table = frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata(None)
    with atomic_path(path) as draft:
        if path.suffix == ".csv":
            csv.write_csv(table, draft)
        else:
            repeating = [field.name for field in table.schema if floats_repeat or not pa.types.is_floating(field.type)]
            parquet.write_table(table, draft, row_group_size=_ROW_GROUP_ROWS, use_dictionary=repeating or False)


def read_table(
    path: Path, *, text_columns: frozenset[str] = frozenset(), columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Read a frame that write_table or another program wrote.

    Args:
        path: A .csv or .parquet file.
        text_columns: Columns that are text in CSV even where every value looks like a number (item numbers).
        columns: Those to read, as far as the file has them; None: all.

    Raises:
        DataError: The file is missing, unreadable, or of another ending.
    """
    require_known_ending(path)
    with readable_table(path):
        if path.suffix == ".csv":
            table = _read_csv(path, text_columns, columns)
        else:
            table = parquet.read_table(path, columns=None if columns is None else list(columns), pre_buffer=False)
        # column by column, each given back as it is taken over: the table is in memory once
        frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
    return frame


def read_first_rows(path: Path, rows: int) -> pd.DataFrame:
    """Read the first rows of a parquet file and no more.

    Raises:
        DataError: The file is missing or unreadable; so for those below.
    """
    with readable_table(path), parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
        frame: pd.DataFrame = pa.Table.from_batches(islice(file.iter_batches(rows), 1), schema=schema).to_pandas()
    return frame


def read_rows_of(path: Path, key: str, values: Sequence[str]) -> pd.DataFrame:
    """Read the rows of a parquet file with one of these texts as key; no more than they and one group are in memory."""
    wanted = pa.array(values, type=pa.string())
    with readable_table(path), parquet.ParquetFile(path, pre_buffer=False) as file:
        groups = (file.read_row_group(group) for group in range(file.num_row_groups))
        found = [group.filter(compute.is_in(group[key], value_set=wanted)) for group in groups]
        frame: pd.DataFrame = pa.concat_tables([file.schema_arrow.empty_table(), *found]).to_pandas()
    return frame


def read_row_groups(path: Path) -> Iterator[pa.Table]:
    """Yield the row groups of a parquet file; one at a time is in memory."""
    with readable_table(path), parquet.ParquetFile(path, pre_buffer=False) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group)


def parquet_columns(path: Path) -> list[str]:
    """Return the columns of a parquet file."""
    with readable_table(path):
        names: list[str] = parquet.read_schema(path).names
    return names


@contextmanager
def readable_table(path: Path) -> Iterator[None]:
    """Turn what Arrow says of a file that is no table, or not the one that was wanted, into an error with its name.

    Raises:
        DataError: In place of Arrow's error.
    """
    try:
        yield
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise DataError(
            "A table must be a readable .csv or .parquet file",
            found=f"{path}: {error}",
            remedy="check the path, or run the step that writes this file",
        ) from error


def require_columns(frame: pd.DataFrame, columns: Sequence[str], *, rule: str, remedy: str) -> None:
    """Check that a frame holds the columns.

    Raises:
        DataError: Some are missing; they are named.
    """
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise DataError(rule, found="missing columns", keys=missing, remedy=remedy)


def require_none(broken: "pd.Series[bool]", keys: "pd.Series[str]", *, rule: str, found: str, remedy: str) -> None:
    """Check that no row breaks a rule.

    Raises:
        DataError: Some do; their keys are named.
    """
    if broken.any():
        raise DataError(rule, found=found, keys=sorted(map(str, keys[broken].unique())), remedy=remedy)


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Write JSON that people read: indented, in the given order, NaN as null, and whole or not at all."""
    text = json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as draft:
        draft.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DataError: The file is missing or holds none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            "This file must hold a JSON object",
            found=f"{path}: {error}",
            remedy="check the path, or run the step that writes it",
        ) from error
    if not isinstance(content, dict):
        raise DataError("This file must hold a JSON object", found=f"{path}: {type(content).__name__}", remedy="see it")
    return content


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Lend a draft beside ``path`` that takes its place when the block ends well and vanishes when it fails.

    It is on disk before it takes the place: neither a kill nor a power cut leaves half a file under that name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        draft.chmod(0o644)
        _sync(draft)
        draft.replace(path)
        _sync(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_csv(path: Path, text_columns: frozenset[str], columns: Sequence[str] | None) -> pa.Table:
    parse = csv.ParseOptions(newlines_in_values=True)
    if columns is not None:
        with csv.open_csv(path, parse_options=parse) as file:
            columns = [name for name in columns if name in file.schema.names]
    convert = csv.ConvertOptions(
        include_columns=columns,
        column_types=dict.fromkeys(text_columns, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    table = csv.read_csv(path, parse_options=parse, convert_options=convert)
    # a column without any value has no type; it counts as undefined numbers
    known = [field.with_type(pa.float64()) if pa.types.is_null(field.type) else field for field in table.schema]
    return table.cast(pa.schema(known))


def require_known_ending(path: Path) -> None:
    """Check that a table's file is a .csv or .parquet one.

    Raises:
        DataError: It is not.
    """
    if path.suffix not in _ENDINGS:
        raise DataError(
            f"A table's file must end in {' or '.join(_ENDINGS)}",
            found=str(path),
            remedy="choose another name",
        )


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and value - value != 0:
        return None
    return value
