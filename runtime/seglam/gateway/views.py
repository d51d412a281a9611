"""What the store holds of a tenant, as it is sent."""

from __future__ import annotations

import json
from typing import Any

from seglam.gateway.health.report import counts
from seglam.gateway.reviewing import review_as_json
from seglam.gateway.store import CompilationRow, Records, RevisionRow, State, authors_of, document_of
from seglam.gateway.tenancy import Tenant
from seglam.gateway.wire import dumps, loads
from seglam.web import Problem


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


def review_queue(tenant: Tenant) -> dict[str, Any]:
    """The revisions that wait for a decision, oldest first."""
    store = tenant.store
    rows = store.revisions(State.PROPOSED)
    return {
        "reviews": [
            {
                **_revision(row),
                "summary": document_of(row).spec.summary,
                "evidence": _evidence(store, row.compilation) if row.compilation else [],
                "url": f"/v1/revisions/{row.digest}",
            }
            for row in rows
        ]
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
        "evidence": _evidence(store, identity, detail=True),
        "calls": [each.model_dump(exclude={"compilation", "number"}) for each in store.calls(identity)],
        "waiting": len(store.waiting(identity)),
    }


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


def _evidence(store: Records, compilation: str, *, detail: bool = False) -> list[dict[str, Any]]:
    shown = []
    for row in store.evidence(compilation):
        entry: dict[str, Any] = {"gate": row.gate, "passed": row.passed, "summary": row.summary}
        shown.append({**entry, "detail": json.loads(row.detail)} if detail else entry)
    return shown
