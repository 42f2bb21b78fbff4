"""A Prefect server that stays while flows run, as where they are deployed."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

_LONGEST_START_S = 120
_LONGEST_END_S = 15


@dataclass(frozen=True)
class PrefectServer:
    """A server that answers.

    Attributes:
        url: Of its API.
        pid: Of its process.
    """

    url: str
    pid: int

    def cpu_s(self) -> float:
        """Return the seconds of the CPU that it has used so far."""
        server = psutil.Process(self.pid)
        return float(sum(sum(process.cpu_times()[:2]) for process in (server, *server.children(recursive=True))))


def own_environment(home: Path) -> dict[str, str]:
    """Return an environment in which programs know no Prefect but that of a folder, whatever the developer's own is."""
    home.mkdir(parents=True, exist_ok=True)
    known = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return {
        **known,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(_LONGEST_START_S),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


@contextmanager
def prefect_server(home: Path) -> Iterator[PrefectServer]:
    """Start a server whose database lies in a folder, and end it after the block."""
    port = _free_port()
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    environment = own_environment(home)
    with (
        (home / "server.log").open("a") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}/api"
            _wait_for(url, process)
            yield PrefectServer(url, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(_LONGEST_END_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _LONGEST_START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise SystemExit(f"the Prefect server does not answer at {url}; its log lies in its home")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
