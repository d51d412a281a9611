"""Publications under way, and what their steps made."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from seglam.registry.tables.base import Row


class PublicationState(StrEnum):
    """How far a publication has come. Each is committed with what its step made."""

    RECEIVED = "received"
    VERIFIED = "verified"
    TESTED = "tested"
    SIGNED = "signed"
    PUBLISHED = "published"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Whether nothing more happens to it."""
        return self in (PublicationState.PUBLISHED, PublicationState.FAILED)


class PublicationRow(Row, table=True):
    """A publication under way or finished.

    `owner`, `fence` and `until` are the lease: a worker holds it until `until`, and each holder has a higher `fence`,
    without which nothing of a step is kept. `due` is when an unfinished publication is to be taken up (again).
    """

    __tablename__ = "publications"
    __table_args__ = (
        UniqueConstraint("issuer", "subject", "key", name="one_publication_of_a_key"),
        Index("publications_due", "open", "due"),
        Index("publications_of_a_namespace", "origin", "namespace", "created"),
    )

    id: str = Field(primary_key=True)
    origin: str
    namespace: str
    name: str | None = None  # once it is read
    version: str | None = None
    digest: str | None = None
    issuer: str  # the publisher
    subject: str
    key: str | None = None  # Idempotency-Key
    request_hash: str  # SHA-256 of the archive
    state: str = PublicationState.RECEIVED.value
    open: bool = True
    steps: str = "[]"  # JSON list of {name, passed, at, words, detail}
    problem: str | None = None  # JSON {code, detail, retriable}
    attempts: int = 0  # since it last advanced
    owner: str | None = None
    fence: int = 0
    until: str | None = None
    due: str
    trace: str | None = None  # traceparent of the request
    created: str
    changed: str


class ProductRow(Row, table=True):
    """What steps of a publication made: the archive, evidence, bundles. Removed when it is final."""

    __tablename__ = "products"

    publication: str = Field(primary_key=True, foreign_key="publications.id")
    kind: str = Field(primary_key=True)
    content: bytes
