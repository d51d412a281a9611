"""The native HTTP API. Everything that blocks runs in threads; the event loop only waits.

On one machine names are stated, not proved: who asks is in `Seglam-User`, who decides in the body of a review. That is
why the API listens on loopback only, unless it is told otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from seglam import telemetry
from seglam.gateway import views
from seglam.gateway.bodies import read_json, request_of, text_member
from seglam.gateway.misses import Declined
from seglam.gateway.outcomes import Answer, Outcome, Reason
from seglam.gateway.preferences import cache_status, only_if_cached, user_of, wait_of
from seglam.gateway.problems import Problem, of_review, of_store
from seglam.gateway.reviewing import decision_of
from seglam.gateway.service import ANONYMOUS, Pending, Service
from seglam.gateway.store import ReviewRefused, StoreError
from seglam.procedures import TextError
from seglam.procedures.text import MAX_BYTES

T = TypeVar("T")

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
THREADS = 64
"""Requests at one time; more wait for their turn without holding anything."""

# A miss that no compilation will answer, by its reason; any other is a 504, as a cache that has no one to ask.
_STATUS = {
    Reason.NOT_COMPILABLE: 422,
    "too-large": 413,
    Reason.BUSY: 503,
    Reason.BUDGET: 503,
    "rejected": 502,
    "model-failed": 502,
    "failed": 502,
}


def create_app(service: Service, *, hosts: tuple[str, ...] | None = LOOPBACK_NAMES) -> FastAPI:
    """The application of a service, which whoever made it closes.

    Args:
        hosts: names under which it is reached; others are refused, since a page of another site may point its own name
            at this machine. None takes all.
    """
    app = FastAPI(title="SEGLAM", docs_url=None, redoc_url=None)
    app.state.service = service
    limiter = CapacityLimiter(THREADS)

    async def blocking(work: Callable[..., T], *arguments: Any, **named: Any) -> T:
        return await to_thread.run_sync(partial(work, *arguments, **named), limiter=limiter)

    if hosts is not None:
        app.add_middleware(KnownHosts, hosts=frozenset(hosts))
    _add_errors(app)
    _add_requests(app, service, blocking)
    _add_reading(app, service, blocking)
    _add_reviews(app, service, blocking)
    _add_health(app, service)
    return app


Blocking = Callable[..., Awaitable[Any]]


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


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    async def problem(_: HttpRequest, error: Problem) -> Response:
        return error.response()

    @app.exception_handler(StoreError)
    async def store(_: HttpRequest, error: StoreError) -> Response:
        return of_store(error).response({"Retry-After": "5"})

    @app.exception_handler(ReviewRefused)
    async def review(_: HttpRequest, error: ReviewRefused) -> Response:
        return of_review(error).response()

    @app.exception_handler(HTTPException)
    async def http(_: HttpRequest, error: HTTPException) -> Response:
        code = {404: "unknown-address", 405: "unknown-method"}.get(error.status_code, "http")
        return Problem(error.status_code, code, str(error.detail)).response(error.headers)

    @app.exception_handler(Exception)
    async def internal(_: HttpRequest, error: Exception) -> Response:
        # The server logs the error itself.
        return Problem(500, "internal", "the service failed; its log says why").response()


def _add_requests(app: FastAPI, service: Service, blocking: Blocking) -> None:
    @app.post("/v1/requests", summary="Answer a request", openapi_extra=_REQUEST_BODY)
    async def answer(http: HttpRequest) -> Response:
        request = request_of(await read_json(http))
        cached = only_if_cached(http.headers.getlist("cache-control"))
        wait = 0 if cached else wait_of(http.headers.getlist("prefer"))
        user = user_of(http.headers.get("seglam-user"), ANONYMOUS)
        trace = telemetry.trace_headers(http.headers.raw)
        pending: Pending = await blocking(service.begin, request, requester=user, only_if_cached=cached, headers=trace)
        result = pending.answer
        if pending.flight is not None and wait:
            await asyncio.wait([asyncio.wrap_future(pending.flight.settled)], timeout=wait)
            result = await blocking(service.finish, pending)
        return respond(result, waited=wait)

    @app.post("/v1/explain", summary="Say what a lookup decides, without running anything", openapi_extra=_REQUEST_BODY)
    async def explain(http: HttpRequest) -> Response:
        request = request_of(await read_json(http))
        try:
            found = await blocking(service.explain, request)
        except TextError as error:
            raise Problem(400, Reason.BAD_REQUEST, str(error)) from error
        return JSONResponse(views.explanation(service, found))


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
    status = _STATUS.get(reason, 504)
    if status == 503:
        headers["Retry-After"] = "30"
    detail = answer.explanation
    if reason == "too-large":
        detail = f"{detail} (a text may have {MAX_BYTES} bytes)"
    return Problem(status, reason, detail, **content).response(headers)


def _add_reading(app: FastAPI, service: Service, blocking: Blocking) -> None:
    @app.get("/v1/compilations/{identity}", summary="One compilation with its evidence")
    async def compilation(identity: str) -> Response:
        return JSONResponse(await blocking(views.compilation, service, identity))

    @app.post("/v1/compilations/{identity}/continue", summary="Go on with a compilation that was interrupted")
    async def resume(identity: str) -> Response:
        flight = await blocking(service.resume, identity)
        if flight is None:
            await blocking(views.compilation, service, identity)  # 404 if there is none
            raise Problem(409, "not-interrupted", f"compilation {identity} was not interrupted")
        if isinstance(flight, Declined):
            raise Problem(_STATUS.get(flight.reason, 504), flight.reason, flight.explanation)
        where = f"/v1/compilations/{flight.id}"
        return JSONResponse({"compilation": flight.id}, 202, {"Location": where})

    @app.get("/v1/procedures", summary="The procedures that are served")
    async def procedures() -> Response:
        return JSONResponse(await blocking(views.procedures, service))

    @app.get("/v1/procedures/{name}", summary="One procedure with all its revisions")
    async def procedure(name: str) -> Response:
        return JSONResponse(await blocking(views.procedure, service, name))

    @app.get("/v1/revisions/{digest}", summary="One revision with its evidence and reviews")
    async def revision(digest: str) -> Response:
        return JSONResponse(await blocking(views.revision, service, digest))

    @app.get("/v1/savings", summary="What the model did not have to do")
    async def savings() -> Response:
        return JSONResponse(await blocking(service.savings))


def _add_reviews(app: FastAPI, service: Service, blocking: Blocking) -> None:
    @app.get("/v1/reviews", summary="Revisions that wait for a decision")
    async def queue() -> Response:
        return JSONResponse(await blocking(views.review_queue, service))

    @app.post("/v1/revisions/{digest}/reviews", summary="Decide on a revision", openapi_extra=_REVIEW_BODY)
    async def decide(digest: str, http: HttpRequest) -> Response:
        content = await read_json(http)
        decision = decision_of(text_member(content, "decision"))
        reviewer, reason = text_member(content, "reviewer", 200), text_member(content, "reason")
        change = await blocking(service.decide, digest, reviewer, decision, reason)
        shown = await blocking(views.revision, service, digest)
        return JSONResponse({"revision": shown, "retired": list(change.removed)}, 201)


def _add_health(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", summary="Whether the process runs")
    async def healthz() -> Response:
        return JSONResponse({"status": "ok"})

    @app.get("/readyz", summary="Whether requests are answered")
    async def readyz() -> Response:
        faults = service.source.problems if service.source is not None else {}
        problems = [str(problem) for found in list(faults.values()) for problem in found]
        return JSONResponse({"status": "ready", "active": len(service.index), "problems": problems})


def _body(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "additionalProperties": False, "properties": properties, "required": required}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_TEXT = {"type": "string"}
_REQUEST_BODY = _body(
    {
        "text": {**_TEXT, "description": "The request; either this or value."},
        "value": {"type": "object", "description": "A structured request."},
        "inputs": {
            "type": "object",
            "description": "Attached inputs by name.",
            "additionalProperties": {
                "type": "object",
                "properties": {"mediaType": _TEXT, "text": _TEXT},
                "required": ["mediaType", "text"],
            },
        },
        "context": {
            "type": "object",
            "description": "What would otherwise be implicit: now, locale, timeZone.",
            "additionalProperties": _TEXT,
        },
    },
    [],
)
_REVIEW_BODY = _body(
    {
        "decision": {"enum": ["approve", "reject", "quarantine", "retire"]},
        "reviewer": {**_TEXT, "description": "Who decides; no author of the revision may approve it."},
        "reason": _TEXT,
    },
    ["decision", "reviewer", "reason"],
)
