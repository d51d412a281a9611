"""The application that compile Jobs call."""

from __future__ import annotations

import json
from collections.abc import Iterator

from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.responses import Response, StreamingResponse

from seglam import telemetry
from seglam.gateway.cluster.catalog import Catalog
from seglam.gateway.cluster.counterexamples import Counterexamples
from seglam.gateway.cluster.internal.forwarding import DEADLINE, MAX_BODY, Forwarded, Verification
from seglam.gateway.cluster.internal.jobs import Jobs
from seglam.gateway.cluster.internal.model import Model
from seglam.gateway.cluster.internal.spans import Spans
from seglam.gateway.cluster.metrics import Metrics
from seglam.gateway.cluster.texts import Kept, Texts
from seglam.gateway.web import Blocking, new_app
from seglam.gateway.wire import dumps, load_request
from seglam.procedures import Revision
from seglam.procedures.canonical import canonical
from seglam.web import Problem

PREFIX = "/internal/v1/compilations/{name}"


def create_app(
    jobs: Jobs,
    texts: Texts,
    catalog: Catalog,
    verification: Verification,
    model: Model,
    metrics: Metrics,
    blocking: Blocking,
    spans: Spans,
    counterexamples: Counterexamples,
) -> FastAPI:
    """The application: each call must come from the Job of the compilation that it names, and be for one that waits."""
    app = new_app("SEGLAM for compile Jobs")

    async def admitted(http: HttpRequest, name: str) -> Kept:
        try:
            await jobs.admit(http, name)
            kept: Kept | None = await blocking(texts.get, name)
            if kept is None:
                raise Problem(404, "unknown-compilation", f"no request waits here for {name}; it may have expired")
        except Problem as problem:
            metrics.refused.labels(problem.code).inc()
            raise
        return kept

    @app.get(PREFIX, summary="What is to be compiled")
    async def work(name: str, http: HttpRequest) -> Response:
        kept = await admitted(http, name)
        lessons = await counterexamples.lessons(kept.tenant, await blocking(load_request, kept.request))
        revisions = list(catalog.index(kept.tenant))
        return StreamingResponse(_work(kept, dumps(lessons), revisions), media_type="application/json")

    @app.get(PREFIX + "/sandbox/engines", summary="Engines of the verification runners")
    async def engines(name: str, http: HttpRequest) -> Response:
        await admitted(http, name)
        return _response(await verification.call("GET", "/v1/engines", _kept_headers(http), b""))

    @app.post(PREFIX + "/sandbox/batches", summary="Run a program on verification runners")
    async def batches(name: str, http: HttpRequest) -> Response:
        await admitted(http, name)
        body = await _body(http)
        return _response(await verification.call("POST", "/v1/batches", _kept_headers(http), body))

    @app.post(PREFIX + "/sandbox/inspections", summary="Inspect code on verification runners")
    async def inspections(name: str, http: HttpRequest) -> Response:
        await admitted(http, name)
        body = await _body(http)
        return _response(await verification.call("POST", "/v1/inspections", _kept_headers(http), body))

    @app.get(PREFIX + "/model/models", summary="The models behind the gateway")
    async def models(name: str, http: HttpRequest) -> Response:
        await admitted(http, name)
        return _response(await model.models())

    @app.post(PREFIX + "/model/chat/completions", summary="Ask the model, within the compilation's budget")
    async def completions(name: str, http: HttpRequest) -> Response:
        kept = await admitted(http, name)
        trace = telemetry.trace_headers(http.headers.raw)
        return _response(await model.complete(name, kept.tenant, await _body(http), trace))

    @app.post(PREFIX + "/telemetry/v1/traces", summary="What the Job recorded of its compilation, for the collector")
    async def traces(name: str, http: HttpRequest) -> Response:
        kept = await admitted(http, name)
        media = http.headers.get("content-type", "")
        return _response(await spans.take(kept.tenant, name, media, await _body(http)))

    return app


def _work(kept: Kept, lessons: str, revisions: list[Revision]) -> Iterator[bytes]:
    """`seglam.compiler.jobresult.Work` as JSON, in pieces: thousands of documents are never one text."""
    head = {"tenant": kept.tenant, "fingerprint": kept.fingerprint, "requester": kept.requester}
    said = f'"request": {kept.request}, "miss": {kept.miss}, {lessons[1:-1]}'
    yield f'{json.dumps(head)[:-1]}, {said}, "revisions": ['.encode()
    for number, revision in enumerate(revisions):
        named = json.dumps({"procedure": revision.name, "digest": revision.digest})[:-1].encode()
        yield (b"," if number else b"") + named + b', "document": ' + canonical(revision.spec) + b"}"
    yield b"]}"


def _kept_headers(http: HttpRequest) -> dict[str, str]:
    stated = http.headers.get(DEADLINE)
    return {} if stated is None else {DEADLINE: stated}


async def _body(http: HttpRequest) -> bytes:
    body = bytearray()
    async for chunk in http.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise Problem(413, "body-too-large", f"the body is larger than {MAX_BODY} bytes")
    return bytes(body)


def _response(forwarded: Forwarded) -> Response:
    headers = {} if forwarded.retry_after is None else {"Retry-After": forwarded.retry_after}
    return Response(forwarded.body, forwarded.status, headers, forwarded.media)
