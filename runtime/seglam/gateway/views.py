"""What the store holds of a tenant, as it is sent."""

from __future__ import annotations

import json
from typing import Any

from seglam.gateway.answers.api import recorded
from seglam.gateway.health.report import counts
from seglam.gateway.packs.trusted import TrustUnusable
from seglam.gateway.reviewing import review_as_json
from seglam.gateway.service import Service
from seglam.gateway.store import CompilationRow, RevisionRow, State, authors_of
from seglam.gateway.tenancy import Tenant
from seglam.gateway.wire import dumps, loads
from seglam.web import Problem

MOST_WAITING = 100
"""Revisions of one answer."""


def procedure(tenant: Tenant, name: str) -> dict[str, Any]:
    """One procedure with its document and all its revisions; `Problem` 404 if there is none."""
    rows = tenant.store.revisions(name=name)
    if not rows:
        raise Problem(404, "unknown-procedure", f"there is no procedure {name!r}; see /v1/procedures")
    active = next((row for row in rows if row.state == State.ACTIVE), None)
    return {
        "name": name,
        "active": active.digest if active else None,
        "document": json.loads(active.document) if active else None,
        "revisions": [_revision(row) for row in reversed(rows)],
    }


def revision(tenant: Tenant, digest: str) -> dict[str, Any]:
    """One revision with its document, the decisions on it and what its compilation found."""
    store = tenant.store
    row = store.revision(digest)
    if row is None:
        raise Problem(404, "unknown-revision", f"there is no revision {digest}; see /v1/procedures and /v1/reviews")
    return {
        **_revision(row),
        "document": json.loads(row.document),
        "reviews": [review_as_json(each) for each in store.reviews(digest)],
        "compilation": compilation(tenant, row.compilation) if row.compilation else None,
        "health": counts(store, digest),
    }


def review_queue(tenant: Tenant, limit: int = MOST_WAITING, after: str | None = None) -> dict[str, Any]:
    """Revisions that wait for a decision, oldest first, and how many do in all. `next` is `after` of those that follow.

    Args:
        after: digest of the last that is known already; `Problem` 400 if there is no such revision.
    """
    store = tenant.store
    try:
        rows = store.proposed(limit + 1, after)
    except LookupError:
        raise Problem(400, "bad-request", "after is the digest of no revision; begin without it") from None
    shown = rows[:limit]
    gates = store.gates([row.compilation for row in shown if row.compilation])
    return {
        "reviews": [
            {
                **_revision(row),
                "summary": json.loads(row.document)["spec"]["summary"],
                "evidence": [
                    {"gate": gate, "passed": passed, "summary": summary}
                    for gate, passed, summary in gates.get(row.compilation or "", ())
                ],
                "url": f"/v1/revisions/{row.digest}",
            }
            for row in shown
        ],
        "waiting": store.count_proposed(),
        "next": shown[-1].digest if len(rows) > limit else None,
    }


def compilation(tenant: Tenant, identity: str) -> dict[str, Any]:
    """One compilation with its evidence and calls; `Problem` 404 if there is none."""
    store = tenant.store
    row = store.compilation(identity)
    if row is None:
        raise Problem(404, "unknown-compilation", f"there is no compilation {identity}")
    return {
        **_compilation(row),
        "request": _request(row),
        "arguments": json.loads(row.arguments),
        "engines": json.loads(row.engines),
        "evidence": [
            {"gate": row.gate, "passed": row.passed, "summary": row.summary, "detail": json.loads(row.detail)}
            for row in store.evidence(identity)
        ],
        "calls": [each.model_dump(exclude={"compilation", "number"}) for each in store.calls(identity)],
        "waiting": len(store.waiting(identity)),
    }


def compilations(tenant: Tenant, limit: int) -> dict[str, Any]:
    """The compilations that have not ended, and the last of all, each newest first."""
    store = tenant.store
    parts = {"atWork": store.compilations(limit, at_work=True), "last": store.compilations(limit)}
    return {name: [_compilation(row) for row in rows] for name, rows in parts.items()}


def negatives(tenant: Tenant, limit: int) -> dict[str, Any]:
    """What the model is not asked again until each entry expires: the last of them."""
    entries = tenant.store.negatives()
    return {
        "negatives": [
            {
                "fingerprint": each.fingerprint,
                "reason": each.reason,
                "model": each.model,
                "expires": each.expires.isoformat(),
            }
            for each in entries[-limit:]
        ],
        "count": len(entries),
    }


def trace(service: Service, tenant: str, identity: str) -> dict[str, Any]:
    """Who had a part in an answer of a tenant, down to what was signed, with every step checked now.

    Raises:
        Problem: 404 if no such answer is recorded, 503 if that or whom this machine trusts cannot be read.
    """
    from seglam.gateway.answers.walk import follow  # with all that verifies signatures
    from seglam.gateway.packs.library import Library

    found = recorded(service.answers, identity, tenant)
    path = service.store.path
    try:
        return follow(found, path, Library(path.parent), service.roots()).document()
    except TrustUnusable as error:
        raise Problem(503, "trust-unusable", f"whom this machine trusts cannot be read: {error}") from error


def _revision(row: RevisionRow) -> dict[str, Any]:
    return {
        "digest": row.digest,
        "name": row.name,
        "state": row.state,
        "origin": row.origin,
        "authors": authors_of(row),
        "replaces": row.replaces,
        "promotedFrom": row.promoted_from,
        "created": row.created,
        "changed": row.changed,
        "traceId": row.trace_id,
    }


def _compilation(row: CompilationRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "progress": row.progress,
        "outcome": row.outcome,
        "message": row.message,
        "reason": row.reason,
        "explanation": row.explanation,
        "requester": row.requester,
        "revision": row.digest,
        "replaces": row.replaces,
        "answer": row.answer,
        "created": row.created,
        "finished": row.finished,
        "traceId": row.trace_id,
    }


def _request(row: CompilationRow) -> dict[str, Any]:
    """The request that missed; a structured value as JSON text, which keeps its numbers as they are."""
    content = loads(row.request)
    assert isinstance(content, dict)
    return {**content, "value": dumps(content["value"])} if "value" in content else content
