"""What the service says of DFUs, segments and a run, against the database and the files of that run."""

import json
import re
from itertools import pairwise

import pytest

from dfu_clustering.files.tables import read_table
from dfu_clustering.report.page import with_links
from dfu_clustering.runs.folder import PICTURES
from tests.browser import Visit, headless_chromium
from tests.integration.published_api import ODD_KEY

pytestmark = pytest.mark.integration


def test_numbers_agree_with_sql_summary_and_profiles(api, published):
    answer = api.get("/domains/dfu/clusters").json
    counted = "SELECT cluster_assignment, count(*) AS n FROM dim_dfu GROUP BY 1"
    by_label = {row["cluster_assignment"]: row["n"] for row in published.rows(counted)}
    unassigned, by_hand = by_label.pop(None), by_label.pop("by/hand %")
    clusters = {cluster.pop("label"): cluster for cluster in answer["clusters"]}
    assert {name: cluster["count"] for name, cluster in clusters.items()} == by_label | {"by/hand %": by_hand}
    assert (answer["unassigned"], answer["total_assigned"]) == (unassigned, sum(by_label.values()) + by_hand)
    assert answer["as_of_month"] == published.summary["as_of_month"]
    assert answer["domain"] == "dfu"
    for others in published.summary["lifecycle"]:
        told = clusters.pop(others["label"])
        assert (told["cluster_id"], told["count"], told["avg_demand"]) == (others["cluster_id"], others["size"], None)
    for segment in published.summary["clusters"]:
        assert clusters.pop(segment["label"]) == {
            "cluster_id": segment["cluster_id"],
            "count": segment["size"],
            "pct_of_total": round(100 * segment["size"] / answer["total_assigned"], 4),
            "avg_demand": segment["profile"]["mean_demand"],
            "cv_demand": segment["profile"]["cv_demand"],
        }
    unknown = {"cluster_id": None, "count": 1, "avg_demand": None, "cv_demand": None}
    assert clusters == {"by/hand %": unknown | {"pct_of_total": round(100 / answer["total_assigned"], 4)}}
    counts = [cluster["count"] for cluster in answer["clusters"]]
    assert counts == sorted(counts, reverse=True)
    profiles = api.get("/domains/dfu/clusters/profiles").json["profiles"]
    assert profiles == published.summary["clusters"]


def test_dfu_tells_label_reason_features_and_history(api, published, label):
    segment = next(one for one in published.summary["clusters"] if one["label"] == label)
    assignments = read_table(published.folder / "cluster_assignments.csv", text_columns=frozenset({"dfu_ck"}))
    known = assignments[assignments["cluster_id"] == segment["cluster_id"]].iloc[0]
    answer = api.dfu(known["dfu_ck"]).json
    labels = read_table(published.folder / "cluster_labels.csv", text_columns=frozenset({"dfu_ck"})).set_index("dfu_ck")
    own = labels.loc[known["dfu_ck"]]
    told = (answer["dfu_ck"], answer["label"], answer["cluster_id"], answer["reason"], answer["excluded_reason"])
    assert told == (known["dfu_ck"], label, segment["cluster_id"], own["reason"], None)
    assert answer["abc_class"] == own["abc_class"]
    assert answer["distance"] == known["distance"]
    assert [(one["as_of_month"], one["label"], one["distance"]) for one in answer["labels"]] == [
        (published.summary["as_of_month"], label, known["distance"])
    ]
    features = read_table(published.folder / "clustering_features.parquet").set_index("dfu_ck").loc[known["dfu_ck"]]
    assert answer["features"]["mean_demand"] == features["mean_demand"]
    assert answer["features"]["demand_class"] == features["demand_class"]
    sold = published.rows(
        "SELECT to_char(startdate, 'YYYY-MM') AS month, sum(qty)::float AS demand FROM fact_sales_monthly"
        " JOIN dim_dfu USING (dmdunit, dmdgroup, loc) WHERE dfu_ck = %s GROUP BY 1 HAVING sum(qty) > 0 ORDER BY 1",
        known["dfu_ck"],
    )
    demand = [(row["month"], row["demand"]) for row in answer["history"] if row["demand"] > 0]
    assert demand == [(row["month"], row["demand"]) for row in sold]
    assert answer["history"][0]["month"] == sold[0]["month"]
    assert answer["history"][-1]["month"] == answer["as_of_month"]


def test_dfu_that_was_left_out_tells_why(api, published):
    excluded = read_table(published.folder / "clustering_features.parquet.excluded.csv")
    known = excluded[excluded["reason"] == "never_sold"].iloc[0]
    answer = api.dfu(known["dfu_ck"]).json
    assert (answer["label"], answer["features"], answer["excluded_reason"]) == (None, None, "never_sold")


def test_key_with_slash_percent_and_other_signs_is_found(api):
    assert api.dfu(ODD_KEY).json["attributes"]["dfu_ck"] == ODD_KEY
    assert api.get("/domains/dfu/odd/key%20100%25_%3F%23%26%2B%C3%BC").json["dfu_ck"] == ODD_KEY


def test_members_are_the_nearest_and_those_at_the_border(api, published, label):
    segment = next(one for one in published.summary["clusters"] if one["label"] == label)
    assignments = read_table(published.folder / "cluster_assignments.csv", text_columns=frozenset({"dfu_ck"}))
    own = assignments[assignments["cluster_id"] == segment["cluster_id"]].sort_values(["distance", "dfu_ck"])
    answer = api.get(f"/domains/dfu/clusters/{label}/dfus", limit=4).json
    assert (answer["label"], answer["count"], answer["reason"]) == (label, segment["size"], segment["reason"])
    assert [one["dfu_ck"] for one in answer["typical"]] == own["dfu_ck"].head(4).tolist()
    assert all(one["margin"] <= other["margin"] for one, other in pairwise(answer["borderline"]))
    assert len(answer["borderline"]) == 4
    others = own.iloc[4:]
    assert answer["borderline"][0]["margin"] == others["margin"].min()


def test_label_written_by_hand_has_a_count_and_no_members(api):
    answer = api.get("/domains/dfu/clusters/by/hand%20%25/dfus").json
    assert (answer["label"], answer["count"], answer["cluster_id"], answer["typical"]) == ("by/hand %", 1, None, [])
    assert api.get("/domains/dfu/clusters/nope/dfus").status == 404


def test_changes_are_those_of_the_summary(api, published):
    answer = api.get("/domains/dfu/clusters/changes").json
    recorded = published.summary["published"]
    assert answer["changes"] == recorded["transitions"]
    assert [answer[name] for name in ("updated", "unchanged", "cleared")] == [
        recorded[name] for name in ("updated", "unchanged", "cleared")
    ]
    assert answer["run"] == published.folder.name


def test_pictures_are_those_of_the_run(api, published):
    listed = api.get("/domains/dfu/clusters/pictures").json["pictures"]
    assert {one["name"]: one["title"] for one in listed} == PICTURES
    for picture in listed:
        reply = api.get(picture["href"])
        assert reply.headers["Content-Type"] == "image/png"
        assert reply.body == (published.folder / picture["name"]).read_bytes()
    assert api.get("/domains/dfu/clusters/pictures/summary.json").status == 404


def test_root_is_the_report_and_runs_its_own_scripts_only(api, published):
    reply = api.get("/")
    page = with_links((published.folder / "report.html").read_bytes(), "/domains/dfu/", lists=True)
    assert (reply.status, reply.body) == (200, page)
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = reply.headers["Content-Security-Policy"]
    assert policy == "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    in_the_page = re.findall(r'<meta http-equiv="Content-Security-Policy" content="(.*?)">', reply.body.decode())[0]
    assert "script-src &#39;sha256-" in in_the_page


def test_report_of_every_run_has_its_own_address(api, published):
    name = published.folder.name
    assert api.get(f"/reports/{name}").body == api.get("/").body
    dry = published.folder.with_name(f"{name[:-12]}{'0' * 12}")
    dry.mkdir()
    assert api.get(f"/reports/{dry.name}").status == 404
    for content in (b"a dry run's", b"made again"):
        (dry / "report.html").write_bytes(content)
        assert api.get(f"/reports/{dry.name}").body == content
    assert api.get("/").body != b"made again"


@pytest.mark.parametrize(
    "name", ["..", "%2e%2e", "..%2f..%2fetc", "2019-01", ".restores", "%00", "2026-10-0123456789-0123456789ab%0a"]
)
def test_report_address_leads_to_no_other_file(api, name):
    assert api.get(f"/reports/{name}").status in (404, 422)
    assert api.get(f"/reports/{name}/report.html").status == 404


def test_report_tells_the_same(api):
    page = api.get("/").body.decode()
    told = json.loads(re.findall(r'id="report-data">(.*?)</script>', page, re.DOTALL)[0])
    changes = api.get("/domains/dfu/clusters/changes").json["changes"]
    counts = {cluster["label"]: cluster["count"] for cluster in api.get("/domains/dfu/clusters").json["clusters"]}
    assert told["flows"] == [one for one in changes if one["old_label"] or one["new_label"]]
    for mark, typical, borderline in zip(told["marks"], told["typical"], told["borderline"], strict=True):
        assert (
            sum(flow["dfus"] for flow in told["flows"] if flow["new_label"] == mark["label"]) == counts[mark["label"]]
        )
        answer = api.get(f"/domains/dfu/clusters/{mark['label']}/dfus", limit=5).json
        shown = [[told["sample"][row]["key"] for row in rows] for rows in (typical, borderline)]
        assert shown == [[one["dfu_ck"] for one in answer[kind]] for kind in ("typical", "borderline")]


def test_report_at_the_root_draws_in_a_browser_under_the_policy_it_is_served_with(api, published):
    with headless_chromium() as chromium:
        visit = Visit(chromium, f"{api.url}/")
        visit.page.wait_for_selector("html[data-ready]", state="attached")
        charts = visit.page.locator("figure.course svg").count()
        sample = visit.page.evaluate("JSON.parse(document.getElementById('report-data').textContent).sample")
        visit.page.fill("#find", sample[0]["key"])
        visit.page.keyboard.press("Enter")
        shown = visit.page.locator("#dfu-heading").text_content()
        complaints = list(visit.complaints)
        with visit.page.expect_console_message(lambda message: "Content Security Policy" in message.text):
            visit.page.evaluate("document.body.innerHTML += '<img src=x onerror=\"window.broken = 1\">'")
        broken = visit.page.evaluate("window.broken ?? null")
        visit.close()
    assert complaints == []
    assert (charts, shown) == (len(published.summary["clusters"]), sample[0]["key"])
    assert broken is None
