"""Who owns a namespace, and every change of that: signed by the registry, kept for ever, and slow where it matters.

A new member or key counts after the cool-down, and an owner who is removed stays one for as long: who gets hold of an
owner's account for an hour can neither publish in the name of another nor shut the owners out before they see it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from seglam.packs import strictjson
from seglam.packs.names import NameInvalid, PackName
from seglam.registry import audit, changes, names
from seglam.registry.access.identities import SCOPES_OF, Identity, Principal, Role, Scope
from seglam.registry.access.keys import read_key
from seglam.registry.database import Database
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

PREDICATE = "https://seglam.dev/attestation/ownership/v1"
MAX_MEMBERS = 100
MAX_KEYS = 100


class OwnershipSettings(Protocol):
    """What of the registry's settings counts here."""

    @property
    def origin(self) -> str: ...
    @property
    def claims(self) -> str: ...
    @property
    def reviews(self) -> int: ...
    @property
    def signing(self) -> str: ...
    @property
    def cooldown_s(self) -> int: ...
    @property
    def namespaces_each(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Change:
    """A change of ownership before it is kept."""

    origin: str
    namespace: str
    kind: str
    actor: Identity
    detail: Mapping[str, Any]
    time: str
    effective_from: str

    def statement(self) -> bytes:
        """What the registry signs of it."""
        event = {
            "namespace": f"{self.origin}/{self.namespace}",
            "kind": self.kind,
            "actor": self.actor.document(),
            "detail": dict(self.detail),
            "time": self.time,
            "effectiveFrom": self.effective_from,
        }
        return strictjson.write(
            {
                "_type": "https://in-toto.io/Statement/v1",
                "subject": [
                    {
                        "name": f"seglam:namespace:{self.origin}/{self.namespace}",
                        "digest": {"sha256": _sha256(strictjson.write(event))},
                    }
                ],
                "predicateType": PREDICATE,
                "predicate": event,
            }
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """A change that was found to be allowed, and how it is written."""

    change: Change
    write: Callable[[Session, NamespaceRow], None]


Planner = Callable[[Session, NamespaceRow], Plan]
Sign = Callable[[bytes], bytes]


def claim(
    database: Database,
    sign: Sign,
    settings: OwnershipSettings,
    principal: Principal,
    name: str,
    *,
    keys: Sequence[str] = (),
    mode: str | None = None,
    reviews: int | None = None,
    owner: Identity | None = None,
    similar: bool = False,
    account: str | None = None,
) -> NamespaceRow:
    """Take a free namespace; who takes it owns it at once.

    Args:
        keys: public keys in PEM that its owner signs with.
        mode: Keyless or Key; as the registry itself signs by default.
        reviews: reviews that a release needs; as the registry is set by default, and not fewer.
        owner: somebody else, whom an administrator gives it to.
        similar: an administrator means a name that is one typing error away from another.
        account: the owner's, as its issuer names it.

    Raises:
        Problem: 403 who may not, 409 the name is taken or looks like another, 422 something is not valid.
    """
    _check_claim(settings, principal, name, owner, reviews, similar)
    given = [read_key(pem) for pem in keys]
    holder = owner or principal.identity
    time = stamp()
    detail = {
        "owner": holder.document(),
        "mode": mode or ("Key" if settings.signing == "key" else "Keyless"),
        "reviews": max(reviews or 0, settings.reviews),
        "keys": [key.id for key in given],
    }
    change = Change(settings.origin, name, "claimed", principal.identity, detail, time, time)
    with database.read() as session:
        _check_free(session, settings, principal, name, similar)
    bundle = sign(change.statement())

    def write(session: Session) -> NamespaceRow:
        _check_free(session, settings, principal, name, similar)
        row = NamespaceRow(
            origin=settings.origin,
            name=name,
            skeleton=names.skeleton(name),
            mode=str(detail["mode"]),
            reviews=max(reviews or 0, settings.reviews),
            created=time,
            changed=time,
        )
        session.add(row)
        session.add(_member(change, holder, Role.OWNER, time, account))
        for key in given:
            session.add(_key(change, key.id, key.pem, holder, Role.OWNER, time))
        session.flush()
        keep(session, change, bundle)
        return row

    try:
        return database.transact(write)
    except IntegrityError:
        raise Problem(409, "namespace-taken", f"the namespace {name!r} was taken a moment ago") from None


def perform(
    database: Database, sign: Sign, origin: str, name: str, planner: Planner, *, revision: int | None
) -> NamespaceRow:
    """Do a change: look, sign, and write if nothing has changed meanwhile.

    Args:
        revision: what the caller saw (If-Match); None to take it as it is.

    Raises:
        Problem: 404 there is no such namespace, 412 it has changed, and what `planner` raises.
    """
    with database.read() as session:
        row = existing(session, origin, name)
        if revision is not None and row.revision != revision:
            raise changed(f"{origin}/{name}")
        seen, plan = row.revision, planner(session, row)
    bundle = sign(plan.change.statement())

    def write(session: Session) -> NamespaceRow:
        asked = select(NamespaceRow).where(NamespaceRow.origin == origin, NamespaceRow.name == name).with_for_update()
        row = session.exec(asked).one()
        if row.revision != seen:
            raise changed(f"{origin}/{name}")
        plan.write(session, row)
        row.revision += 1
        row.changed = plan.change.time
        session.add(row)
        keep(session, plan.change, bundle)
        return row

    return database.transact(write)


def member_added(actor: Identity, identity: Identity, role: Role, account: str | None, cooldown_s: int) -> Planner:
    """Somebody is to become a member, or to have another role."""

    def plan(session: Session, row: NamespaceRow) -> Plan:
        now = stamp()
        present = [each for each in members(session, row.origin, row.name) if each.removed is None]
        same = [each for each in present if (each.issuer, each.subject) == (identity.issuer, identity.subject)]
        if any(each.role == role and (account is None or account == each.account) for each in same):
            raise Problem(409, "member-exists", f"{identity} is {role} of {row.name!r} already")
        if len(present) >= MAX_MEMBERS:
            raise Problem(409, "too-many-members", f"a namespace has at most {MAX_MEMBERS} members")
        if any(each.role == Role.OWNER for each in same):
            _keep_an_owner(present, same)
        effective = later(now, cooldown_s)
        detail = {"member": identity.document(), "role": str(role), **({"account": account} if account else {})}
        change = Change(row.origin, row.name, "member-added", actor, detail, now, effective)

        def write(session: Session, _: NamespaceRow) -> None:
            for each in members(session, row.origin, row.name):
                if (each.issuer, each.subject) == (identity.issuer, identity.subject) and each.removed is None:
                    each.removed = effective
                    session.add(each)
            session.add(_member(change, identity, role, effective, account))

        return Plan(change, write)

    return plan


def member_removed(actor: Identity, number: int, cooldown_s: int) -> Planner:
    """A member is to leave: an owner after the cool-down, others, and who has not begun yet, at once."""

    def plan(session: Session, row: NamespaceRow) -> Plan:
        now = stamp()
        present = [each for each in members(session, row.origin, row.name) if each.removed is None]
        leaving = next((each for each in present if each.id == number), None)
        if leaving is None:
            raise Problem(404, "unknown-member", f"{row.name!r} has no member {number}")
        _keep_an_owner(present, [leaving])
        own = (leaving.issuer, leaving.subject) == (actor.issuer, actor.subject)
        slow = leaving.role == Role.OWNER and leaving.active_from <= now and not own
        effective = later(now, cooldown_s) if slow else now
        detail = {"member": {"issuer": leaving.issuer, "subject": leaving.subject}, "role": leaving.role}
        change = Change(row.origin, row.name, "member-removed", actor, detail, now, effective)

        def write(session: Session, _: NamespaceRow) -> None:
            found = session.get(MemberRow, number)
            if found is not None:
                found.removed = effective
                session.add(found)

        return Plan(change, write)

    return plan


def removal_cancelled(actor: Identity, number: int) -> Planner:
    """A removal that has not come into effect is taken back."""

    def plan(session: Session, row: NamespaceRow) -> Plan:
        now = stamp()
        found = next((each for each in members(session, row.origin, row.name) if each.id == number), None)
        if found is None or found.removed is None or found.removed <= now:
            raise Problem(404, "unknown-member", f"{row.name!r} has no member {number} that is about to leave")
        detail = {"member": {"issuer": found.issuer, "subject": found.subject}, "role": found.role}
        change = Change(row.origin, row.name, "removal-cancelled", actor, detail, now, now)

        def write(session: Session, _: NamespaceRow) -> None:
            kept = session.get(MemberRow, number)
            if kept is not None:
                kept.removed = None
                session.add(kept)

        return Plan(change, write)

    return plan


def key_added(actor: Identity, pem: str, holder: Identity, role: Role, cooldown_s: int) -> Planner:
    """A member is to sign with a key."""
    key = read_key(pem)

    def plan(session: Session, row: NamespaceRow) -> Plan:
        now = stamp()
        present = [each for each in keys_of(session, row.origin, row.name) if each.removed is None]
        if any(each.key_id == key.id for each in present):
            raise Problem(409, "key-exists", f"{row.name!r} has the key {key.id} already")
        if len(present) >= MAX_KEYS:
            raise Problem(409, "too-many-keys", f"a namespace has at most {MAX_KEYS} keys")
        effective = later(now, cooldown_s)
        detail = {"key": key.id, "holder": holder.document(), "role": str(role)}
        change = Change(row.origin, row.name, "key-added", actor, detail, now, effective)

        def write(session: Session, _: NamespaceRow) -> None:
            session.add(_key(change, key.id, key.pem, holder, role, effective))

        return Plan(change, write)

    return plan


def key_removed(actor: Identity, key_id: str) -> Planner:
    """A key is not to count any more, at once."""

    def plan(session: Session, row: NamespaceRow) -> Plan:
        now = stamp()
        found = [each for each in keys_of(session, row.origin, row.name) if each.key_id == key_id and not each.removed]
        if not found:
            raise Problem(404, "unknown-key", f"{row.name!r} has no key {key_id}")
        change = Change(row.origin, row.name, "key-removed", actor, {"key": key_id}, now, now)

        def write(session: Session, _: NamespaceRow) -> None:
            for each in keys_of(session, row.origin, row.name):
                if each.key_id == key_id and each.removed is None:
                    each.removed = now
                    session.add(each)

        return Plan(change, write)

    return plan


def rules_changed(principal: Principal, reviews: int | None, mode: str | None) -> Planner:
    """How the namespace publishes is to change. Only an administrator may ask for less."""

    def plan(session: Session, row: NamespaceRow) -> Plan:
        now = stamp()
        weaker = (reviews is not None and reviews < row.reviews) or (mode is not None and mode != row.mode)
        if weaker and Scope.ADMINISTER not in principal.scopes:
            words = "fewer reviews, or another mode of signing, is for an administrator to allow"
            raise Problem(403, "weaker-rules", words)
        detail = {"reviews": row.reviews if reviews is None else reviews, "mode": mode or row.mode}
        change = Change(row.origin, row.name, "rules-changed", principal.identity, detail, now, now)

        def write(_: Session, kept: NamespaceRow) -> None:
            kept.reviews = kept.reviews if reviews is None else reviews
            kept.mode = mode or kept.mode

        return Plan(change, write)

    return plan


def state_changed(actor: Identity, state: NamespaceState, reason: str) -> Planner:
    """The namespace is frozen, or no longer."""

    def plan(_: Session, row: NamespaceRow) -> Plan:
        now = stamp()
        if row.state == state:
            raise Problem(409, "namespace-state", f"{row.name!r} is {state} already")
        kind = "frozen" if state is NamespaceState.FROZEN else "thawed"
        change = Change(row.origin, row.name, kind, actor, {"reason": reason}, now, now)

        def write(_: Session, kept: NamespaceRow) -> None:
            kept.state = str(state)

        return Plan(change, write)

    return plan


def keep(session: Session, change: Change, bundle: bytes) -> None:
    """Write a change into the namespace's history, the audit log and the feed."""
    session.add(
        NamespaceEventRow(
            origin=change.origin,
            namespace=change.namespace,
            kind=change.kind,
            actor_issuer=change.actor.issuer,
            actor_subject=change.actor.subject,
            detail=strictjson.write(dict(change.detail)).decode(),
            time=change.time,
            effective_from=change.effective_from,
            bundle=bundle,
        )
    )
    full = f"{change.origin}/{change.namespace}"
    audit.append(
        session,
        actor_issuer=change.actor.issuer,
        actor_subject=change.actor.subject,
        action=f"namespace-{change.kind}",
        subject=full,
        detail={**change.detail, "effectiveFrom": change.effective_from, "bundle": _sha256(bundle)},
    )
    changes.append(session, kind="namespace", name=full, detail={"event": change.kind})


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


def changed(what: str) -> Problem:
    """What the caller saw is no longer so."""
    return Problem(412, "changed", f"{what} has changed since; read it again and decide anew")


def _check_claim(
    settings: OwnershipSettings,
    principal: Principal,
    name: str,
    owner: Identity | None,
    reviews: int | None,
    similar: bool,
) -> None:
    try:
        PackName(settings.origin, name, "aa")
    except NameInvalid as error:
        raise Problem(422, "name-invalid", str(error)) from None
    if Scope.CLAIM not in principal.scopes or principal.namespace != name:
        raise Problem(403, "scope", f"the token does not allow to claim {name!r}")
    if principal.administrator:
        return
    if settings.claims == "admins":
        raise Problem(403, "claims-closed", "namespaces are given out by administrators here; ask one of them")
    if name in names.RESERVED:
        raise Problem(403, "name-reserved", f"{name!r} seems to speak for the registry; choose another name")
    if similar or (owner is not None and owner != principal.identity):
        raise Problem(403, "administrators-only", "only an administrator may claim for somebody else")


def _check_free(session: Session, settings: OwnershipSettings, principal: Principal, name: str, similar: bool) -> None:
    if session.get(NamespaceRow, (settings.origin, name)) is not None:
        raise Problem(409, "namespace-taken", f"the namespace {name!r} is taken")
    try:
        names.check_namespace(session, settings.origin, name, typed=not similar)
    except names.LookAlike as like:
        raise Problem(like.status, like.code, like.words) from None
    if principal.administrator:
        return
    asked = (
        select(func.count())
        .select_from(MemberRow)
        .where(
            MemberRow.origin == settings.origin,
            MemberRow.issuer == principal.issuer,
            MemberRow.subject == principal.subject,
            MemberRow.role == Role.OWNER.value,
            col(MemberRow.removed).is_(None),
        )
    )
    if session.exec(asked).one() >= settings.namespaces_each:
        words = f"one identity owns at most {settings.namespaces_each} namespaces; ask an administrator for more"
        raise Problem(403, "too-many-namespaces", words)


def _keep_an_owner(present: Sequence[MemberRow], leaving: Sequence[MemberRow]) -> None:
    now = stamp()
    left = [each for each in present if each not in leaving and each.role == Role.OWNER and each.active_from <= now]
    if not left and any(each.role == Role.OWNER for each in leaving):
        raise Problem(
            409, "last-owner", "a namespace needs an owner: add another one first, and wait for the cool-down"
        )


def _member(change: Change, who: Identity, role: Role, active_from: str, account: str | None) -> MemberRow:
    return MemberRow(
        origin=change.origin,
        namespace=change.namespace,
        issuer=who.issuer,
        subject=who.subject,
        account=account,
        role=str(role),
        since=change.time,
        active_from=active_from,
        added_by=json.dumps(change.actor.document()),
    )


def _key(change: Change, key_id: str, pem: str, who: Identity, role: Role, active_from: str) -> NamespaceKeyRow:
    return NamespaceKeyRow(
        origin=change.origin,
        namespace=change.namespace,
        key_id=key_id,
        pem=pem,
        issuer=who.issuer,
        subject=who.subject,
        role=str(role),
        since=change.time,
        active_from=active_from,
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
