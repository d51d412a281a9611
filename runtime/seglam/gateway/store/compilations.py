"""Compilations with their evidence and calls. Every function works inside one transaction of the caller."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col, select

from seglam.compiler import Compilation, Missed, Negative
from seglam.gateway.store import revisions
from seglam.gateway.store.tables import (
    CallRow,
    CompilationRow,
    EvidenceRow,
    NegativeRow,
    Progress,
    RevisionRow,
    State,
    WaitingRow,
    stamp,
)
from seglam.gateway.wire import dump_request, dumps, load_request
from seglam.lookup import Miss, MissReason


def open_(session: Session, identity: str, fingerprint: str, missed: Missed, requester: str) -> CompilationRow:
    """Note that a compilation waits for its turn. One that was interrupted goes on under its old identity."""
    row = session.get(CompilationRow, identity) or CompilationRow(
        id=identity,
        fingerprint=fingerprint,
        tenant=missed.tenant,
        requester=requester,
        request=dump_request(missed.request),
        reason=missed.miss.reason,
        explanation=missed.miss.explanation,
        progress=Progress.QUEUED,
        created=stamp(),
    )
    row.progress = Progress.QUEUED
    session.add(row)
    session.flush()
    return row


def missed_of(row: CompilationRow) -> Missed:
    """The miss that a compilation was started for."""
    miss = Miss(MissReason(row.reason), row.explanation)
    return Missed(load_request(row.request), miss, row.tenant)


def wait(session: Session, identity: str, compilation: str, missed: Missed, requester: str) -> None:
    """Note that a request waits for a compilation, unless that has just ended."""
    row = session.get(CompilationRow, compilation)
    if row is None or row.progress == Progress.FINISHED:
        return
    request = dump_request(missed.request)
    session.add(WaitingRow(id=identity, compilation=compilation, requester=requester, request=request, at=stamp()))


def step(session: Session, identity: str, message: str) -> None:
    """Note what a compilation is at."""
    row = session.get(CompilationRow, identity)
    assert row is not None
    row.progress, row.message = Progress.RUNNING, message
    session.add(row)


def close(session: Session, made: Compilation, authors: Sequence[str]) -> RevisionRow | None:
    """Keep everything of a compilation that ended, and its revision as proposed; None if there is none."""
    row = session.get(CompilationRow, made.id)
    assert row is not None
    row.progress, row.outcome, row.message, row.finished = Progress.FINISHED, made.outcome, made.message, stamp()
    row.digest, row.replaces, row.answer = made.digest, made.replaces, made.answer
    row.arguments, row.engines = dumps(dict(made.arguments)), json.dumps(list(made.engines))
    row.trace_id, row.span_id = made.trace_id, made.span_id
    session.add(row)
    for number, evidence in enumerate(made.evidence):
        session.add(
            EvidenceRow(
                compilation=made.id,
                number=number,
                gate=evidence.gate,
                passed=evidence.passed,
                summary=evidence.summary,
                detail=json.dumps(dict(evidence.detail), ensure_ascii=True, default=str),
            )
        )
    for number, call in enumerate(made.calls):
        fields: dict[str, Any] = {name: getattr(call, name) for name in type(call).__slots__}
        session.add(CallRow(compilation=made.id, number=number, **fields))
    if made.negative is not None:
        session.add(_negative_row(made.negative, row.tenant, made.id))
    leave(session, made.id)
    if made.document is None:
        return None
    return revisions.put(
        session,
        made.document,
        tenant=row.tenant,
        state=State.PROPOSED,
        origin="compilation",
        authors=authors,
        compilation=made.id,
        replaces=made.replaces,
        trace_id=made.trace_id,
        span_id=made.span_id,
    )


def end(session: Session, identity: str, outcome: str, message: str) -> None:
    """A compilation ended without a result: there was nothing to do any more, or it failed on our side."""
    row = session.get(CompilationRow, identity)
    assert row is not None
    row.progress, row.outcome, row.message, row.finished = Progress.FINISHED, outcome, message, stamp()
    session.add(row)
    leave(session, identity)


def leave(session: Session, identity: str) -> None:
    """No request waits any longer."""
    session.execute(delete(WaitingRow).where(col(WaitingRow.compilation) == identity))


def interrupt(session: Session) -> list[CompilationRow]:
    """Mark what was queued or running when the process ended."""
    unfinished = (Progress.QUEUED, Progress.RUNNING)
    rows = session.exec(select(CompilationRow).where(col(CompilationRow.progress).in_(unfinished))).all()
    for row in rows:
        was = f" at: {row.message}" if row.message else ""
        row.progress, row.message = Progress.INTERRUPTED, f"the process ended meanwhile{was}"
        session.add(row)
    return list(rows)


def interrupted(session: Session, tenant: str, fingerprint: str) -> CompilationRow | None:
    """A tenant's compilation of this type that was interrupted."""
    return session.exec(
        select(CompilationRow).where(
            CompilationRow.tenant == tenant,
            CompilationRow.fingerprint == fingerprint,
            CompilationRow.progress == Progress.INTERRUPTED,
        )
    ).first()


def negatives(session: Session, tenant: str) -> list[Negative]:
    """A tenant's negative entries that have not expired."""
    rows = session.exec(select(NegativeRow).where(NegativeRow.tenant == tenant, NegativeRow.expires > stamp())).all()
    return [negative_of(row) for row in rows]


def negative_of(row: NegativeRow) -> Negative:
    """The entry of a row."""
    return Negative(
        fingerprint=row.fingerprint,
        reason=row.reason,
        model=row.model,
        expires=datetime.fromisoformat(row.expires),
        patterns=tuple(json.loads(row.patterns)),
        parameters=tuple(json.loads(row.parameters)),
    )


def _negative_row(entry: Negative, tenant: str, compilation: str) -> NegativeRow:
    return NegativeRow(
        tenant=tenant,
        fingerprint=entry.fingerprint,
        reason=entry.reason,
        model=entry.model,
        expires=stamp(entry.expires),
        patterns=json.dumps(list(entry.patterns)),
        parameters=json.dumps([dict(each) for each in entry.parameters]),
        compilation=compilation,
        created=stamp(),
    )
