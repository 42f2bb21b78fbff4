"""Fixtures that more than one test folder needs."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dfu_clustering.demo.server import EmbeddedServer, create_database, drop_database, start_server

_DATABASE_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedServer]:
    """A PostgreSQL server of this test session's own, in a folder with a short path."""
    folder = Path(tempfile.mkdtemp(prefix="dfu-pg-"))
    server = start_server(folder / "data")
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def postgres_url(postgres_server: EmbeddedServer) -> Iterator[str]:
    """The URL of a fresh, empty database, dropped afterwards."""
    name = f"test_{next(_DATABASE_NUMBERS)}"
    create_database(postgres_server.url(), name)
    yield postgres_server.url(name)
    drop_database(postgres_server.url(), name)
