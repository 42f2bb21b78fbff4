"""Errors as RFC 9457 problem details: what the client can do about a 4xx, and nothing of the inside of a 5xx."""

import logging
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final

import psycopg2
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from psycopg2 import errors as pg_errors
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from dfu_clustering.errors import DfuClusteringError

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 2

_UNAVAILABLE: Final = "The service cannot read what it needs right now. Try again in a moment."
_TOO_LONG: Final = "The database took too long. Narrow the filters, or try again in a moment."
_FAILED: Final = "The service failed. The log of the service says why, under this request_id."


class Problem(BaseModel):
    """A problem detail (RFC 9457).

    Attributes:
        errors: What is wrong with which parameter, where it is a 422.
    """

    type: Annotated[str, Field(description="always about:blank: the status says what kind of problem it is")]
    title: Annotated[str, Field(description="name of the status", examples=["Not Found"])]
    status: Annotated[int, Field(ge=400, le=599, examples=[404])]
    detail: Annotated[str, Field(description="what happened and what to do")]
    request_id: Annotated[str | None, Field(description="the service's log says more under this id")] = None
    errors: Annotated[
        list[dict[str, str]] | None, Field(description="each with the parameter and what is wrong with it")
    ] = None


class NotFoundError(Exception):
    """There is nothing under this address; the message is for the client."""


class InvalidParameterError(Exception):
    """A parameter breaks a rule that its type does not state; the detail is for the client."""

    def __init__(self, parameter: str, detail: str) -> None:
        self.parameter = parameter
        self.detail = detail
        super().__init__(f"{parameter}: {detail}")


class UnavailableError(Exception):
    """Something that the answer needs is not there for the moment; the message is for the log."""


class ProblemRoute(APIRoute):
    """A route that answers foreseen errors as problem details, whatever application it is part of."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the route's handler, with problem details for its foreseen errors."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except Exception as error:
                problem = foreseen(error)
                if problem is None:
                    raise
                return response(problem, request)

        return answer


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI entries of problems that a route may answer with; 500 is one of them always."""
    schema = Problem.model_json_schema()
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in (*statuses, HTTPStatus.INTERNAL_SERVER_ERROR.value)
    }


def problem(status: int, detail: str, errors: Sequence[tuple[str, str]] = ()) -> Problem:
    """Return a problem detail of a status."""
    listed = [{"parameter": name, "detail": what} for name, what in errors] or None
    return Problem(type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=detail, errors=listed)


def foreseen(error: Exception) -> Problem | None:
    """Return the problem that an error means to the client; None: a fault of the service's own."""
    match error:
        case NotFoundError():
            return problem(HTTPStatus.NOT_FOUND, str(error))
        case InvalidParameterError():
            return _invalid([(error.parameter, error.detail)])
        case RequestValidationError():
            return _invalid([(".".join(map(str, found["loc"][1:])), found["msg"]) for found in error.errors()])
        case DBAPIError() if isinstance(error.orig, psycopg2.Error):
            return _of_database(error.orig)
        case PoolTimeoutError() | UnavailableError() | DfuClusteringError() | OSError():
            logger.error("unavailable error=%s", " ".join(str(error).split()))
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, _UNAVAILABLE)
    return None


def failed() -> Problem:
    """Return what the client learns of a fault of the service's own."""
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, _FAILED)


def response(problem: Problem, request: Request) -> Response:
    """Return the answer that carries a problem; after a 503 it says when to come again."""
    answer = problem.model_copy(update={"request_id": getattr(request.state, "request_id", None)})
    headers = {"Cache-Control": "no-store"}
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    content = answer.model_dump_json(exclude_none=True)
    return Response(content, status_code=problem.status, headers=headers, media_type=MEDIA_TYPE)


def _invalid(errors: Sequence[tuple[str, str]]) -> Problem:
    detail = "; ".join(f"{name}: {what}" for name, what in errors)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors)


def _of_database(error: psycopg2.Error) -> Problem:
    if isinstance(error, psycopg2.DataError):  # a value that PostgreSQL itself refuses
        return _invalid([("filters", "A value does not fit its column.")])
    logger.error("database error=%s", " ".join(str(error).split()))
    too_long = isinstance(error, pg_errors.QueryCanceled | pg_errors.LockNotAvailable)
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, _TOO_LONG if too_long else _UNAVAILABLE)
