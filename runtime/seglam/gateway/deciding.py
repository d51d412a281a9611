"""The routes of an embedded service by which its caller's tenant decides: trials, reviews, promotion to another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response

from seglam.gateway import views
from seglam.gateway.access import Caller, Scope
from seglam.gateway.access.routes import Allowed, limit_of
from seglam.gateway.bodies import read_json, request_of, text_member
from seglam.gateway.reviewing import decision_of
from seglam.gateway.service import Service
from seglam.gateway.store import ReviewRefused
from seglam.gateway.trials import attempt
from seglam.gateway.web import REQUEST_BODY, TEXT, Blocking, body_of
from seglam.web import Problem

Accepts = Callable[[str, str], bool]
"""Whether a tenant takes promotions from another; both by name."""


def add_deciding(
    app: FastAPI, service: Service, blocking: Blocking, caller: Allowed, *, proved: bool, accepts: Accepts
) -> None:
    """Reviews with what leads to them, and promotion.

    Args:
        proved: whether callers prove who they are; else a review says who decides.
    """

    @app.get("/v1/reviews", summary="Revisions that wait for a decision, oldest first")
    async def queue(http: HttpRequest, limit: str | None = None, after: str | None = None) -> Response:
        who = await caller(http, Scope.READ)
        part, most = service.tenant(who.tenant), limit_of(limit, views.MOST_WAITING)
        return JSONResponse(await blocking(views.review_queue, part, most, after))

    @app.post("/v1/revisions/{digest}/reviews", summary="Decide on a revision", openapi_extra=_REVIEW_BODY)
    async def decide(digest: str, http: HttpRequest) -> Response:
        who = await caller(http, Scope.REVIEW)
        content = await read_json(http)
        decision = decision_of(text_member(content, "decision"))
        reviewer, reason = reviewer_of(content, who, proved=proved), text_member(content, "reason")
        change = await blocking(service.decide, digest, reviewer, decision, reason, who.tenant)
        shown = await blocking(views.revision, service.tenant(who.tenant), digest)
        return JSONResponse({"revision": shown, "retired": list(change.removed)}, 201)

    @app.post("/v1/revisions/{digest}/trials", summary="Try a revision on a request", openapi_extra=REQUEST_BODY)
    async def tried(digest: str, http: HttpRequest) -> Response:
        who = await caller(http, Scope.REVIEW)
        request = request_of(await read_json(http))
        found = await blocking(attempt, service.tenant(who.tenant), digest, request)
        return JSONResponse(found.as_json())

    @app.post("/v1/procedures/{name}/rollback", summary="Serve an older revision of a procedure again",
              openapi_extra=_ROLLBACK_BODY)  # fmt: skip
    async def rollback(name: str, http: HttpRequest) -> Response:
        who = await caller(http, Scope.REVIEW)
        content = await read_json(http)
        target = text_member(content, "to", 80) if content.get("to") is not None else None
        reviewer, reason = reviewer_of(content, who, proved=proved), text_member(content, "reason")
        part = service.tenant(who.tenant)
        row, change = await blocking(part.reviews.rollback, name, target, reviewer, reason)
        shown = await blocking(views.revision, part, row.digest)
        return JSONResponse({"revision": shown, "retired": list(change.removed)}, 201)

    @app.post("/v1/procedures/{name}/promote", summary="Propose a procedure to another tenant",
              openapi_extra=_PROMOTION_BODY)  # fmt: skip
    async def promote(name: str, http: HttpRequest) -> Response:
        who = await caller(http, Scope.REVIEW)
        target = text_member(await read_json(http), "to", 63)
        if not accepts(target, who.tenant):
            # Whether there is such a tenant is not said.
            raise ReviewRefused("not-accepted", f"{target!r} takes no procedures from here; ask who runs this service")
        row = await blocking(service.promote, name, target, who.requester, who.tenant)
        # What state it has there is the other tenant's.
        return JSONResponse({"name": row.name, "digest": row.digest, "to": target}, 202)


def reviewer_of(content: Mapping[str, Any], who: Caller, *, proved: bool) -> str:
    """Who decides; where that is proved, nobody decides in another's name."""
    if not proved:
        return text_member(content, "reviewer", 200)
    stated = content.get("reviewer")
    if stated is not None and stated != who.requester:
        raise Problem(403, "other-reviewer", f"you are {who.requester}; leave reviewer out, or give your own name")
    return who.requester


_REVIEW_BODY = body_of(
    {
        "decision": {"enum": ["approve", "reject", "quarantine", "retire", "restore"]},
        "reviewer": {
            **TEXT,
            "description": "Who decides, where callers do not prove who they are; no author may approve.",
        },
        "reason": TEXT,
    },
    ["decision", "reason"],
)
_ROLLBACK_BODY = body_of(
    {"to": {**TEXT, "description": "The revision's digest; by default the one that was retired last."},
     "reviewer": TEXT, "reason": TEXT},
    ["reason"],
)  # fmt: skip
_PROMOTION_BODY = body_of({"to": {**TEXT, "description": "The other tenant; a reviewer there decides."}}, ["to"])
