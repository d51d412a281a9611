"""Changes of who owns a namespace: signed by the registry, kept for ever, and slow where it matters.

A new member or key counts after the cool-down, and an owner who is removed stays one for as long: who gets hold of an
owner's account for an hour can neither publish in the name of another nor shut the owners out before they see it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, select

from seglam.packs import strictjson
from seglam.registry import audit, changes
from seglam.registry.access.identities import Identity, Role
from seglam.registry.access.keys import PublicKey
from seglam.registry.access.members import existing
from seglam.registry.database import Database
from seglam.registry.tables import MemberRow, NamespaceEventRow, NamespaceKeyRow, NamespaceRow
from seglam.web import Problem

PREDICATE = "https://seglam.dev/attestation/ownership/v1"


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


Write = Callable[[Session, NamespaceRow], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """A change that was found to be allowed, and how it is written."""

    change: Change
    write: Write


Planner = Callable[[Session, NamespaceRow], Plan]
Sign = Callable[[bytes], bytes]


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


def changed(what: str) -> Problem:
    """What the caller saw is no longer so."""
    return Problem(412, "changed", f"{what} has changed since; read it again and decide anew")


def member_row(change: Change, who: Identity, role: Role, active_from: str, account: str | None) -> MemberRow:
    """A member whom a change adds."""
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


def key_row(change: Change, key: PublicKey, who: Identity, role: Role, active_from: str) -> NamespaceKeyRow:
    """A key that a change adds."""
    return NamespaceKeyRow(
        origin=change.origin,
        namespace=change.namespace,
        key_id=key.id,
        pem=key.pem,
        issuer=who.issuer,
        subject=who.subject,
        role=str(role),
        since=change.time,
        active_from=active_from,
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
