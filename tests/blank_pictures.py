"""Runs that leave blank pictures: painting is most of a small run, and many tests look at none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def pictures_left_blank() -> Iterator[Callable[..., None]]:
    """Let figures be made of the data as ever, but not painted; what is lent is the way to paint them."""
    from PIL import Image  # late: most files of tests need neither this nor matplotlib

    from dfu_clustering.outputs import pictures

    def save(_: Any, files: Any, picture: Any) -> None:
        Image.new("RGB", (12, 6), "white").save(files.path(picture))

    painted = pictures._save
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "_save", save)
        yield painted
