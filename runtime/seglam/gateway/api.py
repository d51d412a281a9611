"""The native HTTP API of an embedded service. Everything that blocks runs in threads; the event loop only waits.

On one machine names are stated, not proved: who asks is in `Seglam-User`, who decides in the body of a review. That is
why the API listens on loopback only, unless it is told otherwise.
"""

from __future__ import annotations

import asyncio

from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response

from seglam.gateway.access import Caller
from seglam.gateway.access.api import add_keys
from seglam.gateway.deciding import add_deciding
from seglam.gateway.reading import add_reading, allowed
from seglam.gateway.refusals import of_review, of_store
from seglam.gateway.service import Pending, Service
from seglam.gateway.serving import Identify
from seglam.gateway.store import ReviewRefused, StoreError
from seglam.gateway.web import (
    Asked,
    Blocking,
    KnownHosts,
    Reply,
    add_requests,
    new_app,
    threads,
)
from seglam.lookup import Hit, Miss
from seglam.procedures import Request

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


def create_app(
    service: Service, *, hosts: tuple[str, ...] | None = LOOPBACK_NAMES, identify: Identify | None = None
) -> FastAPI:
    """The application of a service, which whoever made it closes.

    Args:
        hosts: names under which it is reached; others are refused, since a page of another site may point its own name
            at this machine. None takes all.
        identify: who asks; raises `Problem` for whom it does not know.
    """
    identify = identify or service.access.door()
    app = new_app()
    app.state.service = service
    blocking = threads()
    if hosts is not None:
        app.add_middleware(KnownHosts, hosts=frozenset(hosts))
    _add_errors(app)
    add_requests(app, _Answers(service, blocking), identify)
    caller = allowed(identify)
    add_reading(app, service, blocking, caller)
    add_deciding(app, service, blocking, caller, proved=service.access.required, accepts=service.access.rules.accepts)
    add_keys(app, service.access.keys, identify, blocking)
    _add_readiness(app, service)
    return app


class _Answers:
    """The service as the API of requests asks it."""

    def __init__(self, service: Service, blocking: Blocking) -> None:
        self._service = service
        self._blocking = blocking

    async def answer(self, asked: Asked) -> Reply:
        pending: Pending = await self._blocking(
            self._service.begin,
            asked.request,
            tenant=asked.caller.tenant,
            requester=asked.caller.requester,
            only_if_cached=asked.only_if_cached,
            headers=asked.headers,
        )
        if pending.flight is None or not asked.wait_s:
            return Reply(pending.answer, asked.wait_s)
        await asyncio.wait([asyncio.wrap_future(pending.flight.settled)], timeout=asked.wait_s)
        return Reply(await self._blocking(self._service.finish, pending), asked.wait_s)

    async def explain(self, request: Request, caller: Caller) -> Hit | Miss:
        found: Hit | Miss = await self._blocking(self._service.explain, request, caller.tenant)
        return found


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
