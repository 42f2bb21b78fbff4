"""The stack of deploy/compose.yaml without a container engine: each service's own command, in namespaces of its own.

A service has its own network with the others' names, its own secrets and volumes, and the environment of the image and
of the stack. What is not as in a container: the root's files, the user, and PostgreSQL, which is this machine's.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.prefect_server import wait_until

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
POSTGRES_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
NETWORK = "10.77.35"
HEALTHY_S = 180
ENTER = """
set -eu
mount --bind "$SITE/hosts" /etc/hosts
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
mkdir /run/secrets
[ -z "$(ls -A "$SITE/secrets")" ] || cp "$SITE"/secrets/* /run/secrets/
while read -r source target options; do
    mkdir -p "$target"
    mount --bind "$source" "$target"
    mount -o "remount,bind,$options" "$target"
done <"$SITE/volumes"
exec "$@"
"""
# what the image of PostgreSQL does on an empty volume
INITIALISE = """
set -eu
own="$SITE/postgres"
as_postgres() { setpriv --reuid postgres --regid postgres --clear-groups "$@"; }
install -d -o postgres -g postgres "$own" /run/postgresql
as_postgres initdb --pgdata "$own/data" --username postgres --pwfile "$POSTGRES_PASSWORD_FILE" \\
    --auth-local trust --auth-host scram-sha-256 >/dev/null
echo "host all all all scram-sha-256" >>"$own/data/pg_hba.conf"
as_postgres pg_ctl --pgdata "$own/data" --wait --log "$own/log" --options "-c listen_addresses=" start >/dev/null
[ -z "${POSTGRES_DB:-}" ] || as_postgres createdb --username postgres "$POSTGRES_DB"
for script in "$SITE"/initialise/*.sql; do
    [ ! -f "$script" ] || as_postgres psql --username postgres --quiet --set ON_ERROR_STOP=1 --file "$script"
done
as_postgres pg_ctl --pgdata "$own/data" --wait stop >/dev/null
as_postgres postgres -D "$own/data" -c listen_addresses='*'
"""


class Service:
    """One service of the stack.

    Attributes:
        declared: What the stack says of it.
    """

    def __init__(self, name: str, declared: dict[str, Any], folder: Path, network: str) -> None:
        self.name, self.declared, self.folder, self.network = name, declared, folder, network
        self.process: subprocess.Popen[bytes] | None = None
        self.environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "SITE": str(folder)} | {
            key: value for key, value in (declared.get("environment") or {}).items() if value is not None
        }

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def start(self, command: list[str]) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._inside(command), cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def run(self, *command: str, timeout: float = 120) -> "subprocess.CompletedProcess[str]":
        """Run a command as `docker compose exec` does."""
        inside = self._inside(list(command))
        return subprocess.run(
            inside, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False, timeout=timeout
        )

    def is_healthy(self) -> bool:
        """Tell whether the service's own health check succeeds."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        kind, *command = self.declared["healthcheck"]["test"]
        assert kind == "CMD"
        return self.run(*command).returncode == 0

    def has_completed(self) -> bool:
        """Tell whether its command is over, and fail where it did not succeed."""
        assert self.process is not None
        assert self.process.poll() in (None, 0), self.log.read_text()[-3000:]
        return self.process.poll() == 0

    def stop(self) -> None:
        """Send what the engine sends, and wait as long as the stack says."""
        if self.process is None or self.process.poll() is not None:
            return
        family = [*psutil.Process(self.process.pid).children(recursive=True), psutil.Process(self.process.pid)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        _, left = psutil.wait_procs(family, timeout=45)
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()

    def _inside(self, command: list[str]) -> list[str]:
        enter = ["nsenter", f"--net=/run/netns/{self.network}", "unshare", "--mount", "sh", "-c", ENTER, "service"]
        return [*enter, *command]


class ComposeSite:
    """All services of the stack; start() brings them up in the order and under the conditions that it declares."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run([ROOT / "deploy/secrets.sh", folder / "secrets"], check=True, capture_output=True)
        self.stack = self._stack()
        names = list(self.stack["services"])
        self.networks = {name: f"dfu{os.getpid()}x{number}" for number, name in enumerate(names)}
        self.services = {name: self._service(name) for name in names}
        self.started: list[str] = []

    def start(self) -> None:
        """Bring up each service after those that it depends on."""
        self._connect()
        while waiting := [name for name in self.services if name not in self.started]:
            ready = next(name for name in waiting if set(self._needs(name)) <= set(self.started))
            self._await(ready)
            self._start(self.services[ready])
            self.started.append(ready)
        for name, service in self.services.items():
            if "healthcheck" in service.declared:
                self._await_health(name)

    def stop(self) -> None:
        """End what start() began, the last first."""
        for name in reversed(self.started):
            self.services[name].stop()
        for network in self.networks.values():
            subprocess.run(["ip", "netns", "delete", network], capture_output=True, check=False)
        subprocess.run(["ip", "link", "delete", self._bridge], capture_output=True, check=False)

    def _stack(self) -> dict[str, Any]:
        command = [str(PROGRAMS / "docker-compose"), "--file", "deploy/compose.yaml", "--env-file", "/dev/null"]
        found = subprocess.run(
            [*command, "--profile", "demo", "config", "--format", "json"],
            cwd=ROOT,
            env=os.environ | {"DFU_SECRETS": str(self.folder / "secrets")},
            capture_output=True,
            text=True,
            check=True,
        )
        stack: dict[str, Any] = json.loads(found.stdout)
        return stack

    def _service(self, name: str) -> Service:
        declared, folder = self.stack["services"][name], self.folder / name
        for made in ("secrets", "initialise", "tmp"):
            (folder / made).mkdir(parents=True)
        folder.joinpath("hosts").write_text(
            "127.0.0.1 localhost\n"
            + "".join(f"{NETWORK}.{number} {other}\n" for number, other in enumerate(self.networks, start=2))
        )
        for secret in declared.get("secrets", []):
            source = self.stack["secrets"][secret["source"]]["file"]
            shutil.copy(source, folder / "secrets" / Path(secret.get("target") or secret["source"]).name)
        folder.joinpath("volumes").write_text("".join(self._volumes(name)))
        service = Service(name, declared, folder, self.networks[name])
        if "build" in declared:
            service.environment = image_environment(folder / "tmp") | service.environment
            service.environment["PATH"] = f"{PROGRAMS}:{os.environ['PATH']}"
        else:
            service.environment["PATH"] = f"{POSTGRES_PROGRAMS[-1]}:{os.environ['PATH']}"
        return service

    def _volumes(self, name: str) -> Iterator[str]:
        """Yield source, target and options of each volume that is not PostgreSQL's own."""
        for volume in self.stack["services"][name].get("volumes", []):
            if volume["target"] == "/var/lib/postgresql":
                continue
            if volume["target"].startswith("/docker-entrypoint-initdb.d/"):
                shutil.copy(volume["source"], self.folder / name / "initialise")
                continue
            source = self.folder / "volumes" / volume["source"]
            source.mkdir(parents=True, exist_ok=True)
            yield f"{source} {volume['target']} {'ro' if volume.get('read_only') else 'rw'}\n"

    def _start(self, service: Service) -> None:
        if "build" in service.declared:
            service.start([str(ROOT / "deploy/entrypoint.sh"), *service.declared["command"]])
        else:
            service.start(["sh", "-c", INITIALISE])

    def _needs(self, name: str) -> dict[str, Any]:
        needs: dict[str, Any] = self.services[name].declared.get("depends_on", {})
        return needs

    def _await(self, name: str) -> None:
        for other, how in self._needs(name).items():
            if how["condition"] == "service_healthy":
                self._await_health(other)
            elif how["condition"] == "service_completed_successfully":
                service = self.services[other]
                wait_until(service.has_completed, HEALTHY_S, service.log.read_text)

    def _await_health(self, name: str) -> None:
        service = self.services[name]
        wait_until(service.is_healthy, HEALTHY_S, lambda: f"{name}: {service.log.read_text()[-3000:]}")

    @property
    def _bridge(self) -> str:
        return f"dfu{os.getpid()}"

    def _connect(self) -> None:
        """Give each service a network of its own, all on one bridge that leads nowhere else."""
        ip("link", "add", self._bridge, "type", "bridge")
        ip("link", "set", self._bridge, "up")
        for number, network in enumerate(self.networks.values(), start=2):
            outside = f"{self._bridge}v{number}"
            ip("netns", "add", network)
            ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", network)
            ip("link", "set", outside, "master", self._bridge, "up")
            ip("-n", network, "addr", "add", f"{NETWORK}.{number}/24", "dev", "eth0")
            ip("-n", network, "link", "set", "eth0", "up")
            ip("-n", network, "link", "set", "lo", "up")


def image_environment(tmp: Path) -> dict[str, str]:
    """Return what the Dockerfile sets, with a folder in the place of the container's own /tmp."""
    steps = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    (block,) = re.findall(r"^ENV PATH=(?:.*\\\n)*.*", steps, re.MULTILINE)
    pairs = re.findall(r"(\w+)=(\S+)", block)
    return {key: re.sub(r"^/tmp", str(tmp), value) for key, value in pairs if key != "PATH"}


def ip(*arguments: str) -> None:
    """Run ip(8)."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@contextmanager
def compose_site(folder: Path) -> Iterator[ComposeSite]:
    """Lend the stack, up and healthy; skip where this machine cannot make networks or has no whole PostgreSQL."""
    may = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, check=False).returncode == 0
    if not may or shutil.which("ip") is None:
        pytest.skip("networks of their own need root and the right to make them")
    if not POSTGRES_PROGRAMS or not list(Path("/usr/share/postgresql").glob("*/extension/pg_trgm.control")):
        pytest.skip("the Prefect server needs a PostgreSQL with pg_trgm: install Debian's postgresql")
    site = ComposeSite(folder)
    try:
        site.start()
        yield site
    finally:
        site.stop()
