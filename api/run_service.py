"""Makes the answers about runs: which there are, and what changed from one to another. The database plays no part."""

import threading
from collections.abc import Hashable
from typing import TYPE_CHECKING, Final, Literal

from api.problem_details import InvalidParameterError, NotFoundError
from api.response_cache import PAGE_HEADERS, Answer, Answers
from api.schemas import RunComparison, Runs
from api.settings import ApiSettings
from dfu_clustering.comparison.model import Comparison
from dfu_clustering.config.loading import load_config
from dfu_clustering.history.known_runs import NAMES_OF_A_RUN, KnownRuns, UnknownRunError
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.known_run import KnownRun, RunKind
from dfu_clustering.runs.run import RunName

if TYPE_CHECKING:
    from dfu_clustering.steps.compare_runs import RunToCompare

_MARKED: Final = (RunFile.LABELS, RunFile.METADATA, RunFile.PROFILES, RunFile.MODEL)


class RunAnswers:
    """The service behind the addresses of runs; comparisons are kept as long as the files of both runs are the same."""

    def __init__(self, settings: ApiSettings) -> None:
        self._known = KnownRuns(settings.runs)
        self._answers = Answers()
        self._comparing = threading.Lock()  # one at a time: each holds the DFUs of two runs

    def runs(self, kind: RunKind | None, *, limit: int, offset: int) -> Answer:
        """Return a page of the list of runs."""
        known = [one for one in self._known.list() if kind in (None, one.kind)]
        page = known[offset : offset + limit]
        return Answer.of(Runs(total=len(known), limit=limit, offset=offset, runs=page))

    def comparison(self, before: str, after: str) -> Answer:
        """Return what changed from one run to another."""
        return self._answer("json", before, after)

    def page(self, before: str, after: str) -> Answer:
        """Return the same as a page for people."""
        return self._answer("page", before, after)

    def _answer(self, form: Literal["json", "page"], before: str, after: str) -> Answer:
        old, new = self._found(before), self._found(after)

        def make() -> Answer:
            with self._comparing:
                return _made(form, _compared(old, new))

        return self._answers.get((form, _mark(old), _mark(new)), make)

    def files(self, name: str) -> RunFolder:
        """Return the files of a run; the whole name of a folder needs no list of all runs.

        Raises:
            NotFoundError: There is none of this name.
        """
        return RunFolder(self._known.runs / name) if RunName.parse(name) else self._known.files(self._find(name))

    def _found(self, name: str) -> "RunToCompare":
        known = self._find(name)
        from dfu_clustering.steps.compare_runs import RunToCompare  # late: a service starts without what compares

        return RunToCompare(self._known.files(known), known)

    def _find(self, name: str) -> KnownRun:
        try:
            return self._known.find(name)
        except UnknownRunError as error:
            shown = f" {', '.join(map(str, error.keys))}" if error.keys else ""
            raise NotFoundError(f"Found {error.found}{shown}. Give the {NAMES_OF_A_RUN}.") from error


def _compared(before: "RunToCompare", after: "RunToCompare") -> Comparison:
    from dfu_clustering.comparison.comparison import IncomparableError
    from dfu_clustering.steps.compare_runs import compare_runs

    try:
        return compare_runs(before, after, load_config())
    except IncomparableError as error:
        raise InvalidParameterError("before, after", str(error)) from error


def _made(form: Literal["json", "page"], found: Comparison) -> Answer:
    if form == "json":
        return Answer.of(RunComparison(**dict(found)))
    from dfu_clustering.report.comparison_page import render_comparison  # late: what draws takes a second to import

    return Answer(render_comparison(found).encode(), "text/html", PAGE_HEADERS)


def _mark(run: "RunToCompare") -> Hashable:
    """Return what shows that an answer still holds: the run, whether it stands, and when its files were written."""
    written = tuple(path.stat().st_mtime_ns if (path := run.files.find(file)) else 0 for file in _MARKED)
    return run.known, written
