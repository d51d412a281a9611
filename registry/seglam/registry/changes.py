"""The feed of changes that mirrors and the index follow: append-only, numbered from 1 without a gap.

A serial is taken under the lock of the sequence's head, which its transaction holds until it ends. So serials become
visible in their order, and who has read up to one of them has missed none before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, select

from seglam.packs import strictjson
from seglam.registry.tables import ChangeRow, HeadRow, stamp

SEQUENCE = "changes"
KINDS = (
    "published",
    "yanked",
    "quarantined",
    "restored",
    "deleted",
    "attested",
    "namespace",
)


def append(
    session: Session,
    *,
    kind: str,
    name: str,
    version: str | None = None,
    digest: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Add a change to the session's transaction.

    Where a transaction also writes to the audit log it does that first, so that no two wait for each other.

    Args:
        kind: one of `KINDS`.
        name: `origin/namespace/pack`, for a change of ownership `origin/namespace`.

    Returns:
        Its serial.
    """
    head = locked_head(session, SEQUENCE)
    head.seq += 1
    written = strictjson.write(dict(detail or {})).decode()
    session.add(
        ChangeRow(serial=head.seq, time=stamp(), kind=kind, name=name, version=version, digest=digest, detail=written)
    )
    session.add(head)
    session.flush()
    return head.seq


def since(session: Session, serial: int, limit: int) -> Sequence[ChangeRow]:
    """The changes after a serial, oldest first."""
    asked = select(ChangeRow).where(col(ChangeRow.serial) > serial).order_by(col(ChangeRow.serial)).limit(limit)
    return session.exec(asked).all()


def last(session: Session) -> int:
    """The last serial; 0 if nothing has changed yet."""
    head = session.get(HeadRow, SEQUENCE)
    return head.seq if head is not None else 0


def locked_head(session: Session, sequence: str, first: str = "") -> HeadRow:
    """The head of a sequence, which nobody else can move until the session's transaction ends."""
    session.connection().execute(
        text("INSERT INTO heads (sequence, seq, hash) VALUES (:sequence, 0, :first) ON CONFLICT DO NOTHING"),
        {"sequence": sequence, "first": first},
    )
    # SQLite has one writer at a time and leaves FOR UPDATE out.
    asked = select(HeadRow).where(HeadRow.sequence == sequence).with_for_update()
    return session.exec(asked.execution_options(populate_existing=True)).one()
