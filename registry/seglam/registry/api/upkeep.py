"""What is to be done from time to time; one replica at a time does it."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete

from seglam.registry import audit
from seglam.registry.access import members
from seglam.registry.api.parts import Parts
from seglam.registry.tables import AuditSignatureRow, IdempotencyRow, TokenRow, UsedTokenRow, stamp

KEPT_S = 86_400
"""Seconds that an expired token is kept, to say that it has expired."""


def sign_audit_head(here: Parts) -> AuditSignatureRow | None:
    """Sign the head of the audit log; None if that is done already. What the signing raises passes through."""
    with here.database.read() as session:
        head = audit.unsigned_head(session)
    if head is None:
        return None
    row = audit.signed_head(*head, here.origin, here.signing.sign)
    try:
        with here.database.write() as session:
            session.add(row)
    except IntegrityError:
        # Another replica was faster.
        return None
    return row


def forget(here: Parts) -> int:
    """Remove what has expired: tokens a day later, used identity tokens and kept answers at once. Returns how many."""
    now = stamp()
    before = members.later(stamp(datetime.now(UTC)), -KEPT_S)
    removed = 0
    for statement in (
        delete(TokenRow).where(col(TokenRow.expires) < before),
        delete(UsedTokenRow).where(col(UsedTokenRow.expires) < now),
        delete(IdempotencyRow).where(col(IdempotencyRow.expires) < now),
    ):
        with here.database.write() as session:
            removed += session.exec(statement).rowcount
    return removed
