"""The service as it is run: python -m api on a free port, on a database that a real run has published to."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tests.integration.prefect_server import free_port, wait_until

START_SECONDS = 60
STOP_SECONDS = 30


@dataclass(frozen=True)
class Reply:
    """What the service answered."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ApiSite:
    """A process of the service, and its addresses."""

    def __init__(
        self, folder: Path, database_url: str, var: Path, config: Path | None = None, **settings: object
    ) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.log = folder / "api.log"
        given = {f"DFU_API_{name.upper()}": str(value) for name, value in settings.items()}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DFU_")}
        self._environment = kept | given | {"DATABASE_URL": database_url, "DFU_CLUSTERING_VAR": str(var)}
        if config is not None:
            self._environment["DFU_CLUSTERING_CONFIG"] = str(config)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "ApiSite":
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "api", "--port", self.url.rpartition(":")[2]]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        wait_until(self._answers, START_SECONDS, lambda: f"no answer: {self.log.read_text()}")
        return self

    def stop(self) -> None:
        """End it as a container platform would; it must finish what it does and then end by itself."""
        assert self._process is not None
        self._process.terminate()
        try:
            # uvicorn ends by the signal that it was sent, after it has shut down
            assert self._process.wait(STOP_SECONDS) in (0, -signal.SIGTERM)
            assert "Application shutdown complete" in self.log.read_text()
        finally:
            self._process.kill()
            self._process.wait()

    def get(self, path: str, method: str = "GET", headers: dict[str, str] | None = None, **query: Any) -> Reply:
        """Ask for a path, already encoded, with a query that is encoded here."""
        address = f"{self.url}{path}" + (f"?{urlencode(query)}" if query else "")
        request = urllib.request.Request(address, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return Reply(reply.status, reply.headers, reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.headers, error.read())

    def page(self, filters: object = None, **query: Any) -> Reply:
        """Ask for a page; filters are encoded as JSON."""
        if filters is not None:
            query["filters"] = json.dumps(filters)
        return self.get("/domains/dfu/page", **query)

    def dfu(self, dfu_ck: str) -> Reply:
        """Ask for a DFU, with everything in its key encoded."""
        return self.get(f"/domains/dfu/{quote(dfu_ck, safe='')}")

    def access_lines(self) -> list[dict[str, str]]:
        """Return the lines of the access log, key by key."""
        lines = [line for line in self.log.read_text().splitlines() if " api.middleware request_id=" in line]
        return [dict(re.findall(r"(\w+)=(\S+)", line)) for line in lines]

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        try:
            return self.get("/healthz").status == 200
        except OSError:
            return False
