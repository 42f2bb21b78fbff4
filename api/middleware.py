"""Around every request: its id, a line in the log, the headers that keep browsers safe, and a 500 as last resort."""

import logging
import re
import time
from collections.abc import Collection
from http import HTTPStatus
from typing import Final
from urllib.parse import quote
from uuid import uuid4

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problem_details import failed, problem, response

logger = logging.getLogger(__name__)

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_PORT: Final = re.compile(r":\d+$")
# as the service is called on its own machine, and in the stack of containers (deploy/compose.yaml)
_OWN_HOSTS: Final = ("localhost", "127.0.0.1", "[::1]", "api")
_HEALTH: Final = ("/healthz", "/readyz")
_SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class AccessMiddleware:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await _Exchange(self._app, scope, receive, send).run()


class HostMiddleware:
    """Refuses requests that name another host: a page elsewhere whose name was pointed at this machine (DNS rebinding).

    Health is answered under any name: platforms ask for it by an address.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = {*_OWN_HOSTS, *(name.lower() for name in allowed)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on or refuse it."""
        if scope["type"] != "http" or scope["path"] in _HEALTH or self._knows(Headers(scope=scope).getlist("host")):
            await self._app(scope, receive, send)
            return
        refusal = problem(
            HTTPStatus.BAD_REQUEST, "The service is not known by this Host; DFU_API_ALLOWED_HOSTS names more."
        )
        await response(refusal, Request(scope))(scope, receive, send)

    def _knows(self, hosts: list[str]) -> bool:
        named = {_PORT.sub("", host).lower() for host in hosts}
        return "*" in self._allowed or (len(hosts) == 1 and named <= self._allowed)


class _Exchange:
    def __init__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self._app, self._receive, self._send = app, receive, send
        self._request_id = _request_id(scope)
        self._method = scope["method"]
        # HEAD is GET without the body, which the server leaves out by itself: it still sees the method HEAD
        method = "GET" if self._method == "HEAD" else self._method
        self._scope = {**scope, "method": method, "state": {**scope.get("state", {}), "request_id": self._request_id}}
        self._status = 0
        self._bytes = 0

    async def run(self) -> None:
        started = time.perf_counter()
        try:
            await self._app(self._scope, self._receive, self._pass_on)
        except Exception:
            logger.exception("failed request_id=%s", self._request_id)
            if not self._status:
                request = Request(self._scope)
                await response(failed(), request)(self._scope, self._receive, self._pass_on)
        finally:
            self._log((time.perf_counter() - started) * 1000)

    async def _pass_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self._request_id
            for name, value in _SAFE.items():
                headers.setdefault(name, value)
        elif message["type"] == "http.response.body":
            self._bytes += len(message.get("body", b""))
        await self._send(message)

    def _log(self, duration_ms: float) -> None:
        query = self._scope["query_string"].decode("ascii", "backslashreplace")
        path = quote(self._scope["path"], safe="/") + (f"?{quote(query, safe='=&%{}:,.-')}" if query else "")
        facts = (self._request_id, self._method, path, self._status, duration_ms, self._bytes)
        logger.info("request_id=%s method=%s path=%s status=%d duration_ms=%.1f bytes=%d", *facts)


def _request_id(scope: Scope) -> str:
    """Return the id that a proxy or client has given, where it is a plain one, else a new one."""
    given = dict(scope["headers"]).get(b"x-request-id", b"")
    return given.decode() if _REQUEST_ID.fullmatch(given) else uuid4().hex
