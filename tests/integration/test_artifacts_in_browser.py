"""Prefect's artifacts in its own UI, in a real browser: whatever a label, key or reason holds is text there."""

import pytest
from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_URL, temporary_settings

from dfu_clustering.publishing.outcome import PublishSummary, Transition
from dfu_clustering.quality.gate_reports import Check, GateReport
from dfu_clustering.steps.restore_labels import RestoreSummary
from tasks.support.artifacts import restore_markdown, show_gate
from tests.browser import Visit, headless_chromium
from tests.integration.prefect_server import PrefectServer

pytestmark = [pytest.mark.integration, pytest.mark.slow]

LABELS = (
    "<img src=x onerror='window.hacked=1'>",
    "[approve](javascript:window.hacked=1)",
    "a | b | 999 |",
    "![x](https://evil.example/x.png)",
    "**bold** `code` _soft_ ~~gone~~",
)


@flow
def attach():
    published = PublishSummary(
        transitions=tuple(Transition(old_label=label, new_label="plain", dfus=7) for label in LABELS),
        not_found=0,
        not_found_keys=(),
        dry_run=True,
    )
    restored = RestoreSummary.model_construct(
        run="2026-10-d-x",
        as_of_month="2026-10",
        replaced_run="2026-11-d-<b>y</b>",
        published=published,
        alias="moved",
        folder="/tmp/`x` <b>y</b>",
    )
    create_markdown_artifact(key="hostile-markdown", markdown=restore_markdown(restored, "dim_dfu"))
    checks = [
        Check(
            name="abc_vol_is_known",
            severity="warning",
            description=f"abc_vol is one of {LABELS[0]}",
            passed=False,
            observed=LABELS[1],
            threshold="none wrong",
            sample_keys=list(LABELS),
        )
    ]
    show_gate(
        GateReport(
            suite="dim_dfu",
            as_of_month="2026-10",
            outcome="warned",
            override_reason=None,
            checks=checks,
            not_judged=[],
            facts={},
            duration_s=0.1,
        )
    )


@pytest.fixture(scope="module")
def browser():
    with headless_chromium() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = PrefectServer(tmp_path_factory.mktemp("prefect-ui"), ui=True)
    server.start()
    with temporary_settings({PREFECT_API_URL: server.api_url}):
        attach()
        yield server
        APILogWorker.drain_all(timeout=10)
    server.stop()


@pytest.mark.parametrize("key", ["hostile-markdown", "data-quality-dim-dfu"])
def test_no_value_becomes_part_of_the_page(server, browser, key):
    with get_client(sync_client=True) as client:
        (artifact,) = [one for one in client.read_artifacts() if one.key == key]
    address = f"{server.api_url.removesuffix('/api')}/artifacts/artifact/{artifact.id}"
    visit = Visit(browser, address)
    shown = visit.page.locator(".markdown-renderer, .p-markdown-renderer, table").first
    shown.wait_for()
    visit.page.wait_for_timeout(1000)
    text = " ".join(visit.page.inner_text("body").split())
    for label in LABELS:
        assert label in text
    assert visit.page.evaluate("window.hacked") is None
    inside = visit.page.locator(".p-markdown-renderer, .markdown-renderer")
    assert inside.locator("img, a[href*=javascript], a[href*=evil]").count() == 0
    assert [url for url in visit.requests if "evil.example" in url] == []
    visit.close()
