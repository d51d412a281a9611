"""Who is what in a namespace at a time, and how that came to be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlmodel import Session, col, select

from seglam.packs.names import PackName
from seglam.registry.access.identities import SCOPES_OF, Identity, Principal, Role, Scope
from seglam.registry.tables import (
    MemberRow,
    NamespaceEventRow,
    NamespaceKeyRow,
    NamespaceRow,
    NamespaceState,
    TokenRow,
    stamp,
)
from seglam.web import Problem


class Publisher(Protocol):
    """Who publishes, as authenticated."""

    @property
    def issuer(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def namespace(self) -> str: ...


def require_publishable(session: Session, publisher: Publisher, name: PackName, now: datetime) -> NamespaceRow:
    """The namespace, if this publisher may publish this pack into it now.

    Raises:
        Problem: 403 `namespace-foreign`, `role` or `namespace-frozen`; 404 `unknown-namespace`.
    """
    if publisher.namespace.rpartition("/")[2] != name.namespace:
        words = f"the token is for {publisher.namespace!r}, the pack is in {name.namespace!r}; exchange another one"
        raise Problem(403, "namespace-foreign", words)
    row = existing(session, name.origin, name.namespace)
    who = Identity(publisher.issuer, publisher.subject)
    member = membership(session, name.origin, name.namespace, who, stamp(now))
    if member is None or Scope.PUBLISH not in SCOPES_OF[Role(member.role)]:
        raise Problem(403, "role", f"{who} is no publisher of {name.namespace!r}, or not yet")
    if row.state != NamespaceState.ACTIVE:
        raise Problem(403, "namespace-frozen", f"{name.namespace!r} is frozen; ask an administrator of the registry")
    return row


def existing(session: Session, origin: str, name: str) -> NamespaceRow:
    """A namespace; `Problem` 404 if there is none."""
    row = session.get(NamespaceRow, (origin, name))
    if row is None:
        raise Problem(404, "unknown-namespace", f"there is no namespace {origin}/{name}")
    return row


def members(session: Session, origin: str, namespace: str) -> Sequence[MemberRow]:
    """All that are or were members, in the order in which they came."""
    asked = select(MemberRow).where(MemberRow.origin == origin, MemberRow.namespace == namespace)
    return session.exec(asked.order_by(col(MemberRow.id))).all()


def keys_of(session: Session, origin: str, namespace: str) -> Sequence[NamespaceKeyRow]:
    """All keys that count or counted, in the order in which they came."""
    asked = select(NamespaceKeyRow).where(NamespaceKeyRow.origin == origin, NamespaceKeyRow.namespace == namespace)
    return session.exec(asked.order_by(col(NamespaceKeyRow.id))).all()


def membership(session: Session, origin: str, namespace: str, identity: Identity, now: str) -> MemberRow | None:
    """What somebody is in a namespace now; the highest role if there are several."""
    asked = select(MemberRow).where(
        MemberRow.origin == origin,
        MemberRow.namespace == namespace,
        MemberRow.issuer == identity.issuer,
        MemberRow.subject == identity.subject,
    )
    found = [each for each in session.exec(asked).all() if active(each, now)]
    order = list(Role)
    return min(found, key=lambda each: order.index(Role(each.role)), default=None)


def account_of(session: Session, principal: Principal) -> str | None:
    """The account of whoever holds a token, as its issuer names it."""
    row = session.get(TokenRow, principal.token)
    return row.account if row is not None else None


def active(row: MemberRow | NamespaceKeyRow, now: str) -> bool:
    """Whether a member or key counts at a time."""
    return row.active_from <= now and (row.removed is None or row.removed > now)


def history(session: Session, origin: str, namespace: str, after: int, limit: int) -> Sequence[NamespaceEventRow]:
    """Changes of ownership after a number, oldest first."""
    asked = select(NamespaceEventRow).where(
        NamespaceEventRow.origin == origin,
        NamespaceEventRow.namespace == namespace,
        col(NamespaceEventRow.serial) > after,
    )
    return session.exec(asked.order_by(col(NamespaceEventRow.serial)).limit(limit)).all()


def later(time: str, seconds: int) -> str:
    """A time of the tables, so many seconds on."""
    return stamp(datetime.fromisoformat(time).astimezone(UTC) + timedelta(seconds=seconds))
