"""Run: where one run's artifacts lie, and which of its steps have finished."""

import logging
import os
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from dfu_clustering.errors import ConfigError
from dfu_clustering.files.summary import Summary
from dfu_clustering.files.tables import read_json, write_json

logger = logging.getLogger(__name__)

REVISION_VARIABLE = "DFU_CLUSTERING_REVISION"
VAR_VARIABLE = "DFU_CLUSTERING_VAR"
RUN_NAME = r"[0-9]{4}-[0-9]{2}-[0-9a-f]{10}-[0-9a-f]{12}"  # the name of a run's folder: as-of month, digest, id


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
class Run:
    """The folder of one run.

    Attributes:
        folder: ``<runs>/<as-of>-<digest>-<id>``; the same inputs and id name the same folder, so a rerun resumes.
        as_of_month: Newest month that counts, ``2026-10``.
    """

    folder: Path
    as_of_month: str

    @classmethod
    def open(cls, runs: Path, *, as_of_month: str, config_digest: str, run_id: str) -> "Run":
        """Open the run's folder, which the first file makes: a run that fails before leaves none."""
        return cls(runs / f"{as_of_month}-{config_digest}-{run_id}", as_of_month)

    @classmethod
    def named(cls, runs: Path, name: str) -> "Run":
        """Return the run whose folder has a name.

        Raises:
            ConfigError: It is none of a run: such a name leads to no other folder.
        """
        if not re.fullmatch(RUN_NAME, name):
            raise ConfigError(
                "A run is named by month, configuration and id",
                found=repr(name),
                remedy="name a folder of the runs' folder, such as 2026-10-0123456789-0123456789ab",
            )
        return cls(runs / name, name[:7])

    @property
    def features(self) -> Path:
        """Return the path of the feature matrix."""
        return self.folder / "clustering_features.parquet"

    def part(self, number: int) -> Path:
        """Return the path of the feature matrix of one part of the DFUs, while they are built apart."""
        return self.folder / "parts" / f"{number:04d}.parquet"

    @property
    def labels(self) -> Path:
        """Return the path of dfu_ck -> cluster_label."""
        return self.folder / "cluster_labels.csv"

    @property
    def summary(self) -> Path:
        """Return the path of the run's summary."""
        return self.folder / "summary.json"

    @property
    def report(self) -> Path:
        """Return the path of the page that people read."""
        return self.folder / "report.html"

    @property
    def manifest(self) -> Path:
        """Return the path of the list of finished steps."""
        return self.folder / "manifest.json"

    def once(
        self, step: str, kind: type[S], work: Callable[[], S], *, finished_if: Callable[[S], bool] = lambda _: True
    ) -> S:
        """Return the step's summary: from the manifest where it has finished before, else by doing the work.

        A summary for which ``finished_if`` does not hold is returned, but the step is done again the next time.
        """
        finished = self.finished()
        if step in finished:
            logger.info("step=%s resumed=true run=%s", step, self.folder.name)
            return kind.model_validate(finished[step]["summary"])
        started = time.perf_counter()
        summary = work()
        duration_s = round(time.perf_counter() - started, 3)
        entry = {"duration_s": duration_s, "code_version": code_version(), "summary": summary.model_dump(mode="json")}
        if finished_if(summary):
            write_json({"steps": {**finished, step: entry}}, self.manifest)
        logger.info("step=%s duration_s=%.2f run=%s", step, duration_s, self.folder.name)
        return summary

    def result(self, step: str, kind: type[S]) -> S:
        """Return the summary of a step that has finished.

        Raises:
            KeyError: It has not.
        """
        return kind.model_validate(self.finished()[step]["summary"])

    def finished(self) -> dict[str, dict[str, object]]:
        """Return the manifest's entries of the finished steps, in the order in which they finished."""
        if not self.manifest.exists():
            return {}
        steps: dict[str, dict[str, object]] = read_json(self.manifest)["steps"]
        return steps

    def durations_s(self) -> dict[str, float]:
        """Return the seconds that each finished step took."""
        return {name: float(str(entry["duration_s"])) for name, entry in self.finished().items()}
