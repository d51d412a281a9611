"""Revisions and the decisions on them. Every function works inside one transaction of the caller."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import rfc8785
from sqlmodel import Session, col, select

from seglam.gateway.store.tables import DEFAULT_TENANT, ReviewRow, RevisionRow, SourceRow, State, stamp
from seglam.procedures import ReasoningProcedure, Revision


class Decision(StrEnum):
    """What a reviewer may decide."""

    APPROVE = "approve"  # serve it; of a retired revision: go back to it
    REJECT = "reject"  # never serve it
    QUARANTINE = "quarantine"  # stop serving it, since it gave a wrong answer
    RETIRE = "retire"  # stop serving it
    RESTORE = "restore"  # serve again what was quarantined wrongly


ALLOWED: dict[Decision, tuple[State, ...]] = {
    Decision.APPROVE: (State.PROPOSED, State.RETIRED),
    Decision.REJECT: (State.PROPOSED,),
    Decision.QUARANTINE: (State.PROPOSED, State.ACTIVE, State.RETIRED),
    Decision.RETIRE: (State.ACTIVE,),
    Decision.RESTORE: (State.QUARANTINED,),
}
SERVING = frozenset({Decision.APPROVE, Decision.RESTORE})
"""Decisions after which a revision is served; no author of it takes them."""
AFTER = {
    Decision.APPROVE: State.ACTIVE,
    Decision.REJECT: State.REJECTED,
    Decision.QUARANTINE: State.QUARANTINED,
    Decision.RETIRE: State.RETIRED,
    Decision.RESTORE: State.ACTIVE,
}


class ReviewRefused(ValueError):
    """A decision that may not be taken. `code` is stable; the message says why and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Change:
    """What a transaction changed about what is served: at most one revision in, and those that it takes the place
    of."""

    added: Revision | None = None
    removed: tuple[str, ...] = ()


def document_of(row: RevisionRow) -> ReasoningProcedure:
    """The document of a row."""
    return ReasoningProcedure.model_validate_json(row.document)


def revision_of(row: RevisionRow) -> Revision:
    """The revision of a row, ready for lookup."""
    return Revision.of(document_of(row))


def authors_of(row: RevisionRow) -> list[str]:
    """Who wrote a revision: the requester and `model:ID`, or whoever put the file there."""
    authors: list[str] = json.loads(row.authors)
    return authors


def put(
    session: Session,
    document: ReasoningProcedure,
    *,
    tenant: str,
    state: State,
    origin: str,
    authors: Iterable[str],
    **more: Any,
) -> RevisionRow:
    """Keep a tenant's revision. One that is known already stays in its state, and its authors grow."""
    revision, now = Revision.of(document), stamp()
    row = session.get(RevisionRow, (tenant, revision.digest))
    if row is None:
        content: dict[str, Any] = document.model_dump(mode="json", by_alias=True, exclude_none=True)
        row = RevisionRow(
            tenant=tenant,
            digest=revision.digest,
            name=revision.name,
            document=rfc8785.dumps(content).decode(),
            state=state,
            origin=origin,
            authors=json.dumps(sorted(set(authors))),
            created=now,
            changed=now,
            **more,
        )
    else:
        row.authors = json.dumps(sorted({*authors_of(row), *authors}))
    session.add(row)
    session.flush()
    return row


def decide(
    session: Session,
    tenant: str,
    digest: str,
    reviewer: str,
    decision: Decision,
    reason: str,
    span: tuple[str, str] | None,
) -> Change:
    """Record a decision and do what follows from it, in one step.

    An approved revision takes the place of the active one of its name and of the one that it replaces. Four eyes: an
    author of a revision may not approve it.

    Raises:
        ReviewRefused: `unknown-revision`, `four-eyes`, `wrong-state`, `outdated` or `reviewer-missing`.
    """
    if not reviewer.strip() or not reason.strip():
        raise ReviewRefused("reviewer-missing", "a decision needs a reviewer and a reason; give both")
    row = session.get(RevisionRow, (tenant, digest))
    if row is None:
        raise ReviewRefused("unknown-revision", f"there is no revision {digest}; see /v1/reviews for those that wait")
    if decision in SERVING and same_person(reviewer, authors_of(row)):
        raise ReviewRefused(
            "four-eyes", f"{reviewer} is an author of this revision ({', '.join(authors_of(row))}); ask somebody else"
        )
    if State(row.state) not in ALLOWED[decision]:
        possible = [each.value for each in Decision if State(row.state) in ALLOWED[each]]
        raise ReviewRefused(
            "wrong-state", f"the revision is {row.state}; possible is {', '.join(possible) or 'nothing any more'}"
        )
    if decision is Decision.APPROVE and row.state == State.PROPOSED:
        _current(session, row)
    trace_id, span_id = span or (None, None)
    session.add(
        ReviewRow(
            tenant=tenant,
            digest=digest,
            reviewer=reviewer,
            decision=decision,
            reason=reason,
            at=stamp(),
            trace_id=trace_id,
            span_id=span_id,
        )
    )
    if decision in SERVING:
        return activate(session, row)
    served = row.state == State.ACTIVE
    _set(session, row, AFTER[decision])
    return Change(None, (digest,) if served else ())


def _current(session: Session, row: RevisionRow) -> None:
    """Refuse a proposal that knows nothing of the revision that is served under its name: its patterns would go."""
    served = session.exec(
        select(RevisionRow).where(
            RevisionRow.tenant == row.tenant, RevisionRow.name == row.name, RevisionRow.state == State.ACTIVE
        )
    ).first()
    if served is not None and served.digest not in (row.replaces, row.digest):
        raise ReviewRefused(
            "outdated",
            f"{row.name} is served by {served.digest}, from which this revision was not made; reject it, and the next "
            "request of its type is compiled anew, or retire the other first",
        )


def activate(session: Session, row: RevisionRow) -> Change:
    """Make a revision active and retire what it takes the place of."""
    retired = []
    for other in session.exec(
        select(RevisionRow).where(
            col(RevisionRow.tenant) == row.tenant,
            col(RevisionRow.state) == State.ACTIVE,
            (col(RevisionRow.name) == row.name) | (col(RevisionRow.digest) == row.replaces),
        )
    ).all():
        if other.digest != row.digest:
            _set(session, other, State.RETIRED)
            retired.append(other.digest)
    session.flush()  # before the other is active, since a name has one active revision
    _set(session, row, State.ACTIVE)
    return Change(revision_of(row), tuple(retired))


def place(session: Session, file: str, document: ReasoningProcedure) -> Change:
    """A file holds a document. Its owner reviewed it by putting it there, so it becomes active if the file changed.

    A file that is as it was read last changes nothing: what has been decided since then stands.
    """
    name, authors = document.metadata.name, [f"file:{file}"]
    known = session.get(SourceRow, (file, name))
    row = put(session, document, tenant=DEFAULT_TENANT, state=State.RETIRED, origin="file", authors=authors)
    if known is not None and known.digest == row.digest:
        return Change()
    session.merge(SourceRow(file=file, name=name, digest=row.digest))
    if row.state == State.ACTIVE:
        return Change()
    if row.state in (State.QUARANTINED, State.REJECTED):
        raise ReviewRefused(
            "wrong-state", f"{name} in {file} is {row.state} as {row.digest}; change the document, or remove the file"
        )
    return activate(session, row)


def withdraw(session: Session, file: str, kept: Iterable[str]) -> Change:
    """A file no longer holds documents: those under names that are not kept retire."""
    removed = []
    for source in session.exec(select(SourceRow).where(SourceRow.file == file)).all():
        if source.name in set(kept):
            continue
        session.delete(source)
        session.flush()
        row = session.get(RevisionRow, (DEFAULT_TENANT, source.digest))
        elsewhere = session.exec(select(SourceRow).where(SourceRow.digest == source.digest)).first()
        if row is not None and row.state == State.ACTIVE and elsewhere is None:
            _set(session, row, State.RETIRED)
            removed.append(row.digest)
    return Change(None, tuple(removed))


def promote(session: Session, source: RevisionRow, tenant: str, promoter: str) -> RevisionRow:
    """Propose a tenant's revision to another one. Origin and authors stay; who promotes it becomes one of them, so that
    somebody else approves it there. A revision that is known there keeps its state."""
    served = session.exec(
        select(RevisionRow).where(
            RevisionRow.tenant == tenant, RevisionRow.name == source.name, RevisionRow.state == State.ACTIVE
        )
    ).first()
    return put(
        session,
        document_of(source),
        tenant=tenant,
        state=State.PROPOSED,
        origin=source.origin,
        authors=[*authors_of(source), promoter],
        replaces=served.digest if served is not None else None,
        promoted_from=source.tenant,
        trace_id=source.trace_id,
        span_id=source.span_id,
    )


def same_person(reviewer: str, authors: Iterable[str]) -> bool:
    """Whether the reviewer is among the authors, whatever the case of letters and the space around."""
    return reviewer.strip().casefold() in {author.strip().casefold() for author in authors}


def _set(session: Session, row: RevisionRow, state: State) -> None:
    row.state, row.changed = state, stamp()
    session.add(row)
