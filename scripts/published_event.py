"""The event of a publish that a program has done, for those who wait for new labels."""

import os
import sys
from uuid import UUID

from dfu_clustering.loads.events import clusters_published_event
from dfu_clustering.loads.publication import Publication
from dfu_clustering.publishing.outcome import PublishSummary
from dfu_clustering.steps.record_publication import published_payload
from scripts.announce_sales_load import API_URL_VARIABLE, announce


def say_published(publication: Publication, published: PublishSummary, event_id: UUID) -> None:
    """Send the event to the Prefect server at PREFECT_API_URL, or say that there is none."""
    if not os.environ.get(API_URL_VARIABLE):
        sys.stderr.write(f"no event was sent: {API_URL_VARIABLE} is not set\n")
        return
    payload = published_payload(publication, published)
    announce(clusters_published_event(payload, event_id=event_id, occurred=publication.published_at))
