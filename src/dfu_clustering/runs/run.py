"""A run: the folder of its files, and which of its steps have finished."""

import logging
import os
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from dfu_clustering.errors import ConfigError, DataError
from dfu_clustering.files.summary import Summary, parse_summary, read_summary, write_summary
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.manifest import FinishedStep, Manifest, Step

logger = logging.getLogger(__name__)

REVISION_VARIABLE = "DFU_CLUSTERING_REVISION"
VAR_VARIABLE = "DFU_CLUSTERING_VAR"

_NO_MONTH = "no-sales"
_RUN_NAME = r"([0-9]{4}-[0-9]{2}|no-sales)-([0-9A-Za-z]+)-([0-9A-Za-z_.-]+)"  # of a folder: as-of month, digest, id

S = TypeVar("S", bound=Summary)


@cache
def code_version() -> str:
    """Return the package's version and revision: DFU_CLUSTERING_REVISION, which an image's build sets, or git's."""
    revision = os.environ.get(REVISION_VARIABLE) or _git_revision()
    return version("dfu-clustering") + (f"+{revision}" if revision else "")


def _git_revision() -> str | None:
    checkout = Path(__file__).parents[3]
    if not (checkout / ".git").exists():
        return None
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None  # a checkout without git, or of another owner: the version alone must do


def var_folder() -> Path:
    """Return the folder of everything that runs leave behind: DFU_CLUSTERING_VAR, else ``var`` in the current one."""
    return Path(os.environ.get(VAR_VARIABLE) or "var").resolve()


def short_run_id(flow_run_id: UUID | str) -> str:
    """Return the last 12 hex digits of a flow run's id.

    Not the first: a scheduled run's id (UUID version 7) begins with the time, which runs planned together share.
    """
    return UUID(str(flow_run_id)).hex[-12:]


@dataclass(frozen=True)
class RunName:
    """What the name of a run's folder, ``<as-of>-<digest>-<id>``, says; the same inputs and id give the same name."""

    as_of_month: str
    config_digest: str
    run_id: str

    def __str__(self) -> str:
        """Return the name."""
        return f"{self.as_of_month}-{self.config_digest}-{self.run_id}"

    @classmethod
    def parse(cls, name: str) -> "RunName | None":
        """Return what a name says; None where it is no run's."""
        match = re.fullmatch(_RUN_NAME, name)
        return cls(*match.groups()) if match else None


@dataclass(frozen=True)
class Run(RunFolder):
    """A run of the flow: what it has finished is not done again.

    Attributes:
        as_of_month: Newest month that counts, ``2026-10``, for people; see known_month.
    """

    as_of_month: str = ""

    @classmethod
    def open(cls, runs: Path, *, as_of_month: str | None, config_digest: str, run_id: str) -> "Run":
        """Open the run's folder, which the first file makes: a run that fails before leaves none.

        Where the sales have no month the run is there to say so, under a name without one.
        """
        month = as_of_month or _NO_MONTH
        return cls(runs / str(RunName(month, config_digest, run_id)), as_of_month=month)

    @classmethod
    def named(cls, runs: Path, name: str) -> "Run":
        """Return the run whose folder has a name.

        Raises:
            ConfigError: It is none of a run: such a name leads to no other folder.
        """
        parts = RunName.parse(name)
        if parts is None:
            raise ConfigError(
                "A run must be named by month, configuration and id",
                found=repr(name),
                remedy="name a folder of the runs' folder, such as 2026-10-0123456789-0123456789ab",
            )
        return cls(runs / name, as_of_month=parts.as_of_month)

    @property
    def known_month(self) -> str | None:
        """Return the as-of month; None where the sales have none."""
        return None if self.as_of_month == _NO_MONTH else self.as_of_month

    @property
    def runs(self) -> Path:
        """Return the folder that holds this run's and the others'."""
        return self.folder.parent

    def once(
        self,
        step: Step[S],
        work: Callable[[], S],
        *,
        finished_if: Callable[[S], bool] = lambda _: True,
        again_if: Callable[[S], bool] = lambda _: False,
        forgetting: Sequence[Step[Any]] = (),
    ) -> S:
        """Return the step's summary: from the manifest where it has finished before, else by doing the work.

        Args:
            step: The step.
            work: Does it.
            finished_if: Whether a summary makes it finished; else it is returned, and the step is done the next time.
            again_if: Whether the step is done although it has left a summary.
            forgetting: Steps that have read the former summary, and are done again then.
        """
        done = self.find_result(step)
        if done is not None and not again_if(done):
            logger.info("step=%s resumed=true run=%s", step.name, self.name)
            return done
        started = time.perf_counter()
        summary = work()
        duration_s = round(time.perf_counter() - started, 3)
        if finished_if(summary):
            self._add_to_manifest(step, summary, duration_s, forgetting)
        logger.info("step=%s duration_s=%.2f run=%s", step.name, duration_s, self.name)
        return summary

    def renew(self, step: Step[S], summary: S, *, forgetting: Sequence[Step[Any]] = ()) -> None:
        """Put another summary in place of the one that a step has left; forgetting as in once()."""
        self._add_to_manifest(step, summary, self.durations_s().get(step.name, 0.0), forgetting)

    def forget(self, *steps: Step[Any]) -> None:
        """Let steps count as not done."""
        names = {step.name for step in steps}
        others = {name: entry for name, entry in self._manifest().items() if name not in names}
        write_summary(Manifest(steps=others), self.path(RunFile.MANIFEST))

    def has_finished(self, step: Step[Any]) -> bool:
        """Tell whether a step is in the manifest."""
        return step.name in self._manifest()

    def find_result(self, step: Step[S]) -> S | None:
        """Return the summary of a step; None where it has not finished."""
        entry = self._manifest().get(step.name)
        return parse_summary(step.kind, entry.summary, self.path(RunFile.MANIFEST)) if entry else None

    def result(self, step: Step[S]) -> S:
        """Return the summary of a step that has finished.

        Raises:
            DataError: It has not, or the run's folder was removed meanwhile.
        """
        done = self.find_result(step)
        if done is None:
            raise DataError(
                "A step of a run must find what earlier steps have left in its folder",
                found=f"nothing of {step.name} in {self.path(RunFile.MANIFEST)}",
                remedy="retry the run, which does again what is missing; see that nobody removes its folder meanwhile",
            )
        return done

    def durations_s(self) -> dict[str, float]:
        """Return the seconds that each finished step took, in the order in which they finished."""
        return {name: entry.duration_s for name, entry in self._manifest().items()}

    def _manifest(self) -> dict[str, FinishedStep]:
        path = self.find(RunFile.MANIFEST)
        return read_summary(Manifest, path).steps if path else {}

    def _add_to_manifest(
        self, step: Step[Any], summary: Summary, duration_s: float, forgetting: Sequence[Step[Any]] = ()
    ) -> None:
        replaced = {step.name, *(one.name for one in forgetting)}
        others = {name: entry for name, entry in self._manifest().items() if name not in replaced}
        entry = FinishedStep(
            duration_s=duration_s, code_version=code_version(), summary=summary.model_dump(mode="json")
        )
        write_summary(Manifest(steps={**others, step.name: entry}), self.path(RunFile.MANIFEST))
