"""The Data Docs as a site of its own: nothing is loaded from elsewhere, and the start page needs no script."""

import json
import re

import pytest

from expectations.engine.data_docs import is_done, make_self_contained

PAGE = """<html><head>
<link rel="stylesheet" href="https://cdn.example/bootstrap.css">
<link rel="shortcut icon" href="../../../static/images/favicon.ico" type="image/x-icon"/>
<script src="https://cdn.example/jquery.js"></script><style>b { background: url('https://cdn.example/b.png') }</style>
</head><body><img
  src="https://cdn.example/logo.png"/><a href="../../index.html">Home</a>
<script>
  $("table").show();
</script>{body}<footer><p>Stay current <a href="https://cdn.example">here</a></p></footer></body></html>"""


def result(*severities_of_failures, passed=2):
    answers = [{"success": True, "expectation_config": {"severity": "critical"}}] * passed
    return {
        "results": answers
        + [{"success": False, "expectation_config": {"severity": severity}} for severity in severities_of_failures]
    }


@pytest.fixture
def site(tmp_path):
    """A site of two batches, the later of which failed, as Great Expectations leaves it."""
    for batch, time, found in (
        ("b <judged> first", "20261105T060000.1Z", result("warning")),
        ("a judged then", "20261105T060001.1Z", result("warning", "critical")),
    ):
        path = tmp_path / "results" / batch / "run" / time / "source.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(found))
        page = tmp_path / "docs" / "validations" / batch / "run" / time / "source.html"
        page.parent.mkdir(parents=True)
        page.write_text(PAGE.replace("{body}", f"<p>what {time} found</p>"))
    (tmp_path / "docs" / "index.html").write_text(PAGE)
    (tmp_path / "docs" / "static" / "images").mkdir(parents=True)
    (tmp_path / "docs" / "static" / "images" / "film.gif").write_text("frames")
    make_self_contained(tmp_path / "docs", tmp_path / "results", "Data quality as of 2026-10")
    return tmp_path / "docs"


def test_no_page_loads_anything_from_elsewhere_or_runs_a_script(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) == 3
    for page in pages:
        text = page.read_text()
        assert not re.search(r"https?:|<script|film|favicon", text)
        (style,) = re.findall(r'<link rel="stylesheet" href="([^"]*)"', text)
        assert (page.parent / style).resolve() == (site / "style.css").resolve()
        assert (page.parent / style).exists()
    assert not (site / "static").exists()


def test_pages_keep_what_they_say(site):
    (page,) = site.glob("validations/a*/**/*.html")
    assert "<p>what 20261105T060001.1Z found</p>" in page.read_text()
    assert '<a href="../../index.html">Home</a>' in page.read_text()


def test_start_page_lists_what_was_judged_in_its_order_with_results_and_links(site):
    text = (site / "index.html").read_text()
    rows = re.findall(r"<tr class=.*?</tr>", text)
    assert [re.sub("<[^>]*>", "|", row) for row in rows] == [
        "||warned|||b &lt;judged&gt; first|||3||1||2026-11-05 06:00:00||",
        "||failed|||a judged then|||4||2||2026-11-05 06:00:01||",
    ]
    assert "validations/a%20judged%20then/run/20261105T060001.1Z/source.html" in rows[1]


def test_a_page_is_done_once_it_is_self_contained_and_not_while_it_is_as_it_came(site):
    first = ("b <judged> first", "run", "20261105T060000.1Z", "source")
    assert is_done(site, "validations", first)
    assert not is_done(site, "expectations", first)
    page = site.joinpath("validations", *first[:-1], "source.html")
    page.write_text(PAGE[:100])  # of a run that was killed while Great Expectations wrote it
    assert not is_done(site, "validations", first)


def test_a_site_that_is_made_again_stays_as_it_is(site, tmp_path):
    before = {page: page.read_text() for page in site.rglob("*.html")}
    make_self_contained(site, tmp_path / "results", "Data quality as of 2026-10")
    assert {page: page.read_text() for page in site.rglob("*.html")} == before
