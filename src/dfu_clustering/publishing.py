"""Publishing labels: one transaction that ends with exactly the new labels or changes nothing."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.csv as csv
from psycopg2 import errors as pg_errors
from psycopg2.extensions import connection as Connection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy import Engine

from dfu_clustering.errors import DataError, DfuClusteringError
from dfu_clustering.warehouse import raw_connection, schema_errors, statement

logger = logging.getLogger(__name__)

LABEL_COLUMNS = ("dfu_ck", "cluster_id", "cluster_label")
_ADVISORY_LOCK = 0x0DF0_C1A5  # one publisher at a time, whatever program it runs in
_LOCK_TIMEOUT = "60s"
_KEYS_KEPT = 5


class ConcurrentChangeError(DfuClusteringError):
    """dim_dfu changed while labels were published; nothing was written and a retry may succeed."""


@dataclass(frozen=True)
class Transition:
    """So many DFUs go from one label to another; None is no label."""

    old_label: str | None
    new_label: str | None
    dfus: int


@dataclass(frozen=True)
class PublishReport:
    """What publishing did, or with ``dry_run`` would do.

    Attributes:
        transitions: Number of DFUs by old and new label, the largest first.
        not_found: Labels whose dfu_ck is not in dim_dfu; they are not written.
        not_found_keys: The first few of them.
        dry_run: Whether the transaction was rolled back on purpose.
    """

    transitions: tuple[Transition, ...]
    not_found: int
    not_found_keys: tuple[str, ...]
    dry_run: bool

    @property
    def updated(self) -> int:
        """Return the number of DFUs whose label becomes another one."""
        return sum(t.dfus for t in self.transitions if t.new_label is not None and t.new_label != t.old_label)

    @property
    def unchanged(self) -> int:
        """Return the number of DFUs that keep their label; their rows are not touched."""
        return sum(t.dfus for t in self.transitions if t.new_label is not None and t.new_label == t.old_label)

    @property
    def cleared(self) -> int:
        """Return the number of DFUs that had a label and may no longer carry one."""
        return sum(t.dfus for t in self.transitions if t.new_label is None and t.old_label is not None)

    @property
    def unlabelled(self) -> int:
        """Return the number of DFUs without a label afterwards."""
        return sum(t.dfus for t in self.transitions if t.new_label is None)


def publish_labels(
    engine: Engine, labels: pd.DataFrame, *, dry_run: bool = False, unknown: Literal["error", "report"] = "error"
) -> PublishReport:
    """Make dim_dfu.cluster_assignment say exactly what ``labels`` says; DFUs that it does not name get NULL.

    Only rows that change are written, with modified_ts. A second publisher waits for the first. All statements see
    one snapshot: a row that somebody else changes meanwhile fails the transaction instead of being overwritten.

    Args:
        engine: The warehouse.
        labels: Columns dfu_ck, cluster_id, cluster_label, one row a DFU.
        dry_run: Work out the report, then roll back.
        unknown: What labels of DFUs outside dim_dfu mean: an error, or a count in the report.

    Raises:
        DataError: There is no label, columns are unknown, a key is null, duplicate or (with unknown="error") not in
            dim_dfu, or a label is blank; nothing is written.
        ConcurrentChangeError: Another publisher did not finish, or dim_dfu changed meanwhile; nothing is written.
    """
    require_valid_labels(labels)
    with raw_connection(engine) as connection, _only_publisher(connection):
        report = _publish(connection, labels, dry_run=dry_run, unknown=unknown)
        if not dry_run:
            connection.commit()
    counts = f"updated={report.updated} unchanged={report.unchanged} cleared={report.cleared}"
    logger.info("published dry_run=%s %s not_found=%d", dry_run, counts, report.not_found)
    return report


def require_valid_labels(labels: pd.DataFrame) -> None:
    """Check columns, keys and labels of a labels table.

    Raises:
        DataError: A rule is broken; rule, count and first keys are named.
    """
    if sorted(map(str, labels.columns)) != sorted(LABEL_COLUMNS):
        raise DataError(
            f"A labels file has exactly the columns {', '.join(LABEL_COLUMNS)}",
            found=f"columns {', '.join(map(str, labels.columns))}",
            remedy="use the file that label_clusters.py writes",
        )
    if labels.empty:
        raise DataError(
            "A labels file must hold labels",
            found="no row: publishing it would clear every label",
            remedy="run label_clusters.py again",
        )
    blank = labels["cluster_label"].isna() | (labels["cluster_label"].astype("str").str.strip() == "")
    _require_none(labels["dfu_ck"].isna(), labels, "Every label must belong to a DFU", "rows without a dfu_ck")
    _require_none(blank, labels, "Every DFU of a labels file must have a label", "no label")
    repeated = labels["dfu_ck"].duplicated(keep=False)
    _require_none(repeated, labels, "A labels file holds every dfu_ck once", "the same dfu_ck in several rows")


@contextmanager
def _only_publisher(connection: Connection) -> Iterator[None]:
    """Hold the advisory lock around one repeatable-read transaction, which is rolled back unless it was committed.

    The lock belongs to the session: a transaction that waited for it would look at the labels of before the wait.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
        try:
            cursor.execute("SELECT pg_advisory_lock(%s)", (_ADVISORY_LOCK,))
        except pg_errors.LockNotAvailable as error:
            connection.rollback()
            raise ConcurrentChangeError(
                f"Another publisher has held dim_dfu for {_LOCK_TIMEOUT}. Nothing was written; publish again."
            ) from error
        connection.commit()
        connection.set_session(isolation_level="REPEATABLE READ")
        try:
            yield
        finally:
            if not connection.closed:
                connection.rollback()
                connection.set_session(isolation_level="DEFAULT")
                cursor.execute("SELECT pg_advisory_unlock(%s)", (_ADVISORY_LOCK,))
                connection.commit()


def _publish(
    connection: Connection, labels: pd.DataFrame, *, dry_run: bool, unknown: Literal["error", "report"]
) -> PublishReport:
    with connection.cursor() as cursor, schema_errors():
        cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        _copy_labels(cursor, labels)
        not_found = _not_found(cursor)
        if unknown == "error":
            _require_known(not_found)
        cursor.execute(statement("label_transitions"))
        transitions = tuple(Transition(*row) for row in cursor.fetchall())
        report = PublishReport(transitions, len(not_found), tuple(not_found[:_KEYS_KEPT]), dry_run)
        if not dry_run:
            _write(cursor, report)
    return report


def _copy_labels(cursor: Cursor, labels: pd.DataFrame) -> None:
    cursor.execute(
        "CREATE TEMPORARY TABLE new_labels (dfu_ck text PRIMARY KEY, cluster_label text NOT NULL) ON COMMIT DROP"
    )
    text = pa.Table.from_pandas(labels[["dfu_ck", "cluster_label"]], preserve_index=False)
    content = io.BytesIO()
    csv.write_csv(text, content)
    content.seek(0)
    cursor.copy_expert("COPY new_labels FROM STDIN WITH (FORMAT csv, HEADER)", content)
    cursor.execute("ANALYZE new_labels")


def _not_found(cursor: Cursor) -> list[str]:
    cursor.execute(
        "SELECT n.dfu_ck FROM new_labels AS n LEFT JOIN dim_dfu AS d USING (dfu_ck)"
        " WHERE d.dfu_ck IS NULL ORDER BY n.dfu_ck"
    )
    return [key for (key,) in cursor.fetchall()]


def _write(cursor: Cursor, report: PublishReport) -> None:
    expected = {"update_labels": report.updated, "clear_labels": report.cleared}
    for name, count in expected.items():
        if not count:
            continue
        cursor.execute(statement(name))
        if cursor.rowcount != count:
            raise ConcurrentChangeError(
                f"dim_dfu changed while labels were published: {name} touched {cursor.rowcount} rows, not {count}. "
                "Nothing was written; publish again."
            )


def _require_known(not_found: list[str]) -> None:
    if not_found:
        raise DataError(
            "Every dfu_ck of a labels file must be in dim_dfu",
            found="unknown dfu_ck",
            keys=not_found,
            remedy="label again from the current warehouse; nothing was written",
        )


def _require_none(broken: "pd.Series[bool]", labels: pd.DataFrame, rule: str, found: str) -> None:
    if broken.any():
        keys = sorted(map(str, labels.loc[broken, "dfu_ck"].unique()))
        raise DataError(rule, found=found, keys=keys, remedy="correct the labels file; nothing was written")
