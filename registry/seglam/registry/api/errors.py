"""Every error is a problem document, under `/v2/` one of the distribution specification."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from seglam.packs.problems import PackInvalid
from seglam.packs.trust.signing import SigningFailed
from seglam.registry.api import documents
from seglam.registry.faults import DatabaseError, DatabaseFault
from seglam.registry.names import LookAlike
from seglam.registry.publishing import PublishProblem
from seglam.web import Problem

MEDIA = "application/problem+json"
RETRY_S = "5"
SHOWN = 8
"""Invalid members that are named."""
DISTRIBUTION = {"Docker-Distribution-API-Version": "registry/2.0"}
# The distribution specification's codes, by status where no code of ours is one.
_SPEC_CODES = {401: "UNAUTHORIZED", 403: "DENIED", 404: "NAME_UNKNOWN", 405: "UNSUPPORTED", 429: "TOOMANYREQUESTS"}
_SPEC = re.compile(r"[A-Z_]+")

_log = logging.getLogger("seglam.registry.api")
_CODES = {404: "unknown-address", 405: "unknown-method", 413: "body-too-large", 429: "too-many-requests"}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an endpoint: these, and what any may answer."""
    content = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    described = {
        304: "As the caller has it",
        400: "The request cannot be read",
        401: "No token that counts",
        403: "Not allowed",
        404: "There is none",
        408: "The body did not arrive in time",
        409: "It is in the way of what is there",
        410: "It was deleted",
        412: "It has changed since",
        413: "The body is too large",
        415: "Another media type is needed",
        422: "Something in the request is not valid",
        428: "If-Match is needed",
        429: "Too many requests",
        503: "Not now",
    }
    found: dict[int | str, dict[str, Any]] = {}
    for status in sorted({*statuses, 400, 422, 429, 503}):
        found[status] = {"description": described[status]}
        if status != 304:
            found[status]["content"] = content
        if status in (429, 503):
            found[status]["headers"] = {
                "Retry-After": {"description": "Seconds after which to ask again.", "schema": {"type": "integer"}}
            }
    return found


def add_handlers(app: FastAPI) -> None:
    """Let an application answer with problem documents."""

    @app.exception_handler(Problem)
    async def problem(http: Request, error: Problem) -> Response:
        return respond(http, error)

    @app.exception_handler(RequestValidationError)
    async def invalid(http: Request, error: RequestValidationError) -> Response:
        return respond(http, _invalid(error.errors()))

    @app.exception_handler(HTTPException)
    async def other(http: Request, error: HTTPException) -> Response:
        code = _CODES.get(error.status_code, "http")
        return respond(http, Problem(error.status_code, code, str(error.detail), headers=error.headers))

    @app.exception_handler(DatabaseError)
    async def database(http: Request, error: DatabaseError) -> Response:
        _log.error("the database: %s", error)
        status = 507 if error.fault is DatabaseFault.FULL else 503
        # Where the database is, is for the log; the caller gets what may be done.
        words = "the registry's database cannot be used now; nothing was changed"
        return respond(http, Problem(status, error.code, words, headers={"Retry-After": RETRY_S}))

    @app.exception_handler(SigningFailed)
    async def signing(http: Request, error: SigningFailed) -> Response:
        _log.error("signing: %s: %s", error.code, error)
        words = f"the registry could not sign this, and so did not do it: {error.words}"
        return respond(http, Problem(503, f"signing-{error.code}", words, headers={"Retry-After": RETRY_S}))

    @app.exception_handler(PublishProblem)
    async def publishing(http: Request, error: PublishProblem) -> Response:
        return respond(http, Problem(error.status, error.code, error.words, retriable=error.retriable))

    @app.exception_handler(LookAlike)
    async def look_alike(http: Request, error: LookAlike) -> Response:
        return respond(http, Problem(error.status, error.code, error.words))

    @app.exception_handler(PackInvalid)
    async def pack(http: Request, error: PackInvalid) -> Response:
        return respond(http, Problem(422, error.code, error.words, where=error.where))

    @app.exception_handler(Exception)
    async def internal(http: Request, _: Exception) -> Response:
        # The server logs the error itself.
        return respond(http, Problem(500, "internal", "the registry failed; its log says why"))


def respond(http: Request, problem: Problem) -> Response:
    """The response that says a problem."""
    if http.url.path.startswith("/v2/") or http.url.path == "/v2":
        return distribution_error(problem)
    return problem.response()


def distribution_error(problem: Problem) -> Response:
    """A problem as the OCI distribution specification writes it."""
    code = problem.code if _SPEC.fullmatch(problem.code) else _SPEC_CODES.get(problem.status, "UNKNOWN")
    detail = {"code": problem.code} if code != problem.code else {}
    content = {"errors": [{"code": code, "message": problem.detail, "detail": detail}]}
    return JSONResponse(content, problem.status, {**DISTRIBUTION, **problem.headers})


def add_schemas(app: FastAPI) -> None:
    """Put the schema of problems into the OpenAPI document."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.setdefault("Problem", documents.Problem.model_json_schema())
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _invalid(errors: Iterable[Any]) -> Problem:
    found = []
    for each in list(errors)[:SHOWN]:
        where = "/".join(str(part)[:80] for part in each["loc"])
        found.append({"where": where, "words": str(each["msg"])[:200]})
    first = found[0] if found else {"where": "request", "words": "it cannot be read"}
    return Problem(422, "invalid", f"{first['where']}: {first['words']}", errors=found)
