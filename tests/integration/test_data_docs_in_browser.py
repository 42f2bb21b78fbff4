"""The Data Docs in a real browser: whatever a value, key, column or name of a table holds is text."""

import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

import great_expectations.expectations as gxe
import pandas as pd
import psycopg2
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.quality.gate_reports import GatePolicy
from dfu_clustering.runs.run import Run
from dfu_clustering.warehouse.connect import connect_engine
from expectations.engine.checks import Batch, declare, parameter
from expectations.engine.validation import Validator
from expectations.gate import judge_sources
from tests.browser import Visit, headless_chromium

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

pytestmark = pytest.mark.integration

HOSTILE = (
    """<img src=x onerror="window.hacked=1"><script>window.hacked=1</script><svg onload='window.hacked=1'>&amp;$n"""
)
LINK = (
    '<a href="javascript:window.hacked=1">approve</a><meta http-equiv="refresh" content="0;url=https://evil.example">'
)


@pytest.fixture(scope="module")
def docs(tmp_path_factory):
    """The site of a run that judged hostile rows by every kind of expectation that shows values."""
    run = Run.open(tmp_path_factory.mktemp("docs"), as_of_month="2026-10", config_digest="d", run_id="x")
    rows = pd.DataFrame(
        {
            "dfu_ck": [*(f"{number} {HOSTILE}" for number in range(4)), HOSTILE, HOSTILE],
            "abc_vol": [HOSTILE, HOSTILE, LINK, LINK, "A", None],
            HOSTILE: [LINK] * 6,
        }
    )
    kinds: list[tuple[type[Expectation], dict[str, Any]]] = [
        (gxe.ExpectColumnValuesToBeInSet, {"column": "abc_vol", "value_set": ["A", f"A{HOSTILE}"]}),
        (gxe.ExpectColumnValuesToNotBeInSet, {"column": "abc_vol", "value_set": [HOSTILE, LINK]}),
        (gxe.ExpectColumnDistinctValuesToContainSet, {"column": "abc_vol", "value_set": [f"B{HOSTILE}"]}),
        (gxe.ExpectColumnValuesToMatchRegex, {"column": "abc_vol", "regex": "^[<A]b"}),
        (gxe.ExpectColumnValuesToNotBeNull, {"column": "abc_vol"}),
        (gxe.ExpectColumnValuesToBeUnique, {"column": "dfu_ck"}),
        (gxe.ExpectColumnValuesToBeUnique, {"column": HOSTILE}),
        (gxe.ExpectTableRowCountToBeBetween, {"min_value": parameter("fewest")}),
    ]
    asked = [
        declare(kind, f"of_{number}", "warning", f"{HOSTILE} {LINK} {number}", f"{HOSTILE} failed", **settings)
        for number, (kind, settings) in enumerate(kinds)
    ]
    validator = Validator(run)
    judgement = validator.judge([Batch(f"rows of {HOSTILE}", rows, asked, key="dfu_ck")], {"fewest": 7})
    assert [check.name for check in judgement.checks if check.passed] == []
    validator.write_docs()
    return run.folder / "data_docs"


def judged_warehouse(url, folder):
    """The site of the source gate on a warehouse whose attributes hold markup."""
    load_panel(url, generate_panel(200, 30, 3))
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE dim_dfu ALTER abc_vol TYPE text")
        cursor.execute("ALTER TABLE dim_item ALTER item_status TYPE text")
        cursor.execute("UPDATE dim_dfu SET abc_vol = %s WHERE dfu_sk %% 2 = 0", (HOSTILE,))
        cursor.execute("UPDATE dim_item SET item_status = %s", (LINK,))
    run = Run.open(folder, as_of_month="2026-10", config_digest="d", run_id="x")
    engine = connect_engine(url)
    judge_sources(load_config(), engine, run, GatePolicy(), chosen=False)
    engine.dispose()
    return run.folder / "data_docs"


def test_attributes_of_the_warehouse_are_text(browser, postgres_url, tmp_path):
    docs = judged_warehouse(postgres_url, tmp_path)
    for batch, value in (("dim_dfu rows", HOSTILE), ("dim_item rows", LINK)):
        (path,) = docs.glob(f"validations/{batch}/**/*.html")
        opened = Visit(browser, path.as_uri())
        assert value in opened.page.inner_text("body")
        assert opened.page.evaluate("window.hacked") is None
        assert (opened.complaints, opened.requests) == ([], [path.as_uri()])
        opened.close()


@pytest.fixture(scope="module")
def browser():
    with headless_chromium() as chromium:
        yield chromium


@pytest.fixture(scope="module", params=["index.html", "validations/**/*.html", "expectations/**/*.html"])
def page(request, browser, docs):
    (path,) = docs.glob(request.param)
    opened = Visit(browser, path.as_uri())
    yield path, opened
    opened.close()


def test_no_value_becomes_part_of_a_page(page):
    path, opened = page
    assert opened.page.evaluate("window.hacked") is None
    assert opened.page.locator("img, script, svg, form, iframe, meta[http-equiv=refresh]").count() == 0
    assert opened.page.evaluate("[...document.links].filter(a => a.protocol !== 'file:').length") == 0
    # nothing had to be stopped, nothing was asked for, and the browser is where it was sent
    assert (opened.complaints, opened.requests) == ([], [path.as_uri()])
    assert opened.page.url == path.as_uri()


def test_values_are_shown_as_they_are(page):
    path, opened = page
    text = opened.page.inner_text("body")
    assert HOSTILE.replace("/", "_") in text  # the batch, as the name of a file
    if path.name != "index.html":
        assert HOSTILE in text
        assert LINK in text


def test_markup_that_came_in_after_all_would_run_nothing(page):
    _, opened = page
    opened.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<b onclick=\"window.hacked=1\">x</b>')")
    opened.page.locator("b", has_text=re.compile("^x$")).click()
    assert opened.page.evaluate("window.hacked") is None


def test_pages_lead_to_the_start_page_and_back(browser, docs):
    opened = Visit(browser, (docs / "index.html").as_uri())
    opened.page.click("tbody a")
    assert "/validations/" in opened.page.url
    assert opened.page.inner_text("h4, .alert, strong >> nth=0")
    opened.page.click("nav a >> text=Home")
    assert opened.page.url == (docs / "index.html").as_uri()
    opened.close()
