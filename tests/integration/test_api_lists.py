"""Lists of DFUs as CSV: what is in them is what the database and the run say, whole, and opens in a spreadsheet."""

import csv
import gzip
import io
import json

import pytest

from api.lists import CHANGE_COLUMNS, COLUMNS
from dfu_clustering.files.tables import read_table
from tests.browser import Visit, headless_chromium
from tests.integration.published_api import ODD_KEY

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("published run")]


def rows_of(reply):
    assert reply.status == 200
    assert reply.body.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(reply.body.decode("utf-8-sig"), newline="")))


def asked(api, path, filters=None, **query):
    given = {"filters": json.dumps(filters)} if filters else {}
    return api.get(f"/domains/dfu/{path}", **given, **query)


def test_list_of_a_segment_holds_all_its_dfus_with_what_the_run_says(api, published, label):
    reply = asked(api, f"clusters/{label}/dfus.csv")
    rows = rows_of(reply)
    query = "SELECT * FROM dim_dfu WHERE cluster_assignment = %s ORDER BY dfu_sk"
    expected = published.rows(query, label)
    assert [row["dfu_ck"] for row in rows] == [row["dfu_ck"] for row in expected]
    assert list(rows[0]) == list(COLUMNS)
    labels = read_table(published.folder / "cluster_labels.csv").set_index("dfu_ck")
    trained = read_table(published.folder / "cluster_assignments.csv").set_index("dfu_ck")
    naive = read_table(published.folder / "dfu_forecastability.parquet").set_index("dfu_ck")
    for row, of_table in zip(rows, expected, strict=True):
        key = row["dfu_ck"]
        assert (row["dmdunit"], row["dmdgroup"], row["loc"]) == tuple(
            of_table[k] for k in ("dmdunit", "dmdgroup", "loc")
        )
        assert (row["label"], row["reason"], row["abc_class"]) == (label, *labels.loc[key, ["reason", "abc_class"]])
        assert float(row["mean_demand"]) == trained.loc[key, "mean_demand"]
        assert float(row["margin"]) == trained.loc[key, "margin"]
        assert float(row["naive_wape"]) == naive.loc[key, "naive_wape"]
        assert (row["as_of_month"], row["brand_desc"]) == ("2026-10", of_table["brand_desc"] or "")
    assert {row["borderline"] for row in rows} <= {"", "pattern", "volume", "pattern and volume"}
    assert label.startswith(rows[0]["own_tier"]) or rows[0]["own_tier"] in label


def test_files_are_named_by_label_and_month_and_marked_as_csv(api, label):
    names = {
        f"clusters/{label}/dfus.csv": f"{label}_2026-10.csv",
        "clusters/by%2Fhand%20%25/dfus.csv": "by-hand_2026-10.csv",
        "clusters/changes.csv": "label-changes_2026-10.csv",
        "page.csv": "dfus_2026-10.csv",
    }
    for path, name in names.items():
        headers = asked(api, path).headers
        assert headers["Content-Disposition"] == f'attachment; filename="{name}"'
        assert headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
        assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-cache", "nosniff")
    filtered = asked(api, "page.csv", {"brand_desc": "golden"})
    assert 'filename="dfus-filtered_2026-10.csv"' in filtered.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("filters", "condition"),
    [
        ({"dmdunit": "0015"}, "dmdunit ILIKE '%%0015%%'"),
        ({"dmdgroup": "=CLUB"}, "dmdgroup = 'CLUB'"),
        ({"loc": "=DC07"}, "loc = 'DC07'"),
        ({"brand_desc": "GOLDEN"}, "brand_desc ILIKE '%%golden%%'"),
        ({"cluster_assignment": None}, "cluster_assignment IS NULL"),
        ({"region": "=NORTHEAST", "purge_sw": 0}, "region = 'NORTHEAST' AND purge_sw = 0"),
    ],
)
def test_filters_and_order_are_those_of_a_page(api, published, filters, condition):
    query = f"SELECT dfu_ck FROM dim_dfu WHERE {condition} ORDER BY loc DESC NULLS LAST, dfu_sk"
    expected = [row["dfu_ck"] for row in published.rows(query.replace("%%", "%"))]
    assert [row["dfu_ck"] for row in rows_of(asked(api, "page.csv", filters, sort="-loc"))] == expected


def test_a_segment_can_be_filtered_further(api, published, label):
    query = "SELECT count(*) AS n FROM dim_dfu WHERE cluster_assignment = %s AND loc = 'DC07'"
    (expected,) = published.rows(query, label)
    assert len(rows_of(asked(api, f"clusters/{label}/dfus.csv", {"loc": "=DC07"}))) == expected["n"]


def test_whole_table_has_no_limit_and_rows_without_a_label(api, published):
    rows = rows_of(asked(api, "page.csv"))
    (counted,) = published.rows("SELECT count(*) AS n, count(cluster_assignment) AS labelled FROM dim_dfu")
    assert (len(rows), sum(row["label"] != "" for row in rows)) == (counted["n"], counted["labelled"])
    odd = next(row for row in rows if row["dfu_ck"] == ODD_KEY)
    assert (odd["label"], odd["reason"], odd["mean_demand"], odd["as_of_month"]) == ("", "", "", "2026-10")
    young = next(row for row in rows if row["label"].startswith("new_"))
    assert (young["own_tier"], young["naive_wape"], young["margin"]) == ("", "", "")
    assert young["reason"].startswith("new: history too short")
    assert float(young["mean_demand"]) > 0


def test_reason_stands_only_beside_the_label_of_which_it_was_said(api, published, label):
    (row,) = published.rows("SELECT dfu_ck FROM dim_dfu WHERE cluster_assignment = %s ORDER BY dfu_sk LIMIT 1", label)
    update, key = "UPDATE dim_dfu SET cluster_assignment = %s WHERE dfu_ck = %s", row["dfu_ck"]
    (before,) = rows_of(asked(api, "page.csv", {"dfu_ck": f"={key}"}))
    published.write(update, [("by hand", key)])
    try:
        (after,) = rows_of(asked(api, "page.csv", {"dfu_ck": f"={key}"}))
    finally:
        published.write(update, [(label, key)])
    assert (before["label"], after["label"]) == (label, "by hand")
    assert before["reason"]
    of_label = ("label", "reason", "margin", "borderline", "next_label")
    assert after == before | dict.fromkeys(of_label, "") | {"label": "by hand"}


def test_changes_are_the_rows_that_the_publish_wrote(api, published):
    rows = rows_of(asked(api, "clusters/changes.csv"))
    assert list(rows[0]) == list(CHANGE_COLUMNS)
    previous = read_table(published.folder / "previous_labels.parquet")
    assert {row["dfu_ck"] for row in rows} == set(previous["dfu_ck"])
    assert {row["label_before"] for row in rows} == {""}  # the first publish
    assert len(rows) == published.summary["published"]["updated"]


def test_texts_that_a_spreadsheet_would_compute_are_neutral(api, published):
    keys = ("=1+1", "+31", "-5", "@SUM(A1)", "\t=cmd", "\rx")
    insert = (
        "INSERT INTO dim_dfu (dfu_ck, dmdunit, dmdgroup, loc, brand) VALUES (%s, %s, 'g', 'l', '=HYPERLINK(\"x\")')"
    )
    published.write(insert, [(key, key) for key in keys])
    try:
        rows = rows_of(asked(api, "page.csv", {"brand": '==HYPERLINK("x")'}))
        assert [row["dfu_ck"] for row in rows] == [f"'{key}".replace("'\t=", "'\t'=") for key in keys]
        assert {row["brand"] for row in rows} == {'\'=HYPERLINK("x")'}
        body = asked(api, "page.csv").body.decode("utf-8-sig")
        cells = [cell for row in csv.reader(io.StringIO(body, newline="")) for cell in row]
        numbers = [cell for cell in cells if cell[:1] == "-"]
        assert not [cell for cell in cells if cell[:1] in ("=", "+", "@", "\t", "\r")]
        assert all(float(number) < 0 for number in numbers)
    finally:
        published.write("DELETE FROM dim_dfu WHERE dfu_ck = %s AND loc = 'l'", [(key,) for key in keys])


def test_lines_end_as_rfc_4180_has_them(api, label):
    body = asked(api, f"clusters/{label}/dfus.csv").body
    assert body.endswith(b"\r\n")
    assert body.count(b"\n") == body.count(b"\r\n")


def test_unchanged_list_is_not_sent_again_and_gzip_is_sent_to_those_who_take_it(api, label):
    path = f"/domains/dfu/clusters/{label}/dfus.csv"
    plain = api.get(path)
    again = api.get(path, headers={"If-None-Match": plain.headers["ETag"]})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", plain.headers["ETag"])
    packed = api.get(path, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["ETag"] == plain.headers["ETag"]


def test_mistakes_are_refused_as_on_a_page(api):
    assert asked(api, "page.csv", {"colour": "x"}).status == 422
    assert asked(api, "page.csv", sort="colour").status == 422
    assert asked(api, "page.csv", limit=5).status == 422
    reply = asked(api, "clusters/no_such_label/dfus.csv")
    assert (reply.status, reply.json["detail"]) == (404, "No DFU has this label.")


def test_a_planner_clicks_the_list_of_a_segment_and_gets_the_file(api, published, label):
    with headless_chromium() as browser:
        visit = Visit(browser, f"{api.url}/")
        visit.page.wait_for_selector("html[data-ready]", state="attached")
        card = visit.page.locator(".card").first
        card.locator("summary").click()
        assert card.locator(".command").is_hidden()
        with visit.page.expect_download() as downloading:
            card.locator(".list a").click()
        saved = downloading.value
        rows = list(csv.DictReader(io.StringIO(saved.path().read_text("utf-8-sig"), newline="")))
        (counted,) = published.rows("SELECT count(*) AS n FROM dim_dfu WHERE cluster_assignment = %s", label)
        assert (saved.suggested_filename, len(rows)) == (f"{label}_2026-10.csv", counted["n"])
        assert {row["label"] for row in rows} == {label}
        assert visit.complaints == []
        visit.close()


def test_report_links_to_lists_where_they_are_of_its_run_only(api, published):
    linked = b'<html lang="en" data-api="/domains/dfu/" data-lists="yes">'
    run = published.folder.name
    assert linked in api.get("/").body
    assert linked in api.get(f"/reports/{run}").body
    assert linked not in (published.folder / "report.html").read_bytes()
    other = published.folder.with_name("2026-09-0123456789-0123456789ab")
    other.mkdir()
    try:
        (other / "report.html").write_bytes((published.folder / "report.html").read_bytes())
        reply = api.get(f"/reports/{other.name}")
        without_lists = b'<html lang="en" data-api="/domains/dfu/">'
        assert (reply.status, linked in reply.body, without_lists in reply.body) == (200, False, True)
    finally:
        (other / "report.html").unlink()
        other.rmdir()
