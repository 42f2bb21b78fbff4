"""The report in a real browser: it renders, answers, harms nobody whatever a key holds, and is accessible."""

import re

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe

from dfu_clustering.files.summary import write_summary
from dfu_clustering.files.tables import write_table
from dfu_clustering.report.page import with_links
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.manifest import LABEL_SEGMENTS
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.build_report import build_report
from tests.browser import Visit, headless_chromium
from tests.report_runs import CONFIG, HOSTILE_KEYS, make_run, stability_of

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("blank_pictures")]

SCHEMES = ("light", "dark")
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    run = make_run(tmp_path_factory.mktemp("report"), n_dfus=200)  # so many that some are near another segment
    told = stability_of(churn_share=0.05, ari=0.9, refit=False, refit_reason="fits")
    write_summary(told, run.path(RunFile.STABILITY))
    names = ["dfu_ck", "old_label", "new_label", "word", "feature", "before", "after"]
    moved = pd.DataFrame([[key, "a", "b", "rising", "log_growth", 0.1, 0.5] for key in HOSTILE_KEYS], columns=names)
    write_table(moved, run.path(RunFile.LABEL_CHANGES))
    build_report(run, CONFIG)
    return run


@pytest.fixture(scope="module")
def browser():
    with headless_chromium() as chromium:
        yield chromium


@pytest.fixture
def visit(browser, run):
    visits = []

    def open_report(**context):
        visits.append(Visit.of_report(browser, run.path(RunFile.REPORT), **context))
        return visits[-1]

    yield open_report
    for opened in visits:
        opened.close()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_page_renders_without_complaint_and_loads_nothing(visit, run, scheme):
    opened = visit(color_scheme=scheme)
    assert opened.complaints == []
    assert opened.requests == [run.path(RunFile.REPORT).as_uri()]
    segments = len(run.result(LABEL_SEGMENTS).segments)
    for chart in ("figure.course svg", "article.members", ".heat tbody tr"):
        assert opened.page.locator(chart).count() == segments
    for chart in ("#map-chart svg", "#flows svg"):
        assert opened.page.locator(chart).count() == 1
    assert opened.page.locator("#curves svg").count() == 4
    assert opened.page.title() == "Demand segments as of October 2026"
    ground = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(251, 250, 248)", "dark": "rgb(22, 23, 26)"}[scheme]


def test_heads_stand_as_what_is_below_them(visit):
    aligned = "heads => heads.map(head => getComputedStyle(head).textAlign)"
    heads = visit().page.locator(".matrix thead tr")
    for row in heads.all():
        first, *others = row.locator("th").evaluate_all(aligned)
        assert first == "left"
        assert set(others) == {"right"}
    assert heads.count() == 1


def test_keys_that_look_like_markup_are_shown_as_texts(visit):
    opened = visit()
    assert opened.page.evaluate("window.broken") is None
    keys = opened.page.evaluate("JSON.parse(document.getElementById('report-data').textContent).sample.map(d => d.key)")
    assert set(HOSTILE_KEYS) <= set(keys)
    assert opened.page.locator("main img, main script, td b").count() == 0
    for key in HOSTILE_KEYS:
        opened.page.fill("#find", key.strip()[:20])
        opened.page.keyboard.press("Enter")
        shown = opened.page.locator("#dfu-heading").text_content()
        assert shown == key
    assert opened.page.evaluate("window.broken") is None
    assert opened.complaints == []


@pytest.mark.parametrize(("scheme", "viewport"), [("light", None), ("dark", PHONE)])
def test_axe_finds_no_fault(visit, scheme, viewport):
    opened = visit(color_scheme=scheme, **({"viewport": viewport} if viewport else {}))
    opened.page.fill("#find", "DC0")
    opened.page.keyboard.press("Enter")
    opened.page.evaluate("document.querySelectorAll('details').forEach((node) => (node.open = true))")
    found = Axe().run(opened.page).response["violations"]
    assert {fault["id"]: [node["target"] for node in fault["nodes"]][:3] for fault in found} == {}


def test_filter_leaves_one_segment(visit, run):
    page = visit().page
    segments = len(run.result(LABEL_SEGMENTS).segments)
    assert page.locator(".card:visible").count() == segments
    page.select_option("#segment", "1")
    assert page.locator(".card:visible").get_attribute("id") == "segment-1"
    assert page.locator("article.members:visible").count() == 1
    assert page.locator(".heat tbody tr.dimmed").count() == segments - 1
    assert "Only segment 1" in page.locator("#announcement").text_content()
    page.select_option("#segment", "")
    assert page.locator(".card:visible").count() == segments


def test_dfu_is_found_by_keyboard_alone(visit):
    page = visit().page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "find":
            break
    page.keyboard.type("000123")
    assert page.locator("#found li").first.text_content().startswith("000123_CLUB_DC03")
    page.keyboard.press("Enter")
    assert page.locator("#dfu-heading").text_content() == "000123_CLUB_DC03"
    assert page.evaluate("document.activeElement.id") == "dfu-heading"
    assert page.locator("#dfu-chart svg").count() == 1
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("#dfu").is_hidden()
    assert page.evaluate("document.activeElement.id") == "find"


def test_arrows_walk_through_what_was_found_and_escape_leaves(visit):
    page = visit().page
    page.fill("#find", "DC01")
    first, second = (page.locator("#found li").nth(i).text_content() for i in range(2))
    assert first != second
    page.keyboard.press("ArrowDown")
    assert page.get_attribute("#find", "aria-activedescendant") == "found-1"
    page.keyboard.press("Escape")
    assert page.locator("#found").is_hidden()
    page.fill("#find", "no such key")
    assert "None of the" in page.locator("#found li").text_content()
    page.keyboard.press("Enter")
    assert page.locator("#dfu").is_hidden()


def test_tables_sort_by_any_column_and_say_so(visit):
    page = visit().page
    heading = page.locator(".heat thead th").nth(4)
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    values = [float(cell.get_attribute("data-value")) for cell in page.locator(".heat tbody tr td:nth-child(5)").all()]
    assert values == sorted(values, reverse=True)
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"


def test_hovering_tells_the_values_of_a_month(visit):
    page = visit().page
    chart = page.locator("figure.course svg").first
    chart.scroll_into_view_if_needed()
    chart.hover(position={"x": 200, "y": 50})
    tip = chart.locator("[aria-label=tip]").text_content()
    assert re.search(r"[A-Z][a-z]{2} 20\d\d.*median [\d.]+.*half of the DFUs [\d.]+ to [\d.]+", tip)


def test_theme_can_be_chosen_and_is_kept(visit):
    opened = visit(color_scheme="light")
    opened.page.click("#theme")
    assert opened.page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert opened.page.locator("#theme").text_content() == "Light colours"
    opened.page.reload()
    opened.page.wait_for_selector("html[data-ready]", state="attached")
    assert opened.page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_page_fits_a_phone_and_charts_fit_their_width(visit):
    page = visit(viewport=PHONE).page
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert page.locator("#map-chart svg").bounding_box()["width"] <= PHONE["width"]


def test_page_prints_with_reasons_open_and_controls_away(visit):
    opened = visit(color_scheme="dark")
    printed = opened.page.pdf(format="A4", print_background=True)
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) in range(2, 24)
    opened.page.emulate_media(media="print")
    assert opened.page.locator(".toolbar").is_hidden()
    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert opened.complaints == []


def test_texts_and_tables_do_without_javascript(browser, run):
    opened = Visit(browser, run.path(RunFile.REPORT).as_uri(), java_script_enabled=False)
    try:
        assert opened.page.locator(".heat tbody tr").count() > 0
        assert (opened.page.locator("noscript").text_content() or "").startswith(
            "Charts, filter and search need JavaScript"
        )
        assert opened.page.locator(".controls").is_hidden()
    finally:
        opened.close()


def test_dfu_shows_its_own_words_and_why_it_is_borderline(visit, run):
    page = visit().page
    sample = page.evaluate("JSON.parse(document.getElementById('report-data').textContent).sample")
    near = next(dfu for dfu in sample if "Near" in dfu["near"] and dfu["key"].isascii() and "<" not in dfu["key"])
    page.fill("#find", near["key"])
    page.keyboard.press("Enter")
    shown = dict(
        zip(
            page.locator("#dfu-facts dt").all_text_contents(),
            page.locator("#dfu-facts dd").all_text_contents(),
            strict=True,
        )
    )
    assert set(shown) == {"Why this label", "By itself", "Borderline"}
    trained = run.table(RunFile.ASSIGNMENTS).set_index("dfu_ck").loc[near["key"]]
    assert trained["margin"] <= 0.1 * trained["distance"]
    assert shown["By itself"].endswith(" volume")
    assert "What its words ask, beside this DFU:" in shown["Borderline"]


@pytest.mark.parametrize("width_mm", [210 - 28, 215.9 - 28])
def test_no_table_or_chart_is_wider_than_the_paper(visit, width_mm):
    page = visit(viewport={"width": int(width_mm / 25.4 * 96), "height": 900}).page
    page.emulate_media(media="print")
    page.evaluate("document.querySelectorAll('details').forEach((node) => (node.open = true))")
    page.wait_for_timeout(300)
    beyond = page.evaluate(
        """() => [...document.querySelectorAll("main *")]
            .filter((node) => !node.closest(".hidden-visually") && node.getBoundingClientRect().width)
            .filter((node) => node.getBoundingClientRect().right > document.documentElement.clientWidth + 1.5)
            .map((node) => `${node.tagName} ${node.textContent.trim().slice(0, 40)}`)"""
    )
    assert beyond == []


def test_page_from_a_file_shows_the_command_that_makes_a_list(visit, run):
    page = visit().page
    assert page.locator(".list:visible").count() == 0
    command = page.locator("#segments > .command code").text_content()
    assert command == f"python scripts/list_dfus.py --run {run.name}"


def test_changes_lead_to_the_comparison_where_an_api_serves_the_page_and_else_say_the_command(browser, visit, run):
    page = visit().page
    said = page.locator("#changes > .command code").first
    assert said.text_content() == f"python scripts/compare_runs.py 'r1' {run.name} --page changes.html"
    assert said.is_visible()
    served = run.path(RunFile.REPORT).with_name("served.html")
    served.write_bytes(with_links(run.path(RunFile.REPORT).read_bytes(), "/domains/dfu/", lists=False))
    opened = Visit.of_report(browser, served)
    link = opened.page.locator("a[data-compare]")
    assert link.get_attribute("href") == f"/domains/dfu/runs/r1/compare/{run.name}/page"
    assert link.is_visible()
    assert opened.page.locator("#changes > .command").first.is_hidden()
    assert opened.page.locator("a[data-list]:visible").count() == 0  # the lists are of another run
    assert opened.complaints == []
    opened.close()


def test_menu_says_of_what_there_are_so_many(visit, run):
    chosen = run.metadata().k
    assert visit().page.locator("nav.toolbar a[href='#number']").text_content() == f"Why {chosen} clusters"
