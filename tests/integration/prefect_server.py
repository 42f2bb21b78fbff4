"""A real Prefect server for tests: its own folder, its own port, ended by its own process."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Any

START_TIMEOUT_SECONDS = 240  # of a machine on which other tests run
_TRIES = 10


class PrefectServer:
    """`prefect server start` in a folder of its own, and the environment in which programs talk to it."""

    def __init__(self, folder: Path, *, pages: bool = False) -> None:
        self.folder = folder
        self.pages = pages
        self.port = free_port()
        self.api_url = f"http://127.0.0.1:{self.port}/api"
        foreign = ("PREFECT_", "DFU_ALERT_")  # of the developer's own shell or make
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | {
            "PREFECT_HOME": str(folder),
            "PREFECT_API_URL": self.api_url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        with self.log.open("ab") as log:
            pages = [] if self.pages else ["--no-ui"]
            self._process = subprocess.Popen([*command, *pages], env=self.environment, stdout=log, stderr=log)
        wait_until(self._answers, START_TIMEOUT_SECONDS, lambda: f"no Prefect server: {self.log.read_text()}")

    def stop(self) -> None:
        """End the process that start() began."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    @property
    def pid(self) -> int:
        """The number of the process that start() began."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> Path:
        """What the server wrote."""
        return self.folder / "server.log"

    def post(self, path: str, body: object) -> Any:
        """POST JSON to the API and return its answer."""
        return self._call("POST", path, json.dumps(body).encode())

    def delete(self, path: str) -> None:
        """DELETE what the API has at this path."""
        self._call("DELETE", path, None)

    def _call(self, method: str, path: str, body: bytes | None) -> Any:
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"{self.api_url}{path}", data=body, headers=headers, method=method)
        tries_left = _TRIES
        while True:
            try:
                with urllib.request.urlopen(request, timeout=15) as response:
                    return json.loads(response.read() or "null")
            except urllib.error.HTTPError as error:
                # so the server says that its SQLite is locked; Prefect's own client tries again, too
                tries_left -= 1
                if error.code != HTTPStatus.SERVICE_UNAVAILABLE or not tries_left:
                    raise
                time.sleep(0.5)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        try:
            with urllib.request.urlopen(f"{self.api_url}/health", timeout=5) as response:
                return response.status == 200
        except (urllib.error.URLError, OSError):
            return False


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(holds: Any, timeout_seconds: float, complaint: Any) -> Any:
    """Return the first true answer of holds(), asked ten times a second; fail with complaint() after the timeout."""
    end = time.monotonic() + timeout_seconds
    while not (answer := holds()):
        assert time.monotonic() < end, complaint()
        time.sleep(0.1)
    return answer
