"""Pages of DFUs: filters, orders, and whatever somebody writes into them."""

import pytest

from api.tables import COLUMNS

pytestmark = pytest.mark.integration


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
