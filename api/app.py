"""The application: the router, the newest report at /, health, and problem details for all that goes wrong."""

import json
import logging
from importlib.resources import files
from typing import Annotated, Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException

from api.docs_page import add_docs
from api.list_routes import lists
from api.middleware import AccessMiddleware, HostMiddleware
from api.problem_details import ProblemRoute, documented, foreseen, problem, response
from api.response_cache import NOT_MODIFIED
from api.router import Service, router
from api.run_routes import Service as RunService
from api.run_routes import named
from api.run_routes import router as run_router
from api.run_service import RunAnswers
from api.schemas import Health, Readiness
from api.service import Segments
from api.settings import ApiSettings
from dfu_clustering.runs.run import code_version

# answers on the demo's made-up sales, by the name of their model
EXAMPLES: Final[dict[str, dict[str, Any]]] = json.loads((files("api") / "examples.json").read_text(encoding="utf-8"))
HTML: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {}}, "description": "The report"}}

_USUAL_DOCS: Final = ("/docs", "/redoc")

pages = APIRouter(route_class=ProblemRoute)


@pages.get("/", response_class=Response, responses=HTML | NOT_MODIFIED | documented(404, 503), tags=["report"])
def report(request: Request, segments: Service) -> Response:
    """The report of the newest published run that has one: a page that needs nothing else."""
    return segments.report().response(request)


@pages.get(
    "/reports/{run}",
    response_class=Response,
    responses=HTML | NOT_MODIFIED | documented(404, 422, 503),
    tags=["report"],
)
def report_of(
    request: Request,
    segments: Service,
    runs: RunService,
    run: Annotated[str, named("the run", "published")],
) -> Response:
    """The report of one run, published or a dry run."""
    return segments.report_of(runs.files(run)).response(request)


@pages.get("/healthz", responses=documented(), tags=["health"])
async def healthz() -> Health:
    """The process answers; says nothing about the database."""
    return Health()


@pages.get("/readyz", responses=documented(503), tags=["health"])
def readyz(segments: Service) -> Readiness:
    """The database answers and the labels have been read."""
    return segments.readiness()


class SegmentsApp(FastAPI):
    """The application; its OpenAPI shows an answer for each model that has one."""

    def openapi(self) -> dict[str, Any]:
        """Return the description of all addresses."""
        described = super().openapi()
        for name, answer in EXAMPLES.items():  # put in here, because FastAPI takes every null out of an example
            described["components"]["schemas"][name]["examples"] = [answer]
        return described


def create_app(settings: ApiSettings | None = None) -> FastAPI:
    """Return the application.

    Args:
        settings: Default: from the environment.

    Raises:
        ConfigError: The database's address cannot be used.
        ValidationError: A setting is missing or out of bounds.
    """
    settings = settings or ApiSettings()  # type: ignore[call-arg]  # from the environment
    logging.getLogger("api").setLevel(settings.log_level)
    app = SegmentsApp(
        title="DFU segments",
        summary="Which demand forecast unit (item x customer group x location) is in which segment, and why",
        version=code_version(),
        root_path=settings.root_path,
        docs_url=None,  # its pages load scripts from elsewhere: api.docs_page
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.dfu_segments = Segments(settings)
    if settings.docs:
        add_docs(app)
    app.state.dfu_runs = RunAnswers(settings)
    app.include_router(pages)
    app.include_router(lists)
    app.include_router(run_router)  # before the next, whose last address takes any key
    app.include_router(router)
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.cors_origins, allow_methods=["GET"], expose_headers=["ETag"]
        )
    app.add_middleware(HostMiddleware, allowed=settings.allowed_hosts)
    app.add_middleware(AccessMiddleware)
    return app


def _http_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  (what it is registered for)
    no_page = "; a page for browsers would load scripts from elsewhere, DFU_API_DOCS=true shows one at /docs" * (
        request.url.path in _USUAL_DOCS
    )
    details = {
        404: f"There is nothing at this address; /openapi.json lists all{no_page}.",
        405: "This address is only read: GET.",
    }
    answer = response(problem(error.status_code, details.get(error.status_code, str(error.detail))), request)
    answer.headers.update(error.headers or {})
    return answer


def _invalid(request: Request, error: Exception) -> Response:
    found = foreseen(error)
    assert found is not None  # noqa: S101
    return response(found, request)
