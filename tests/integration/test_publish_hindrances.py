"""What stands between an update and its rows: triggers, rules, row-level security; each is named."""

import psycopg2
import pytest
from sqlalchemy import make_url

from dfu_clustering.errors import WarehouseError
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.warehouse.connect import connect_engine, is_transient
from tests.integration.small_table import labels, publish_recorded, published, small_table
from tests.publish_records import record_in

pytestmark = pytest.mark.integration


@pytest.fixture
def engine(postgres_url):
    with small_table(postgres_url) as engine:
        yield engine


REWRITE = "BEGIN NEW.cluster_assignment := upper(NEW.cluster_assignment); RETURN NEW; END"
AFTERWARDS = (
    "BEGIN IF pg_trigger_depth() = 1 THEN UPDATE dim_dfu SET cluster_assignment = 'X' WHERE dfu_ck = 'a'; END IF;"
)


def trigger(when, body, of="ROW"):
    function = f"CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"
    return [function, f"CREATE {when} ON dim_dfu FOR EACH {of} EXECUTE FUNCTION meddle()"]


MEDDLERS = {
    "rewrites": (
        trigger("TRIGGER meddler BEFORE UPDATE", REWRITE),
        "'NEW' in place of 'new' at 'a'",
        "trigger meddler",
    ),
    "skips": (
        trigger("TRIGGER meddler BEFORE UPDATE", "BEGIN IF OLD.dfu_ck = 'c' THEN RETURN NULL; END IF; RETURN NEW; END"),
        "None in place of 'new' at 'c'",
        "trigger meddler",
    ),
    "rewrites afterwards": (
        trigger("TRIGGER meddler AFTER UPDATE", f"{AFTERWARDS} RETURN NULL; END", "STATEMENT"),
        "'X' in place of 'new' at 'a'",
        "trigger meddler",
    ),
    "rewrites at the commit": (
        trigger(
            "CONSTRAINT TRIGGER meddler AFTER UPDATE",
            f"{AFTERWARDS} RETURN NULL; END",
            "ROW",
        ),
        "'X' in place of 'new' at 'a'",
        "trigger meddler",
    ),
    "rule": (
        ["CREATE RULE meddler AS ON UPDATE TO dim_dfu WHERE OLD.dfu_ck = 'a' DO INSTEAD NOTHING"],
        "'old' in place of 'new' at 'a'",
        "rule meddler",
    ),
}


@pytest.mark.parametrize("kind", MEDDLERS)
def test_trigger_or_rule_that_rewrites_labels_is_named_and_nothing_is_committed(engine, postgres_url, tmp_path, kind):
    commands, found, named = MEDDLERS[kind]
    if kind == "rewrites at the commit":
        commands = [commands[0], commands[1].replace("FOR EACH", "DEFERRABLE INITIALLY DEFERRED FOR EACH")]
    with psycopg2.connect(postgres_url) as connection, connection.cursor() as cursor:
        for command in commands:
            cursor.execute(command)
    before = published(engine)
    with pytest.raises(WarehouseError, match=rf"other labels, first {found}.*{named}.*What to do") as caught:
        publish_recorded(engine, labels(a="new", b="kept", c="new"), record_in(tmp_path / "run"))
    assert "publish again" not in str(caught.value)
    assert not is_transient(caught.value)
    assert published(engine) == before
    assert Ledger(tmp_path).publications() == []


def test_rows_that_row_level_security_protects_are_told_with_the_role(engine, postgres_url, tmp_path):
    with psycopg2.connect(postgres_url) as connection, connection.cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS protected; CREATE ROLE protected LOGIN; GRANT ALL ON dim_dfu TO protected")
        cursor.execute("ALTER TABLE dim_dfu ENABLE ROW LEVEL SECURITY")
        cursor.execute("CREATE POLICY reading ON dim_dfu FOR SELECT USING (true)")
        cursor.execute("CREATE POLICY writing ON dim_dfu FOR UPDATE USING (dfu_ck <> 'c')")
    url = make_url(postgres_url).set(username="protected").render_as_string(hide_password=False)
    restricted = connect_engine(url)
    with pytest.raises(WarehouseError, match=r"None in place of 'new' at 'c'.*row-level security for role protected"):
        publish_recorded(restricted, labels(a="new", b="kept", c="new"), record_in(tmp_path / "run"))
    restricted.dispose()
    assert published(engine)["a"] == "old"
