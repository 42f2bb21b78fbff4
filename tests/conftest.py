"""Fixtures that more than one test folder needs."""

from collections.abc import Iterator

import pytest
from databases import fresh_database, temporary_server

from dfu_clustering.demo.server import EmbeddedServer


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of a file to one worker; files that share what takes long to make name a group of their own."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedServer]:
    """A PostgreSQL server of this test session's own."""
    with temporary_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: EmbeddedServer) -> Iterator[str]:
    """The URL of a fresh, empty database, dropped afterwards."""
    with fresh_database(postgres_server) as url:
        yield url
