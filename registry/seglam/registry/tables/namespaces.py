"""Namespaces, who is in them, and the tokens and answers that their members were given."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from seglam.registry.tables.base import Row


class NamespaceState(StrEnum):
    """Where a namespace stands."""

    ACTIVE = "active"
    FROZEN = "frozen"


class NamespaceRow(Row, table=True):
    """A namespace of an origin, and how it publishes."""

    __tablename__ = "namespaces"
    __table_args__ = (UniqueConstraint("origin", "skeleton", name="one_namespace_of_a_look"),)

    origin: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    skeleton: str
    state: str = NamespaceState.ACTIVE.value
    mode: str  # Keyless or Key: how its publishers and reviewers sign
    reviews: int = 0  # reviews by distinct reviewers that a release needs
    revision: int = 1  # for If-Match
    frozen_until: str | None = None
    created: str
    changed: str


class MemberRow(Row, table=True):
    """Who may do what in a namespace. A member who leaves stays here with the time."""

    __tablename__ = "members"
    __table_args__ = (
        Index("members_of", "origin", "namespace"),
        Index("memberships_of", "issuer", "subject"),
    )

    id: int | None = Field(default=None, primary_key=True)
    origin: str
    namespace: str
    issuer: str
    subject: str
    role: str  # owner, publisher or reviewer
    since: str
    active_from: str
    removed: str | None = None
    account: str | None = None  # the issuer's lasting id of the account, bound at its first exchange
    added_by: str  # JSON {issuer, subject}


class NamespaceKeyRow(Row, table=True):
    """A key that a member signs with where the namespace's mode is Key."""

    __tablename__ = "namespace_keys"
    __table_args__ = (Index("keys_of", "origin", "namespace"),)

    id: int | None = Field(default=None, primary_key=True)
    origin: str
    namespace: str
    key_id: str  # SHA-256 of the SPKI in DER, hexadecimal
    pem: str
    issuer: str
    subject: str
    role: str
    since: str
    active_from: str
    removed: str | None = None


class NamespaceEventRow(Row, table=True):
    """A change of ownership, with the registry's signature of it."""

    __tablename__ = "namespace_events"
    __table_args__ = (Index("events_of_namespaces", "origin", "namespace", "serial"),)

    serial: int | None = Field(default=None, primary_key=True)
    origin: str
    namespace: str
    kind: str
    actor_issuer: str
    actor_subject: str
    detail: str = "{}"  # JSON
    time: str
    effective_from: str
    bundle: bytes | None = None


class TokenRow(Row, table=True):
    """A token that was given out, by its SHA-256."""

    __tablename__ = "tokens"

    hash: str = Field(primary_key=True)
    issuer: str
    subject: str
    origin: str
    namespace: str
    scopes: str  # JSON list
    account: str | None = None
    issued: str
    expires: str = Field(index=True)
    revoked: str | None = None


class UsedTokenRow(Row, table=True):
    """An identity token that was exchanged, so that it is not a second time."""

    __tablename__ = "used_tokens"

    issuer: str = Field(primary_key=True)
    jti: str = Field(primary_key=True)
    expires: str = Field(index=True)


class IdempotencyRow(Row, table=True):
    """The answer to a request with an Idempotency-Key. Publications keep their keys themselves."""

    __tablename__ = "idempotency"

    caller: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request_hash: str
    status: int
    headers: str = "{}"  # JSON
    body: bytes
    expires: str = Field(index=True)
