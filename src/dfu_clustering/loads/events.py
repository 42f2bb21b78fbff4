"""The events of a load and of a publish, as Prefect's API takes them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from dfu_clustering.errors import DataError
from dfu_clustering.months import parse_month

SALES_LOADED = "fact_sales_monthly.loaded"
CLUSTERS_PUBLISHED = "dfu.clusters.published"
CLUSTERS = {"prefect.resource.id": "dfu.clusters", "prefect.resource.name": "dim_dfu.cluster_assignment"}
_LONGEST_LOAD_ID = 200


def sales_loaded_event(month: str, load_id: str, *, event_id: UUID, occurred: datetime) -> dict[str, object]:
    """Return the event that starts a run, as ``POST /api/events`` takes it in a JSON list.

    Raises:
        DataError: The month is no month, or the load_id is empty, blank or longer than 200 characters.
    """
    if not load_id.strip() or len(load_id) > _LONGEST_LOAD_ID:
        raise DataError(
            f"A load has a load_id of 1 to {_LONGEST_LOAD_ID} characters",
            found=f"{len(load_id)} characters, {load_id[:20]!r}",
            remedy="give the loader's own name for the load, the same at every repetition and another for every load",
        )
    return {
        "id": str(event_id),
        "occurred": occurred.astimezone(UTC).isoformat(),
        "event": SALES_LOADED,
        "resource": {"prefect.resource.id": f"dfu.sales-load.{load_id}", "prefect.resource.name": load_id},
        "payload": {"month": str(parse_month(month)), "load_id": load_id},
    }


def clusters_published_event(payload: Mapping[str, Any], *, event_id: UUID, occurred: datetime) -> dict[str, object]:
    """Return the event that says what was published, as ``POST /api/events`` takes it in a JSON list."""
    return {
        "id": str(event_id),
        "occurred": occurred.astimezone(UTC).isoformat(),
        "event": CLUSTERS_PUBLISHED,
        "resource": dict(CLUSTERS),
        "payload": dict(payload),
    }
