"""A publisher whose packets are lost without a word, in a network of its own: the server gives its lock back."""

import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pandas as pd
import psycopg2
import pytest

from dfu_clustering.demo.server import _installation, _pg_ctl, create_database, start_server
from dfu_clustering.publishing.transaction import publish_labels
from dfu_clustering.warehouse.connect import connect_engine
from dfu_clustering.warehouse.statements import statement
from tasks.support.retries import RETRY
from tests.integration.prefect_server import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ADDRESS, PORT = "10.77.34.1", 54329
FREE_AGAIN_S = 100  # 20 s of silence, three questions 10 s apart, and a slow machine
# it has updated its rows, and waits for ever before its COMMIT
PUBLISHER = """
import sys, time
from pathlib import Path
import pandas as pd
from dfu_clustering.publishing.transaction import Publishing, publish_labels
from dfu_clustering.warehouse.connect import connect_engine

class Waiting:
    def begin(self, table): return None
    def keep_previous(self, previous): return None
    def prepare(self, attempt):
        Path(sys.argv[2]).touch()
        time.sleep(3600)
    def committed(self, attempt): return None

labels = pd.DataFrame({"dfu_ck": ["a"], "cluster_id": 0, "cluster_label": "lost"}).astype({"dfu_ck": "str"})
publish_labels(connect_engine(sys.argv[1]), labels, Publishing(record=Waiting()))
"""


def ip(*arguments):
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)


@contextmanager
def network_of_its_own(name="dfu-lost"):
    """Lend the name of a network namespace that reaches this host at ADDRESS."""
    if ip("netns", "add", name).returncode:
        pytest.skip("a network of its own needs root and the right to make one")
    try:
        assert ip("link", "add", "dfu-lost0", "type", "veth", "peer", "name", "dfu-lost1").returncode == 0
        ip("link", "set", "dfu-lost1", "netns", name)
        ip("addr", "add", f"{ADDRESS}/24", "dev", "dfu-lost0")
        ip("link", "set", "dfu-lost0", "up")
        ip("-n", name, "addr", "add", "10.77.34.2/24", "dev", "dfu-lost1")
        ip("-n", name, "link", "set", "dfu-lost1", "up")
        yield name
    finally:
        ip("netns", "del", name)
        ip("link", "del", "dfu-lost0")


@pytest.fixture
def server():
    """A PostgreSQL that listens on TCP, in a folder with a short path."""
    with tempfile.TemporaryDirectory(prefix="dfu-lost-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = start_server(Path(folder) / "data")
        create_database(server.url(), "lost")
        execute(server.url("lost"), statement("dfu_clustering.demo", "005_create_dim_dfu"))
        execute(server.url("lost"), "INSERT INTO dim_dfu (dfu_ck, dmdunit, dmdgroup, loc) VALUES ('a', 'a', 'g', 'x')")
        hba = server.folder / "pg_hba.conf"
        hba.write_text(f"host all all 10.77.34.0/24 trust\n{hba.read_text()}")
        server.stop()
        yield server
        start_server(server.folder).stop()


def start_on_the_network(server):
    options = f"-c listen_addresses={ADDRESS} -p {PORT} -k {server.socket_folder}"
    _pg_ctl(_installation(server.folder), "start", "-l", "log", "-o", options)
    return start_server(server.folder)  # it runs


def execute(url, query):
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall() if cursor.description else []


def test_publisher_whose_packets_are_lost_gives_the_lock_back_before_the_others_give_up(server, tmp_path):
    with network_of_its_own() as network:
        running = start_on_the_network(server)
        here, there = running.url("lost"), f"postgresql://postgres@{ADDRESS}:{PORT}/lost"
        updated = tmp_path / "updated"
        command = ["ip", "netns", "exec", network, sys.executable, "-c", PUBLISHER, there, str(updated)]
        with subprocess.Popen(command) as publisher:
            try:
                wait_until(updated.exists, 60, lambda: "no publisher")
                # from now on no packet comes through, and nobody is told
                ip("-n", network, "link", "set", "dfu-lost1", "down")
                silent = time.monotonic()
                held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                assert execute(here, held) == [(1,)]
                wait_until(lambda: execute(here, held) == [(0,)], FREE_AGAIN_S, lambda: "the lock is still held")
                waited_s = time.monotonic() - silent
                assert publisher.poll() is None
            finally:
                publisher.kill()
        engine = connect_engine(here)
        labels = pd.DataFrame({"dfu_ck": ["a"], "cluster_id": 0, "cluster_label": "next"}).astype({"dfu_ck": "str"})
        publish_labels(engine, labels)
        engine.dispose()
        assert execute(here, "SELECT cluster_assignment FROM dim_dfu") == [("next",)]
    # what a task waits in all, between its tries alone
    assert waited_s < sum(RETRY["retry_delay_seconds"](RETRY["retries"])) + (RETRY["retries"] + 1) * 60
