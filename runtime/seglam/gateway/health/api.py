"""The routes by which a tenant says that an answer is wrong, decides on that, and sees how its procedures do."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response

from seglam.gateway.access import Scope
from seglam.gateway.access.routes import Allowed
from seglam.gateway.answers.api import recorded
from seglam.gateway.bodies import read_json, text_member
from seglam.gateway.deciding import reviewer_of
from seglam.gateway.feedback import FEEDBACK_BODY, read_feedback
from seglam.gateway.health.counterexamples import as_json
from seglam.gateway.health.report import health
from seglam.gateway.service import Service
from seglam.gateway.store import Standing
from seglam.gateway.web import TEXT, Blocking, body_of
from seglam.web import Problem


def add_health(app: FastAPI, service: Service, blocking: Blocking, caller: Allowed, *, proved: bool) -> None:
    """Feedback, counterexamples and health.

    Args:
        proved: whether callers prove who they are; else a body says who sends or decides.
    """

    @app.post("/v1/answers/{identity}/feedback", summary="Say that an answer is wrong", openapi_extra=FEEDBACK_BODY)
    async def feedback(identity: str, http: HttpRequest) -> Response:
        who = await caller(http, Scope.FEEDBACK)
        said = await read_feedback(http)
        with who.turn():
            found = await blocking(recorded, service.answers, identity, who.tenant)
            part = service.tenant(who.tenant)
            row = await blocking(
                part.counterexamples.state, found, said.request, said.expected, said.why, who.requester
            )
        return JSONResponse(as_json(row), 201, {"Location": f"/v1/counterexamples/{row.id}"})

    @app.get("/v1/counterexamples", summary="What is said against procedures, newest first")
    async def listed(http: HttpRequest, standing: str | None = None) -> Response:
        who = await caller(http, Scope.READ)
        if standing is not None and standing not in list(Standing):
            raise Problem(400, "bad-request", f"standing is one of {', '.join(Standing)}")
        chosen = None if standing is None else Standing(standing)
        rows = await blocking(service.tenant(who.tenant).store.counterexamples, chosen)
        return JSONResponse({"counterexamples": [as_json(row) for row in rows]})

    @app.get("/v1/counterexamples/{identity}", summary="One counterexample")
    async def one(identity: str, http: HttpRequest) -> Response:
        who = await caller(http, Scope.READ)
        row = await blocking(service.tenant(who.tenant).store.counterexample, identity)
        if row is None:
            raise Problem(404, "unknown-counterexample", f"there is no counterexample {identity[:100]}")
        return JSONResponse(as_json(row))

    @app.post("/v1/counterexamples/{identity}/decisions", summary="Confirm or dismiss a counterexample",
              openapi_extra=_DECISION_BODY)  # fmt: skip
    async def decide(identity: str, http: HttpRequest) -> Response:
        who = await caller(http, Scope.REVIEW)
        content = await read_json(http)
        decision, changed = text_member(content, "decision"), content.get("ruleChanged", False)
        if decision not in ("confirm", "dismiss") or not isinstance(changed, bool):
            raise Problem(400, "bad-request", "decision is confirm or dismiss; ruleChanged is true or false")
        reviewer, reason = reviewer_of(content, who, proved=proved), text_member(content, "reason")
        part = service.tenant(who.tenant).counterexamples
        row = await blocking(part.decide, identity, reviewer, decision == "confirm", reason, rule_changed=changed)
        return JSONResponse(as_json(row), 201)

    @app.get("/v1/health", summary="How procedures do: checks, error budgets, counterexamples, shadow runs")
    async def healths(http: HttpRequest) -> Response:
        who = await caller(http, Scope.READ)
        store, policy = service.tenant(who.tenant).store, service.policy.health
        found = await blocking(health, store, policy.allowed)
        return JSONResponse({"procedures": found, "share": policy.share, "dropped": service.rechecks.dropped})


_DECISION_BODY = body_of(
    {
        "decision": {"enum": ["confirm", "dismiss"]},
        "reviewer": {**TEXT, "description": "Who decides, where callers do not prove who they are; not its sender."},
        "reason": TEXT,
        "ruleChanged": {"type": "boolean", "description": "The procedure was right once; the rule is another now."},
    },
    ["decision", "reason"],
)
