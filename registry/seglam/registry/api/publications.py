"""Publishing: an archive in, and how far it is."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Path, Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from seglam import telemetry
from seglam.registry.access import Scope
from seglam.registry.api import documents
from seglam.registry.api.credentials import Caller, allowed
from seglam.registry.api.errors import problems
from seglam.registry.api.idempotency import key_of
from seglam.registry.api.parts import Here
from seglam.registry.publishing import Publication
from seglam.registry.tables import PublicationState
from seglam.web import Problem

router = APIRouter(prefix="/publications", tags=["publishing"])
MAX_ARCHIVE = 64 * 1024 * 1024
MEDIA = ("application/x-tar", "application/vnd.oci.image.layout.v1+tar", "application/octet-stream")
DEFAULT_WAIT_S = 60
LONGEST_WAIT_S = 300
RECEIVE_S = 120.0
"""Seconds that an archive may take to arrive; who sends slower, or nothing, would keep the others waiting."""
_WAIT = re.compile(r"(?:^|,)\s*wait\s*=\s*\"?([0-9]{1,6})\"?\s*(?:;[^,]*)?(?=,|$)", re.IGNORECASE)

_BODY = {
    "requestBody": {
        "required": True,
        "description": "An OCI image layout as a tar file: one pack with its publisher's bundles.",
        "content": {"application/x-tar": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "model": documents.Publication,
        "description": "It is under way",
        "headers": {"Location": {"description": "Where it says how far it is.", "schema": {"type": "string"}}},
    }
}


@router.post(
    "",
    status_code=201,
    response_model=documents.Publication,
    summary="Publish a version",
    responses=problems(401, 403, 404, 408, 409, 413, 415) | _ACCEPTED,
    openapi_extra=_BODY,
)
async def published(
    here: Here,
    http: Request,
    principal: Caller,
    prefer: Annotated[str | None, Header(max_length=200, description="`wait=N`: seconds to wait for the end.")] = None,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> Response:
    """201 when it is published; 202 and where to ask while it is under way; the reason if it was refused.

    The same `Idempotency-Key` and archive is the same publication, however often it is sent.
    """
    if Scope.PUBLISH not in principal.scopes:
        allowed(principal, principal.namespace, Scope.PUBLISH)
    key = key_of(http)
    media = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in MEDIA:
        raise Problem(415, "media-type", f"the body is {media[:80] or 'of no media type'}; send {MEDIA[0]}")
    trace = telemetry.trace_headers(http.headers.raw).get("traceparent")
    async with here.receiving.turn(principal.identity):
        submit = partial(here.publishing.submit, await _received(http), principal, key=key, trace=trace)
        taken = await to_thread.run_sync(submit)
        del submit
    wait = wait_of(prefer)
    done = await here.publishing.finished(taken.id, wait) if wait else None
    return _answer(done or taken, applied=prefer is not None and bool(_WAIT.search(prefer)), wait=wait)


@router.get(
    "/{publication}",
    response_model=documents.Publication,
    summary="How far a publication is",
    responses=problems(401, 403, 404),
)
async def shown(
    here: Here,
    principal: Caller,
    publication: Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,100}$")],
    prefer: Annotated[str | None, Header(max_length=200, description="`wait=N`: seconds to wait for the end.")] = None,
) -> Response:
    """For the members of its namespace; `Prefer: wait=N` waits for its end."""
    known = await to_thread.run_sync(here.publishing.state, publication)
    if known is None:
        raise Problem(404, "unknown-publication", f"there is no publication {publication}")
    if known.namespace != principal.namespace or known.origin != principal.origin:
        raise Problem(403, "namespace-foreign", "the publication is in another namespace than the token's")
    wait = wait_of(prefer) if prefer is not None else 0
    done = await here.publishing.finished(publication, wait) if wait and not known.final else None
    return JSONResponse(_document(done or known), 200, {"Cache-Control": "no-cache"})


def wait_of(prefer: str | None) -> int:
    """Seconds that a caller would wait (RFC 7240)."""
    found = _WAIT.search(prefer or "")
    return min(int(found[1]), LONGEST_WAIT_S) if found else DEFAULT_WAIT_S


async def _received(http: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(RECEIVE_S):
            async for chunk in http.stream():
                body += chunk
                if len(body) > MAX_ARCHIVE:
                    raise Problem(413, "body-too-large", f"an archive has at most {MAX_ARCHIVE} bytes")
    except ClientDisconnect:
        raise Problem(400, "http", "the archive was not sent to its end") from None
    except TimeoutError:
        words = f"the archive did not arrive within {RECEIVE_S:.0f} seconds; send it again over a faster connection"
        raise Problem(408, "body-too-slow", words) from None
    return bytes(body)


def _answer(publication: Publication, *, applied: bool, wait: int) -> Response:
    headers = {"Location": f"/api/v1/publications/{publication.id}", "Cache-Control": "no-cache"}
    if applied:
        headers["Preference-Applied"] = f"wait={wait}"
    if publication.replayed:
        headers["Idempotent-Replayed"] = "true"
    if publication.state is PublicationState.PUBLISHED:
        return JSONResponse(_document(publication), 201, headers)
    if publication.state is PublicationState.FAILED:
        return _failed(publication, headers)
    return JSONResponse(_document(publication), 202, headers)


def _failed(publication: Publication, headers: dict[str, str]) -> Response:
    """Why it was refused, with what was done until then."""
    problem = dict(publication.problem or {})
    return Problem(
        int(problem.get("status", 422)),
        str(problem.get("code", "failed")),
        str(problem.get("detail", "it was not published")),
        headers=headers,
        evidence=problem.get("evidence", {}),
        publication=_document(publication),
    ).response()


def _document(publication: Publication) -> dict[str, object]:
    document = documents.Publication.model_validate(publication.as_json())
    return document.model_dump(mode="json", by_alias=True)
