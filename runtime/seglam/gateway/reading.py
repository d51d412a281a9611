"""The routes of an embedded service by which its caller's tenant is looked at."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response

from seglam.gateway import describing, views
from seglam.gateway.access import Scope
from seglam.gateway.access.routes import Allowed, limit_of, period
from seglam.gateway.answering import Declined
from seglam.gateway.answers.api import add_answers
from seglam.gateway.answers.history import history
from seglam.gateway.refusals import of_declined
from seglam.gateway.service import Service
from seglam.gateway.web import Blocking
from seglam.web import Problem

MOST = 100
"""Compilations or negative entries of one answer."""


def add_reading(app: FastAPI, service: Service, blocking: Blocking, caller: Allowed) -> None:
    """Compilations, procedures, revisions and savings of the caller's tenant."""

    @app.get("/v1/compilations/{identity}", summary="One compilation with its evidence")
    async def compilation(identity: str, http: HttpRequest) -> Response:
        who = await caller(http, Scope.READ)
        return JSONResponse(await blocking(views.compilation, service.tenant(who.tenant), identity))

    @app.get("/v1/compilations", summary="The compilations at work, and the last")
    async def compilations(http: HttpRequest, limit: str | None = None) -> Response:
        who = await caller(http, Scope.READ)
        return JSONResponse(await blocking(views.compilations, service.tenant(who.tenant), limit_of(limit, MOST)))

    @app.get("/v1/negatives", summary="What the model is not asked again")
    async def negatives(http: HttpRequest, limit: str | None = None) -> Response:
        who = await caller(http, Scope.READ)
        return JSONResponse(await blocking(views.negatives, service.tenant(who.tenant), limit_of(limit, MOST)))

    @app.post("/v1/compilations/{identity}/continue", summary="Go on with a compilation that was interrupted")
    async def resume(identity: str, http: HttpRequest) -> Response:
        who = await caller(http, Scope.COMPILE)
        flight = await blocking(service.resume, identity, who.tenant)
        if flight is None:
            await blocking(views.compilation, service.tenant(who.tenant), identity)  # 404 if there is none
            raise Problem(409, "not-interrupted", f"compilation {identity} was not interrupted")
        if isinstance(flight, Declined):
            raise of_declined(flight)
        where = f"/v1/compilations/{flight.id}"
        return JSONResponse({"compilation": flight.id}, 202, {"Location": where})

    @app.get("/v1/procedures", summary="The procedures that are served")
    async def procedures(http: HttpRequest) -> Response:
        who = await caller(http, Scope.READ)
        return JSONResponse(await blocking(describing.procedures, service.tenant(who.tenant).index))

    @app.get("/v1/procedures/{name}", summary="One procedure with all its revisions")
    async def procedure(name: str, http: HttpRequest) -> Response:
        who = await caller(http, Scope.READ)
        return JSONResponse(await blocking(views.procedure, service.tenant(who.tenant), name))

    @app.get("/v1/revisions/{digest}", summary="One revision with its evidence and reviews")
    async def revision(digest: str, http: HttpRequest) -> Response:
        who = await caller(http, Scope.READ)
        return JSONResponse(await blocking(views.revision, service.tenant(who.tenant), digest))

    add_answers(
        app,
        service.answers,
        caller,
        blocking,
        lambda found: history(service.store.path, found.tenant, found.revision, found.compilation).as_json(),
    )

    @app.get("/v1/answers/{identity}/trace", summary="Who had a part in an answer, with what was signed, checked now")
    async def trace(identity: str, http: HttpRequest) -> Response:
        who = await caller(http, Scope.READ)
        return JSONResponse(await blocking(views.trace, service, who.tenant, identity))

    @app.get("/v1/savings", summary="What the model did not have to do")
    async def savings(http: HttpRequest, since: str | None = None, until: str | None = None) -> Response:
        who = await caller(http, Scope.READ)
        first, last = period(since, until)
        return JSONResponse(await blocking(service.savings, who.tenant, first, last))
