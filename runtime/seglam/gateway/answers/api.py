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
        known = answer_id(identity)
        try:
            found = await blocking(log.get, known, who.tenant) if known and log is not None else None
        except SQLAlchemyError:
            words = "the record of answers cannot be read now"
            raise Problem(503, "unavailable", words, headers={"Retry-After": "5"}) from None
        if found is None:
            raise Problem(404, "unknown-answer", f"no answer {identity[:100]} of yours is recorded")
        return JSONResponse({**found.as_json(), **await blocking(behind, found)})
