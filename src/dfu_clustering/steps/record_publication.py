"""After a publish: its line in the ledger, and what the event says to those who wait for new labels."""

from datetime import datetime
from typing import Any

from dfu_clustering.files.tables import sha256
from dfu_clustering.loads.publication import Publication
from dfu_clustering.loads.sales_loads import SalesState
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.runs.folder import RunFile
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.lookup import publication_of_run
from dfu_clustering.runs.manifest import BUILD_FEATURES, LABEL_SEGMENTS, RECORD_PUBLICATION, once
from dfu_clustering.runs.run import Run


@once(RECORD_PUBLICATION)
def record_publication(run: Run, state: SalesState, *, load_id: str | None, published_at: datetime) -> Publication:
    """Write a run that has published into the ledger beside its folder.

    A run that was killed after it had done so finds its own line there and writes no second one.

    Raises:
        DataError: A step before this one has not finished.
    """
    ledger = Ledger(run.runs)
    own = publication_of_run([line for line in ledger.publications() if not line.restored], run.name)
    if own is not None:
        return own
    publication = Publication(
        as_of_month=run.as_of_month,
        load_id=load_id,
        fingerprint=state.fingerprint,
        config_digest=run.result(BUILD_FEATURES).config_digest,
        run=run.name,
        labels=run.result(LABEL_SEGMENTS).sizes(),
        published_at=published_at,
        model_sha256=sha256(run.path(RunFile.MODEL)),
    )
    ledger.append(publication)
    return publication


def published_payload(publication: Publication, published: PublishSummary) -> dict[str, Any]:
    """Return what the event ``dfu.clusters.published`` says to those who wait for new labels."""
    return {
        **publication.model_dump(include={"as_of_month", "load_id", "run", "config_digest", "labels", "restored"}),
        **published.model_dump(include={"transitions", "updated", "cleared", "unchanged"}),
    }
