"""Progress of long work: a bar on a terminal, log lines elsewhere."""

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

logger = logging.getLogger(__name__)

_LOG_LINES = 5


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Lend ``advance(n)`` for work of ``total`` units; it may be called from several threads."""
    if sys.stderr.isatty():
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda n: bar.advance(task, n)
    else:
        yield _LoggedProgress(what, total).advance


class _LoggedProgress:
    """Writes a line each time another fifth of the work is done."""

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total = what, max(total, 1)
        self._done = 0
        self._lock = threading.Lock()

    def advance(self, n: int) -> None:
        with self._lock:
            before, self._done = self._done, self._done + n
            if before * _LOG_LINES // self._total != self._done * _LOG_LINES // self._total:
                logger.info("%s done=%d of=%d", self._what, self._done, self._total)
