"""The events of a load and of a publish, as Prefect's API takes them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError

from dfu_clustering.errors import DataError
from dfu_clustering.months import parse_month

# the names of events and of their resource are fixed contracts, whatever the warehouse's tables are called
SALES_LOADED = "fact_sales_monthly.loaded"
CLUSTERS_PUBLISHED = "dfu.clusters.published"
CLUSTERS = {"prefect.resource.id": "dfu.clusters", "prefect.resource.name": "dim_dfu.cluster_assignment"}
# no control character and no separator of lines, which a reader of line files may take for the end of one
LoadId = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$")]

_LOAD_ID: TypeAdapter[str] = TypeAdapter(LoadId)


def sales_loaded_event(month: str, load_id: str, *, event_id: UUID, occurred: datetime) -> dict[str, object]:
    """Return the event that starts a run, as ``POST /api/events`` takes it in a JSON list.

    Raises:
        DataError: The month is no month, or the load_id is empty, blank, too long, or of several lines.
    """
    try:
        _LOAD_ID.validate_python(load_id.strip() and load_id)
    except ValidationError as error:
        raise DataError(
            "A load must have a load_id of 1 to 200 characters on one line",
            found=f"{len(load_id)} characters, {load_id[:20]!r}",
            remedy="give the loader's own name for the load: the same when it is repeated, a new one for every load",
        ) from error
    return {
        "id": str(event_id),
        "occurred": occurred.astimezone(UTC).isoformat(),
        "event": SALES_LOADED,
        "resource": {"prefect.resource.id": f"dfu.sales-load.{load_id}", "prefect.resource.name": load_id},
        "payload": {"month": str(parse_month(month)), "load_id": load_id},
    }


def clusters_resource(kind: str) -> dict[str, str]:
    """Return the resource of a publish, by whose label a trigger or an alert tells runs from restores and overrides."""
    return {**CLUSTERS, "dfu.publish": kind}


def clusters_published_event(payload: Mapping[str, Any], *, event_id: UUID, occurred: datetime) -> dict[str, object]:
    """Return the event that says what was published, as ``POST /api/events`` takes it in a JSON list."""
    return {
        "id": str(event_id),
        "occurred": occurred.astimezone(UTC).isoformat(),
        "event": CLUSTERS_PUBLISHED,
        "resource": clusters_resource(payload["kind"]),
        "payload": dict(payload),
    }
