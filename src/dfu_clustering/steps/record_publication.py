"""After a publish: its line in the ledger, and what the event says to those who wait for new labels."""

from typing import Any

from dfu_clustering.labels.label_set import label_set_digest
from dfu_clustering.loads.publication import Publication
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.runs.ledger import Ledger
from dfu_clustering.runs.lookup import require_publication_of_run
from dfu_clustering.runs.manifest import RECORD_PUBLICATION, once
from dfu_clustering.runs.run import Run


@once(RECORD_PUBLICATION)
def record_publication(run: Run) -> Publication:
    """Keep the line that a run has in the ledger with the run itself, which MLflow gets, too.

    Raises:
        DataError: The ledger has none.
    """
    own = [line for line in Ledger(run.runs).publications() if not (line.restored or line.same_labels)]
    return require_publication_of_run(own, run.name)


def published_payload(publication: Publication, published: PublishSummary) -> dict[str, Any]:
    """Return what the event ``dfu.clusters.published`` says to those who wait for new labels."""
    return {
        **publication.model_dump(
            include={"as_of_month", "load_id", "run", "config_digest", "labels", "restored", "overrides"}
        ),
        **published.model_dump(include={"transitions", "updated", "cleared", "unchanged"}),
        "kind": publication.kind,
        "changed_labels": published.changed_labels(),
        "label_set_digest": label_set_digest(publication.labels),
    }
