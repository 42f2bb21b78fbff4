"""Publishing labels: one transaction that ends with exactly the new labels or changes nothing."""

import logging
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import psycopg2
from psycopg2 import errors as pg_errors
from psycopg2.extensions import connection as Connection  # noqa: N812
from sqlalchemy import Engine

from dfu_clustering.errors import DataError
from dfu_clustering.publishing.lock import LockedTable, publish_lock
from dfu_clustering.publishing.outcome import (
    CommitUnknownError,
    ConcurrentChangeError,
    OverrideCounts,
    PublishSummary,
    first_line,
)
from dfu_clustering.publishing.record import Attempt, PublishRecord
from dfu_clustering.publishing.staging import begun_transaction, compare_labels, previous_labels, require_valid_labels
from dfu_clustering.publishing.written import write_labels
from dfu_clustering.warehouse.catalog import require_target
from dfu_clustering.warehouse.connect import names_of

logger = logging.getLogger(__name__)

_PAUSES_S = (0.5, 1, 2)  # before another try, where dim_dfu changed meanwhile or a deadlock was broken


@dataclass(frozen=True)
class Publishing:
    """How labels are published.

    Attributes:
        dry_run: Work out the report, then roll back.
        unknown: What labels of DFUs outside dim_dfu mean: an error, or a count in the report.
        least_known_share: Share (0-1) of the labelled DFUs that must be in dim_dfu for it to be their warehouse.
        known_unlabelled: Keys of DFUs that rightly have no label, so that others without one count as new; None: do
            not count them.
        overrides: How many of the labels people have set, for the report.
        may_be_unknown: Keys of DFUs that need not be in dim_dfu, also where others are an error.
        record: Hears of it under the lock, before and after the COMMIT; nothing of a dry run.
    """

    dry_run: bool = False
    unknown: Literal["error", "report"] = "error"
    least_known_share: float = 0.0
    known_unlabelled: "pd.Series[str] | None" = None
    overrides: OverrideCounts | None = None
    may_be_unknown: Collection[str] = ()
    record: PublishRecord | None = None


def publish_labels(engine: Engine, labels: pd.DataFrame, how: Publishing | None = None) -> PublishSummary:
    """Make the label column say exactly what ``labels`` says; DFUs that it does not name get NULL.

    Only rows that change are written, with modified_ts. A second publisher waits for the first. All statements see
    one snapshot: where another session changes a row, nothing is overwritten, and publishing starts again.

    Args:
        engine: The warehouse; its time limits hold.
        labels: Columns dfu_ck, cluster_id, cluster_label, one row a DFU.
        how: Dry run, unknown DFUs, record.

    Returns:
        What was done. Where a fault cut the same run off after its COMMIT, what was done then.

    Raises:
        DataError: There is no label, columns are unknown, a key is null, duplicate or (with unknown="error") not in
            dim_dfu, a label is blank, or too few of the DFUs are known; nothing is written.
        ConcurrentChangeError: Somebody holds a lock, or dim_dfu changes again and again; nothing is written.
        SlowStatementError: A statement took longer than the limit; nothing is written.
        WarehouseError: The table does not keep what is written to it, and why; nothing is written.
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
                    f"{first_line(error)}. Nothing was written; publish again when nobody else writes to {dfu_table}."
                ) from error
            logger.warning("publishing again in %g s: %s", pause_s, first_line(error))
            time.sleep(pause_s)
        else:
            break
    _log(report, dfu_table)
    return report


def _log(report: PublishSummary, dfu_table: str) -> None:
    logger.info("%s, not found %d", report, report.not_found)
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
    record = None if how.dry_run else how.record
    with publish_lock(engine) as table:
        done = record.begin(table) if record else None
        if done is not None:
            logger.info("these labels were already published before the run was interrupted")
            return done
        connection, names = table.connection, table.names
        require_target(connection, names, int(labels["cluster_label"].str.len().max()))
        allowed = how.may_be_unknown if how.unknown == "error" else None
        report = compare_labels(connection, names, labels, allowed, how.known_unlabelled)
        report = report.model_copy(update={"overrides": how.overrides})
        _require_known_share(report, len(labels), how.least_known_share, names.tables.dfu)
        if how.dry_run:
            return report.model_copy(update={"dry_run": True})
        changes = report.updated + report.cleared
        if record:
            record.keep_previous(previous_labels(connection, changes))
        attempt = _write(table, report, changes)
        if record:
            record.prepare(attempt)
        _commit(connection)
        if record:
            record.committed(attempt)
        return report


def _write(table: LockedTable, report: PublishSummary, changes: int) -> Attempt:
    transaction, begun_at = begun_transaction(table.connection)
    return Attempt(
        transaction=transaction,
        time=begun_at,
        warehouse=table.warehouse,
        labels_digest=write_labels(table, changes),
        report=report,
    )


def _require_known_share(report: PublishSummary, n_labels: int, least_share: float, dfu_table: str) -> None:
    if n_labels - report.not_found < least_share * n_labels:
        raise DataError(
            "Labels must be published to the warehouse that they come from",
            found=f"{report.not_found} of {n_labels} labelled DFUs are not in {dfu_table}",
            keys=report.not_found_keys,
            remedy="name the warehouse of that run in DATABASE_URL, or another run",
        )


def _commit(connection: Connection) -> None:
    try:
        connection.commit()
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        if not connection.closed:  # PostgreSQL itself said no, so nothing was written
            raise
        raise CommitUnknownError(
            f"The connection was lost while the labels were committed: {first_line(error)}. Either all of them are "
            "published or none; publish again, which finds out which and completes it."
        ) from error
