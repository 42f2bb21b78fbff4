"""The columns of a DFU in the API: on a table whose columns are other ones than those that the service was told of."""

import json
from contextlib import closing

import psycopg2
import pytest
import yaml
from api_site import ApiSite

from dfu_clustering.warehouse.statements import statement

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
