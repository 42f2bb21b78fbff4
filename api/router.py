"""The addresses under /domains/dfu, as a router that fits into any FastAPI application.

    from api.router import router
    app.include_router(router)

It takes its settings from the environment at the first request, unless the application has put a Segments of its own
into ``app.state.dfu_segments``.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.convertors import PathConvertor, register_url_convertor

from api.problem_details import ProblemRoute, documented
from api.response_cache import NOT_MODIFIED
from api.schemas import Changes, Clusters, Dfu, DfuPage, OverrideList, Pictures, Profiles, SegmentMembers
from api.service import Segments
from api.settings import ApiSettings

_LARGEST_OFFSET = 2**63 - 1
LONGEST_NAME = 1000


async def segments_of(request: Request) -> Segments:
    """Return the application's Segments; made from the environment where there is none yet."""
    state = request.app.state
    if not hasattr(state, "dfu_segments"):
        state.dfu_segments = Segments(ApiSettings())  # type: ignore[call-arg]  # from the environment
    segments: Segments = state.dfu_segments
    return segments


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Close the application's connections when it ends."""
    yield
    if hasattr(app.state, "dfu_segments"):
        app.state.dfu_segments.close()


class _KeyConvertor(PathConvertor):
    """A key or label in a path: slashes, as the convertor ``path`` takes them, and line breaks, which it does not."""

    regex = "(?s:.*)"


register_url_convertor("key", _KeyConvertor())


class TableParameters(BaseModel):
    """Which rows, in which order; an unknown parameter is an error, so that a misspelt filter is not no filter."""

    model_config = ConfigDict(extra="forbid")

    filters: Annotated[
        str | None,
        Field(
            max_length=4000,
            description="JSON object, column of the DFU table to value. `=text` matches exactly that text, `text` any "
            "value that contains it, in upper or lower case; a number matches that number, null a missing value."
            "",
            examples=['{"cluster_assignment":"=high_volume_steady"}', '{"brand_desc":"cola","total_lt":14}'],
        ),
    ] = None
    sort: Annotated[
        str | None,
        Field(
            max_length=100,
            description="Column of the DFU table, ascending; with `-` before it descending. Rows without a value come "
            "last; rows with the same value are ordered by dfu_sk. Default: dfu_sk.",
            examples=["brand", "-modified_ts"],
        ),
    ] = None


class PageParameters(TableParameters):
    """Which of them are on a page."""

    limit: Annotated[int, Field(ge=1, le=1000, description="largest number of rows")] = 50
    offset: Annotated[int, Field(ge=0, le=_LARGEST_OFFSET, description="rows that are skipped")] = 0


class MemberParameters(BaseModel):
    """How many members are asked for."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=100, description="largest number of DFUs of each kind")] = 10


PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}, "description": "The picture"}}
Service = Annotated[Segments, Depends(segments_of)]

router = APIRouter(prefix="/domains/dfu", tags=["dfu"], route_class=ProblemRoute, lifespan=lifespan)


@router.get("/clusters", response_model=Clusters, responses=NOT_MODIFIED | documented(503))
def clusters(request: Request, segments: Service) -> Response:
    """The segments with their size and their typical demand, the largest first.

    Counts are those of the DFU table, at most seconds old and of one moment; the month and the numbers of demand are
    those of the newest publish in the ledger. Between the two, for the seconds that a publish takes to be entered
    there, a label that the ledger's run does not know has a null in their place.
    """
    return segments.clusters().response(request)


@router.get("/page", response_model=DfuPage, responses=NOT_MODIFIED | documented(422, 503))
def page(request: Request, segments: Service, asked: Annotated[PageParameters, Query()]) -> Response:
    """Rows of the DFU table that fit all filters, and how many there are; both are of one moment."""
    return segments.page(**asked.model_dump()).response(request)


@router.get("/clusters/profiles", response_model=Profiles, responses=NOT_MODIFIED | documented(404, 503))
def profiles(request: Request, segments: Service) -> Response:
    """What each segment is, in original units, and why it is called so."""
    return segments.profiles().response(request)


@router.get("/clusters/changes", response_model=Changes, responses=NOT_MODIFIED | documented(404, 503))
def changes(request: Request, segments: Service) -> Response:
    """How many DFUs went from which label to which in the last publish."""
    return segments.changes().response(request)


@router.get("/clusters/pictures", response_model=Pictures, responses=NOT_MODIFIED | documented(404, 503))
def pictures(request: Request, segments: Service) -> Response:
    """The pictures of the published run."""
    return segments.pictures(request.url.path).response(request)


@router.get(
    "/clusters/pictures/{name}", response_class=Response, responses=PNG | NOT_MODIFIED | documented(404, 422, 503)
)
def picture(
    request: Request,
    segments: Service,
    name: Annotated[
        str,
        Path(
            max_length=LONGEST_NAME,
            description="one of the names that `clusters/pictures` lists",
            examples=["cluster_sizes.png"],
        ),
    ],
) -> Response:
    """One picture, as PNG."""
    return segments.picture(name).response(request)


@router.get(
    "/clusters/{label:key}/dfus", response_model=SegmentMembers, responses=NOT_MODIFIED | documented(404, 422, 503)
)
def members(
    request: Request,
    segments: Service,
    label: Annotated[
        str, Path(max_length=LONGEST_NAME, description="label of a segment", examples=["high_volume_steady"])
    ],
    asked: Annotated[MemberParameters, Query()],
) -> Response:
    """The DFUs that are most typical of a segment, and those that lie nearest to another one.

    They are those of the published run; a label that was written to the DFU table by hand has a count and no such
    members.
    """
    return segments.members(label, asked.limit).response(request)


@router.get("/overrides", response_model=OverrideList, responses=documented(503))
def overrides(request: Request, segments: Service) -> Response:
    """The labels that people have set, the newest first, with who, why, until when, and whether they are published."""
    return segments.overrides().response(request)


@router.get("/{dfu_ck:key}", response_model=Dfu, responses=NOT_MODIFIED | documented(404, 422, 503))
def dfu(
    request: Request,
    segments: Service,
    dfu_ck: Annotated[
        str,
        Path(
            max_length=LONGEST_NAME,
            description="key of a DFU; slashes in it need no encoding",
            examples=["001000_CLUB_DC10"],
        ),
    ],
) -> Response:
    """One DFU: its label with the reason, its features, its history, and its row of the DFU table."""
    return segments.dfu(dfu_ck).response(request)
