"""The route by which a tenant looks at the record of an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import SQLAlchemyError

from seglam.gateway.access import Scope
from seglam.gateway.access.routes import Allowed
from seglam.gateway.answers.curve import Traffic, traffic
from seglam.gateway.answers.log import AnswerLog
from seglam.gateway.answers.records import Recorded, answer_id
from seglam.gateway.web import Blocking
from seglam.web import Problem


def add_answers(
    app: FastAPI,
    log: AnswerLog | None,
    caller: Allowed,
    blocking: Blocking,
    behind: Callable[[Recorded], dict[str, Any]],
) -> None:
    """`GET /v1/answers/{id}`: what is recorded of an answer, and what stands behind it.

    Args:
        log: None where answers are not recorded.
        behind: what this gateway knows of the revision that answered, without anything that users sent; may block.
    """

    @app.get("/v1/answers/{identity}", summary="Which revision gave an answer, and what stands behind it")
    async def answer(identity: str, http: HttpRequest) -> Response:
        who = await caller(http, Scope.READ)
        found = await blocking(recorded, log, identity, who.tenant)
        return JSONResponse({**found.as_json(), **await blocking(behind, found)})

    @app.get("/v1/traffic", summary="The share of hits over what is recorded, and why the others missed")
    async def overall(http: HttpRequest) -> Response:
        who = await caller(http, Scope.READ)
        return JSONResponse((await blocking(traffic_of, log, who.tenant)).as_json())


def traffic_of(log: AnswerLog | None, tenant: str) -> Traffic:
    """What is recorded of a tenant; blocks. `Problem` 503 if the record cannot be read.

    Args:
        log: None where answers are not recorded.
    """
    if log is None:
        return Traffic((), {}, {})
    try:
        return log.read(lambda connection: traffic(connection, tenant))
    except SQLAlchemyError:
        raise _unreadable() from None


def recorded(log: AnswerLog | None, identity: str, tenant: str) -> Recorded:
    """An answer of a tenant; blocks. Whether another's exists is not said.

    Args:
        log: None where answers are not recorded.
        identity: as an API calls the answer.

    Raises:
        Problem: 404 if none is recorded, 503 if the record cannot be read.
    """
    known = answer_id(identity)
    try:
        found = log.get(known, tenant) if known and log is not None else None
    except SQLAlchemyError:
        raise _unreadable() from None
    if found is None:
        raise Problem(404, "unknown-answer", f"no answer {identity[:100]} of yours is recorded")
    return found


def _unreadable() -> Problem:
    words = "the record of answers cannot be read now"
    return Problem(503, "unavailable", words, headers={"Retry-After": "5"})
