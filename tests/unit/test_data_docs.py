"""The Data Docs as a site: the start page lists what was judged, and a page that was cut off is made again."""

import json
import re

import pytest

from expectations.engine.data_docs import is_done, write_start_page

PAGE = "<!DOCTYPE html>\n<html><body><p>what {time} found</p></body>\n</html>\n"


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
        ("a judged/then", "20261105T060001.1Z", result("warning", "critical")),  # its name is "a judged.then"
    ):
        path = tmp_path / "results" / batch / "run" / time / "source.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(found))
        page = tmp_path / "docs" / "validations" / batch / "run" / time / "source.html"
        page.parent.mkdir(parents=True)
        page.write_text(PAGE.replace("{time}", time))
    (tmp_path / "docs" / "static" / "images").mkdir(parents=True)
    (tmp_path / "docs" / "static" / "images" / "film.gif").write_text("frames")
    write_start_page(tmp_path / "docs", tmp_path / "results", "Data <quality> as of 2026-10")
    return tmp_path / "docs"


def test_start_page_needs_nothing_but_itself(site):
    text = (site / "index.html").read_text()
    assert not re.search(r"https?:|<script|<link|<img", text)
    assert "default-src &#39;none&#39;" in text
    assert "<title>Data &lt;quality&gt; as of 2026-10</title>" in text
    assert not (site / "static").exists()


def test_start_page_lists_what_was_judged_in_its_order_with_results_and_links(site):
    text = (site / "index.html").read_text()
    rows = re.findall(r"<tr class=.*?</tr>", text)
    assert [re.sub("(<[^>]*>)+", "|", row) for row in rows] == [
        "|warned|b &lt;judged&gt; first|3|1|2026-11-05 06:00:00|",
        "|failed|a judged.then|4|2|2026-11-05 06:00:01|",
    ]
    assert "validations/a%20judged/then/run/20261105T060001.1Z/source.html" in rows[1]


def test_a_page_is_done_once_it_is_whole(site):
    first = ("b <judged> first", "run", "20261105T060000.1Z", "source")
    assert is_done(site, "validations", first)
    assert not is_done(site, "expectations", first)
    page = site.joinpath("validations", *first[:-1], "source.html")
    page.write_text(PAGE[:40])  # of a run that was killed while Great Expectations wrote it
    assert not is_done(site, "validations", first)
