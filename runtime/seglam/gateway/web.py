"""The part of the HTTP API that every gateway has: errors, requests, explanations, liveness."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from seglam.gateway import describing
from seglam.gateway.access import Scope as Allowed
from seglam.gateway.asking import Answers, Asked, Reply
from seglam.gateway.bodies import read_json, request_of
from seglam.gateway.outcomes import Reason
from seglam.gateway.serving import ClientGone, Headers, Identify
from seglam.gateway.serving.native import MAX_BATCH, Native
from seglam.procedures import TextError
from seglam.web import Problem

__all__ = ["Answers", "Asked", "Blocking", "KnownHosts", "Reply", "add_requests", "body_of", "new_app", "threads"]

T = TypeVar("T")
Blocking = Callable[..., Coroutine[Any, Any, Any]]
"""Runs a function in a thread."""

THREADS = 64
"""Requests at one time; more wait for their turn without holding anything."""


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

    @app.exception_handler(ClientGone)
    async def gone(_: HttpRequest, __: ClientGone) -> Response:
        return Response(status_code=499)  # nobody is there to see it

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


def add_requests(app: FastAPI, answers: Answers, identify: Identify) -> dict[tuple[str, str], ASGIApp]:
    """The routes of requests, and those among them that are better called without the framework.

    Args:
        identify: who asks; raises `Problem` for whom it does not know.
    """

    native = Native(answers, identify)

    @app.post("/v1/requests", summary="Answer a request", openapi_extra=REQUEST_BODY)
    async def answer(http: HttpRequest) -> Response:
        return (await native.answered(Headers(http.scope["headers"]), http.receive)).response()

    @app.post("/v1/requests/batch", summary="Answer several requests", openapi_extra=BATCH_BODY)
    async def batch(http: HttpRequest) -> Response:
        return (await native.batch(Headers(http.scope["headers"]), http.receive)).response()

    @app.post("/v1/explain", summary="Say what a lookup decides, without running anything", openapi_extra=REQUEST_BODY)
    async def explain(http: HttpRequest) -> Response:
        caller = await identify(Headers(http.scope["headers"]))
        caller.need(Allowed.READ)
        request = request_of(await read_json(http))
        try:
            found = await answers.explain(request, caller)
        except TextError as error:
            raise Problem(400, Reason.BAD_REQUEST, str(error)) from error
        return JSONResponse(describing.explanation(found))

    return {("POST", "/v1/requests"): native}


class KnownHosts:
    """Refuses requests that were sent to another name than one of this service."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 421."""
        if scope["type"] == "http":
            name = Headers(scope["headers"]).host
            if name not in self._hosts:
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
BATCH_BODY = body_of(
    {
        "requests": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_BATCH,
            "items": REQUEST_BODY["requestBody"]["content"]["application/json"]["schema"],
        }
    },
    ["requests"],
)
