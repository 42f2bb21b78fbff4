"""Publishing labels: one transaction that ends with exactly the new labels or changes nothing."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import psycopg2
from psycopg2 import errors as pg_errors
from psycopg2.extensions import connection as Connection  # noqa: N812
from sqlalchemy import Engine

from dfu_clustering.config.warehouse_names import WarehouseNames
from dfu_clustering.errors import DataError
from dfu_clustering.publishing.journal import Attempt
from dfu_clustering.publishing.outcome import (
    CommitUnknownError,
    ConcurrentChangeError,
    PublishSummary,
    SlowStatementError,
)
from dfu_clustering.publishing.staging import (
    compare_labels,
    labels_digest,
    previous_labels,
    require_valid_labels,
    transaction_id,
    was_committed,
)
from dfu_clustering.warehouse.catalog import require_target
from dfu_clustering.warehouse.connect import names_of, raw_connection, schema_errors
from dfu_clustering.warehouse.statements import statement, table
from dfu_clustering.warehouse.timeouts import answer_expected, patient_cursor

logger = logging.getLogger(__name__)

_ADVISORY_LOCK = 0x0DF0_C1A5  # one publisher at a time, whatever program it runs in
_PAUSES_S = (0.5, 1, 2)  # before another try, where dim_dfu changed meanwhile or a deadlock was broken
# row after row by its place: the order of a hash join, which the planner would choose, scatters the writing over the
# table and its indexes, which takes a quarter more CPU and twice the WAL
_IN_THE_ORDER_OF_THE_TABLE = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"

Keep = Callable[[Attempt, pd.DataFrame], None]


@dataclass(frozen=True)
class Publishing:
    """How labels are published.

    Attributes:
        dry_run: Work out the report, then roll back.
        unknown: What labels of DFUs outside dim_dfu mean: an error, or a count in the report.
        least_known_share: Share (0-1) of the labelled DFUs that must be in dim_dfu for it to be their warehouse.
        known_unlabelled: Keys of DFUs that rightly have no label, so that others without one count as new; None: do
            not count them.
        last_attempt: Of the same run, which a fault may have cut off after its COMMIT; one with other labels counts
            for nothing.
        keep: Gets the attempt and the previous labels (dfu_ck, cluster_assignment) of all rows that change; once it
            has returned, the change is committed.
    """

    dry_run: bool = False
    unknown: Literal["error", "report"] = "error"
    least_known_share: float = 0.0
    known_unlabelled: "pd.Series[str] | None" = None
    last_attempt: Attempt | None = None
    keep: Keep | None = None


def publish_labels(engine: Engine, labels: pd.DataFrame, how: Publishing | None = None) -> PublishSummary:
    """Make the label column say exactly what ``labels`` says; DFUs that it does not name get NULL.

    Only rows that change are written, with modified_ts. A second publisher waits for the first. All statements see
    one snapshot: where another session changes a row, nothing is overwritten, and publishing starts again.

    Args:
        engine: The warehouse; its time limits hold.
        labels: Columns dfu_ck, cluster_id, cluster_label, one row a DFU.
        how: Dry run, unknown DFUs, journal.

    Returns:
        What was done. Where a fault cut the same run off after its COMMIT, what was done then.

    Raises:
        DataError: There is no label, columns are unknown, a key is null, duplicate or (with unknown="error") not in
            dim_dfu, a label is blank, or too few of the DFUs are known; nothing is written.
        ConcurrentChangeError: Somebody holds a lock, or dim_dfu changes again and again; nothing is written.
        SlowStatementError: A statement took longer than the limit; nothing is written.
        CommitUnknownError: The connection was lost at the very end.
    """
    require_valid_labels(labels)
    how = how or Publishing()
    dfu_table = names_of(engine).tables.dfu
    for pause_s in (*_PAUSES_S, None):
        try:
            report = _try_to_publish(engine, labels, how)
        except (pg_errors.SerializationFailure, pg_errors.DeadlockDetected) as error:
            if pause_s is None:
                raise ConcurrentChangeError(
                    f"{dfu_table} changed {len(_PAUSES_S) + 1} times while labels were published: "
                    f"{_first_line(error)}. Nothing was written; publish again when nobody else writes to {dfu_table}."
                ) from error
            logger.warning("publishing again in %g s: %s", pause_s, _first_line(error))
            time.sleep(pause_s)
        else:
            break
    _log(report, dfu_table)
    return report


def _log(report: PublishSummary, dfu_table: str) -> None:
    counts = f"updated={report.updated} unchanged={report.unchanged} cleared={report.cleared}"
    logger.info("published dry_run=%s %s not_found=%d", report.dry_run, counts, report.not_found)
    if report.not_found:
        keys = ", ".join(report.not_found_keys)
        logger.warning(
            "not_found=%d DFUs with a label are no longer in %s, the first: %s", report.not_found, dfu_table, keys
        )
    if report.appeared:
        keys = ", ".join(report.appeared_keys)
        logger.warning(
            "appeared=%d DFUs are new in %s since the run read it, the first: %s", report.appeared, dfu_table, keys
        )


def _try_to_publish(engine: Engine, labels: pd.DataFrame, how: Publishing) -> PublishSummary:
    names = names_of(engine)
    with raw_connection(engine) as connection, _clear_words(connection, names), _only_publisher(engine, connection):
        require_target(connection, names, int(labels["cluster_label"].str.len().max()))
        report = compare_labels(connection, names, labels, unknown=how.unknown, known_unlabelled=how.known_unlabelled)
        _require_known_share(report, len(labels), how.least_known_share, names.tables.dfu)
        if how.dry_run:
            return report.model_copy(update={"dry_run": True})
        changes, digest = report.updated + report.cleared, labels_digest(labels)
        last = how.last_attempt if how.last_attempt and how.last_attempt.labels_digest == digest else None
        committed = last is not None and was_committed(connection, last)
        if last is not None and committed and not changes:
            logger.info("these labels were already published before the run was interrupted")
            return last.report
        if how.keep is not None:
            attempt = Attempt(
                transaction=transaction_id(connection),
                report=report,
                labels_digest=digest,
                # a committed attempt whose end was not seen still counts where a later one was rolled back
                after_committed=committed or (last is not None and last.after_committed),
            )
            how.keep(attempt, previous_labels(connection, changes))
        _write(connection, names, changes)
        with answer_expected(engine, connection):
            _commit(connection)
        return report


def _require_known_share(report: PublishSummary, n_labels: int, least_share: float, dfu_table: str) -> None:
    if n_labels - report.not_found < least_share * n_labels:
        raise DataError(
            "Labels must be restored to the warehouse that they come from",
            found=f"{report.not_found} of {n_labels} labelled DFUs are not in {dfu_table}",
            keys=report.not_found_keys,
            remedy="name the warehouse of that run in DATABASE_URL, or another run",
        )


@contextmanager
def _only_publisher(engine: Engine, connection: Connection) -> Iterator[None]:
    """Hold the advisory lock around one repeatable-read transaction, which is rolled back unless it was committed.

    The lock belongs to the session: a transaction that waited for it would see the labels as they were
    before the wait.
    """
    connection.cursor_factory = patient_cursor(engine)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", (_ADVISORY_LOCK,))
    with answer_expected(engine, connection):
        connection.commit()
    connection.set_session(isolation_level="REPEATABLE READ")
    try:
        yield
    finally:
        # on a connection that is lost both are gone anyway, and its loss is what is to be heard
        with suppress(psycopg2.OperationalError, psycopg2.InterfaceError):
            with answer_expected(engine, connection):
                connection.rollback()
            connection.set_session(isolation_level="DEFAULT")
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", (_ADVISORY_LOCK,))
            with answer_expected(engine, connection):
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
            f"PostgreSQL cancelled the publish: {_first_line(error)}. Nothing was written; publish again, or raise "
            "warehouse.statement_timeout_s."
        ) from error


def _lock_holders(connection: Connection, names: WarehouseNames) -> str:
    with connection.cursor() as cursor:
        values = {"advisory_lock": _ADVISORY_LOCK, "table": table(names, "dfu")}
        cursor.execute(statement(__package__, "lock_holders", names), values)
        holders = cursor.fetchall()
    connection.rollback()
    holders_in_words = [
        f"process {pid} of user {user} ({application or 'no application name'}, {state}, for {since or 'unknown time'})"
        for pid, user, application, state, since in holders
    ]
    return "it is held by " + ", ".join(holders_in_words) if holders else "the process that held it has just finished"


def _write(connection: Connection, names: WarehouseNames, changes: int) -> None:
    if not changes:
        return
    with connection.cursor() as cursor, schema_errors(names):
        cursor.execute(_IN_THE_ORDER_OF_THE_TABLE)
        cursor.execute(statement(__package__, "update_labels", names))
        if cursor.rowcount != changes:
            raise ConcurrentChangeError(
                f"{names.tables.dfu} changed while labels were published: {cursor.rowcount} rows were written, not "
                f"{changes}. Nothing was committed; publish again."
            )


def _commit(connection: Connection) -> None:
    try:
        connection.commit()
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        if not connection.closed:  # PostgreSQL itself said no, so nothing was written
            raise
        raise CommitUnknownError(
            f"The connection was lost while the labels were committed: {_first_line(error)}. Either all of them are "
            "published or none; publish again, which finds out which and completes it."
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).partition("\n")[0]
