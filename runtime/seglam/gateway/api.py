"""The native HTTP API of an embedded service. Everything that blocks runs in threads; the event loop only waits.

On one machine names are stated, not proved: who asks is in `Seglam-User`, who decides in the body of a review. That is
why the API listens on loopback only, unless it is told otherwise.
"""

from __future__ import annotations

import asyncio

from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response

from seglam.gateway import describing, views
from seglam.gateway.access import Caller
from seglam.gateway.answering import Declined
from seglam.gateway.bodies import read_json, text_member
from seglam.gateway.preferences import user_of
from seglam.gateway.refusals import of_review, of_store
from seglam.gateway.reviewing import decision_of
from seglam.gateway.service import ANONYMOUS, Pending, Service
from seglam.gateway.serving import Headers, Identify
from seglam.gateway.store import ReviewRefused, StoreError
from seglam.gateway.web import (
    STATUS,
    TEXT,
    Asked,
    Blocking,
    KnownHosts,
    Reply,
    add_requests,
    body_of,
    new_app,
    threads,
)
from seglam.lookup import Hit, Miss
from seglam.procedures import Request
from seglam.web import Problem

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
TENANT = "default"
"""One machine has one tenant."""


async def stated(headers: Headers) -> Caller:
    """Who asks, as they say."""
    return Caller(TENANT, user_of(headers.get("seglam-user"), ANONYMOUS))


def create_app(
    service: Service, *, hosts: tuple[str, ...] | None = LOOPBACK_NAMES, identify: Identify = stated
) -> FastAPI:
    """The application of a service, which whoever made it closes.

    Args:
        hosts: names under which it is reached; others are refused, since a page of another site may point its own name
            at this machine. None takes all.
        identify: who asks; raises `Problem` for whom it does not know.
    """
    app = new_app()
    app.state.service = service
    blocking = threads()
    if hosts is not None:
        app.add_middleware(KnownHosts, hosts=frozenset(hosts))
    _add_errors(app)
    add_requests(app, _Answers(service, blocking), identify)
    _add_reading(app, service, blocking)
    _add_reviews(app, service, blocking)
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
        found: Hit | Miss = await self._blocking(self._service.explain, request)
        return found


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(StoreError)
    async def store(_: HttpRequest, error: StoreError) -> Response:
        return of_store(error).response({"Retry-After": "5"})

    @app.exception_handler(ReviewRefused)
    async def review(_: HttpRequest, error: ReviewRefused) -> Response:
        return of_review(error).response()


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
            raise Problem(STATUS.get(flight.reason, 504), flight.reason, flight.explanation)
        where = f"/v1/compilations/{flight.id}"
        return JSONResponse({"compilation": flight.id}, 202, {"Location": where})

    @app.get("/v1/procedures", summary="The procedures that are served")
    async def procedures() -> Response:
        return JSONResponse(await blocking(describing.procedures, service.index))

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


def _add_readiness(app: FastAPI, service: Service) -> None:
    @app.get("/readyz", summary="Whether requests are answered")
    async def readyz() -> Response:
        faults = service.source.problems if service.source is not None else {}
        problems = [str(problem) for found in list(faults.values()) for problem in found]
        return JSONResponse({"status": "ready", "active": len(service.index), "problems": problems})


_REVIEW_BODY = body_of(
    {
        "decision": {"enum": ["approve", "reject", "quarantine", "retire"]},
        "reviewer": {**TEXT, "description": "Who decides; no author of the revision may approve it."},
        "reason": TEXT,
    },
    ["decision", "reviewer", "reason"],
)
