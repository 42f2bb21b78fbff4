"""Servers of the tests' own, and databases that are loaded once and copied: a copy takes a fraction of a load."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
from psycopg2 import sql

from dfu_clustering.demo.server import EmbeddedServer, create_database, drop_database, start_server

_NUMBERS = itertools.count(1)


@contextmanager
def temporary_server() -> Iterator[EmbeddedServer]:
    """Lend a PostgreSQL server in a folder with a short path; its data need not outlive the machine."""
    folder = Path(tempfile.mkdtemp(prefix="dfu-pg-"))
    server = start_server(folder / "data")
    _run(server, sql.SQL("ALTER SYSTEM SET fsync = off"), sql.SQL("SELECT pg_reload_conf()"))
    yield server
    server.stop()
    shutil.rmtree(folder)


@contextmanager
def fresh_database(server: EmbeddedServer) -> Iterator[str]:
    """Lend the URL of an empty database; it is dropped afterwards."""
    name = f"test_{next(_NUMBERS)}"
    create_database(server.url(), name)
    yield server.url(name)
    drop_database(server.url(), name)


@contextmanager
def copied_database(server: EmbeddedServer, template: str) -> Iterator[str]:
    """Lend the URL of a copy of a database to which nobody is connected; it is dropped afterwards."""
    name = f"{template}_{next(_NUMBERS)}"
    copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    _run(server, copy.format(sql.Identifier(name), sql.Identifier(template)))
    yield server.url(name)
    drop_database(server.url(), name)


def _run(server: EmbeddedServer, *commands: sql.Composable) -> None:
    with closing(psycopg2.connect(server.url())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for command in commands:
                cursor.execute(command)
