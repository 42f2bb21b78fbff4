"""The publish lock: one publisher at a time in a database, whatever program it runs in, and what it asks first."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg2
from psycopg2 import errors as pg_errors
from psycopg2.extensions import connection as Connection  # noqa: N812
from sqlalchemy import Engine

from dfu_clustering.config.warehouse_names import WarehouseNames
from dfu_clustering.publishing.outcome import ConcurrentChangeError, SlowStatementError, first_line
from dfu_clustering.warehouse.connect import names_of, raw_connection, schema_errors
from dfu_clustering.warehouse.identity import warehouse_identity
from dfu_clustering.warehouse.statements import statement, table

_ADVISORY_LOCK = 0x0DF0_C1A5


@dataclass(frozen=True)
class LockedTable:
    """The DFU table while nobody else publishes to it, as one transaction sees it.

    Attributes:
        connection: On which the lock is held.
        names: Of the warehouse.
        warehouse: Which warehouse it is of.
    """

    connection: Connection
    names: WarehouseNames
    warehouse: str

    def labels_digest(self) -> str:
        """Return which DFU has which label, as a text that is the same for the same labels."""
        return labels_digest(self.connection, self.names)

    def was_committed(self, transaction: int) -> bool | None:
        """Tell whether a transaction was committed, also by a server that has crashed since.

        Returns:
            None where PostgreSQL does not know: it is too long ago, or the database was restored from a backup.
        """
        with self.connection.cursor() as cursor:
            cursor.execute("SAVEPOINT before_question")
            try:
                cursor.execute("SELECT txid_status(%s)", (transaction,))
                (status,) = cursor.fetchone() or (None,)
            except pg_errors.InvalidParameterValue:  # an id of the future
                cursor.execute("ROLLBACK TO SAVEPOINT before_question")
                return None
        return None if status is None else bool(status == "committed")


def labels_digest(connection: Connection, names: WarehouseNames) -> str:
    """Return which DFU has which label, as a text that is the same for the same labels."""
    with connection.cursor() as cursor, schema_errors(names):
        cursor.execute(statement(__package__, "labels_digest", names))
        (digest,) = cursor.fetchone() or ("",)
    return str(digest)


@contextmanager
def publish_lock(engine: Engine) -> Iterator[LockedTable]:
    """Hold the lock around one repeatable-read transaction, which is rolled back unless it was committed.

    The lock belongs to the session: a transaction that waited for it would see the labels as they were before the wait.

    Raises:
        ConcurrentChangeError: Somebody holds it, or the DFU table, for too long.
        SlowStatementError: A statement took longer than the limit.
    """
    names = names_of(engine)
    with raw_connection(engine) as connection, _clear_words(connection, names):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", (_ADVISORY_LOCK,))
        connection.commit()
        try:
            warehouse = warehouse_identity(connection, names)
            connection.set_session(isolation_level="REPEATABLE READ")
            yield LockedTable(connection, names, warehouse)
        finally:
            # on a connection that is lost both are gone anyway, and its loss is what is to be heard
            with suppress(psycopg2.OperationalError, psycopg2.InterfaceError):
                _give_back(connection)


def _give_back(connection: Connection) -> None:
    connection.rollback()
    connection.set_session(isolation_level="DEFAULT")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", (_ADVISORY_LOCK,))
    connection.commit()


@contextmanager
def _clear_words(connection: Connection, names: WarehouseNames) -> Iterator[None]:
    """Say who is in the way where a lock was waited for too long, and which limit a statement has reached."""
    try:
        yield
    except pg_errors.LockNotAvailable as error:
        connection.rollback()
        raise ConcurrentChangeError(
            f"{names.tables.dfu} was not free within lock_timeout_s: {_lock_holders(connection, names)}. Nothing was "
            "written; publish again when they have finished."
        ) from error
    except pg_errors.QueryCanceled as error:
        raise SlowStatementError(
            f"PostgreSQL cancelled the publish: {first_line(error)}. Nothing was written; publish again, or raise "
            "warehouse.statement_timeout_s."
        ) from error


def _lock_holders(connection: Connection, names: WarehouseNames) -> str:
    with connection.cursor() as cursor:
        values = {"advisory_lock": _ADVISORY_LOCK, "table": table(names, "dfu")}
        cursor.execute(statement(__package__, "lock_holders", names), values)
        holders = cursor.fetchall()
    connection.rollback()
    words = [
        f"process {pid} of user {user} ({application or 'no application name'}, {state}, for {since or 'unknown time'})"
        for pid, user, application, state, since in holders
    ]
    return "it is held by " + ", ".join(words) if words else "the process that held it has just finished"
