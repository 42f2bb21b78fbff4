"""Lists of DFUs as CSV for spreadsheets, beside the JSON addresses of the same names.

The application includes this router before api.router, whose last address takes every other path below /domains/dfu.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from api.list_files import MEDIA_TYPE
from api.problem_details import ProblemRoute, documented
from api.response_cache import NOT_MODIFIED
from api.router import LONGEST_NAME, Service, TableParameters

CSV: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "CSV (RFC 4180), UTF-8 with a byte order mark; the first line names the columns. A text that a "
        "spreadsheet would read as a formula has an apostrophe before it",
        "content": {MEDIA_TYPE.partition(";")[0]: {"schema": {"type": "string"}}},
        "headers": {"Content-Disposition": {"schema": {"type": "string"}, "description": "name of the file"}},
    }
}

lists = APIRouter(prefix="/domains/dfu", tags=["lists"], route_class=ProblemRoute)


@lists.get("/page.csv", response_class=Response, responses=CSV | NOT_MODIFIED | documented(422, 503))
def filtered(request: Request, segments: Service, asked: Annotated[TableParameters, Query()]) -> Response:
    """All DFUs that fit all filters, however many, with what the published run says of each."""
    return segments.lists.of_filters(asked.filters, asked.sort).response(request)


@lists.get("/clusters/changes.csv", response_class=Response, responses=CSV | NOT_MODIFIED | documented(404, 422, 503))
def changes(request: Request, segments: Service, asked: Annotated[TableParameters, Query()]) -> Response:
    """All DFUs whose label the last publish changed: the label before, and what changed it with the values."""
    return segments.lists.of_changes(asked.filters, asked.sort).response(request)


@lists.get(
    "/clusters/{label:key}/dfus.csv",
    response_class=Response,
    responses=CSV | NOT_MODIFIED | documented(404, 422, 503),
)
def segment(
    request: Request,
    segments: Service,
    label: Annotated[
        str, Path(max_length=LONGEST_NAME, description="label of a segment", examples=["high_volume_steady"])
    ],
    asked: Annotated[TableParameters, Query()],
) -> Response:
    """All DFUs that have a label now, and fit all filters."""
    return segments.lists.of_segment(label, asked.filters, asked.sort).response(request)
