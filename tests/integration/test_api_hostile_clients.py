"""The service as it is run, asked by who means no good, and while the table is locked."""

import socket
import time
from contextlib import closing
from typing import Any
from urllib.parse import quote

import psycopg2
import pytest

from dfu_clustering.demo.server import create_database, drop_database
from dfu_clustering.warehouse.statements import statement
from tests.integration.api_site import ApiSite

pytestmark = pytest.mark.integration

DATABASE = "api_hostile_clients"
KEYS = ("a", "two\nlines", "\n", "ends\n", "a/b\r\n/c", "sep\u2028arated\u0085")
REQUEST_TIMEOUT_S = 2.0
HEALTH_CHECK_S = 5  # deploy/compose.yaml


@pytest.fixture(scope="module")
def warehouse(postgres_server):
    url = postgres_server.url(DATABASE)
    create_database(postgres_server.url(), DATABASE)
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement("dfu_clustering.demo", "005_create_dim_dfu"))
        for key in KEYS:
            row = "INSERT INTO dim_dfu (dfu_ck, dmdunit, loc, cluster_assignment) VALUES (%s, %s, 'x', 'label\n\nof')"
            cursor.execute(row, (key, key))
    yield url
    drop_database(postgres_server.url(), DATABASE)


@pytest.fixture(scope="module")
def service(warehouse, tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    settings: dict[str, Any] = {
        "allowed_hosts": "segments.example, other.example",
        "request_timeout_s": REQUEST_TIMEOUT_S,
    }
    # the labels are read again and again, and shown for seconds only where that cannot be done
    site = ApiSite(folder, warehouse, folder, **settings, rebuild_s=1, grace_s=2)
    yield site.start()
    site.stop()


def connected(service):
    return closing(socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2])), timeout=30))


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "evil.example:8000", "", "[::2]"])
def test_another_host_is_refused_but_for_health(service, host):
    refused = service.get("/domains/dfu/clusters", headers={"Host": host})
    assert (refused.status, refused.headers["Content-Type"]) == (400, "application/problem+json")
    assert "DFU_API_ALLOWED_HOSTS" in refused.json["detail"]
    assert "default-src 'none'" in refused.headers["Content-Security-Policy"]
    assert service.get("/healthz", headers={"Host": host}).status == 200
    assert service.get("/readyz", headers={"Host": "10.1.2.3:8000"}).status == 200


@pytest.mark.parametrize("host", ["LOCALHOST", "[::1]:8000", "api:8000", "segments.example", "other.example:443"])
def test_own_and_allowed_hosts_are_answered(service, host):
    assert service.get("/domains/dfu/clusters", headers={"Host": host}).status == 200


def test_a_request_with_two_hosts_is_refused(service):
    with connected(service) as client:
        client.sendall(b"GET /domains/dfu/clusters HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        assert b" 400 " in client.recv(1000).partition(b"\r\n")[0]


@pytest.mark.parametrize("key", KEYS)
def test_a_dfu_is_found_by_its_path_whatever_its_key_holds(service, key):
    found = service.dfu(key)
    assert (found.status, found.json["dfu_ck"]) == (200, key)


def test_members_of_a_label_with_line_breaks_are_found(service):
    found = service.get(f"/domains/dfu/clusters/{quote('label', safe='')}%0A%0Aof/dfus")
    assert (found.status, found.json["label"], found.json["count"]) == (200, "label\n\nof", len(KEYS))


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /healthz HT",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf",
    ],
)
def test_a_request_that_is_never_finished_is_ended(service, sent):
    began = time.monotonic()
    with connected(service) as client:
        client.sendall(sent)
        client.settimeout(0.5)
        ended = False
        while not ended and time.monotonic() - began < REQUEST_TIMEOUT_S + 8:
            try:
                ended = client.recv(10_000) == b""
            except TimeoutError:
                if sent:
                    client.sendall(b"x")  # a byte now and then, as who keeps a connection on purpose
            except ConnectionError:
                ended = True
    assert ended
    assert REQUEST_TIMEOUT_S - 1 < time.monotonic() - began < REQUEST_TIMEOUT_S + 8


def test_a_connection_that_is_used_is_kept(service):
    with connected(service) as client:
        for _ in range(3):
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: loc")
            time.sleep(REQUEST_TIMEOUT_S / 2.5)
            client.sendall(b"alhost\r\n\r\n")
            answer = b""
            while not answer.endswith(b'"}'):
                answer += client.recv(10_000)
            assert answer.startswith(b"HTTP/1.1 200")


def test_readiness_answers_within_its_health_check_while_the_table_is_locked(service, warehouse):
    assert service.get("/readyz").status == 200
    with closing(psycopg2.connect(warehouse)) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE dim_dfu IN ACCESS EXCLUSIVE MODE")
        end, slowest, statuses = time.monotonic() + 12, 0.0, set()
        while time.monotonic() < end:
            asked = time.monotonic()
            statuses.add(service.get("/readyz").status)
            slowest = max(slowest, time.monotonic() - asked)
        connection.rollback()
    assert slowest < HEALTH_CHECK_S - 1
    assert 503 in statuses  # it says so, and comes back by itself
    end = time.monotonic() + 20
    while service.get("/readyz").status != 200:
        assert time.monotonic() < end
        time.sleep(0.5)


def test_addresses_of_usual_documentation_say_where_the_description_is(service):
    for path in ("/docs", "/redoc"):
        missing = service.get(path)
        assert missing.status == 404
        assert (
            "/openapi.json lists all; a page for browsers would load scripts from elsewhere" in missing.json["detail"]
        )
    assert "page for browsers" not in service.get("/other").json["detail"]
