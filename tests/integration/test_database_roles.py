"""Roles of deploy/postgres on a real PostgreSQL: enough for a whole run, and nothing beyond it."""

from contextlib import closing

import psycopg2
import pytest
from psycopg2 import errors

from dfu_clustering.demo.loading import create_tables
from tests.databases import fresh_database, temporary_server
from tests.integration.published_site import ROLES, as_role

pytestmark = pytest.mark.integration

TABLES = ("fact_sales_monthly", "dim_dfu", "dim_item")
SALE = "INSERT INTO fact_sales_monthly (sales_ck, dmdunit, dmdgroup, loc, startdate, type)"
ITEM = "INSERT INTO dim_item (item_ck, item_no, item_desc, item_status, brand_name, category, class, sub_class)"

WRITES_OF_NO_ROLE = [
    "UPDATE dim_dfu SET brand = 'x'",
    "UPDATE dim_dfu SET cluster_assignment = 'x', brand = 'x'",
    "UPDATE dim_dfu SET load_ts = now()",
    "UPDATE fact_sales_monthly SET qty = 0",
    "UPDATE dim_item SET brand_name = 'x'",
    "INSERT INTO dim_dfu (dfu_ck, dmdunit, dmdgroup, loc) VALUES ('new', 'n', 'e', 'w')",
    "INSERT INTO dim_dfu (cluster_assignment) VALUES ('x')",
    f"{SALE} VALUES ('new', 'n', 'e', 'w', '2026-10-01', 1)",
    f"{ITEM} VALUES ('new', 'n', 'e', 'w', '', '', '', '')",
    "DELETE FROM dim_dfu",
    "DELETE FROM fact_sales_monthly",
    "DELETE FROM dim_item",
    "TRUNCATE dim_dfu",
    "TRUNCATE fact_sales_monthly, dim_item",
    "SELECT nextval('dim_dfu_dfu_sk_seq')",
    "CREATE TABLE labels_of_my_own (dfu_ck text)",
    "CREATE TABLE public.labels_of_my_own AS SELECT dfu_ck FROM dim_dfu",
    "ALTER TABLE dim_dfu ADD COLUMN cluster_id integer",
    "CREATE INDEX ON dim_dfu (dfu_ck)",
    "DROP TABLE dim_dfu",
    "CREATE SCHEMA labels",
    "ALTER ROLE dfu_worker SUPERUSER",
]
WRITES_OF_THE_WORKER = [
    "UPDATE dim_dfu SET cluster_assignment = 'x'",
    "UPDATE dim_dfu SET modified_ts = now()",
    "SELECT cluster_assignment FROM dim_dfu FOR UPDATE",
]


def execute(url, *commands):
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        for command in commands:
            cursor.execute(command)
        return cursor.fetchall() if cursor.description else []


def is_refused(url, command):
    """Tell whether the role lacks the right, also in a transaction that it has made writable itself."""
    try:
        execute(url, "SET TRANSACTION READ WRITE", command)
    except errors.InsufficientPrivilege:
        return True
    return False


def drop_roles(url):
    for role in ("dfu_worker", "dfu_api"):
        if execute(url, f"SELECT to_regrole('{role}') IS NOT NULL") == [(True,)]:
            execute(url, f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.fixture(scope="module")
def server_without_roles():
    """A server of these tests' own: roles belong to a server, and on that of the session others work as them."""
    with temporary_server() as server:
        yield server


@pytest.fixture
def warehouse(server_without_roles):
    """The three tables, empty, and no roles yet."""
    with fresh_database(server_without_roles) as url:
        with closing(psycopg2.connect(url)) as connection, connection:
            create_tables(connection)
        yield url
        drop_roles(url)


@pytest.fixture
def roles(warehouse):
    """The three tables, empty, with the roles."""
    execute(warehouse, ROLES)
    return warehouse


def test_worker_may_do_all_that_the_flow_does(published_run):
    assert execute(as_role(published_run.url, "dfu_worker"), "SELECT current_user") == [("dfu_worker",)]
    summary = published_run.summary
    counted = "SELECT count(cluster_assignment), count(*) FILTER (WHERE modified_ts > load_ts) FROM dim_dfu"
    assert execute(published_run.url, counted) == [(summary.labelled, summary.published.updated)]
    assert summary.published.updated == summary.labelled > 300


@pytest.mark.parametrize("role", ["dfu_worker", "dfu_api"])
def test_no_role_may_change_anything_else(roles, role):
    assert [command for command in WRITES_OF_NO_ROLE if not is_refused(as_role(roles, role), command)] == []


def test_api_may_not_do_what_the_worker_may(roles):
    worker, api = (as_role(roles, role) for role in ("dfu_worker", "dfu_api"))
    assert [command for command in WRITES_OF_THE_WORKER if is_refused(worker, command)] == []
    assert [command for command in WRITES_OF_THE_WORKER if not is_refused(api, command)] == []


def test_api_is_read_only_even_where_a_right_slips_in(roles):
    execute(roles, "GRANT UPDATE ON dim_dfu TO dfu_api")
    with pytest.raises(errors.ReadOnlySqlTransaction):
        execute(as_role(roles, "dfu_api"), "UPDATE dim_dfu SET cluster_assignment = 'x'")


@pytest.mark.parametrize(("role", "read"), [("dfu_worker", TABLES), ("dfu_api", ("dim_dfu",))])
def test_every_role_reads_what_its_programs_read(roles, role, read):
    url = as_role(roles, role)
    assert tuple(table for table in TABLES if not is_refused(url, f"SELECT * FROM {table}")) == read


@pytest.mark.parametrize(
    ("role", "limits"),
    [("dfu_worker", [("30min",), ("1min",), ("15min",)]), ("dfu_api", [("15s",), ("2s",), ("30s",)])],
)
def test_no_role_holds_the_database_up(roles, role, limits):
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    assert [execute(as_role(roles, role), f"SHOW {name}")[0] for name in names] == limits


def test_running_the_file_again_takes_back_what_was_granted_since(roles):
    execute(roles, "GRANT ALL ON dim_dfu TO dfu_worker, dfu_api; GRANT UPDATE (brand) ON dim_dfu TO dfu_worker")
    execute(roles, ROLES)
    with pytest.raises(errors.InsufficientPrivilege):
        execute(as_role(roles, "dfu_worker"), "UPDATE dim_dfu SET brand = 'x'")
    execute(as_role(roles, "dfu_worker"), "UPDATE dim_dfu SET cluster_assignment = 'x'")


@pytest.mark.parametrize(
    ("granted", "found"),
    [
        ("GRANT DELETE ON dim_item TO PUBLIC", "dfu_api: DELETE on dim_item"),
        ("GRANT UPDATE (brand) ON dim_dfu TO PUBLIC", "dfu_worker: UPDATE on dim_dfu"),
        ("GRANT UPDATE (cluster_assignment) ON dim_dfu TO PUBLIC", "dfu_api: UPDATE on dim_dfu"),
        ("GRANT CREATE ON SCHEMA public TO PUBLIC", "dfu_worker: CREATE on schema public"),
    ],
)
def test_rights_of_everybody_that_would_undo_the_roles_are_refused(warehouse, granted, found):
    execute(warehouse, granted)
    with pytest.raises(errors.RaiseException, match=found):
        execute(warehouse, ROLES)
    assert execute(warehouse, "SELECT to_regrole('dfu_worker')") == [(None,)]


def test_tables_may_lie_in_a_schema_of_their_own(warehouse):
    execute(warehouse, "CREATE SCHEMA sales", *(f"ALTER TABLE {table} SET SCHEMA sales" for table in TABLES))
    execute(warehouse, "SET LOCAL search_path = sales", ROLES)
    execute(as_role(warehouse, "dfu_worker"), "UPDATE dim_dfu SET cluster_assignment = NULL")
    assert execute(as_role(warehouse, "dfu_api"), "SELECT * FROM dim_dfu") == []


def test_no_right_is_left_on_tables_of_earlier_names(roles):
    execute(
        roles,
        *(f"CREATE TABLE former_{table} (LIKE {table})" for table in TABLES),
        "CREATE SCHEMA former",
        "CREATE VIEW former.sales AS SELECT * FROM fact_sales_monthly",
        "CREATE SEQUENCE former.numbers",
        "GRANT USAGE ON SCHEMA former TO dfu_worker, dfu_api",
        "GRANT SELECT ON former_fact_sales_monthly, former_dim_item, former.sales TO dfu_worker, dfu_api",
        "GRANT UPDATE (cluster_assignment) ON former_dim_dfu TO dfu_worker",
        "GRANT USAGE ON former.numbers TO dfu_worker",
        ROLES,
    )
    relations = """
    SELECT c.oid::regclass::text, r::text FROM pg_class AS c, unnest(ARRAY['dfu_worker', 'dfu_api']::regrole[]) AS r
    WHERE c.relacl::text LIKE '%' || r || '=%'
        OR EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attacl::text LIKE '%' || r || '=%')
    """
    schemas = "SELECT nspname FROM pg_namespace WHERE nspacl::text LIKE '%dfu\\_%=%'"
    assert sorted(execute(roles, relations)) == [
        ("dim_dfu", "dfu_api"),
        *((table, "dfu_worker") for table in ("dim_dfu", "dim_item", "fact_sales_monthly")),
    ]
    assert execute(roles, schemas) == [("public",)]


def test_tables_that_a_role_owns_stay_its_own(roles):
    execute(roles, "CREATE TABLE own (x int)", "GRANT SELECT ON own TO PUBLIC", "ALTER TABLE own OWNER TO dfu_worker")
    execute(roles, ROLES)
    execute(as_role(roles, "dfu_worker"), "INSERT INTO own VALUES (1)")


def test_every_table_may_lie_in_another_schema_and_is_found_as_by_the_owner(warehouse):
    execute(
        warehouse,
        *(f'CREATE SCHEMA "{schema}"' for schema in ("A sales", "the dfus", "items")),
        'ALTER TABLE fact_sales_monthly SET SCHEMA "A sales"',
        'ALTER TABLE dim_dfu SET SCHEMA "the dfus"',
        "ALTER TABLE dim_item SET SCHEMA items",
        'CREATE TABLE "A sales".dim_dfu (of_somebody_else int)',  # behind the DFU table's schema in the path
    )
    execute(warehouse, 'SET LOCAL search_path = "the dfus", items, "A sales"', ROLES)
    worker, api = as_role(warehouse, "dfu_worker"), as_role(warehouse, "dfu_api")
    assert execute(worker, "SHOW search_path") == [('"the dfus", items, "A sales"',)]
    assert [table for table in TABLES if is_refused(worker, f"SELECT * FROM {table}")] == []
    execute(worker, "UPDATE dim_dfu SET cluster_assignment = NULL")
    assert execute(api, "SHOW search_path") == [('"the dfus"',)]
    assert execute(api, "SELECT cluster_assignment FROM dim_dfu") == []
    assert is_refused(api, 'SELECT * FROM "A sales".fact_sales_monthly')
