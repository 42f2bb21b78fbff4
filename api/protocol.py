"""HTTP as uvicorn speaks it, with an end to requests that are begun and not finished.

Uvicorn closes a connection that is idle after an answer, and no other: one that sends nothing at all, half a head, or
half a body would be kept for good, and some hundreds of them are all that a process may have open.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class PunctualProtocol(H11Protocol):
    """A connection on which a request must be whole ``request_timeout_s`` after it could begin."""

    def __init__(self, *, request_timeout_s: float, **given: Any) -> None:  # noqa: ANN401  (as uvicorn hands them over)
        super().__init__(**given)
        self._request_timeout_s = request_timeout_s
        self._end_of_patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what has come; a request that is not whole by it keeps the time at which it began."""
        super().data_received(data)
        if not self._is_half_sent():
            self._stop_waiting()
        elif self._end_of_patience is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _is_half_sent(self) -> bool:
        buffered, _ = self.conn.trailing_data
        return self.conn.their_state is h11.SEND_BODY or (self.conn.their_state is h11.IDLE and bool(buffered))

    def _wait(self) -> None:
        self._end_of_patience = self.loop.call_later(self._request_timeout_s, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._end_of_patience is not None:
            self._end_of_patience.cancel()
            self._end_of_patience = None
