"""The native HTTP API of an embedded service. Everything that blocks runs in threads; the event loop only waits.

Where access is open, names are stated, not proved: who asks is in `Seglam-User`, who decides in the body of a review.
That is why it is open on loopback only.
"""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response

from seglam.gateway.access.api import add_keys
from seglam.gateway.access.routes import allowed
from seglam.gateway.deciding import add_deciding
from seglam.gateway.health.api import add_health
from seglam.gateway.mcp.http import add_mcp
from seglam.gateway.openai import UpstreamSettings, add_openai
from seglam.gateway.reading import add_reading
from seglam.gateway.refusals import of_review, of_store
from seglam.gateway.service import Service
from seglam.gateway.serving import Identify
from seglam.gateway.serving.embedded import EmbeddedAnswers
from seglam.gateway.serving.places import Places
from seglam.gateway.serving.swift import Swift
from seglam.gateway.store import ReviewRefused, StoreError
from seglam.gateway.web import (
    KnownHosts,
    add_requests,
    new_app,
    threads,
)

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


def create_app(
    service: Service,
    *,
    hosts: tuple[str, ...] | None = LOOPBACK_NAMES,
    identify: Identify | None = None,
    upstream: UpstreamSettings | None = None,
) -> FastAPI:
    """The application of a service, which whoever made it closes.

    Args:
        hosts: names under which it is reached; others are refused, since a page of another site may point its own name
            at this machine. None takes all.
        identify: who asks; raises `Problem` for whom it does not know. By default the service's own door.
        upstream: the model behind the OpenAI API. By default the service's own.
    """
    door = service.access.door()
    identify = identify or door
    app = new_app()
    app.state.service = service
    blocking = threads()
    if hosts is not None:
        app.add_middleware(KnownHosts, hosts=frozenset(hosts))
    _add_errors(app)
    places = Places()
    app.state.ending = [places.end]
    answers = EmbeddedAnswers(service, places)
    app.state.hot = add_requests(app, answers, identify)
    app.state.at_once = partial(Swift, answers, door.known) if identify is door else None
    add_openai(app, answers, identify, upstream or service.upstream, one_tenant=not service.access.required)
    add_mcp(app, answers, answers.revisions, identify)
    caller = allowed(identify)
    add_reading(app, service, blocking, caller)
    add_deciding(app, service, blocking, caller, proved=service.access.required, accepts=service.access.rules.accepts)
    add_health(app, service, blocking, caller, proved=service.access.required)
    add_keys(app, service.access.keys, identify, blocking)
    _add_readiness(app, service)
    return app


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(StoreError)
    async def store(_: HttpRequest, error: StoreError) -> Response:
        return of_store(error).response({"Retry-After": "5"})

    @app.exception_handler(ReviewRefused)
    async def review(_: HttpRequest, error: ReviewRefused) -> Response:
        return of_review(error).response()


def _add_readiness(app: FastAPI, service: Service) -> None:
    @app.get("/readyz", summary="Whether requests are answered")
    async def readyz() -> Response:
        faults = service.source.problems if service.source is not None else {}
        problems = [str(problem) for found in list(faults.values()) for problem in found]
        return JSONResponse({"status": "ready", "active": len(service.index), "problems": problems})
