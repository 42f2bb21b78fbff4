"""What changed from one run to another: program, API and page say the same, of real runs and their files."""

import json
import re
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi.testclient import TestClient
from pydantic import SecretStr

from api.app import create_app
from api.settings import ApiSettings
from dfu_clustering import generate_panel
from dfu_clustering.errors import DataError
from dfu_clustering.files.tables import read_json
from dfu_clustering.history.backfills import SALES_FOLDER, Backfill, BackfillIndex, backfill_folder, write_index
from dfu_clustering.history.known_runs import KnownRuns, UnknownRunError
from dfu_clustering.history.stored_sales import StoredSales, part_folder
from dfu_clustering.loads.publication import Publication
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.runs.folder import RunFile, RunFolder
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.manifest import BUILD_FEATURES, LABEL_SEGMENTS, PUBLISH_LABELS
from dfu_clustering.runs.published_files import PublishedFiles
from dfu_clustering.runs.run import Run, RunName
from dfu_clustering.sales.long_form import LongForm, monthly_sales
from dfu_clustering.standalone.command import main
from dfu_clustering.standalone.segmenting import features_of_months, read_months
from dfu_clustering.steps import promote_run, restore_labels
from dfu_clustering.steps.backfill import backfill_month
from dfu_clustering.steps.label_segments import label_segments
from dfu_clustering.steps.train_model import train_model
from tests.browser import Visit, headless_chromium
from tests.report_runs import CONFIG

pytestmark = pytest.mark.integration

MONTHS = ("2026-07", "2026-10")
OLD, NEW, DRY = (
    str(RunName(month, "0123456789", f"{i:012x}")) for i, month in enumerate((*MONTHS, MONTHS[1]), start=1)
)
FORM = LongForm()
PHONE = {"width": 400, "height": 844}


@pytest.fixture(scope="module")
def var(tmp_path_factory) -> Path:
    """A folder with two published months, a dry run of the second, and a backfilled month between them."""
    var = tmp_path_factory.mktemp("compared") / "var"
    sold = made_up_sales()
    old = run_of(var, sold, OLD, None)
    new = run_of(var, sold, NEW, PublishedFiles(old))
    shutil.copytree(new.folder, var / "runs" / DRY)
    dry = Run(var / "runs" / DRY, as_of_month=MONTHS[1])
    changed = CONFIG.labeling.model_copy(update={"growth_threshold": 0.2})
    labels = label_segments(RunFolder(dry.folder), CONFIG.model_copy(update={"labeling": changed}), pictures=False)
    dry.renew(LABEL_SEGMENTS, labels)
    dry.renew(PUBLISH_LABELS, publish_summary(dry_run=True))
    for name, month, minute in ((OLD, MONTHS[0], 1), (NEW, MONTHS[1], 2)):
        Ledger(var / "runs").append(publication(name, month, minute))
    backfill(var, sold)
    return var


def made_up_sales():
    table = generate_panel(300, 40, 7).sales.select(["dmdunit", "dmdgroup", "loc", "startdate", "qty"])
    return monthly_sales(table, FORM, source="the table")


def run_of(var, sold, name, published):
    run = Run.named(var / "runs", name)
    run.once(BUILD_FEATURES, lambda: features_of_months(sold, run, CONFIG, as_of_month=run.as_of_month))
    train_model(run, CONFIG, published, pictures=False)
    label_segments(run, CONFIG, published, pictures=False)
    run.once(PUBLISH_LABELS, lambda: publish_summary(dry_run=False))
    return run


def publish_summary(*, dry_run):
    return PublishSummary(transitions=(), not_found=0, not_found_keys=(), dry_run=dry_run)


def publication(name, month, minute, **more):
    at = datetime(2026, 11, 1, 8, minute, tzinfo=UTC)
    fields = {"as_of_month": month, "load_id": f"load {month}", "fingerprint": "f", "config_digest": "0123456789"}
    return Publication(**(fields | {"run": name, "labels": {"low_volume": 1}, "published_at": at} | more))


def backfill(var, sold):
    folder = backfill_folder(var, "abc")
    read = read_months(sold, CONFIG, as_of_month=MONTHS[1])
    StoredSales(part_folder(folder / SALES_FOLDER, 0)).write(read.panel, read.attributes(CONFIG.warehouse))
    backfill_month(CONFIG, folder, "2026-08")
    write_index(var, BackfillIndex(backfills=[Backfill(id="abc", months=["2026-08"], config_digest=CONFIG.digest())]))


@pytest.fixture
def runs(var):
    return KnownRuns(var / "runs")


@pytest.fixture(scope="module")
def client(var):
    settings = ApiSettings(database_url=SecretStr("postgresql://nobody@nowhere/none"), runs=var / "runs")
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        yield client


@pytest.fixture
def program(var, monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setenv("DFU_CLUSTERING_VAR", str(var))
        monkeypatch.setattr("sys.argv", ["dfu-clustering", "compare", *map(str, arguments)])
        try:
            main()
        except SystemExit as stop:
            return int(stop.code or 0), *capsys.readouterr()
        return 0, *capsys.readouterr()

    return run


def test_runs_are_listed_newest_first_with_kind_figures_and_what_stands(client):
    listed = client.get("/domains/dfu/runs").json()
    assert listed["total"] == 4
    by_name = {one["run"]: one for one in listed["runs"]}
    assert [by_name[name]["kind"] for name in (OLD, NEW, DRY)] == ["published", "published", "dry_run"]
    assert [name for name, one in by_name.items() if one["stands"]] == [NEW]
    month = by_name["backfill abc 2026-08"]
    assert (month["kind"], month["as_of_month"], month["comparable"]) == ("backfilled_month", "2026-08", True)
    new = by_name[NEW]
    assert (new["load_id"], new["clustered"] <= new["labelled"] <= new["n_dfus"]) == (f"load {MONTHS[1]}", True)
    assert 0.9 < new["true_share"] <= 1
    assert -1 <= new["silhouette"] <= 1
    assert new["k"] >= 2
    times = [one["recorded_at"] for one in listed["runs"]]
    assert times == sorted(times, reverse=True)


def test_list_is_filtered_by_kind_and_paged(client):
    dry = client.get("/domains/dfu/runs", params={"kind": "dry_run"}).json()
    assert [one["run"] for one in dry["runs"]] == [DRY]
    second = client.get("/domains/dfu/runs", params={"limit": 1, "offset": 1}).json()
    assert (second["total"], len(second["runs"])) == (4, 1)
    assert client.get("/domains/dfu/runs", params={"kind": "other"}).status_code == 422


def test_hundreds_of_runs_are_listed_from_their_manifests_alone_and_read_once(tmp_path, var):
    folder, manifest = tmp_path / "runs", (var / "runs" / NEW / RunFile.MANIFEST).read_bytes()
    for number in range(300):
        one = folder / str(RunName("2026-10", "0123456789", f"{number:012x}"))
        one.mkdir(parents=True)
        (one / RunFile.MANIFEST).write_bytes(manifest)
    known, started = KnownRuns(folder), time.process_time()
    assert len(known.list()) == 300
    first, again = time.process_time() - started, time.process_time()
    assert known.list()[0].comparable is False
    assert first < 5
    assert time.process_time() - again < first / 3


def test_a_run_whose_manifest_is_damaged_is_left_out_and_the_others_are_listed(tmp_path, var):
    shutil.copytree(var / "runs" / NEW, tmp_path / "runs" / NEW)
    (tmp_path / "runs" / OLD).mkdir()
    (tmp_path / "runs" / OLD / RunFile.MANIFEST).write_text("{")
    assert [one.run for one in KnownRuns(tmp_path / "runs").list()] == [NEW]


FLOW_RUN = "7bafb2ec-6c48-4229-be78-000000000002"
BEGINNINGS = ("2026-10-0123456789-0abc11112222", "2026-10-0123456789-0abc33334444")


@pytest.mark.parametrize("name", [NEW, "000000000002", FLOW_RUN, "published", "2026-10"])
def test_every_door_takes_every_name_of_a_run(runs, var, name):
    assert runs.find(name).run == NEW
    files, known = runs.open(name)
    assert (files.folder, known.run) == (var / "runs" / NEW, NEW)
    assert promote_run.find_run(var / "runs", name).name == NEW
    earlier, line = restore_labels.find_run_to_restore(var / "runs", CONFIG.tracking, run=name, before=None)
    assert earlier.name == line.run == NEW


def test_names_that_the_ledger_and_the_backfills_give(runs):
    assert runs.find("previous").run == OLD
    assert runs.find("2026-08").run == "backfill abc 2026-08" == runs.find("backfill abc 2026-08").run
    with pytest.raises(UnknownRunError, match=r"no run 'other' among 4; the newest are \(4: "):
        runs.find("other")


def test_a_whole_name_with_a_slip_finds_no_other_run_of_the_same_id(runs, var):
    slip = NEW.replace("2026-10", "2026-09")
    with pytest.raises(UnknownRunError, match=f"no run '{slip}' among 4"):
        runs.find(slip)
    with pytest.raises(UnknownRunError, match=f"no run '{slip}' among 4"):
        restore_labels.find_run_to_restore(var / "runs", CONFIG.tracking, run=slip, before=None)


def test_a_beginning_of_an_id_is_enough_where_it_is_of_one_run(tmp_path, var):
    for name in BEGINNINGS:
        shutil.copytree(var / "runs" / NEW, tmp_path / "runs" / name)
    runs = KnownRuns(tmp_path / "runs")
    assert [runs.find(name).run for name in ("0abc1", "0abc3333")] == list(BEGINNINGS)
    with pytest.raises(UnknownRunError, match=r"2 runs whose id begins with '0abc' \(2: "):
        runs.find("0abc")
    with pytest.raises(UnknownRunError, match="no run '0ab' among 2"):
        runs.find("0ab")


def test_previous_says_that_there_is_only_one(tmp_path, var):
    runs = KnownRuns(tmp_path / "runs")
    with pytest.raises(UnknownRunError, match=r"`published` must stand for a run.*nothing published yet"):
        runs.find("published")
    Ledger(tmp_path / "runs").append(publication(NEW, MONTHS[1], 1))
    with pytest.raises(UnknownRunError, match=f"Found: only one, {NEW}: there is none before it"):
        runs.find("previous")
    with pytest.raises(UnknownRunError, match="there is none before it"):
        restore_labels.find_run_to_restore(tmp_path / "runs", CONFIG.tracking, run="previous", before=None)


def test_reports_are_found_by_the_same_names_and_a_refusal_says_which_there_are(client, var):
    report = var / "runs" / NEW / RunFile.REPORT
    report.write_text("<html>the newest</html>")
    try:
        answers = [client.get(f"/reports/{name}") for name in (NEW, "published", "000000000002", FLOW_RUN, "2026-10")]
        assert {(one.status_code, one.text) for one in answers} == {(200, answers[0].text)}
        unknown = client.get("/reports/other")
    finally:
        report.unlink()
    assert unknown.status_code == 404
    detail = unknown.json()["detail"]
    assert f"no run 'other' among 4; the newest are {runs_in(client)[0]}, " in detail
    assert "Give the name of a run's folder, the id at its end or a beginning of that" in detail
    assert not set("^[{") & set(detail)


def runs_in(client):
    return [one["run"] for one in client.get("/domains/dfu/runs").json()["runs"]]


@pytest.mark.parametrize("name", ["2026-08", "gone"])
def test_what_has_no_folder_is_promoted_by_no_name(tmp_path, var, name):
    shutil.copytree(var, tmp_path / "var")
    gone = "2026-06-0123456789-gone"
    Ledger(tmp_path / "var/runs").append(publication(gone, "2026-06", 9))
    with pytest.raises(
        DataError, match=r"must have its folder among the runs.*(a month of a backfill|only the ledger)"
    ):
        promote_run.find_run(tmp_path / "var/runs", name)


def test_after_a_restore_what_was_published_before_it_is_previous(tmp_path, var):
    shutil.copytree(var / "runs", tmp_path / "runs")
    Ledger(tmp_path / "runs").append(publication(OLD, MONTHS[0], 3, restored=True))
    runs = KnownRuns(tmp_path / "runs")
    assert (runs.find("published").run, runs.find("previous").run) == (OLD, NEW)
    assert (runs.find(OLD).restored, runs.find(NEW).stands) == (True, False)


def test_program_api_and_stability_of_the_run_say_the_same(program, client, var):
    code, out, _ = program("previous", "published", "--json")
    assert code == 0
    told, answered = json.loads(out), client.get("/domains/dfu/runs/previous/compare/published").json()
    assert answered == told | {"domain": "dfu"}
    stability = read_json(var / "runs" / NEW / RunFile.STABILITY)
    for name in ("churn_share", "ari", "flow", "new_dfus", "churn_share_unchanged_history"):
        assert told["churn"][name] == stability[name]
    changes = Run.named(var / "runs", NEW).table(RunFile.LABEL_CHANGES)
    assert told["changed"] == len(changes) == sum(word["dfus"] for word in told["words"]) > 0
    assert (told["settings"], told["clusters_differ"]) == ([], False)


def test_a_dry_run_differs_from_what_is_published_by_its_settings(client):
    found = client.get(f"/domains/dfu/runs/published/compare/{DRY}").json()
    assert found["after"]["kind"] == "dry_run"
    assert [one["key"] for one in found["settings"]] == ["labeling.growth_threshold"]
    assert (found["settings"][0]["before"], found["settings"][0]["after"]) == (0.05, 0.2)


def test_a_backfilled_month_is_compared_although_it_recorded_less(client):
    found = client.get("/domains/dfu/runs/2026-08/compare/2026-10").json()
    assert (found["before"]["run"], found["after"]["run"]) == ("backfill abc 2026-08", NEW)
    assert 0.9 < found["before"]["true_share"] <= 1
    assert found["before"]["silhouette"] is None
    assert found["clusters_differ"] is True
    assert found["settings"] == []


def test_what_cannot_be_compared_is_refused_with_what_to_do(program, client, var, tmp_path):
    unknown = client.get("/domains/dfu/runs/other/compare/published")
    assert unknown.status_code == 404
    assert NEW in unknown.json()["detail"]
    code, _, complaint = program("other", "published")
    assert code == 2
    assert NEW in complaint
    shutil.copytree(var, tmp_path / "var")
    (tmp_path / "var/runs" / OLD / RunFile.LABELS).unlink()
    settings = ApiSettings(database_url=SecretStr("postgresql://nobody@nowhere/none"), runs=tmp_path / "var/runs")
    with TestClient(create_app(settings), base_url="http://localhost") as other:
        refused = other.get(f"/domains/dfu/runs/{OLD}/compare/{NEW}")
    assert refused.status_code == 422
    assert "must have labels" in refused.json()["detail"]


def test_program_compares_paths_and_files_of_labels(program, var):
    old = var / "runs" / OLD
    code, out, _ = program(old, var / "runs" / NEW / RunFile.LABELS)
    assert code == 0
    assert f"{OLD} -> {NEW}" in out
    assert "have another label" in out


def test_answers_are_kept_until_a_file_of_a_run_changes(client, var, tmp_path):
    first = client.get("/domains/dfu/runs/previous/compare/published")
    again = client.get("/domains/dfu/runs/previous/compare/published", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)


@pytest.mark.parametrize("shown", [False, True])
def test_docs_are_shown_by_a_setting_with_a_policy_of_their_own(var, shown):
    url = SecretStr("postgresql://nobody@nowhere/none")
    with TestClient(
        create_app(ApiSettings(database_url=url, runs=var / "runs", docs=shown)), base_url="http://localhost"
    ) as client:
        answer, other = client.get("/docs"), client.get("/healthz")
    assert answer.status_code == (200 if shown else 404)
    assert ("swagger-ui" in answer.text, "DFU_API_DOCS=true" in answer.text) == (shown, not shown)
    assert ("script-src https://cdn.jsdelivr.net" in answer.headers["Content-Security-Policy"]) is shown
    assert other.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


@pytest.fixture(scope="module")
def page(client, tmp_path_factory) -> Path:
    answer = client.get(f"/domains/dfu/runs/{OLD}/compare/{DRY}/page")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    path = tmp_path_factory.mktemp("page") / "comparison.html"
    path.write_bytes(answer.content)
    return path


def test_program_writes_the_same_page(program, page, tmp_path):
    assert program(OLD, DRY, "--page", tmp_path / "page.html")[0] == 0
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page.read_text(encoding="utf-8")


@pytest.mark.parametrize(("scheme", "viewport"), [("light", None), ("dark", PHONE)])
def test_page_in_a_browser_loads_nothing_fits_and_is_accessible(page, scheme, viewport):
    with headless_chromium() as browser:
        opened = Visit(browser, page.as_uri(), color_scheme=scheme, **({"viewport": viewport} if viewport else {}))
        opened.page.wait_for_selector("html[data-ready]", state="attached")
        assert opened.complaints == []
        assert opened.requests == [page.as_uri()]
        assert opened.page.title() == "What changed from July 2026 to October 2026"
        assert "have another label" in opened.page.locator(".headline").inner_text()
        assert "labeling.growth_threshold" in opened.page.locator("#settings tbody").inner_text()
        assert opened.page.locator(".migration td.kept").count() == opened.page.locator(".migration tbody tr").count()
        assert opened.page.evaluate("document.documentElement.scrollWidth") == (viewport or {"width": 1280})["width"]
        found = Axe().run(opened.page).response["violations"]
        assert {fault["id"]: [node["target"] for node in fault["nodes"]][:3] for fault in found} == {}
        assert len(re.findall(rb"/Type\s*/Page\b", opened.page.pdf(format="A4"))) in range(2, 9)
        opened.close()
