"""A network that swallows what both sides say: whatever the warehouse is asked then, nobody waits for it for good."""

import io
import threading
from contextlib import closing, suppress

import psycopg2
import pytest

from dfu_clustering.config.loading import load_config
from dfu_clustering.warehouse.connect import connect_engine, private_connection, raw_connection
from dfu_clustering.warehouse.snapshot import snapshot
from tests.integration.cuttable_proxy import CuttableProxy

pytestmark = pytest.mark.integration

FOR_GOOD_S = 60  # far beyond the limit of one second


@pytest.fixture
def proxy(postgres_server):
    with closing(CuttableProxy(postgres_server.socket_folder / f".s.PGSQL.{postgres_server.port}")) as proxy:
        yield proxy


@pytest.fixture
def engine(proxy, monkeypatch):
    monkeypatch.setattr("dfu_clustering.warehouse.timeouts._GRACE_S", 0.5)
    limits = load_config().warehouse.model_copy(update={"statement_timeout_s": 1.0})
    return connect_engine(f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres", limits)


def error_of(work):
    """What work raised, or None; it fails where the work has not ended after a minute."""
    found = []

    def run():
        try:
            work()
        except psycopg2.Error as error:
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(FOR_GOOD_S)
    assert not thread.is_alive(), "it is still waited for"
    return found[0] if found else None


def test_a_snapshot_ends_without_an_answer(engine, proxy):
    def work():
        with snapshot(engine) as source:
            source.export()
            proxy.fall_silent()

    assert error_of(work) is None


@pytest.mark.parametrize("lend", [private_connection, raw_connection])
@pytest.mark.parametrize(
    "ask",
    [
        lambda connection: connection.cursor().execute("SELECT 1"),
        lambda connection: connection.cursor().copy_expert("COPY (SELECT 1) TO STDOUT", io.BytesIO()),
        lambda connection: connection.commit(),
        lambda connection: connection.rollback(),
    ],
    ids=["statement", "copy", "commit", "rollback"],
)
def test_who_asks_hears_that_the_connection_is_lost(engine, proxy, lend, ask):
    def work():
        with lend(engine) as connection:
            connection.cursor().execute("SELECT 1")
            proxy.fall_silent()
            ask(connection)

    assert isinstance(error_of(work), psycopg2.OperationalError)


def test_a_connection_given_back_in_a_transaction_is_waited_for_no_longer(engine, proxy):
    def work():
        with suppress(psycopg2.OperationalError), raw_connection(engine) as connection:
            connection.cursor().execute("SELECT 1")
            proxy.fall_silent()

    assert error_of(work) is None
