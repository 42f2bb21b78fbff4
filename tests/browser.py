"""A headless Chromium of the system for tests, and what a page did in it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM_VARIABLE = "DFU_CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_TIMEOUT_MS = 60_000  # of a machine on which other tests run


def chromium_path() -> str | None:
    """Return the browser that DFU_CHROMIUM names, else the first one on the path."""
    return os.environ.get(CHROMIUM_VARIABLE) or next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def headless_chromium() -> Iterator[Browser]:
    """Lend a browser; the test is skipped where there is none."""
    path = chromium_path()
    if path is None:
        pytest.skip(f"no Chromium: install Debian's package chromium, or name a browser in {CHROMIUM_VARIABLE}")
    with sync_playwright() as playwright:
        # tests run as root in containers, where Chromium's sandbox does not start
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Visit:
    """One page that was opened, with everything that went wrong or over the network meanwhile."""

    def __init__(self, browser: Browser, address: str, **context: Any) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context})
        self._context.set_default_timeout(_TIMEOUT_MS)
        self.page: Page = self._context.new_page()
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)

    @classmethod
    def of_report(cls, browser: Browser, path: Path, **context: Any) -> "Visit":
        """Open a report from its file and wait until its charts are drawn."""
        visit = cls(browser, path.as_uri(), **context)
        visit.page.wait_for_selector("html[data-ready]", state="attached")
        visit.page.wait_for_selector("figure.course svg", state="attached")
        return visit

    def close(self) -> None:
        """Close the page."""
        self._context.close()
