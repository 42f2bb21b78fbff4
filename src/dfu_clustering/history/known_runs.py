"""All runs and backfilled months by name: those of the runs' folder, of the ledger, and of the backfills that count."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from dfu_clustering.errors import DataError
from dfu_clustering.history.backfills import backfilled_month, find_backfilled_month, read_index
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.known_run import KnownRun, month_in_folder, run_in_folder, run_without_files
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.lookup import wanted_run_id
from dfu_clustering.runs.run import RunName

STANDING: Final = "published"
BEFORE_IT: Final = "previous"
_SHOWN = 5


class UnknownRunError(DataError):
    """A name that means no run."""


@dataclass(eq=False)
class KnownRuns:
    """The runs of a folder; what was read of one is kept until its manifest changes.

    Attributes:
        runs: The folder of the runs; the backfills are in the folder ``history`` beside it.
    """

    runs: Path
    _kept: dict[Path, tuple[tuple[int, int], KnownRun | None]] = field(default_factory=dict)

    def list(self) -> list[KnownRun]:
        """Return all, the newest first.

        Raises:
            DataError: The ledger, or the index of the backfills, cannot be read.
        """
        lines = Ledger(self.runs).publications()
        of_run = {line.run: line for line in lines}
        found = {one.run: one for one in self._in_folders()}
        missing = {run: run_without_files(line) for run, line in of_run.items() if run not in found}
        runs = [
            one.published_as(of_run.get(one.run), stands=bool(lines) and one.run == lines[-1].run)
            for one in (*found.values(), *missing.values())
        ]
        return sorted([*runs, *self._months()], key=lambda one: (one.at, one.run), reverse=True)

    def find(self, name: str) -> KnownRun:
        """Return the run that a person means.

        Args:
            name: Of a folder, the id at its end, the id of a flow run, or of a month of a backfill; ``published``: what
                stands; ``previous``: what was published before that; a month such as ``2026-09``: what was published
                as of it, else its backfill.

        Raises:
            UnknownRunError: There is none.
        """
        known, run_id = self.list(), wanted_run_id(name)
        named = self._published(name) or name
        ways: tuple[Callable[[KnownRun], bool], ...] = (
            lambda one: one.run == named,
            lambda one: run_id is not None and _id_of(one) == run_id,
            lambda one: one.kind == "backfilled_month" and one.as_of_month == name,
        )
        for is_meant in ways:
            if (found := next(filter(is_meant, known), None)) is not None:
                return found
        raise UnknownRunError(
            "A run must be named by its folder, the id at the end of that, its month, published or previous",
            found=f"no run {name!r}" + (f" among {len(known)}; the newest are" if known else "; there is none yet"),
            keys=[one.run for one in known[:_SHOWN]],
            remedy="name one of these",
        )

    def files(self, run: KnownRun) -> RunFolder:
        """Return the files of a run."""
        return find_backfilled_month(self.runs.parent, run.run) or RunFolder(self.runs / run.run)

    def _published(self, name: str) -> str | None:
        """Return the run that ``published``, ``previous`` or a month means by the ledger."""
        lines = Ledger(self.runs).publications()
        if name == BEFORE_IT:
            meant = [line.run for line in lines if line.run != lines[-1].run]
        else:
            meant = [line.run for line in lines if name in (STANDING, line.as_of_month)]
        return meant[-1] if meant else None

    def _in_folders(self) -> Iterator[KnownRun]:
        folders = self.runs.iterdir() if self.runs.is_dir() else ()
        for folder in folders:
            if (
                RunName.parse(folder.name)
                and (one := self._kept_of(folder, partial(run_in_folder, folder))) is not None
            ):
                yield one

    def _months(self) -> Iterator[KnownRun]:
        var = self.runs.parent
        for month, backfill in read_index(var).by_month().items():
            files = backfilled_month(var, backfill, month)
            read = partial(month_in_folder, files, backfill.config_digest)
            if (one := self._kept_of(files.folder, read)) is not None:
                yield one

    def _kept_of(self, folder: Path, read: Callable[[], KnownRun | None]) -> KnownRun | None:
        """Return what a folder says, read again where its manifest or labels have changed."""
        try:
            found = (folder / RunFile.MANIFEST).stat()
        except FileNotFoundError:
            return None
        mark = (found.st_mtime_ns, folder.stat().st_mtime_ns)
        if folder not in self._kept or self._kept[folder][0] != mark:
            self._kept[folder] = (mark, read())
        return self._kept[folder][1]


def _id_of(run: KnownRun) -> str | None:
    name = RunName.parse(run.run)
    return name.run_id if name else None
