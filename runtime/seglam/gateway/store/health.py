"""Counterexamples and counts of checks. Every function works inside one transaction of the caller."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import func
from sqlmodel import Session, col, select

from seglam.gateway.store import revisions
from seglam.gateway.store.revisions import Change, Decision
from seglam.gateway.store.tables import CounterexampleRow, HealthRow, RevisionRow, Standing, State, stamp

_STOPPED = (State.QUARANTINED, State.REJECTED)
"""States in which a revision is never served again as it is."""


def note(session: Session, row: CounterexampleRow) -> CounterexampleRow:
    """Keep a counterexample, or find the one of the same source that says the same of the same request."""
    known = session.exec(
        select(CounterexampleRow).where(
            CounterexampleRow.tenant == row.tenant,
            CounterexampleRow.digest == row.digest,
            CounterexampleRow.request == row.request,
            CounterexampleRow.source == row.source,
            CounterexampleRow.expected == row.expected,
        )
    ).first()
    if known is not None:
        return known
    session.add(row)
    session.flush()
    return row


def settle(
    session: Session,
    tenant: str,
    identity: str,
    standing: Standing,
    decided_by: str,
    said: str,
    *,
    rule_changed: bool = False,
    quarantines: bool = True,
    span: tuple[str, str] | None = None,
) -> Change:
    """Decide on a counterexample, and with one that is confirmed stop its revision, in one step."""
    row = session.get(CounterexampleRow, identity)
    assert row is not None and row.tenant == tenant
    row.standing, row.decided_by, row.said, row.decided = standing, decided_by, said, stamp()
    row.rule_changed = rule_changed
    session.add(row)
    revision = session.get(RevisionRow, (tenant, row.digest))
    if standing != Standing.CONFIRMED or not quarantines or revision is None or revision.state in _STOPPED:
        return Change()
    reason = f"counterexample {identity}: {said}"
    return revisions.decide(session, tenant, row.digest, decided_by, Decision.QUARANTINE, reason, span)


def change(session: Session, tenant: str, identity: str, changes: Mapping[str, str | None]) -> CounterexampleRow:
    """More is known of a counterexample."""
    row = session.get(CounterexampleRow, identity)
    assert row is not None and row.tenant == tenant
    for name, value in changes.items():
        setattr(row, name, value)
    session.add(row)
    session.flush()
    return row


def overrule(session: Session, tenant: str, digest: str, reviewer: str, reason: str) -> None:
    """Whoever restores a revision says that what was confirmed against it is not so."""
    chosen = select(CounterexampleRow).where(
        CounterexampleRow.tenant == tenant,
        CounterexampleRow.digest == digest,
        CounterexampleRow.standing == Standing.CONFIRMED,
    )
    for row in session.exec(chosen).all():
        row.standing, row.decided_by, row.decided = Standing.DISMISSED, reviewer, stamp()
        row.said = f"overruled when the revision was restored: {reason}"
        session.add(row)
    counts = session.get(HealthRow, (tenant, digest))
    if counts is not None:
        counts.wrong, counts.changed = 0, stamp()
        session.add(counts)


def count(session: Session, tenant: str, digest: str, counts: Mapping[str, int]) -> HealthRow:
    """Add to a revision's counts; the counts as they are then."""
    row = session.get(HealthRow, (tenant, digest)) or HealthRow(tenant=tenant, digest=digest, changed="")
    for name, more in counts.items():
        setattr(row, name, getattr(row, name) + more)
    row.changed = stamp()
    session.add(row)
    session.flush()
    return row


def worst(session: Session, tenant: str, limit: int) -> list[tuple[str, str, HealthRow]]:
    """Name, state and counts of revisions, worst first."""
    order = (col(HealthRow.wrong).desc(), col(HealthRow.shadow_differed).desc(), col(HealthRow.changed).desc())
    rows = session.exec(select(HealthRow).where(HealthRow.tenant == tenant).order_by(*order).limit(limit)).all()
    named = select(RevisionRow.digest, RevisionRow.name, RevisionRow.state).where(
        RevisionRow.tenant == tenant, col(RevisionRow.digest).in_([row.digest for row in rows])
    )
    known = {digest: (name, state) for digest, name, state in session.exec(named).all()}
    return [(*known[row.digest], row) for row in rows if row.digest in known]


def standings(session: Session, tenant: str, digest: str | None) -> dict[tuple[str, str], int]:
    """How many counterexamples there are, by revision and standing."""
    by = (col(CounterexampleRow.digest), col(CounterexampleRow.standing))
    chosen = select(*by, func.count()).where(CounterexampleRow.tenant == tenant).group_by(*by)
    if digest is not None:
        chosen = chosen.where(CounterexampleRow.digest == digest)
    return {(whose, standing): count for whose, standing, count in session.exec(chosen).all()}
