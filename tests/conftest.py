"""Fixtures that more than one test folder needs."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from databases import fresh_database, temporary_server

from dfu_clustering.demo.server import EmbeddedServer


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of a file to one worker; files that share what takes long to make name a group of their own."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture(scope="module")
def blank_pictures() -> Iterator[Callable[..., None]]:
    """Let the runs of a file leave blank pictures: painting is most of a small run, and here nobody looks at them.

    Figures are made of the data as ever, but not painted. What is lent is the way to paint them.
    """

    from PIL import Image  # late: most files need neither this nor matplotlib

    from dfu_clustering.outputs import pictures

    def save(_: Any, files: Any, picture: Any) -> None:
        Image.new("RGB", (12, 6), "white").save(files.path(picture))

    painted = pictures._save
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "_save", save)
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
