"""New labels beside those in the warehouse, within one transaction: what changes, and what was there before."""

import io
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
from psycopg2.extensions import connection as Connection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from dfu_clustering.config.warehouse_names import WarehouseNames
from dfu_clustering.errors import DataError
from dfu_clustering.files.tables import require_none
from dfu_clustering.publishing.outcome import PublishSummary, Transition
from dfu_clustering.warehouse.connect import schema_errors
from dfu_clustering.warehouse.statements import statement

LABEL_COLUMNS = ("dfu_ck", "cluster_id", "cluster_label")
_KEYS_KEPT = 5
_NOT_FOUND = "SELECT dfu_ck FROM pg_temp.label_changes WHERE place IS NULL ORDER BY dfu_ck"
_APPEARED = "SELECT dfu_ck FROM pg_temp.label_changes WHERE appeared ORDER BY dfu_ck"
_PREVIOUS = (
    "SELECT dfu_ck, old_label AS cluster_assignment FROM pg_temp.label_changes"
    " WHERE place IS NOT NULL AND old_label IS DISTINCT FROM new_label"
)
_PARSE = csv.ParseOptions(newlines_in_values=True)
_CONVERT = csv.ConvertOptions(
    column_types={"dfu_ck": pa.string(), "cluster_assignment": pa.string()},
    null_values=[""],
    strings_can_be_null=True,
    quoted_strings_can_be_null=False,
)


def require_valid_labels(labels: pd.DataFrame) -> None:
    """Check columns, keys and labels of a labels table.

    Raises:
        DataError: A rule is broken; rule, count and first keys are named.
    """
    if not set(LABEL_COLUMNS) <= set(map(str, labels.columns)):
        raise DataError(
            f"A labels file must have the columns {', '.join(LABEL_COLUMNS)}",
            found=f"columns {', '.join(map(str, labels.columns))}",
            remedy="use the file that label_clusters.py writes",
        )
    if labels.empty:
        raise DataError(
            "A labels file must hold labels",
            found="no rows; publishing them would clear every label",
            remedy="run label_clusters.py again",
        )
    blank = labels["cluster_label"].isna() | (labels["cluster_label"].astype("str").str.strip() == "")
    keys = labels["dfu_ck"]
    rules = (
        (keys.isna(), "Every label must belong to a DFU", "rows without a dfu_ck"),
        (blank, "Every DFU of a labels file must have a label", "no label"),
        (keys.duplicated(keep=False), "A labels file must hold every dfu_ck once", "the same dfu_ck in several rows"),
    )
    for broken, rule, found in rules:
        require_none(broken, keys, rule=rule, found=found, remedy="correct the labels file; nothing was written")


def compare_labels(
    connection: Connection,
    names: WarehouseNames,
    labels: pd.DataFrame,
    may_be_unknown: Collection[str] | None,
    known_unlabelled: "pd.Series[str] | None",
) -> PublishSummary:
    """Return what publishing would do; leaves the temporary table label_changes, which the update works through.

    Args:
        connection: Within the transaction.
        names: Of the warehouse.
        labels: dfu_ck, cluster_label.
        may_be_unknown: Keys of labels that the DFU table need not have; None: of all.
        known_unlabelled: Keys of DFUs that rightly have no label; None: those that have appeared are not counted.

    Raises:
        DataError: A label belongs to another DFU that the DFU table does not have.
    """
    with connection.cursor() as cursor, schema_errors(names):
        _copy_labels(cursor, labels, known_unlabelled)
        cursor.execute(statement(__package__, "label_changes", names))
        not_found = _keys(cursor, _NOT_FOUND)
        if may_be_unknown is not None:
            _require_known([key for key in not_found if key not in may_be_unknown], names.tables.dfu)
        appeared = _keys(cursor, _APPEARED) if known_unlabelled is not None else None
        cursor.execute(statement(__package__, "label_transitions", names))
        return PublishSummary(
            transitions=tuple(Transition(old_label=old, new_label=new, dfus=n) for old, new, n in cursor.fetchall()),
            not_found=len(not_found),
            not_found_keys=tuple(not_found[:_KEYS_KEPT]),
            dry_run=False,
            appeared=None if appeared is None else len(appeared),
            appeared_keys=tuple(appeared[:_KEYS_KEPT]) if appeared else (),
        )


def _copy_labels(cursor: Cursor, labels: pd.DataFrame, known_unlabelled: "pd.Series[str] | None") -> None:
    cursor.execute("CREATE TEMPORARY TABLE pg_temp.new_labels (dfu_ck text, cluster_label text) ON COMMIT DROP")
    tables = [pa.Table.from_pandas(labels[["dfu_ck", "cluster_label"]], preserve_index=False)]
    if known_unlabelled is not None:
        rest = _others(known_unlabelled, labels["dfu_ck"])
        tables.append(pa.table({"dfu_ck": rest, "cluster_label": pa.nulls(len(rest), pa.string())}))
    for table in tables:
        content = io.BytesIO()
        csv.write_csv(table, content)
        content.seek(0)
        cursor.copy_expert("COPY pg_temp.new_labels FROM STDIN WITH (FORMAT csv, HEADER)", content)
    cursor.execute("ANALYZE pg_temp.new_labels")


def _others(keys: "pd.Series[str]", known: "pd.Series[str]") -> pa.Array:
    """Return the keys that are not among the known ones, each once; none where there is no key."""
    # Arrow's hash of a million keys, where isin() makes an object of each
    own, labelled = (pa.array(values.dropna(), pa.large_string()) for values in (keys, known))
    return own.filter(pc.invert(pc.is_in(own, labelled))).unique()


def _keys(cursor: Cursor, query: str) -> list[str]:
    cursor.execute(query)
    return [key for (key,) in cursor.fetchall()]


def begun_transaction(connection: Connection) -> tuple[int, datetime]:
    """Return the id of the transaction under way, by which PostgreSQL knows it later, and its clock's time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT txid_current(), clock_timestamp()")
        row: Any = cursor.fetchone()
    return int(row[0]), row[1].astimezone(UTC)


def previous_labels(connection: Connection, changes: int) -> pd.DataFrame:
    """Return dfu_ck, cluster_assignment of the rows that change."""
    if not changes:
        return pd.DataFrame({"dfu_ck": [], "cluster_assignment": []}, dtype="str")
    content = io.BytesIO()
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY ({_PREVIOUS}) TO STDOUT WITH (FORMAT csv, HEADER)", content)
    content.seek(0)
    frame: pd.DataFrame = csv.read_csv(content, parse_options=_PARSE, convert_options=_CONVERT).to_pandas()
    return frame


def _require_known(not_found: list[str], table: str) -> None:
    if not_found:
        raise DataError(
            f"Every dfu_ck of a labels file must be in {table}",
            found="unknown dfu_ck",
            keys=not_found,
            remedy="label again from the current warehouse; nothing was written",
        )
