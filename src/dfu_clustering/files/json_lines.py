"""A file of records, one line of JSON each: a record is added, and none is ever changed."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ValidationError

from dfu_clustering.errors import DataError
from dfu_clustering.files.summary import Summary
from dfu_clustering.files.tables import atomic_path

logger = logging.getLogger(__name__)

S = TypeVar("S", bound=Summary)


@dataclass(frozen=True)
class JsonLines(Generic[S]):
    """A file to which programs on any host that shares the folder add lines.

    Attributes:
        path: The file; it need not be there.
        kind: What a line holds.
        rule: That every line must be one, as a sentence with "must".
        remedy: What to do where one is not.
    """

    path: Path
    kind: type[S]
    rule: str
    remedy: str

    def read(self) -> list[S]:
        """Return all records, the oldest first; none where the file is not there.

        A last line that was cut off while the file was copied or the disk was full is left out.

        Raises:
            DataError: A whole line holds no such record.
        """
        # split at the newline only: splitlines() also ends a line at separators that a text may hold
        lines = self._whole_text().split("\n")[:-1]
        return [self._parsed(line, number) for number, line in enumerate(lines, start=1)]

    def append(self, record: S) -> None:
        """Add a record; another program that adds one at the same time waits, and a reader never sees half a line."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked(), atomic_path(self.path) as draft:
            draft.write_text(f"{self._whole_text()}{record.model_dump_json()}\n", encoding="utf-8")

    def _parsed(self, line: str, number: int) -> S:
        try:
            return self.kind.model_validate_json(line)
        except ValidationError as error:
            raise self._broken(f"line {number}, which is none,") from error

    def _whole_text(self) -> str:
        if not self.path.exists():
            return ""
        whole, newline, cut_off = self.path.read_bytes().rpartition(b"\n")
        if cut_off:
            logger.warning("the last line of %s is incomplete and is ignored: %r", self.path, cut_off[:80])
        try:
            return (whole + newline).decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._broken(f"bytes that are not text ({error.reason})") from error

    def _broken(self, found: str) -> DataError:
        return DataError(self.rule, found=f"{found} in {self.path}", remedy=self.remedy)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)
