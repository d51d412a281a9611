"""The changes of a namespace that its owners and administrators may make, each looked at before it is signed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlmodel import Session

from seglam.registry.access.identities import Identity, Principal, Role, Scope
from seglam.registry.access.keys import read_key
from seglam.registry.access.members import keys_of, later, members
from seglam.registry.access.ownership import Change, Plan, Planner, Write, key_row, member_row
from seglam.registry.tables import MemberRow, NamespaceKeyRow, NamespaceRow, NamespaceState, stamp
from seglam.web import Problem

MAX_MEMBERS = 100
MAX_KEYS = 100

Held = MemberRow | NamespaceKeyRow
"""What is in force from a time, until it is removed."""


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
        return Plan(
            change,
            _written(lambda: member_row(change, identity, role, effective, account), ended=same, until=effective),
        )

    return plan


def member_removed(actor: Identity, number: int, cooldown_s: int) -> Planner:
    """A member is to leave: an owner after the cool-down, others, and who has not begun yet, at once."""

    def plan(session: Session, row: NamespaceRow) -> Plan:
        now = stamp()
        present = [each for each in members(session, row.origin, row.name) if each.removed is None]
        leaving = [each for each in present if each.id == number]
        if not leaving:
            raise Problem(404, "unknown-member", f"{row.name!r} has no member {number}")
        _keep_an_owner(present, leaving)
        (member,) = leaving
        own = (member.issuer, member.subject) == (actor.issuer, actor.subject)
        slow = member.role == Role.OWNER and member.active_from <= now and not own
        until = later(now, cooldown_s) if slow else now
        return _ended(row, "member-removed", actor, leaving, _shown(member), now, until)

    return plan


def removal_cancelled(actor: Identity, number: int) -> Planner:
    """A removal that has not come into effect is taken back."""

    def plan(session: Session, row: NamespaceRow) -> Plan:
        now = stamp()
        leaving = [each for each in members(session, row.origin, row.name) if each.removed and each.removed > now]
        found = [each for each in leaving if each.id == number]
        if not found:
            raise Problem(404, "unknown-member", f"{row.name!r} has no member {number} that is about to leave")
        return _ended(row, "removal-cancelled", actor, found, _shown(found[0]), now, None)

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
        return Plan(change, _written(lambda: key_row(change, key, holder, role, effective)))

    return plan


def key_removed(actor: Identity, key_id: str) -> Planner:
    """A key is not to count any more, at once."""

    def plan(session: Session, row: NamespaceRow) -> Plan:
        now = stamp()
        found = [each for each in keys_of(session, row.origin, row.name) if each.key_id == key_id and not each.removed]
        if not found:
            raise Problem(404, "unknown-key", f"{row.name!r} has no key {key_id}")
        return _ended(row, "key-removed", actor, found, {"key": key_id}, now, now)

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


def _ended(
    row: NamespaceRow,
    kind: str,
    actor: Identity,
    held: Sequence[Held],
    detail: Mapping[str, Any],
    now: str,
    until: str | None,
) -> Plan:
    """Members or keys are in force until a time; None for ever again."""
    change = Change(row.origin, row.name, kind, actor, detail, now, until or now)
    return Plan(change, _written(None, ended=held, until=until))


def _written(added: Callable[[], Held] | None, *, ended: Sequence[Held] = (), until: str | None = None) -> Write:
    """Writes what a plan found. Its rows are of a session before; a new one is made anew for each attempt."""

    def write(session: Session, _: NamespaceRow) -> None:
        for each in ended:
            kept = session.get(type(each), each.id)
            if kept is not None:
                kept.removed = until
                session.add(kept)
        if added is not None:
            session.add(added())

    return write


def _shown(member: MemberRow) -> dict[str, Any]:
    return {"member": {"issuer": member.issuer, "subject": member.subject}, "role": member.role}


def _keep_an_owner(present: Sequence[MemberRow], leaving: Sequence[MemberRow]) -> None:
    now = stamp()
    left = [each for each in present if each not in leaving and each.role == Role.OWNER and each.active_from <= now]
    if not left and any(each.role == Role.OWNER for each in leaving):
        raise Problem(
            409, "last-owner", "a namespace needs an owner: add another one first, and wait for the cool-down"
        )
