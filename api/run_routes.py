"""The addresses of runs below /domains/dfu/runs: the list, and what changed from one run to another.

app.include_router(run_routes.router)  # before api.router.router, whose last address takes any key of a DFU
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.problem_details import ProblemRoute, documented
from api.response_cache import NOT_MODIFIED
from api.run_service import RunAnswers
from api.schemas import RunComparison, Runs
from api.settings import ApiSettings
from dfu_clustering.history.known_runs import NAMES_OF_A_RUN
from dfu_clustering.runs.known_run import RunKind

_LONGEST_NAME: Final = 200
_PAGE: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"text/html": {}}, "description": "The page"}}


class RunsParameters(BaseModel):
    """Which runs are asked for."""

    model_config = ConfigDict(extra="forbid")

    kind: Annotated[RunKind | None, Field(description="only runs of this kind")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="largest number of runs")] = 50
    offset: Annotated[int, Field(ge=0, le=2**31, description="runs that are skipped")] = 0


async def run_answers_of(request: Request) -> RunAnswers:
    """Return the application's RunAnswers; made from the environment where there is none yet."""
    state = request.app.state
    if not hasattr(state, "dfu_runs"):
        state.dfu_runs = RunAnswers(ApiSettings())  # type: ignore[call-arg]  # from the environment
    answers: RunAnswers = state.dfu_runs
    return answers


def named(which: str, example: str = "previous") -> Any:  # noqa: ANN401
    """Return the parameter of a path that names a run."""
    return Path(max_length=_LONGEST_NAME, description=f"{which}: {NAMES_OF_A_RUN}", examples=[example])


Before = Annotated[str, named("the earlier run")]
After = Annotated[str, named("the later run")]
Service = Annotated[RunAnswers, Depends(run_answers_of)]

router = APIRouter(prefix="/domains/dfu/runs", tags=["runs"], route_class=ProblemRoute)


@router.get("", response_model=Runs, responses=NOT_MODIFIED | documented(422, 503))
def runs(request: Request, answers: Service, asked: Annotated[RunsParameters, Query()]) -> Response:
    """The runs that are known, and the backfilled months, the newest first."""
    return answers.runs(asked.kind, limit=asked.limit, offset=asked.offset).response(request)


@router.get(
    "/{before}/compare/{after}", response_model=RunComparison, responses=NOT_MODIFIED | documented(404, 422, 503)
)
def comparison(request: Request, answers: Service, before: Before, after: After) -> Response:
    """What changed from one run to another, and why."""
    return answers.comparison(before, after).response(request)


@router.get(
    "/{before}/compare/{after}/page",
    response_class=Response,
    responses=_PAGE | NOT_MODIFIED | documented(404, 422, 503),
)
def comparison_page(request: Request, answers: Service, before: Before, after: After) -> Response:
    """The same as a page for people, which needs nothing else."""
    return answers.page(before, after).response(request)
