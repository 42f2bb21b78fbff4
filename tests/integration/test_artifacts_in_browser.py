"""What a run shows in Prefect's own pages: each value is text there, whatever it holds."""

import os
import subprocess
import sys

import pytest

from tests.browser import Visit, headless_chromium
from tests.integration.prefect_server import PrefectServer, wait_until
from tests.unit.test_markdown import HOSTILE

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SHOW = """
import sys
from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from tasks.support.markdown import code, text

@flow(name="show")
def show(values):
    lines = [f"- in a line: {text(value)}, as code: {code(value)}" for value in values]
    rows = [f"| {text(value)} | last |" for value in values]
    markdown = "\\n".join([*lines, "", "| value | cell |", "| --- | --- |", *rows])
    print(create_markdown_artifact(key="hostile", markdown=markdown))

show(sys.argv[1:])
"""
# what a page must not hold after values have been shown in it
MADE_OF_VALUES = """() => ({
    scripts: [...document.querySelectorAll('main img, main iframe, main script')].map(one => one.outerHTML),
    links: [...document.querySelectorAll('a')].map(one => one.getAttribute('href') ?? '')
        .filter(href => /javascript:|evil/.test(href)),
})"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A Prefect server with its pages."""
    server = PrefectServer(tmp_path_factory.mktemp("ui") / "server", pages=True)
    server.folder.mkdir()
    server.start()
    yield server
    server.stop()


def test_values_are_text_in_the_markdown_artifact_of_a_run(server):
    done = subprocess.run(
        [sys.executable, "-c", SHOW, *HOSTILE], env=os.environ | server.environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    number = done.stdout.split()[-1]
    with headless_chromium() as browser:
        visit = Visit(browser, f"{server.api_url.removesuffix('/api')}/artifacts/artifact/{number}")
        dialogs: list[str] = []
        visit.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        wait_until(lambda: "high_volume_steady" in visit.page.inner_text("body"), 60, visit.page.content)
        shown = " ".join(visit.page.inner_text("body").split())
        assert visit.page.evaluate(MADE_OF_VALUES) == {"scripts": [], "links": []}
        assert dialogs == []
        assert [value for value in HOSTILE if f"in a line: {' '.join(value.split())}, as code" not in shown] == []
        assert [address for address in visit.requests if "evil" in address] == []
        visit.close()
