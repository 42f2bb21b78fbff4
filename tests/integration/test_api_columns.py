"""The columns of a DFU in the API: on a table whose columns are other ones than those that the service was told of."""

import json
from contextlib import closing

import psycopg2
import pytest
import yaml
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import ApiSettings
from dfu_clustering.warehouse.statements import statement
from tests.integration.api_site import ApiSite

pytestmark = pytest.mark.integration

ROWS = """
INSERT INTO dim_dfu (dfu_ck, dmdunit, loc, brand, total_lt, alcoh_pct, cluster_assignment)
VALUES ('a', 'A1', 'x', 'cola', 7, 12.5, 'one'), ('b', 'B2', 'x', NULL, NULL, NULL, NULL)
"""


@pytest.fixture
def execute(postgres_url):
    """Runs commands as the owner of a DFU table with two rows."""

    def run(*commands):
        with closing(psycopg2.connect(postgres_url)) as connection, connection, connection.cursor() as cursor:
            for command in commands:
                cursor.execute(command)

    run(statement("dfu_clustering.demo", "005_create_dim_dfu"), ROWS)
    return run


@pytest.fixture
def started(postgres_url, execute, tmp_path):
    """Starts the service on names of the warehouse's own."""
    sites = []

    def start(**warehouse):
        config = tmp_path / "config.yaml"
        config.write_text(yaml.safe_dump({"clustering": {"warehouse": warehouse}}))
        sites.append(ApiSite(tmp_path, postgres_url, tmp_path, config=config))
        return sites[-1].start()

    yield start
    for site in sites:
        site.stop()


def test_two_names_may_show_one_column_and_a_column_may_have_any_name(execute, started):
    execute(
        "ALTER TABLE dim_dfu RENAME dmdunit TO item_id",
        'ALTER TABLE dim_dfu RENAME brand TO "lateral"',
        'ALTER TABLE dim_dfu RENAME region TO "system_user"',
        "ALTER TABLE dim_dfu RENAME loc TO brand",  # the name of another field in the API
    )
    shown = [
        {"name": "item", "column": "item_id"},
        {"name": "brand", "column": "lateral"},
        {"name": "maker", "column": "lateral"},
        {"name": "area", "column": "system_user"},
        {"name": "lead_time", "column": "total_lt", "type": "integer"},
        {"name": "lead_days", "column": "total_lt", "type": "number"},
    ]
    attributes = [{"name": "brand", "table": "dfu", "kind": "categorical", "column": "lateral"}]
    site = started(columns={"dfu": {"dmdunit": "item_id", "loc": "brand"}}, attributes=attributes, shown=shown)
    (row,) = site.page({"item": "=A1", "maker": "col", "lead_days": 7.0}, sort="-brand").json["rows"]
    assert {name: row[name] for name in ("dmdunit", "item", "loc", "brand", "maker", "area")} == {
        "dmdunit": "A1",
        "item": "A1",
        "loc": "x",
        "brand": "cola",
        "maker": "cola",
        "area": None,
    }
    assert (row["lead_time"], row["lead_days"]) == (7, 7.0)
    assert [found["dfu_ck"] for found in site.page(sort="-brand").json["rows"]] == ["a", "b"]
    refused = site.page({"lead_time": "=soon"})
    assert (refused.status, "lead_time is compared with a whole number" in json.dumps(refused.json)) == (422, True)


@pytest.fixture
def client(postgres_url, execute, tmp_path):
    """Asks the service in this process, which reads the table first with the first request."""
    with TestClient(
        create_app(ApiSettings(database_url=postgres_url, runs=tmp_path, refresh_s=0.01)), base_url="http://localhost"
    ) as client:
        yield client


def rows(client, **asked):
    answer = client.get("/domains/dfu/page", params={name: str(value) for name, value in asked.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()["rows"]


def test_times_that_the_table_does_not_have_are_null_and_named_in_the_log(client, execute, caplog):
    execute("ALTER TABLE dim_dfu DROP load_ts, DROP modified_ts")
    assert [(row["dfu_ck"], row["load_ts"], row["modified_ts"]) for row in rows(client)] == [
        ("a", None, None),
        ("b", None, None),
    ]
    assert client.get("/domains/dfu/a").json()["attributes"] == rows(client, filters='{"dfu_ck": "=a"}')[0]
    assert "dim_dfu: no column load_ts, no column modified_ts; shown as null" in caplog.text
    assert client.get("/domains/dfu/page?sort=load_ts").status_code == 422


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("DROP dmdgroup", "dim_dfu: no column dmdgroup; correct warehouse.columns.dfu"),
        ("DROP dfu_sk, DROP cluster_assignment", "dim_dfu: no column dfu_sk, no column cluster_assignment"),
        ("ALTER dfu_sk DROP DEFAULT, ALTER dfu_sk TYPE text", "dim_dfu: dfu_sk is text, not a whole number"),
        ("ALTER cluster_assignment TYPE integer USING 1", "dim_dfu: cluster_assignment is integer, not text"),
    ],
)
def test_key_that_cannot_be_read_is_named_in_the_log_and_to_nobody_else(client, execute, caplog, damage, told):
    execute(f"ALTER TABLE dim_dfu {damage}")
    for path in ("/readyz", "/domains/dfu/clusters", "/domains/dfu/page", "/domains/dfu/a"):
        answer = client.get(path)
        assert (answer.status_code, "dim_dfu" in answer.text) == (503, False), path
    assert told in caplog.text


def test_service_goes_on_once_the_key_is_there(client, execute):
    execute("ALTER TABLE dim_dfu RENAME loc TO site")
    assert client.get("/readyz").status_code == 503
    execute("ALTER TABLE dim_dfu RENAME site TO loc")
    assert [row["loc"] for row in rows(client)] == ["x", "x"]


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("integer", "7", "7"),
        ("boolean", "true", "true"),
        ("date", "'2026-10-01'", "2026-10-01"),
        ("numeric(9,2)[]", "'{1.50}'", "{1.50}"),
        ("jsonb", """'{"a": 1}'""", '{"a": 1}'),
        ("varchar(9)", "'seven'", "seven"),
    ],
)
def test_field_of_text_shows_a_column_of_any_type_as_its_text(client, execute, kind, value, shown):
    execute(f"ALTER TABLE dim_dfu ALTER brand TYPE {kind} USING CASE dfu_ck WHEN 'a' THEN {value}::{kind} END")
    assert [row["brand"] for row in rows(client, sort="-brand")] == [shown, None]
    for wanted in (f"={shown}", shown[-1:]):
        assert [row["dfu_ck"] for row in rows(client, filters=json.dumps({"brand": wanted}))] == ["a"]


@pytest.mark.parametrize("kind", ["smallint", "bigint", "numeric(38,0)"])
def test_whole_numbers_are_shown_whatever_holds_them(client, execute, kind):
    execute(
        f"ALTER TABLE dim_dfu ALTER dfu_sk TYPE {kind}, ALTER total_lt TYPE {kind}, ALTER alcoh_pct TYPE {kind}",
        *(["UPDATE dim_dfu SET total_lt = 'NaN', alcoh_pct = 'NaN' WHERE dfu_ck = 'b'"] if "," in kind else []),
    )
    assert [(row["dfu_sk"], row["total_lt"]) for row in rows(client)] == [(1, 7), (2, None)]
    assert [row["alcoh_pct"] for row in rows(client, filters='{"total_lt": 7}')] == [13.0]


@pytest.mark.parametrize(
    ("column", "kind", "value", "wanted"),
    [
        ("total_lt", "text", "'7 days'", "a whole number"),
        ("total_lt", "numeric", "7.5", "a whole number"),
        ("alcoh_pct", "money", "7", "a number"),
        ("load_ts", "text", "'soon'", "a time"),
    ],
)
def test_column_that_its_field_cannot_show_is_null_and_named_in_the_log(
    client, execute, caplog, column, kind, value, wanted
):
    execute(f"ALTER TABLE dim_dfu ALTER {column} DROP DEFAULT, ALTER {column} TYPE {kind} USING {value}")
    assert [row[column] for row in rows(client)] == [None, None]
    assert f"dim_dfu: {column} is {kind}, not {wanted}; shown as null" in caplog.text
    assert client.get("/domains/dfu/page", params={"sort": column}).status_code == 422


def test_domain_counts_as_the_type_below_it(client, execute):
    execute("CREATE DOMAIN days AS numeric(9,0)", "ALTER TABLE dim_dfu ALTER total_lt TYPE days")
    assert [row["total_lt"] for row in rows(client, filters='{"total_lt": "=7"}')] == [7]


def test_description_of_the_addresses_calls_the_table_by_no_name_but_its_own(execute, started):
    execute("ALTER TABLE dim_dfu RENAME TO sku")
    site = started(tables={"dfu": "sku"})
    described = site.get("/openapi.json").body.decode()
    assert [name for name in ("dim_dfu", "dim_item", "fact_sales_monthly") if name in described] == []
    assert "One row of sku." in described
    detail = site.page(sort="nope").json["detail"]
    assert detail.startswith("sort: sku has no column 'nope'. It has dfu_sk, dfu_ck, dmdunit, dmdgroup, loc, ")
    assert "'brnd' (did you mean brand?). It has" in site.page(sort="-brnd").json["detail"]
