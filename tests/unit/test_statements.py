"""Configured names become identifiers in SQL and nothing else, and come from the file alone."""

import inspect
import re
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.config.warehouse_names import TEMPORARY_TABLES
from dfu_clustering.errors import ConfigError
from dfu_clustering.warehouse.statements import literal, quoted, sales_condition
from flows.cluster_dfus import cluster_dfus

ROOT = Path(__file__).parents[2]
NAMES = [
    'a "quoted" name',
    "x; DROP TABLE dim_dfu; --",
    "n" * 63,
    "ü" * 31,
    "%(x)s %",
    ":id {0}",
    "back\\slash",
    "Ab c",
]


@pytest.mark.integration
@pytest.mark.parametrize("name", NAMES)
def test_name_is_an_identifier_whatever_it_holds(postgres_url, name):
    with closing(psycopg2.connect(postgres_url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {quoted(name)} ({quoted(name)} text)")
        cursor.execute("SELECT relname, attname FROM pg_class JOIN pg_attribute ON attrelid = oid WHERE attnum = 1")
        assert (name, name) in cursor.fetchall()


@pytest.mark.integration
@pytest.mark.parametrize("value", ["it's", "back\\slash'", "%s", "1); DROP TABLE x; --", 7, -7, True, False])
def test_value_of_the_filter_is_a_constant_whatever_it_holds(postgres_url, value):
    with closing(psycopg2.connect(postgres_url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {literal(value)}")
        assert cursor.fetchone() == (value,)


@pytest.mark.parametrize("name", ["n" * 64, "ü" * 32, "", "a\0b"])
def test_name_that_postgresql_would_cut_off_or_not_take_is_refused(name):
    with pytest.raises(ConfigError, match=r"warehouse\.tables\.dfu .*1 to 63 bytes"):
        load_config(warehouse={"tables": {"dfu": name}})


@pytest.mark.parametrize("column", ["dfu_ck", "brand"])
def test_label_is_written_to_a_column_of_its_own(column):
    with pytest.raises(ConfigError, match=f"'{column}' is written by a publish"):
        load_config(warehouse={"columns": {"dfu": {"cluster_assignment": column}}})


def test_null_takes_a_condition_of_the_filter_away():
    names = load_config(warehouse={"sales_filter": {"type": None, "kind": "x"}}).warehouse
    assert sales_condition(names) == """("kind" = 'x')"""
    assert sales_condition(load_config(warehouse={"sales_filter": {"type": None}}).warehouse) == "(true)"


def test_names_are_no_parameters_of_the_flow_and_change_no_digest():
    assert "warehouse" not in inspect.signature(cluster_dfus.fn).parameters
    assert load_config(warehouse={"tables": {"dfu": "dim_sku"}}).digest() == load_config().digest()


def test_a_configuration_handed_on_as_a_whole_is_the_same():
    config = load_config(warehouse={"schema": "Sales Mart"})
    assert load_config(**config.model_dump()) == config


@pytest.mark.parametrize("value", [1.0, "a\0b", ["x"]])
def test_value_of_the_filter_that_is_no_constant_is_refused(value):
    with pytest.raises(ConfigError, match=r"warehouse\.sales_filter\.type"):
        load_config(warehouse={"sales_filter": {"type": value}})


def test_yes_and_no_stay_what_they_are_in_the_filter():
    names = load_config(warehouse={"sales_filter": {"type": None, "is_actual": True}}).warehouse
    assert sales_condition(names) == '("is_actual" = true)'


@pytest.mark.parametrize(("role", "name"), [("dfu", "new_labels"), ("sales", "judged_sales")])
def test_a_table_that_a_temporary_one_would_hide_needs_its_schema(role, name):
    with pytest.raises(ConfigError, match=rf"give warehouse\.schema, or rename {name}"):
        load_config(warehouse={"tables": {role: name}})
    config = load_config(warehouse={"tables": {role: name}, "schema": "mart"})
    assert getattr(config.warehouse.tables, role) == name


def test_all_temporary_tables_are_known_to_the_configuration():
    places = (ROOT / "src", ROOT / "expectations")
    sources = [path.read_text() for place in places for ending in ("py", "sql") for path in place.rglob(f"*.{ending}")]
    named = {name for source in sources for name in re.findall(r"pg_temp\.([a-z_]+)", source)}
    assert named == TEMPORARY_TABLES
