"""The part of the HTTP API that every gateway has: errors, requests, explanations, liveness."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from seglam import telemetry
from seglam.gateway import describing
from seglam.gateway.access import Caller
from seglam.gateway.bodies import read_json, request_of
from seglam.gateway.outcomes import Answer, Outcome, Reason
from seglam.gateway.preferences import cache_status, only_if_cached, wait_of
from seglam.gateway.serving import Headers, Identify
from seglam.lookup import Hit, Miss
from seglam.procedures import Request, TextError
from seglam.procedures.text import MAX_BYTES
from seglam.web import Problem

T = TypeVar("T")
Blocking = Callable[..., Coroutine[Any, Any, Any]]
"""Runs a function in a thread."""

RETRY_SOON, RETRY_LATER = "2", "30"
"""Seconds after which to ask again: for a runner, and for a compilation."""
THREADS = 64
"""Requests at one time; more wait for their turn without holding anything."""

# A miss that no compilation will answer, by its reason; any other is a 504, as a cache that has no one to ask.
STATUS = {
    Reason.NOT_COMPILABLE: 422,
    "too-large": 413,
    Reason.BUSY: 503,
    Reason.BUDGET: 503,
    Reason.UNAVAILABLE: 503,
    "rejected": 502,
    "model-failed": 502,
    "failed": 502,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived.

    Attributes:
        only_if_cached: never compile.
        wait_s: how long the caller would wait for a compilation.
        headers: the caller's trace.
        source: the API by which it came: native, openai or mcp.
        detached: a miss is answered at once; what follows from it goes on in `Reply.following`.
        fits: says why this caller cannot take an answer, None if it can. What does not fit is a miss that nothing is
            compiled for.
    """

    request: Request
    caller: Caller
    only_if_cached: bool
    wait_s: int
    headers: Mapping[str, str]
    source: str = "native"
    detached: bool = False
    fits: Callable[[str], str | None] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request got.

    Attributes:
        waited: the seconds of the caller's preference to wait that were honoured.
        following: where `Asked.detached` returned before it was settled whether something is compiled: the task that
            ends with the answer that says so. It goes on without whoever asked.
    """

    answer: Answer
    waited: int = 0
    following: asyncio.Task[Answer] | None = None


class Answers(Protocol):
    """What stands behind the API of requests. Never blocks the event loop."""

    async def answer(self, asked: Asked) -> Reply:
        """Answer a request as far as its policies allow."""

    async def explain(self, request: Request, caller: Caller) -> Hit | Miss:
        """What the lookup decides. `TextError` as `Index.find`."""


def threads(count: int = THREADS) -> Blocking:
    """Runs functions in at most so many threads at one time; others wait for their turn."""
    limiter = CapacityLimiter(count)

    async def blocking(work: Callable[..., T], *arguments: Any, **named: Any) -> T:
        return await to_thread.run_sync(partial(work, *arguments, **named), limiter=limiter)

    return blocking


def new_app(title: str = "SEGLAM") -> FastAPI:
    """An application whose errors are problem documents, and which says that it is alive."""
    app = FastAPI(title=title, docs_url=None, redoc_url=None)

    @app.exception_handler(Problem)
    async def problem(_: HttpRequest, error: Problem) -> Response:
        return error.response()

    @app.exception_handler(HTTPException)
    async def http(_: HttpRequest, error: HTTPException) -> Response:
        code = {404: "unknown-address", 405: "unknown-method"}.get(error.status_code, "http")
        return Problem(error.status_code, code, str(error.detail)).response(error.headers)

    @app.exception_handler(Exception)
    async def internal(_: HttpRequest, error: Exception) -> Response:
        # The server logs the error itself.
        return Problem(500, "internal", "the service failed; its log says why").response()

    @app.get("/healthz", summary="Whether the process runs")
    async def healthz() -> Response:
        return JSONResponse({"status": "ok"})

    return app


def add_requests(app: FastAPI, answers: Answers, identify: Identify) -> None:
    """The routes of requests.

    Args:
        identify: who asks; raises `Problem` for whom it does not know.
    """

    @app.post("/v1/requests", summary="Answer a request", openapi_extra=REQUEST_BODY)
    async def answer(http: HttpRequest) -> Response:
        caller = await identify(Headers(http.scope["headers"]))
        request = request_of(await read_json(http))
        cached = only_if_cached(http.headers.getlist("cache-control"))
        wait = 0 if cached else wait_of(http.headers.getlist("prefer"))
        asked = Asked(request, caller, cached, wait, telemetry.trace_headers(http.headers.raw))
        reply = await answers.answer(asked)
        return respond(reply.answer, waited=reply.waited)

    @app.post("/v1/explain", summary="Say what a lookup decides, without running anything", openapi_extra=REQUEST_BODY)
    async def explain(http: HttpRequest) -> Response:
        caller = await identify(Headers(http.scope["headers"]))
        request = request_of(await read_json(http))
        try:
            found = await answers.explain(request, caller)
        except TextError as error:
            raise Problem(400, Reason.BAD_REQUEST, str(error)) from error
        return JSONResponse(describing.explanation(found))


def respond(answer: Answer, *, waited: int = 0) -> Response:
    """The response that carries an answer."""
    headers = {"Cache-Status": cache_status(answer)}
    if waited:
        headers["Preference-Applied"] = f"wait={waited}"
    if answer.outcome is Outcome.ERROR:
        return Problem(400, answer.reason or "error", answer.explanation).response(headers)
    content = answer.as_json()
    if answer.answer is not None:
        return JSONResponse(content, headers=headers)
    if answer.compilation is not None:
        headers["Location"] = f"/v1/compilations/{answer.compilation}"
        if answer.stage != "compilation":
            return JSONResponse(content, 202, headers)
    reason = answer.reason or "unknown"
    status = STATUS.get(reason, 504)
    if status == 503:
        headers["Retry-After"] = RETRY_SOON if reason == Reason.UNAVAILABLE else RETRY_LATER
    detail = answer.explanation
    if reason == "too-large":
        detail = f"{detail} (a text may have {MAX_BYTES} bytes)"
    return Problem(status, reason, detail, **content).response(headers)


class KnownHosts:
    """Refuses requests that were sent to another name than one of this service."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 421."""
        if scope["type"] == "http":
            named = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
            name = named if named.endswith("]") else named.rpartition(":")[0] or named
            if name.lower() not in self._hosts:
                detail = f"this service is not called {name[:100]!r}; use {' or '.join(sorted(self._hosts))}"
                await Problem(421, "unknown-host", detail).response()(scope, receive, send)
                return
        await self._app(scope, receive, send)


def body_of(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "additionalProperties": False, "properties": properties, "required": required}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


TEXT = {"type": "string"}
REQUEST_BODY = body_of(
    {
        "text": {**TEXT, "description": "The request; either this or value."},
        "value": {"type": "object", "description": "A structured request."},
        "inputs": {
            "type": "object",
            "description": "Attached inputs by name.",
            "additionalProperties": {
                "type": "object",
                "properties": {"mediaType": TEXT, "text": TEXT},
                "required": ["mediaType", "text"],
            },
        },
        "context": {
            "type": "object",
            "description": "What would otherwise be implicit: now, locale, timeZone.",
            "additionalProperties": TEXT,
        },
    },
    [],
)
