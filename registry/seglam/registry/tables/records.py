"""What happened, in order: the audit log, the feed of changes; and the leases of work that one replica does."""

from __future__ import annotations

from sqlalchemy import Index
from sqlmodel import Field

from seglam.registry.tables.base import Row


class AuditRow(Row, table=True):
    """One entry of the audit log. `hash` is SHA-256 of `previous` and the RFC 8785 bytes of the rest."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_of_a_subject", "subject", "seq"),)

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    time: str
    actor_issuer: str
    actor_subject: str
    action: str
    subject: str
    detail: str = "{}"  # JSON
    previous: str
    hash: str


class AuditSignatureRow(Row, table=True):
    """The registry's signature of the audit log's head at one time."""

    __tablename__ = "audit_signatures"

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    hash: str
    time: str
    bundle: bytes


class ChangeRow(Row, table=True):
    """One entry of the feed that mirrors and the index follow; serials have no gap and appear in order."""

    __tablename__ = "changes"

    serial: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    time: str
    kind: str
    name: str
    version: str | None = None
    digest: str | None = None
    detail: str = "{}"  # JSON


class HeadRow(Row, table=True):
    """The last entry of a sequence without gaps; who appends holds its lock until the transaction ends."""

    __tablename__ = "heads"

    sequence: str = Field(primary_key=True)  # audit, changes
    seq: int
    hash: str = ""


class LeaseRow(Row, table=True):
    """Work that one replica does at a time: signing the audit's head, renewing the index, forgetting what expired."""

    __tablename__ = "leases"

    work: str = Field(primary_key=True)
    owner: str
    fence: int = 0
    until: str
    done: str | None = None  # when it last ended well


class MirrorStateRow(Row, table=True):
    """How far a mirror has followed the changes of an origin."""

    __tablename__ = "mirror_states"

    origin: str = Field(primary_key=True)
    since: int
    detail: str = "{}"  # JSON
    time: str
