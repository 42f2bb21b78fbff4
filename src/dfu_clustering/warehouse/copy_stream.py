"""COPY … TO STDOUT as a stream: PostgreSQL writes into a pipe while a thread reads at its other end."""

import fcntl
import os
import threading
from contextlib import suppress
from typing import Any

from psycopg2 import errors as pg_errors
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2 names its classes in lower case)

_PIPE_BYTES = 1 << 20  # most that Linux grants


class CopyOut:
    """Runs COPY … TO STDOUT in a thread; the ``with`` target is the readable end of the pipe it writes into."""

    def __init__(self, connection: Connection, command: str) -> None:
        self._connection, self._command = connection, command
        self._failure: BaseException | None = None
        reader, self._writer = _pipe()
        self._stream = os.fdopen(reader, "rb", _PIPE_BYTES)
        self._thread = threading.Thread(target=self._run, name="copy-out", daemon=True)

    def __enter__(self) -> Any:  # noqa: ANN401  (a binary stream that pyarrow takes)
        self._thread.start()
        return self._stream

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # a COPY that is no longer read is ended at both sides; the database's own error then comes before
        # Arrow's, which only saw the stream end too early
        self._stream.close()
        if error is not None and self._thread.is_alive():
            self._connection.cancel()
        self._thread.join()
        abandoned = error is not None and isinstance(self._failure, BrokenPipeError | pg_errors.QueryCanceled)
        if self._failure is not None and not abandoned:
            raise self._failure

    def _run(self) -> None:
        try:
            with os.fdopen(self._writer, "wb", _PIPE_BYTES) as sink, self._connection.cursor() as cursor:
                cursor.copy_expert(self._command, sink, 1 << 16)
        except BaseException as failure:  # handed to the reading thread, which raises it
            self._failure = failure


def _pipe() -> tuple[int, int]:
    """Return the ends of a pipe; where the system can, one that holds so much that both sides wait less often."""
    reader, writer = os.pipe()
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # beyond what this user may have
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return reader, writer
