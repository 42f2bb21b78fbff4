"""A loopback TCP proxy before PostgreSQL that a test can cut, or make do something when a statement passes."""

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 1 << 16


@dataclass
class _Trigger:
    """What happens once, when a statement with these bytes comes from a client."""

    pattern: bytes
    action: Callable[[], None]
    after_answer: bool


class CuttableProxy:
    """Forwards from a free loopback port to a Unix socket until it is cut or told to swallow everything."""

    def __init__(self, upstream: Path) -> None:
        self._upstream = str(upstream)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._trigger: _Trigger | None = None
        self._at_answer: Callable[[], None] | None = None
        self._silenced: set[socket.socket] = set()
        self.triggered = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def when(self, pattern: bytes, action: Callable[[], None], *, after_answer: bool = False) -> None:
        """Do something once, when a client sends these bytes: before they reach the server, or with its answer."""
        self.triggered.clear()
        self._trigger = _Trigger(pattern, action, after_answer)

    def cut(self) -> None:
        """End every connection without a word; new ones are taken."""
        for pair in self._pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()

    def fall_silent(self) -> None:
        """Swallow what both sides send on the connections that there are; new ones are served."""
        self._silenced |= {end for pair in self._pairs for end in pair}

    def close(self) -> None:
        """Stop listening and end every connection."""
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                server.connect(self._upstream)
            except OSError:  # PostgreSQL is away
                client.close()
                server.close()
                continue
            self._pairs.append((client, server))
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with client, server, suppress(OSError):
            while True:
                for source in select.select([client, server], [], [])[0]:
                    data = source.recv(_CHUNK)
                    if not data or not self._may_pass(data, source is client):
                        return
                    if source not in self._silenced:
                        (server if source is client else client).sendall(data)

    def _may_pass(self, data: bytes, from_client: bool) -> bool:
        """Fire what waits for these bytes; a connection whose answer was waited for ends without it."""
        if from_client and self._trigger and self._trigger.pattern in data:
            trigger, self._trigger = self._trigger, None
            if trigger.after_answer:
                self._at_answer = trigger.action
            else:
                self._fire(trigger.action)
        elif not from_client and self._at_answer:
            action, self._at_answer = self._at_answer, None
            self._fire(action)
            return False
        return True

    def _fire(self, action: Callable[[], None]) -> None:
        action()
        self.triggered.set()
