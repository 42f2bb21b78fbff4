"""Fixtures that more than one test folder needs."""

from collections.abc import Callable, Iterator

import pytest

from dfu_clustering.demo.server import EmbeddedServer
from tests.blank_pictures import pictures_left_blank
from tests.databases import fresh_database, temporary_server

SERVER = "prefect_server"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of a file to one worker, and to one all that need a Prefect server: it takes long to start."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            needed = getattr(item, "fixturenames", ())
            item.add_marker(pytest.mark.xdist_group(SERVER if SERVER in needed else item.path.name))


@pytest.fixture(scope="module")
def blank_pictures() -> Iterator[Callable[..., None]]:
    """Let the runs of a file leave blank pictures; what is lent is the way to paint them."""
    with pictures_left_blank() as painted:
        yield painted


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
