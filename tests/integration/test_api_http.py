"""The service as HTTP: caches, problems, headers, its log, its schema, and requests that nobody thought of."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.prefect_server import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("published run")]


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
        "/domains/dfu/page.csv",
        "/domains/dfu/clusters/changes.csv",
        "/domains/dfu/clusters/{label}/dfus.csv",
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
    assert "Tested: 15" in done.stdout
    assert [line for line in api.access_lines() if line["status"].startswith("5")] == []
