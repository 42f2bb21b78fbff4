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
from dfu_clustering.runs.lookup import BEFORE_IT, STANDING, wanted_run_id
from dfu_clustering.runs.run import RunName

NAMES_OF_A_RUN: Final = (
    f"name of a run's folder, the id at its end or a beginning of that which no other run has, the id of its flow run, "
    f"`{STANDING}` (what stands), `{BEFORE_IT}` (what was published before that), or a month (what was published as of "
    "it, else its backfill)"
)
_SHOWN = 5
_LEAST_BEGINNING = 4  # of an id


class UnknownRunError(DataError):
    """A name that means no run, or several."""


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
            name: As NAMES_OF_A_RUN says; a month of a backfill also by its whole name.

        Raises:
            UnknownRunError: There is none, or several have this beginning.
        """
        known, run_id, published = self.list(), wanted_run_id(name), self._published(name)
        ways: tuple[Callable[[KnownRun], bool], ...] = (
            lambda one: one.run == (published or name),
            lambda one: run_id is not None and _id_of(one) == run_id,
            lambda one: one.kind == "backfilled_month" and one.as_of_month == name,
        )
        for is_meant in ways:
            if (found := next(filter(is_meant, known), None)) is not None:
                return found
        begun = [one for one in known if len(name) >= _LEAST_BEGINNING and (_id_of(one) or "").startswith(name)]
        if len(begun) == 1:
            return begun[0]
        if begun:
            found_instead, shown = f"{len(begun)} runs whose id begins with {name!r}", begun
        else:
            found_instead, shown = f"no run {name!r} among {len(known)}; the newest are", known[:_SHOWN]
        raise UnknownRunError(
            f"A run must be named by one of these: {NAMES_OF_A_RUN}",
            found=found_instead if known else f"no run {name!r}; there is none yet",
            keys=[one.run for one in shown],
            remedy="name one of these" if known else "run cluster-dfus first",
        )

    def files(self, run: KnownRun) -> RunFolder:
        """Return the files of a run."""
        return find_backfilled_month(self.runs.parent, run.run) or RunFolder(self.runs / run.run)

    def open(self, name: str) -> tuple[RunFolder, KnownRun | None]:
        """Return the files of the run that a person means, and what is known of it.

        Args:
            name: As for find(); or the path of a folder, or of a file of labels, of which nothing is known.

        Raises:
            UnknownRunError: There is none.
            DataError: There is nothing at the path.
        """
        path = Path(name)
        if len(path.parts) > 1 or path.is_file() or (path.is_dir() and not (self.runs / name).is_dir()):
            return _at_path(path), None
        known = self.find(name)
        return self.files(known), known

    def _published(self, name: str) -> str | None:
        """Return the run that ``published``, ``previous`` or a month means by the ledger; None: it is no such name."""
        lines = Ledger(self.runs).publications()
        if name not in (STANDING, BEFORE_IT):
            return next((line.run for line in reversed(lines) if line.as_of_month == name), None)
        standing = lines[-1].run if lines else None
        others = [line.run for line in lines if line.run != standing]
        meant = standing if name == STANDING else others[-1] if others else None
        if meant is None:
            raise UnknownRunError(
                f"`{name}` must stand for a run that was published",
                found=f"only one, {standing}: there is none before it" if standing else "nothing published yet",
                remedy="name a run by its folder or its id",
            )
        return meant

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


def _at_path(path: Path) -> RunFolder:
    if not path.exists():
        raise DataError(
            "A path must lead to the folder of a run, or to a file of labels",
            found=f"nothing at {path}",
            remedy=f"correct it; or give the {NAMES_OF_A_RUN}",
        )
    whole = path.resolve()
    return RunFolder(whole) if whole.is_dir() else RunFolder(whole.parent).placing(RunFile.LABELS, whole)
