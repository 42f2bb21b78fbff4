"""How long the warehouse is waited for: locks, statements, and a network that says nothing any more."""

import json
import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine, event

from dfu_clustering.config.operations import WarehouseConfig

logger = logging.getLogger(__name__)

_GRACE_S = 15  # in which the server's own word that a statement took too long should have come
# a peer that is gone without a word is noticed by the kernel within a minute, also while it is only listened to
_NETWORK = {
    "connect_timeout": 15,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 50_000,
    "fallback_application_name": "dfu-clustering",
}
# and by the server, which else keeps the session and the publish lock for a quarter of an hour or more; while it works
# on a statement, it looks now and then whether somebody still waits for it
_SERVER = {
    "tcp_keepalives_idle": "20",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "50000",
    "client_connection_check_interval": "10000",
}
# a server older than version 14 does not know the last of them
_SET_SERVER = (
    "SELECT set_config(name, %s::json ->> name, false) FROM pg_settings WHERE name IN (SELECT json_object_keys(%s))"
)


def limit_waiting(engine: Engine, limits: WarehouseConfig | None) -> Engine:
    """Give every connection of an engine its time limits.

    Args:
        engine: On psycopg2.
        limits: lock_timeout_s and statement_timeout_s; None: the server's and the role's own.
    """

    @event.listens_for(engine, "do_connect")
    def _patient_network(_dialect: object, _record: object, _args: object, parameters: dict[str, Any]) -> None:
        for name, value in _NETWORK.items():
            parameters.setdefault(name, value)

    @event.listens_for(engine, "connect")
    def _patient_server(connection: Connection, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_SET_SERVER, (json.dumps(_SERVER), json.dumps(_SERVER)))
        connection.commit()

    if limits is None:
        return engine
    patient = _patient_connection(limits.statement_timeout_s)

    @event.listens_for(engine, "do_connect")
    def _patient_client(_dialect: object, _record: object, _args: object, parameters: dict[str, Any]) -> None:
        parameters["connection_factory"] = patient

    @event.listens_for(engine, "connect")
    def _limited_session(connection: Connection, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {round(limits.lock_timeout_s * 1000)}")
            cursor.execute(f"SET statement_timeout = {round(limits.statement_timeout_s * 1000)}")
        connection.commit()

    return engine


def _patient_connection(limit_s: float) -> type[Connection]:
    """Return a kind of connection that is cut where a statement, or the end of a transaction, has no answer in time.

    The server's own limit does not help where the network to it is dead: its word does not arrive, and libpq waits for
    ever. Who waits gets a psycopg2.OperationalError; a retry may succeed.
    """

    class PatientCursor(Cursor):
        def execute(self, *args: Any, **named: Any) -> None:  # noqa: ANN401
            with _answer_expected(self.connection, limit_s):
                super().execute(*args, **named)

        def copy_expert(self, *args: Any, **named: Any) -> None:  # noqa: ANN401
            with _answer_expected(self.connection, limit_s):
                super().copy_expert(*args, **named)

    class PatientConnection(Connection):
        def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401
            super().__init__(*args, **named)
            self.cursor_factory = PatientCursor

        def commit(self) -> None:
            with _answer_expected(self, limit_s):
                super().commit()

        def rollback(self) -> None:
            with _answer_expected(self, limit_s):
                super().rollback()

    return PatientConnection


@contextmanager
def _answer_expected(connection: Connection, limit_s: float) -> Iterator[None]:
    timer = threading.Timer(limit_s + _GRACE_S, _cut, (connection,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(connection: Connection) -> None:
    logger.warning("the warehouse has not answered within statement_timeout_s: the connection is closed")
    # a copy of the descriptor: closing it leaves libpq's own open, which then hears that nothing more comes
    with suppress(OSError, psycopg2.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
