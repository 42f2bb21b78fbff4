"""A warehouse in which nothing is called as in this project, named by the configuration file alone."""

import runpy
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg2
import pytest
import yaml
from prefect.settings import PREFECT_API_URL, temporary_settings

from deploy.warehouse_roles import roles_script
from dfu_clustering.config.loading import DEFAULTS_PATH, load_config
from dfu_clustering.demo.loading import load_panel
from dfu_clustering.demo.server import create_database, drop_database
from dfu_clustering.errors import ConfigError, WarehouseError
from dfu_clustering.publishing.transaction import publish_labels
from dfu_clustering.quality.gate_reports import GatePolicy
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.run import Run
from dfu_clustering.steps.build_features import build_features
from dfu_clustering.warehouse.catalog import find_table
from dfu_clustering.warehouse.connect import connect_engine, raw_connection
from dfu_clustering.warehouse.statements import quoted
from expectations.gate import judge_sources
from flows.cluster_dfus import cluster_dfus
from tests.databases import copied_database
from tests.integration.api_site import ApiSite
from tests.integration.gate_runs import QUICK
from tests.integration.published_site import PANEL, PLANTED, as_role

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("blank_pictures"),
]

SCRIPTS = Path(__file__).parents[2] / "scripts"
PROOF = next(proof.as_py() for proof in PANEL.dfus["proof"] if proof.is_valid)
DEFAULTS = load_config(DEFAULTS_PATH).warehouse
RENAMED = {"brand": "Brand Name", "proof": "proof %", "total_lt": "lead:time", "category": "cat{0}", "region": "area"}
COMPANY: dict[str, Any] = {
    "schema": "Sales Mart",
    "tables": {"sales": "Sales; DROP TABLE dim_sku", "dfu": "dim_sku", "item": 'the "item"'},
    "columns": {
        "sales": {
            "dmdunit": "item_id",
            "dmdgroup": "customer_group",
            "loc": "site %s",
            "startdate": "Month",
            "qty": "units' sold",
            "load_ts": "loaded",
            "modified_ts": "changed",
        },
        "dfu": {
            "dfu_sk": "sku_sk",
            "dfu_ck": "sku_ck",
            "dmdunit": "item_id",
            "dmdgroup": "customer_group",
            "loc": "site:id",
            "load_ts": "created",
            "cluster_assignment": 'Demand "Segment" %(x)s',
            "modified_ts": "updated",
        },
        "item": {"item_ck": "k" * 63, "item_no": "item_id"},
    },
    "sales_filter": {"type": None, "kind": "actual's"},
    "attributes": [
        one.model_dump() | {"column": RENAMED.get(one.name, f"of {one.name}")} for one in DEFAULTS.attributes
    ],
}
SKU = '"Sales Mart".dim_sku'
LABEL = quoted(COMPANY["columns"]["dfu"]["cluster_assignment"])


def execute(url, *commands):
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        for command in commands:
            cursor.execute(command)
        return cursor.fetchall() if cursor.description else []


class Site:
    """The small panel under a company's names, with the labels of a run of the flow as the project's role."""

    def __init__(self, owner_url, folder):
        self.owner_url, self.folder = owner_url, folder
        self.summary: Any = None
        self.config = folder / "config.yaml"
        settings = QUICK | {"k_range": list(QUICK["k_range"]), "warehouse": COMPANY}
        self.config.write_text(yaml.safe_dump({"clustering": settings}))
        execute(owner_url, roles_script(load_config(self.config).warehouse))

    def variables(self):
        return {
            "DATABASE_URL": as_role(self.owner_url, "dfu_worker"),
            "DFU_CLUSTERING_CONFIG": str(self.config),
            "DFU_CLUSTERING_VAR": str(self.folder / "var"),
        }

    def labels(self):
        return dict(execute(self.owner_url, f"SELECT sku_ck, {LABEL} FROM {SKU}"))


@pytest.fixture(scope="module")
def template(postgres_server):
    """The name of a database with the small panel under the company's names, that tests copy."""
    create_database(postgres_server.url(), "company")
    load_panel(postgres_server.url("company"), PANEL, load_config(warehouse=COMPANY).warehouse)
    yield "company"
    drop_database(postgres_server.url(), "company")


@pytest.fixture
def company_url(postgres_server, template):
    with copied_database(postgres_server, template) as url:
        yield url


@pytest.fixture(scope="module")
def site(postgres_server, template, server_of_this_process, tracking_store, tmp_path_factory):
    with copied_database(postgres_server, template) as url:
        site = Site(url, tmp_path_factory.mktemp("theirs"))
        with (
            pytest.MonkeyPatch.context() as patch,
            temporary_settings({PREFECT_API_URL: server_of_this_process.api_url}),
        ):
            patch.chdir(site.folder)
            for name, value in (site.variables() | {"MLFLOW_TRACKING_URI": tracking_store}).items():
                patch.setenv(name, value)
            site.summary = cluster_dfus(**QUICK)
        yield site


@pytest.fixture(scope="module")
def our_labels(published_run):
    """The labels of the same panel under the project's names."""
    return dict(execute(published_run.url, "SELECT dfu_ck, cluster_assignment FROM dim_dfu"))


@pytest.fixture
def theirs(site, monkeypatch, tmp_path, tracking_store):
    """The company's warehouse, for programs that run in this process."""
    monkeypatch.chdir(tmp_path)
    for name, value in (site.variables() | {"MLFLOW_TRACKING_URI": tracking_store}).items():
        monkeypatch.setenv(name, value)
    return site


@pytest.fixture
def program(monkeypatch, capsys):
    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_flow_gives_the_same_labels_under_other_names(site, our_labels):
    assert site.labels() == our_labels
    assert len({label for label in our_labels.values() if label}) >= 3
    labelled = site.summary.clustered + sum(others.size for others in site.summary.lifecycle)
    assert site.summary.published.updated == labelled > 300


def test_files_of_the_run_are_the_same(site, published_run):
    first, second = published_run.folder, next((site.folder / "var" / "runs").glob("2*"))
    for name in ("clustering_features.parquet", "cluster_labels.csv", "cluster_centroids.csv", "cluster_model.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_tables_planted_under_the_temporary_names_change_nothing(site, published_run, our_labels):
    worker_url = as_role(published_run.url, "dfu_worker")
    assert execute(worker_url, "SHOW search_path") == [("planted, public, pg_temp",)]
    for table in PLANTED:
        assert execute(published_run.url, f"SELECT * FROM {table}") == [("planted", "planted", -1)]
    assert our_labels == site.labels()  # where none is planted


def test_programs_publish_the_same_labels(theirs, program):
    labels = theirs.labels()
    program("generate_clustering_features", "--output", "data/clustering_features.csv")
    program("train_clustering_model")
    program("label_clusters")
    told = program("update_cluster_assignments", "--override-reason", "labels that the flow published")
    assert "updated 0, cleared 0" in told
    execute(theirs.owner_url, f"UPDATE {SKU} SET {LABEL} = NULL")
    program("update_cluster_assignments", "--skip-validation")
    assert theirs.labels() == labels


def test_restore_puts_the_labels_of_the_run_back(our_labels, theirs, program):
    execute(theirs.owner_url, f"UPDATE {SKU} SET {LABEL} = 'lost'")
    run = next((theirs.folder / "var" / "runs").glob("2*"))
    program("restore_assignments", "--run", run.name)
    assert theirs.labels() == our_labels


def test_api_answers_with_the_projects_names(theirs, tmp_path):
    execute(theirs.owner_url, f"ALTER TABLE {SKU} DROP COLUMN sop_ref")
    variables = theirs.variables()
    url, var = as_role(theirs.owner_url, "dfu_api"), Path(variables["DFU_CLUSTERING_VAR"])
    site = ApiSite(tmp_path, url, var, config=theirs.config).start()
    try:
        counts = {one["label"]: one["count"] for one in site.get("/domains/dfu/clusters").json["clusters"]}
        shown = site.page({"proof": float(PROOF)}, sort="-brand", limit=3).json
        (row,) = site.page({"dfu_ck": f"={PANEL.dfus['dfu_ck'][0]}"}).json["rows"]
        assert site.dfu(row["dfu_ck"]).json["attributes"] == row
        assert site.page(sort="sop_ref").status == 422
    finally:
        site.stop()
    labels = [label for label in theirs.labels().values() if label]
    assert counts == {label: labels.count(label) for label in set(labels)}
    (proofs,) = execute(theirs.owner_url, f"""SELECT count(*) FROM {SKU} WHERE "proof %" = {PROOF}""")
    assert (shown["total"],) == proofs
    assert 0 < len(shown["rows"]) <= 3
    assert row["brand"] == PANEL.dfus["brand"][0].as_py()
    assert (row["cluster_assignment"], row["sop_ref"]) == (theirs.labels()[row["dfu_ck"]], None)
    assert list(row) == list(site_fields())


def site_fields():
    shown = [one.name for one in DEFAULTS.shown_columns()]
    return ["dfu_sk", "dfu_ck", "dmdunit", "dmdgroup", "loc", *shown, "cluster_assignment", "load_ts", "modified_ts"]


@pytest.fixture
def gate(company_url, tmp_path):
    """Damages the company's warehouse and returns what the source gate finds, by check."""
    config = load_config(warehouse=COMPANY)

    def judge(*damage, config=config):
        execute(company_url, *damage)
        engine = connect_engine(company_url, config.warehouse)
        run = Run.open(tmp_path, as_of_month="2026-10", config_digest="d", run_id="x")
        reports = judge_sources(config, engine, run, GatePolicy(), chosen=True, docs=False)
        return {check.name: check for report in reports for check in report.failures}

    return judge


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (
            [f"ALTER TABLE {SKU} RENAME TO real_sku", f'CREATE VIEW {SKU} AS SELECT * FROM "Sales Mart".real_sku'],
            f"dim_sku.{COMPANY['columns']['dfu']['cluster_assignment']} is in a view: name its table",
        ),
        (
            [f"ALTER TABLE {SKU} ALTER {LABEL} TYPE char(40)"],
            "is character(40), which pads with blanks: ALTER it to text",
        ),
        ([f"ALTER TABLE {SKU} ALTER sku_ck TYPE char(80)"], "dim_sku.sku_ck is character(80)"),
        ([f'ALTER TABLE {SKU} ALTER "site:id" TYPE char(9)'], "dim_sku.site:id is character(9)"),
        (
            [f"UPDATE {SKU} SET {LABEL} = NULL", f"ALTER TABLE {SKU} ALTER {LABEL} TYPE varchar(12)"],
            "is character varying(12), but labels have up to 26 characters: ALTER it to text",
        ),
    ],
)
def test_target_that_labels_cannot_be_written_to_is_refused(gate, damage, found):
    check = gate(*damage)["labels_can_be_written"]
    assert check.severity == "critical"
    assert found in check.sample_keys[0]
    assert found in check.description


# what the extension of that name begins with; the server of the tests has neither it nor ICU
CITEXT = """
CREATE TYPE citext;
CREATE FUNCTION citextin(cstring) RETURNS citext LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION citextout(citext) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE citext (INPUT = citextin, OUTPUT = citextout, STORAGE = extended, CATEGORY = 'S', COLLATABLE = true);
CREATE CAST (citext AS text) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (text AS citext) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE CAST (varchar AS citext) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE DOMAIN code AS citext;
CREATE DOMAIN item AS code;
"""
EITHER_CASE = """
SET allow_system_table_mods = on;
CREATE COLLATION either_case (provider = libc, locale = 'C');
UPDATE pg_collation SET collisdeterministic = false WHERE collname = 'either_case';
"""


@pytest.mark.parametrize("kind", ["citext", "item", 'text COLLATE "either_case"'])
@pytest.mark.parametrize(
    ("role", "column"), [("sales", "item_id"), ("item", "item_id"), ("dfu", "item_id"), ("dfu", LABEL)]
)
def test_keys_and_labels_that_the_database_compares_loosely_are_refused(gate, role, column, kind):
    table = f'"Sales Mart".{quoted(COMPANY["tables"][role])}'
    failures = gate(CITEXT + EITHER_CASE, f"ALTER TABLE {table} ALTER {column} TYPE {kind}")
    check = failures["labels_can_be_written" if role == "dfu" else "columns_and_types"]
    assert check.severity == "critical"
    told = "compared by its collation or type, not byte by byte as the project does: ALTER it to text"
    assert told in check.sample_keys[0]


def test_target_is_looked_at_again_before_labels_are_written(company_url):
    names = load_config(warehouse=COMPANY).warehouse
    keys = PANEL.dfus["dfu_ck"].to_pylist()[:50]
    labels = pd.DataFrame({"dfu_ck": keys, "cluster_id": 63, "cluster_label": "high_volume_steady"})
    execute(company_url, f"ALTER TABLE {SKU} ALTER {LABEL} TYPE char(40)")
    engine = connect_engine(company_url, names)
    with pytest.raises(WarehouseError, match=r"is character\(40\), which pads with blanks: ALTER it to text"):
        publish_labels(engine, labels)
    execute(company_url, f"ALTER TABLE {SKU} ALTER {LABEL} TYPE varchar(17)")
    with pytest.raises(WarehouseError, match="labels have up to 18 characters"):
        publish_labels(engine, labels)
    engine.dispose()


def test_keys_that_sales_and_items_pad_with_blanks_are_read_as_sql_compares_them(company_url, tmp_path):
    config = load_config(warehouse=COMPANY)
    sales, items = (f'"Sales Mart".{quoted(COMPANY["tables"][role])}' for role in ("sales", "item"))
    engine = connect_engine(company_url, config.warehouse)
    matrices = []
    for name in ("as text", "padded"):
        run = Run.open(tmp_path / name, as_of_month="2026-10", config_digest="d", run_id="x")
        build_features(run, config, engine)
        matrices.append(run.table(RunFile.MATRIX))
        execute(company_url, f"ALTER TABLE {sales} ALTER customer_group TYPE char(30)")
        execute(company_url, f"ALTER TABLE {items} ALTER item_id TYPE char(30)")
    engine.dispose()
    pd.testing.assert_frame_equal(matrices[0], matrices[1])
    assert matrices[1]["category"].notna().any()


def test_sales_without_the_time_of_a_change_are_told_by_the_name_of_the_column(gate):
    sales = f'"Sales Mart".{quoted(COMPANY["tables"]["sales"])}'
    check = gate(f"ALTER TABLE {sales} DROP changed")["columns_and_types"]
    assert (check.severity, check.sample_keys) == ("critical", ["changed timestamp, not found"])


def test_schema_that_the_role_may_not_use_is_told_with_what_to_do(company_url):
    names = load_config(warehouse=COMPANY).warehouse
    execute(company_url, "DROP ROLE IF EXISTS stranger", "CREATE ROLE stranger LOGIN")
    engine = connect_engine(as_role(company_url, "stranger"), names)
    with raw_connection(engine) as connection, pytest.raises(WarehouseError, match="the role's rights"):
        find_table(connection, names, "dfu")
    engine.dispose()


@pytest.mark.parametrize("attribute", ["Brand", "order", pytest.param("user", marks=pytest.mark.slow)])
def test_attributes_of_any_name_are_judged_and_their_rows_are_named(small_panel_url, tmp_path, attribute):
    listed = [{"name": attribute, "table": "dfu", "kind": "categorical", "column": "brand"}]
    domains = {f"dim_dfu.{attribute}": ["none"], "dim_dfu.abc_vol": [], "dim_item.item_status": []}
    config = load_config(warehouse={"attributes": listed}, data_quality={"domains": domains})
    engine = connect_engine(small_panel_url, config.warehouse)
    run = Run.open(tmp_path, as_of_month="2026-10", config_digest="d", run_id="x")
    reports = judge_sources(config, engine, run, GatePolicy(), chosen=True, docs=False)
    engine.dispose()
    (check,) = (check for report in reports for check in report.failures if check.name == f"{attribute}_is_known")
    assert check.severity == "warning"
    assert set(check.sample_keys) <= set(PANEL.dfus["dfu_ck"].to_pylist())


def test_attribute_that_is_called_like_a_feature_is_refused_before_sales_are_read(postgres_url, tmp_path):
    listed = [{"name": "mean_demand", "table": "dfu", "kind": "numeric", "column": "alcoh_pct"}]
    config = load_config(warehouse={"attributes": listed})
    engine = connect_engine(postgres_url, config.warehouse)
    run = Run.open(tmp_path, as_of_month="2026-10", config_digest="d", run_id="x")
    with pytest.raises(
        ConfigError, match=r"attributes with the name of another column of the feature matrix \(1: 'mean_demand'\)"
    ):
        build_features(run, config, engine)
    engine.dispose()


@pytest.mark.parametrize(
    "name", ["../../dim_sku", *(pytest.param(name, marks=pytest.mark.slow) for name in ("dim/sku", r"a\b"))]
)
def test_table_may_be_called_what_no_file_can_be(small_panel_url, tmp_path, name):
    config = load_config(warehouse={"tables": {"dfu": name}})
    execute(small_panel_url, f"ALTER TABLE dim_dfu RENAME TO {quoted(name)}")
    engine = connect_engine(small_panel_url, config.warehouse)
    run = Run.open(tmp_path, as_of_month="2026-10", config_digest="d", run_id="x")
    reports = judge_sources(config, engine, run, GatePolicy(), chosen=True)
    engine.dispose()
    assert [check.name for report in reports for check in report.failures if check.severity == "critical"] == []


def test_sales_and_items_may_be_views(gate):
    sales, items = quoted(COMPANY["tables"]["sales"]), quoted(COMPANY["tables"]["item"])
    moved = [
        command
        for view in (sales, items)
        for command in (
            f'ALTER TABLE "Sales Mart".{view} SET SCHEMA public',
            f'CREATE VIEW "Sales Mart".{view} AS SELECT * FROM public.{view}',
        )
    ]
    assert [check for check in gate(*moved).values() if check.severity == "critical"] == []


@pytest.mark.parametrize(("column", "severity"), [("area", "warning"), ("customer_group", "critical")])
def test_missing_attribute_is_a_warning_and_a_missing_key_stops(gate, column, severity):
    failures = gate(f"ALTER TABLE {SKU} DROP {column}")
    check = failures["columns_and_types"]
    assert (check.severity, check.sample_keys) == (severity, [f"{column} text, not found"])
    assert [one.name for one in failures.values() if one.severity == "critical"] == (
        ["columns_and_types"] if severity == "critical" else []
    )


@pytest.mark.parametrize("other_sales", ["refuse", "ignore"])
def test_rows_outside_the_filter_stop_the_run_or_are_overlooked_as_configured(gate, other_sales):
    other = f"""UPDATE "Sales Mart".{quoted(COMPANY["tables"]["sales"])} SET kind = 'plan' WHERE sales_sk % 500 = 0"""
    failures = gate(other, config=load_config(warehouse=COMPANY | {"other_sales": other_sales}))
    found = {check.name: check.observed for check in failures.values() if check.severity == "critical"}
    assert found == ({"kind_is_actual_s": len(PANEL.sales) // 500} if other_sales == "refuse" else {})
