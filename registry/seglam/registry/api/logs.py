"""The audit log and the feed of changes: both append-only, both public."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from sqlmodel import Session, col, select

from seglam.registry import audit, changes
from seglam.registry.access import Scope
from seglam.registry.api import documents
from seglam.registry.api.answers import answer, page
from seglam.registry.api.credentials import Caller
from seglam.registry.api.errors import problems
from seglam.registry.api.parts import Here, Parts
from seglam.registry.api.upkeep import sign_audit_head
from seglam.registry.tables import AuditRow, AuditSignatureRow
from seglam.web import Problem

router = APIRouter(tags=["logs"])
Since = Annotated[int, Query(ge=0, lt=2**63, description="The number of the last one that is known.")]
Limit = Annotated[int, Query(ge=1, le=1000)]
MOST_CHECKED = 200_000

_EXPORT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": 'Lines of JSON: `{"entry": ...}`, and `{"head": ...}` after the entry that was signed',
        "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
    }
}


@router.get("/changes", response_model=documents.ChangeList, summary="What has changed", responses=problems())
def changed(here: Here, since: Since = 0, limit: Limit = 100) -> Response:
    """Numbered without a gap and in order; who has read up to a number has missed nothing before it."""
    with here.database.read() as session:
        rows = changes.since(session, since, limit)
        last = changes.last(session)
    items = [
        documents.Change(
            serial=row.serial,
            time=row.time,
            kind=row.kind,
            name=row.name,
            version=row.version,
            digest=row.digest,
            detail=json.loads(row.detail),
        )
        for row in rows
    ]
    return answer(documents.ChangeList(items=items, next=items[-1].serial if items else since, last=last))


@router.get("/audit", response_model=documents.AuditList, summary="The audit log", responses=problems())
def listed(
    here: Here,
    http: Request,
    since: Since = 0,
    limit: Limit = 100,
    subject: Annotated[
        str | None, Query(max_length=300, description="Only of this release, pack or namespace; then with gaps.")
    ] = None,
) -> Response:
    """Oldest first. Each entry holds the hash of the one before it."""
    with here.database.read() as session:
        if subject is None:
            found = list(audit.entries(session, since, limit + 1))
        else:
            asked = select(AuditRow).where(AuditRow.subject == _text(subject), col(AuditRow.seq) > since)
            rows = session.exec(asked.order_by(col(AuditRow.seq)).limit(limit + 1)).all()
            found = [audit.Entry.of(row) for row in rows]
        head = _signed(session)
    items = [documents.AuditEntry.model_validate(each.document()) for each in found[:limit]]
    more = items[-1].seq if len(found) > limit else None
    document = documents.AuditList(items=items, next=more, head=head)
    return page(http, document, None if more is None else str(more), "since")


@router.get("/audit/verify", response_model=documents.AuditVerdict, summary="Check the audit log", responses=problems())
def verified(
    here: Here, since: Since = 0, limit: Annotated[int, Query(ge=1, le=MOST_CHECKED)] = MOST_CHECKED
) -> Response:
    """Against itself, its head and the heads that were signed. Who does not trust this registry checks an export."""
    with here.database.read() as session:
        verdict = audit.verify(session, since=since, limit=limit)
    findings = [
        documents.AuditFinding.model_validate({"seq": each.seq, "code": each.code, "words": each.words})
        for each in verdict.findings
    ]
    more = verdict.last[0] if verdict.whole and verdict.checked >= limit else None
    document = documents.AuditVerdict(
        whole=verdict.whole,
        checked=verdict.checked,
        last=verdict.last[0],
        hash=verdict.last[1],
        next=more,
        findings=findings,
    )
    return answer(document, 200, {"Cache-Control": "no-store"})


@router.get("/audit/export", summary="The audit log as a file", response_class=Response, responses=problems() | _EXPORT)
def exported(here: Here, since: Since = 0, limit: Annotated[int, Query(ge=1, le=10_000_000)] = 10_000_000) -> Response:
    """For `python -m seglam.registry.audit FILE`, which needs no registry."""
    return StreamingResponse(_lines(here, since, limit), media_type="application/x-ndjson")


@router.post(
    "/audit/heads",
    status_code=201,
    response_model=documents.AuditHead,
    summary="Sign the audit log's head now",
    responses=problems(401, 403, 409),
)
def signed(here: Here, principal: Caller) -> Response:
    """For administrators; it is signed every day anyway."""
    if Scope.ADMINISTER not in principal.scopes:
        raise Problem(403, "scope", "the token does not allow to administer")
    row = sign_audit_head(here)
    if row is None:
        raise Problem(409, "head-signed", "the head of the audit log is signed already")
    return answer(_head(row), 201)


def _signed(session: Session) -> documents.AuditHead | None:
    asked = select(AuditSignatureRow).order_by(col(AuditSignatureRow.seq).desc()).limit(1)
    row = session.exec(asked).first()
    return _head(row) if row is not None else None


def _head(row: AuditSignatureRow) -> documents.AuditHead:
    return documents.AuditHead(seq=row.seq, hash=row.hash, time=row.time, bundle=json.loads(row.bundle))


def _lines(here: Parts, since: int, limit: int) -> Iterator[str]:
    """In pages, each a transaction of its own: the log only grows, and nobody holds one open by reading slowly."""
    while limit > 0:
        with here.database.read() as session:
            found = audit.entries(session, since, min(limit, audit.PAGE))
            if not found:
                return
            asked = select(AuditSignatureRow).where(
                col(AuditSignatureRow.seq) > since, col(AuditSignatureRow.seq) <= found[-1].seq
            )
            heads = {row.seq: row for row in session.exec(asked).all()}
        for entry in found:
            yield json.dumps({"entry": entry.document()}, ensure_ascii=False, separators=(",", ":")) + "\n"
            if (row := heads.get(entry.seq)) is not None:
                yield json.dumps({"head": _head(row).model_dump(mode="json", by_alias=True)}) + "\n"
        since, limit = found[-1].seq, limit - len(found)


def _text(value: str) -> str:
    if "\x00" in value:
        raise Problem(422, "invalid", "a subject holds no U+0000")
    return value
