"""The service on a database to which a real run has published, through the role that may only read."""

import json
import re
import subprocess
import sys
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import psycopg2
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from psycopg2.extras import RealDictCursor
from sqlalchemy import make_url

from api.tables import COLUMNS
from dfu_clustering.demo.generated import generate_panel
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.demo.server import create_database, drop_database
from dfu_clustering.files.tables import read_json, read_table
from dfu_clustering.runs.folder import PICTURES
from flows.cluster_dfus import cluster_dfus
from tests.browser import Visit, headless_chromium
from tests.integration.api_site import ApiSite
from tests.integration.prefect_server import wait_until

pytestmark = pytest.mark.integration

ROLES = Path(__file__).parents[2] / "deploy" / "postgres" / "warehouse_roles.sql"
DATABASE = "api_published"
ODD_KEY = "odd/key 100%_?#&+ü"
# a label that no run writes, and a key that is also an address
HAND_MADE = """
INSERT INTO dim_dfu (dfu_ck, dmdunit, dmdgroup, loc, brand, cluster_assignment)
VALUES (%(key)s, 'odd/key', '100%%', 'x', '', NULL), ('clusters', 'c', 'c', 'c', NULL, 'by/hand %%')
"""


class Published:
    """A database with published labels, and what the run left."""

    def __init__(self, owner_url, var):
        self.owner_url = owner_url
        self.url = make_url(owner_url).set(username="dfu_api").render_as_string(hide_password=False)
        self.var = var
        self.folder = next(path for path in (var / "runs").iterdir() if path.is_dir() and path.name[0] != ".")
        self.summary = read_json(self.folder / "summary.json")

    def rows(self, query, *values):
        connected = closing(psycopg2.connect(self.owner_url, cursor_factory=RealDictCursor))
        with connected as connection, connection.cursor() as cursor:
            cursor.execute(query, values or None)
            return cursor.fetchall()

    def execute(self, *statements):
        with closing(psycopg2.connect(self.owner_url)) as connection, connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement, {"key": ODD_KEY})


@pytest.fixture(scope="module")
def published(postgres_server, server_of_this_process, tracking_store, tmp_path_factory):
    create_database(postgres_server.url(), DATABASE)
    url, var = postgres_server.url(DATABASE), tmp_path_factory.mktemp("api")
    load_panel(url, generate_panel(400, 36, 11))
    with pytest.MonkeyPatch.context() as patch, temporary_settings({PREFECT_API_URL: server_of_this_process.api_url}):
        patch.chdir(var)  # where MLflow puts files
        patch.setenv("DFU_CLUSTERING_VAR", str(var))
        patch.setenv("DATABASE_URL", url)
        patch.setenv("MLFLOW_TRACKING_URI", tracking_store)
        cluster_dfus(k_range=(4, 6), gap_references=2, n_init=5)
    site = Published(url, var)
    site.execute(ROLES.read_text(encoding="utf-8").replace("%", "%%"), HAND_MADE)
    yield site
    site.execute("DROP OWNED BY dfu_worker, dfu_api", "DROP ROLE dfu_worker", "DROP ROLE dfu_api")
    drop_database(postgres_server.url(), DATABASE)


@pytest.fixture(scope="module")
def api(published, tmp_path_factory):
    site = ApiSite(
        tmp_path_factory.mktemp("site"), published.url, published.var, cors_origins="https://planning.example"
    )
    yield site.start()
    site.stop()


@pytest.fixture(scope="module")
def label(published):
    """The largest segment's label."""
    return published.summary["clusters"][0]["label"]


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


def test_page_is_what_sql_gives(api, published, label):
    query = "SELECT * FROM dim_dfu WHERE cluster_assignment = %s ORDER BY dfu_sk OFFSET 5 LIMIT 7"
    answer = api.page({"cluster_assignment": f"={label}"}, limit=7, offset=5).json
    (size,) = [segment["size"] for segment in published.summary["clusters"] if segment["label"] == label]
    assert (answer["domain"], answer["total"], answer["limit"], answer["offset"]) == ("dfu", size, 7, 5)
    expected = published.rows(query, label)
    assert [row["dfu_ck"] for row in answer["rows"]] == [row["dfu_ck"] for row in expected]
    first, row = answer["rows"][0], expected[0]
    plain = [name for name in row if name not in ("alcoh_pct", "proof", "load_ts", "modified_ts")]
    assert {name: first[name] for name in plain} == {name: row[name] for name in plain}
    assert first["alcoh_pct"] == (None if row["alcoh_pct"] is None else float(row["alcoh_pct"]))


def test_columns_are_those_of_the_table(published):
    query = "SELECT column_name FROM information_schema.columns WHERE table_name = 'dim_dfu' ORDER BY ordinal_position"
    assert [row["column_name"] for row in published.rows(query)] == list(COLUMNS)


def test_pages_of_every_order_hold_every_row_once(api, published):
    keys = {row["dfu_ck"] for row in published.rows("SELECT dfu_ck FROM dim_dfu")}
    for sort in (None, "-dfu_sk", "brand", "-cluster_assignment", "modified_ts"):
        asked = {"sort": sort} if sort else {}
        pages = [api.page(limit=150, offset=offset, **asked).json for offset in range(0, len(keys) + 150, 150)]
        seen = [row["dfu_ck"] for page in pages for row in page["rows"]]
        assert {page["total"] for page in pages} == {len(keys)}
        assert (len(seen), set(seen)) == (len(keys), keys)


@pytest.mark.parametrize("column", list(COLUMNS))
def test_every_column_can_be_filtered_and_sorted_by(api, published, column):
    (row,) = published.rows(f"SELECT {column}::text AS shown FROM dim_dfu ORDER BY {column} NULLS LAST LIMIT 1")
    answer = api.page({column: None if row["shown"] is None else f"={row['shown']}"}, sort=column).json
    counted = f"SELECT count(*) AS n FROM dim_dfu WHERE {column}::text IS NOT DISTINCT FROM %s"
    assert answer["total"] == published.rows(counted, row["shown"])[0]["n"] >= 1
    descending = api.page(sort=f"-{column}", limit=1000).json["rows"]
    present = [row[column] is not None for row in descending]
    assert present == sorted(present, reverse=True)


@pytest.mark.parametrize(
    ("filters", "condition"),
    [
        ({"brand_desc": "GOLDEN"}, "brand_desc ILIKE '%golden%'"),
        ({"dfu_ck": "%"}, "position('%' IN dfu_ck) > 0"),
        ({"dfu_ck": "_D"}, "position('_d' IN lower(dfu_ck)) > 0"),
        ({"dfu_ck": "0%_"}, "dfu_ck LIKE 'odd/key 100%'"),
        ({"brand": "="}, "brand = ''"),
        ({"brand": None}, "brand IS NULL"),
        ({"cluster_assignment": None}, "cluster_assignment IS NULL"),
        ({"cluster_assignment": "=by/hand %"}, "cluster_assignment = 'by/hand %'"),
        ({"cluster_assignment": "volume"}, "cluster_assignment LIKE '%volume%'"),
        ({"total_lt": "7"}, "total_lt::text LIKE '%7%'"),
        ({"total_lt": 99999999999}, "false"),
        ({"alcoh_pct": 12.5}, "alcoh_pct = 12.5"),
        (
            {"cluster_assignment": "volume", "region": "=NORTHEAST", "purge_sw": 0},
            "cluster_assignment LIKE '%volume%' AND region = 'NORTHEAST' AND purge_sw = 0",
        ),
    ],
)
def test_filters_mean_what_they_say(api, published, filters, condition):
    expected = published.rows(f"SELECT dfu_ck FROM dim_dfu WHERE {condition} ORDER BY dfu_sk")
    answer = api.page(filters, limit=1000).json
    assert [row["dfu_ck"] for row in answer["rows"]] == [row["dfu_ck"] for row in expected]
    assert answer["total"] == len(expected)


INJECTIONS = [
    "' OR '1'='1",
    "x'; DROP TABLE dim_dfu; --",
    "=' UNION SELECT usename FROM pg_user --",
    "%27%20OR%201=1--",
    "$$; SELECT pg_sleep(10); $$",
    "\\'; SELECT 1; --",
    "=%(value)s %s",
    "{{7*7}}",
    "../../../../etc/passwd",
]


@pytest.mark.parametrize("attack", INJECTIONS)
def test_injections_find_nothing_or_are_refused(api, published, attack):
    before = published.rows("SELECT count(*) AS n FROM dim_dfu")
    assert api.page({"brand": attack}).json["total"] == 0
    assert api.page({"cluster_assignment": f"={attack}"}).json["total"] == 0
    assert api.page({attack: "x"}).status == 422
    assert api.page({"total_lt": f"={attack}"}).status == 422
    assert api.get("/domains/dfu/page", sort=attack).status == 422
    assert api.get("/domains/dfu/page", limit=attack).status == 422
    assert api.get("/domains/dfu/page", filters=attack).status == 422
    assert api.dfu(attack).status == 404
    assert api.dfu(f"clusters/{attack}/dfus").status == 404
    assert api.dfu(f"clusters/pictures/{attack}").status == 404
    assert published.rows("SELECT count(*) AS n FROM dim_dfu") == before


@pytest.mark.parametrize("path", ["/domains/dfu/%00", "/domains/dfu/%ff%fe", "/domains/dfu/%ED%A0%80", "/domains/dfu/"])
def test_paths_that_are_no_text_are_not_found(api, path):
    assert api.get(path).status == 404


def test_huge_numbers_are_empty_pages_or_refused(api):
    assert api.page(offset=2**63 - 1).json["rows"] == []
    assert api.page({"brand": "x"}, offset=2**63 - 1).json["rows"] == []
    assert api.page(offset=2**63).status == 422
    assert api.page(limit=0).status == api.page(limit=1001).status == api.page(offset=-1).status == 422
    assert api.page(limits=5).status == 422


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
    assert (reply.status, reply.body) == (200, (published.folder / "report.html").read_bytes())
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = reply.headers["Content-Security-Policy"]
    assert policy == "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    in_the_page = re.findall(r'<meta http-equiv="Content-Security-Policy" content="(.*?)">', reply.body.decode())[0]
    assert "script-src &#39;sha256-" in in_the_page


def test_report_of_every_run_has_its_own_address(api, published):
    name = published.folder.name
    assert api.get(f"/reports/{name}").body == (published.folder / "report.html").read_bytes()
    dry = published.folder.with_name(f"{name[:-12]}{'0' * 12}")
    dry.mkdir()
    assert api.get(f"/reports/{dry.name}").status == 404
    for content in (b"a dry run's", b"made again"):
        (dry / "report.html").write_bytes(content)
        assert api.get(f"/reports/{dry.name}").body == content
    assert api.get("/").body != b"made again"


@pytest.mark.parametrize(
    "name", ["..", "%2e%2e", "..%2f..%2fetc", "2026-10", ".restores", "%00", "2026-10-0123456789-0123456789ab%0a"]
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


ADDRESSES = [
    "/domains/dfu/clusters",
    "/domains/dfu/page?limit=3",
    "/domains/dfu/clusters/profiles",
    "/domains/dfu/clusters/changes",
    "/domains/dfu/clusters/pictures/cluster_sizes.png",
    "/domains/dfu/clusters/by/hand%20%25/dfus",
    "/domains/dfu/clusters",
]


@pytest.mark.parametrize("path", ADDRESSES)
def test_client_that_has_an_answer_gets_304(api, path):
    first = api.get(path)
    assert first.status == 200
    again = api.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    assert first.headers["Cache-Control"] == "no-cache"
    head = api.get(path, method="HEAD")
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", first.headers["ETag"])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nope", 404),
        ("GET", "/domains/dfu/nope", 404),
        ("GET", "/domains/dfu/page?limit=x", 422),
        ("POST", "/domains/dfu/page", 405),
        ("DELETE", "/domains/dfu/clusters", 405),
        ("PUT", "/", 405),
    ],
)
def test_errors_are_problem_details(api, method, path, status):
    reply = api.get(path, method=method, headers={"X-Request-ID": "planner-7"})
    assert (reply.status, reply.headers["Content-Type"]) == (status, "application/problem+json")
    problem = reply.json
    assert (problem["type"], problem["status"], problem["request_id"]) == ("about:blank", status, "planner-7")
    assert problem["detail"]
    if status == 405:
        assert reply.headers["Allow"] == "GET"


def test_answers_carry_the_headers_that_keep_browsers_safe(api):
    for path in ("/domains/dfu/clusters", "/nope", "/domains/dfu/page?limit=x"):
        headers = api.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["Server"] is None


def test_only_configured_origins_may_read(api):
    allowed = api.get("/domains/dfu/clusters", headers={"Origin": "https://planning.example"})
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://planning.example"
    other = api.get("/domains/dfu/clusters", headers={"Origin": "https://elsewhere.example"})
    assert other.headers["Access-Control-Allow-Origin"] is None


def test_every_request_is_a_line_in_the_log_and_stays_one(api):
    api.get("/domains/dfu/a%0Astatus=500", headers={"X-Request-ID": "line-1"})
    api.get("/healthz", headers={"X-Request-ID": "no good id"})

    def logged():
        return {line["path"]: line for line in api.access_lines()}.get("/domains/dfu/a%0Astatus%3D500")

    line = wait_until(logged, 10, lambda: api.log.read_text()[-2000:])
    assert (line["request_id"], line["method"], line["status"]) == ("line-1", "GET", "404")
    assert float(line["duration_ms"]) > 0
    assert "no good id" not in api.log.read_text()


def test_label_written_by_hand_shows_within_seconds(api, published):
    def count():
        clusters = api.get("/domains/dfu/clusters").json["clusters"]
        return {cluster["label"]: cluster["count"] for cluster in clusters}.get("by/hand %")

    assert count() == 1
    tag = api.get("/domains/dfu/clusters").headers["ETag"]
    published.execute("UPDATE dim_dfu SET cluster_assignment = 'by/hand %%' WHERE dfu_ck = %(key)s")
    wait_until(lambda: count() == 2, 20, lambda: f"count is {count()}")
    assert api.get("/domains/dfu/clusters", headers={"If-None-Match": tag}).status == 200
    published.execute("UPDATE dim_dfu SET cluster_assignment = NULL WHERE dfu_ck = %(key)s")
    wait_until(lambda: count() == 1, 20, lambda: f"count is {count()}")


def test_openapi_shows_every_address_with_its_problems(api):
    paths = api.get("/openapi.json").json["paths"]
    assert set(paths) == {
        "/",
        "/reports/{run}",
        "/healthz",
        "/readyz",
        "/domains/dfu/clusters",
        "/domains/dfu/page",
        "/domains/dfu/clusters/profiles",
        "/domains/dfu/clusters/changes",
        "/domains/dfu/clusters/pictures",
        "/domains/dfu/clusters/pictures/{name}",
        "/domains/dfu/clusters/{label}/dfus",
        "/domains/dfu/{dfu_ck}",
    }
    for path, operations in paths.items():
        assert operations["get"]["description"], path
        problems = {status: found for status, found in operations["get"]["responses"].items() if status >= "400"}
        assert "500" in problems, path
        assert all(list(found["content"]) == ["application/problem+json"] for found in problems.values()), path


def test_schemathesis_finds_no_server_error_and_nothing_undocumented(api, tmp_path):
    program = Path(sys.executable).with_name("schemathesis")
    command = [str(program), "run", f"{api.url}/openapi.json", "--phases", "examples,coverage,fuzzing"]
    options = ["--max-examples", "40", "--generation-deterministic", "--continue-on-failure", "--no-color"]
    # any text is a text to the schema, but only JSON is a filter and only a column an order
    excluded = ["--exclude-checks", "positive_data_acceptance"]
    done = subprocess.run(
        [*command, *options, *excluded], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert "Tested: 12" in done.stdout
    assert [line for line in api.access_lines() if line["status"].startswith("5")] == []
