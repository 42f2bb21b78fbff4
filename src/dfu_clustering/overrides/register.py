"""The overrides of all runs whose folders lie in one folder: a line of JSON each time one is entered or ended."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from dfu_clustering.files.json_lines import JsonLines
from dfu_clustering.overrides.override import Override, newest_states


@dataclass(frozen=True)
class Overrides:
    """The file of overrides, beside the ledger of publishes.

    Attributes:
        runs: The folder of the runs.
    """

    runs: Path

    @property
    def path(self) -> Path:
        """Return the path of the file."""
        return self.runs / "overrides.jsonl"

    def all(self) -> list[Override]:
        """Return every override as it is now, in the order of entry.

        Raises:
            DataError: A line of the file is no override.
        """
        return newest_states(self._lines.read())

    def holding_in(self, as_of_month: str) -> list[Override]:
        """Return those that a publish as of a month has."""
        return [override for override in self.all() if override.holds_in(as_of_month)]

    def named(self, ids: Collection[str]) -> list[Override]:
        """Return those of some ids, whatever became of them since."""
        return [override for override in self.all() if override.id in ids]

    def append(self, override: Override) -> None:
        """Enter an override, or a newer state of it."""
        self._lines.append(override)

    @property
    def _lines(self) -> JsonLines[Override]:
        return JsonLines(
            self.path,
            Override,
            rule="Every line of the overrides must be an override",
            remedy="restore the file from a backup; or move it away: then no label is overridden any more",
        )
