"""Around a run: what the table shows before it, and the line in the ledger after it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from dfu_clustering.files.tables import sha256
from dfu_clustering.months import last_day, parse_month
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.lookup import publication_of_run
from dfu_clustering.runs.publication import Publication
from dfu_clustering.runs.run import Run
from dfu_clustering.runs.sales_loads import SalesState
from dfu_clustering.steps.build_features import FeatureSummary
from dfu_clustering.steps.label_segments import LabelSummary
from dfu_clustering.steps.model_files import ModelFiles
from dfu_clustering.warehouse.connect import raw_connection, schema_errors
from dfu_clustering.warehouse.snapshot import SalesSpan
from dfu_clustering.warehouse.statements import statement


def read_sales_state(engine: Engine, as_of_month: str | None = None) -> SalesState:
    """Return what fact_sales_monthly shows up to a month, by default the newest.

    Raises:
        WarehouseError: A table or column is missing.
        DataError: There are no sales, or none for that month.
    """
    wanted = parse_month(as_of_month) if as_of_month else None
    with raw_connection(engine) as connection, connection.cursor() as cursor, schema_errors():
        cursor.execute(statement(__package__, "sales_state"), {"last_day": last_day(wanted) if wanted else None})
        row: Any = cursor.fetchone()  # one row, of nulls where the table is empty
    oldest, newest, all_rows, rows, load_ts, modified_ts, total_qty = row
    month = SalesSpan.of(oldest, newest, all_rows).as_of(wanted)
    return SalesState(
        as_of_month=str(month),
        rows=rows,
        newest_load_ts=load_ts,
        newest_modified_ts=modified_ts,
        total_qty=total_qty,
    )


def published_payload(publication: Publication, published: PublishSummary) -> dict[str, Any]:
    """Return what the event ``dfu.clusters.published`` says to whoever waits for new labels."""
    return {
        **publication.model_dump(include={"as_of_month", "load_id", "run", "config_digest", "labels", "restored"}),
        **published.model_dump(include={"transitions", "updated", "cleared", "unchanged"}),
    }


def record_publication(run: Run, state: SalesState, *, load_id: str | None, published_at: datetime) -> Publication:
    """Write a run that has published into the ledger beside its folder.

    A run that was killed after it had done so finds its own line there and writes no second one.

    Raises:
        KeyError: A step before this one has not finished.
    """
    ledger = Ledger(run.folder.parent)
    own = publication_of_run([line for line in ledger.publications() if not line.restored], run.folder.name)
    if own is not None:
        return own
    publication = Publication(
        as_of_month=run.as_of_month,
        load_id=load_id,
        fingerprint=state.fingerprint,
        config_digest=run.result("build_features", FeatureSummary).config_digest,
        run=run.folder.name,
        labels={segment.label: segment.size for segment in run.result("label_segments", LabelSummary).segments},
        published_at=published_at,
        model_sha256=sha256(ModelFiles.in_folder(run.folder).model),
    )
    ledger.append(publication)
    return publication
