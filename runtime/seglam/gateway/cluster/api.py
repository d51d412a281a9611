"""The HTTP API of the gateway in a cluster. What is about procedures and reviews themselves is kubectl's."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from seglam.gateway import describing
from seglam.gateway.access import Scope
from seglam.gateway.access.api import add_keys
from seglam.gateway.access.keys import Keys
from seglam.gateway.access.routes import Allowed, allowed, period
from seglam.gateway.answers.api import add_answers, recorded
from seglam.gateway.cluster.compilations import Compilations, ended
from seglam.gateway.cluster.counterexamples import Counterexamples, as_json
from seglam.gateway.cluster.health import Readiness
from seglam.gateway.cluster.metrics import Metrics
from seglam.gateway.cluster.service import ClusterService
from seglam.gateway.faults import StoreError
from seglam.gateway.feedback import FEEDBACK_BODY, read_feedback
from seglam.gateway.mcp.http import add_mcp
from seglam.gateway.openai import UpstreamSettings, add_openai
from seglam.gateway.refusals import of_store
from seglam.gateway.serving import Identify
from seglam.gateway.web import add_requests, new_app, threads
from seglam.resources import ProcedureCompilation
from seglam.web import Problem

NAME = re.compile(r"[a-z0-9][-a-z0-9]{0,62}")
LEDGER_THREADS = 4
"""For what asks the ledger's database: savings and keys."""


def create_app(
    service: ClusterService,
    compilations: Compilations,
    counterexamples: Counterexamples,
    identify: Identify,
    readiness: Readiness,
    metrics: Metrics,
    upstream: UpstreamSettings,
    keys: Keys | None = None,
) -> FastAPI:
    """The application.

    Args:
        identify: who asks; raises `Problem` for whom it does not know.
        upstream: the model behind the OpenAI API.
        keys: API keys; None where there is no database for them.
    """
    app = new_app()
    app.state.ending = []
    app.state.hot = add_requests(app, service, identify)
    add_openai(app, service, identify, upstream, one_tenant=False)
    add_mcp(app, service, service.revisions, identify)
    _add_errors(app)
    _add_reading(app, service, compilations, allowed(identify))
    _add_counterexamples(app, service, counterexamples, allowed(identify))
    if keys is not None:
        add_keys(app, keys, identify, threads(LEDGER_THREADS))
    _add_operations(app, readiness, metrics)
    return app


class Parting:
    """While the process drains, answers end their connections, so that clients turn to another replica."""

    def __init__(self, app: ASGIApp, readiness: Readiness) -> None:
        self._app = app
        self._readiness = readiness

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def last(message: Message) -> None:
            if message["type"] == "http.response.start" and self._readiness.draining.is_set():
                message = {**message, "headers": [*message.get("headers", []), (b"connection", b"close")]}
            await send(message)

        await self._app(scope, receive, last if scope["type"] == "http" else send)


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(StoreError)
    async def ledger(_: HttpRequest, error: StoreError) -> Response:
        return of_store(error).response({"Retry-After": "5"})


def _add_reading(
    app: FastAPI,
    service: ClusterService,
    compilations: Compilations,
    caller_of: Allowed,
) -> None:
    blocking = threads(LEDGER_THREADS)

    @app.get("/v1/compilations/{name}", summary="How far the compilation of a missed type is")
    async def compilation(name: str, http: HttpRequest) -> Response:
        caller = await caller_of(http, Scope.READ)
        found = compilations.get(caller.tenant, name)
        if found is None:
            raise Problem(404, "unknown-compilation", f"there is no compilation {name[:100]}")
        return JSONResponse(shown(found))

    add_answers(app, service.answers, caller_of, blocking, service.behind)

    @app.get("/v1/procedures", summary="The procedures that are served")
    async def procedures(http: HttpRequest) -> Response:
        caller = await caller_of(http, Scope.READ)
        return JSONResponse(describing.procedures(service.catalog.index(caller.tenant)))

    @app.get("/v1/savings", summary="What the model did not have to do")
    async def savings(http: HttpRequest, since: str | None = None, until: str | None = None) -> Response:
        caller = await caller_of(http, Scope.READ)
        first, last = period(since, until)
        return JSONResponse(await blocking(service.savings, caller.tenant, first, last))


def _add_counterexamples(
    app: FastAPI, service: ClusterService, counterexamples: Counterexamples, caller_of: Allowed
) -> None:
    """What users say of answers. Deciding on that is for people, with their own credentials: kubectl's."""
    blocking = threads(LEDGER_THREADS)

    @app.post("/v1/answers/{identity}/feedback", summary="Say that an answer is wrong", openapi_extra=FEEDBACK_BODY)
    async def feedback(identity: str, http: HttpRequest) -> Response:
        caller = await caller_of(http, Scope.FEEDBACK)
        said = await read_feedback(http)
        with caller.turn():
            answer = await blocking(recorded, service.answers, identity, caller.tenant)
            found = await counterexamples.state(answer, said.request, said.expected, said.why, caller.requester)
        return JSONResponse(as_json(found), 201, {"Location": f"/v1/counterexamples/{found.metadata.name}"})

    @app.get("/v1/counterexamples", summary="What is said against procedures, newest first")
    async def listed(http: HttpRequest) -> Response:
        caller = await caller_of(http, Scope.READ)
        return JSONResponse({"counterexamples": [as_json(each) for each in await counterexamples.all(caller.tenant)]})

    @app.get("/v1/counterexamples/{name}", summary="One counterexample")
    async def one(name: str, http: HttpRequest) -> Response:
        caller = await caller_of(http, Scope.READ)
        found = await counterexamples.one(caller.tenant, name) if NAME.fullmatch(name) else None
        if found is None:
            raise Problem(404, "unknown-counterexample", f"there is no counterexample {name[:100]}")
        return JSONResponse(as_json(found))


def _add_operations(app: FastAPI, readiness: Readiness, metrics: Metrics) -> None:
    @app.get("/readyz", summary="Whether requests should be sent here")
    async def readyz() -> Response:
        state = "draining" if readiness.draining.is_set() else "ready" if readiness.ready else "starting"
        return JSONResponse({"status": state, "missing": readiness.missing}, 200 if readiness.ready else 503)

    @app.get("/metrics", summary="Metrics for Prometheus")
    async def exposition(http: HttpRequest) -> Response:
        text, media = metrics.exposition(http.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": media})


def shown(found: ProcedureCompilation) -> dict[str, Any]:
    """A compilation as it is sent."""
    spec, status = found.spec, found.status
    over = ended(found)
    return {
        "id": found.metadata.name,
        "progress": "finished" if over else "started" if status.job else "waiting",
        "attempt": spec.attempt,
        "outcome": status.outcome if over else None,
        "message": status.message if over else None,
        "procedure": status.procedure,
        "revision": status.digest,
        "requester": spec.requester,
        "created": found.metadata.creation_timestamp,
        "finished": status.finished_at if over else None,
        "retryAfter": status.retry_after if over else None,
        "calls": [each.model_dump(mode="json", by_alias=True) for each in status.calls or ()],
    }
