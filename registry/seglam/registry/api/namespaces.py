"""Namespaces: who owns them, and how that came to be."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from sqlmodel import Session, col, select

from seglam.registry.access import Identity, Principal, Scope, claiming, members, ownership, planning
from seglam.registry.access.identities import Role
from seglam.registry.api import conditions, documents
from seglam.registry.api.answers import answer, conditional, page
from seglam.registry.api.credentials import Administrator, Caller, Manager, allowed
from seglam.registry.api.errors import problems
from seglam.registry.api.idempotency import IdempotentRoute
from seglam.registry.api.parts import Here, Parts
from seglam.registry.tables import NamespaceRow, NamespaceState

router = APIRouter(prefix="/namespaces", tags=["namespaces"], route_class=IdempotentRoute)

Name = Annotated[str, Path(alias="namespace", pattern="^[a-z0-9]+(-[a-z0-9]+)*$", min_length=2, max_length=40)]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=conditions.MAX_CURSOR)]
WRITES = problems(401, 403, 404, 409, 412, 413, 428)


@router.get("", response_model=documents.NamespaceList, summary="Namespaces by name", responses=problems())
def listed(here: Here, http: Request, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """All namespaces of this origin."""
    after = conditions.position(cursor, str)
    asked = select(NamespaceRow).where(NamespaceRow.origin == here.origin)
    if after is not None:
        asked = asked.where(NamespaceRow.name > str(after[0]))
    with here.database.read() as session:
        rows = session.exec(asked.order_by(col(NamespaceRow.name)).limit(limit + 1)).all()
    more = conditions.cursor(rows[limit - 1].name) if len(rows) > limit else None
    items = [documents.NamespaceShort(**_short(row)) for row in rows[:limit]]
    found = documents.NamespaceList(items=items, next=more)
    return page(http, found, more)


@router.post(
    "", status_code=201, response_model=documents.Namespace, summary="Claim a free namespace", responses=WRITES
)
def claimed(here: Here, principal: Caller, given: documents.NamespaceClaimed) -> Response:
    """Who claims it owns it, at once. Names that look like another one, or almost, are refused."""
    owner = Identity(given.owner.issuer, given.owner.subject) if given.owner else None
    with here.database.read() as session:
        account = members.account_of(session, principal) if owner in (None, principal.identity) else None
    row = claiming.claim(
        here.database,
        here.signing.sign,
        here.settings,
        principal,
        given.name,
        keys=given.keys,
        mode=given.mode,
        reviews=given.reviews,
        owner=owner,
        similar=given.similar,
        account=account,
    )
    return _answer(here, row.name, 201, {"Location": f"/api/v1/namespaces/{row.name}"})


@router.get("/{namespace}", response_model=documents.Namespace, summary="A namespace", responses=problems(304, 404))
def shown(here: Here, http: Request, name: Name) -> Response:
    """Its members and keys, also those who left or have not begun."""
    with here.database.read() as session:
        row = members.existing(session, here.origin, name)
        document = _document(session, row)
    return conditional(http, document, _etag(row))


@router.patch("/{namespace}", response_model=documents.Namespace, summary="Change how it publishes", responses=WRITES)
def ruled(here: Here, http: Request, name: Name, principal: Caller, given: documents.Rules) -> Response:
    """More reviews are for an owner to ask for; fewer, or another mode, for an administrator to allow."""
    allowed(principal, name, Scope.ADMINISTER if Scope.ADMINISTER in principal.scopes else Scope.MANAGE)
    return _perform(here, http, name, planning.rules_changed(principal, given.reviews, given.mode))


@router.get(
    "/{namespace}/events",
    response_model=documents.EventList,
    summary="How its ownership came to be",
    responses=problems(404),
)
def history(here: Here, http: Request, name: Name, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Every change, each signed by the registry, oldest first."""
    after = conditions.position(cursor, int)
    with here.database.read() as session:
        members.existing(session, here.origin, name)
        rows = members.history(session, here.origin, name, int(after[0]) if after else 0, limit + 1)
    items = [
        documents.NamespaceEvent(
            serial=row.serial or 0,
            kind=row.kind,
            actor=documents.Who(issuer=row.actor_issuer, subject=row.actor_subject),
            detail=json.loads(row.detail),
            time=row.time,
            effective_from=row.effective_from,
            bundle=json.loads(row.bundle) if row.bundle else None,
        )
        for row in rows[:limit]
    ]
    more = conditions.cursor(items[-1].serial) if len(rows) > limit else None
    found = documents.EventList(items=items, next=more)
    return page(http, found, more)


@router.post(
    "/{namespace}/members",
    status_code=201,
    response_model=documents.Namespace,
    summary="Add a member",
    responses=WRITES,
)
def member_added(here: Here, http: Request, name: Name, principal: Manager, given: documents.MemberGiven) -> Response:
    """Counts after the cool-down."""
    who = Identity(given.issuer, given.subject)
    planner = planning.member_added(principal.identity, who, given.role, given.account, _cooldown(here, principal))
    return _perform(here, http, name, planner, 201)


@router.delete(
    "/{namespace}/members/{member}",
    response_model=documents.Namespace,
    summary="Remove a member",
    responses=WRITES,
)
def member_removed(
    here: Here, http: Request, name: Name, member: Annotated[int, Path(ge=1, lt=2**63)], principal: Manager
) -> Response:
    """An owner leaves after the cool-down, others at once."""
    return _perform(here, http, name, planning.member_removed(principal.identity, member, _cooldown(here, principal)))


@router.post(
    "/{namespace}/members/{member}/keep",
    response_model=documents.Namespace,
    summary="Cancel a removal",
    responses=WRITES,
)
def removal_cancelled(
    here: Here, http: Request, name: Name, member: Annotated[int, Path(ge=1, lt=2**63)], principal: Manager
) -> Response:
    """Of an owner who is about to leave."""
    return _perform(here, http, name, planning.removal_cancelled(principal.identity, member))


@router.post(
    "/{namespace}/keys", status_code=201, response_model=documents.Namespace, summary="Add a key", responses=WRITES
)
def key_added(here: Here, http: Request, name: Name, principal: Manager, given: documents.KeyGiven) -> Response:
    """Counts after the cool-down."""
    holder = Identity(given.holder.issuer, given.holder.subject) if given.holder else principal.identity
    planner = planning.key_added(principal.identity, given.pem, holder, given.role, _cooldown(here, principal))
    return _perform(here, http, name, planner, 201)


@router.delete("/{namespace}/keys/{key}", response_model=documents.Namespace, summary="Remove a key", responses=WRITES)
def key_removed(
    here: Here, http: Request, name: Name, key: Annotated[str, Path(pattern="^[0-9a-f]{64}$")], principal: Manager
) -> Response:
    """At once."""
    return _perform(here, http, name, planning.key_removed(principal.identity, key))


@router.post("/{namespace}/freeze", response_model=documents.Namespace, summary="Freeze it", responses=WRITES)
def frozen(here: Here, http: Request, name: Name, principal: Administrator, given: documents.ReasonGiven) -> Response:
    """Nothing is published into it until it is thawed."""
    return _perform(here, http, name, planning.state_changed(principal.identity, NamespaceState.FROZEN, given.reason))


@router.post("/{namespace}/thaw", response_model=documents.Namespace, summary="Thaw it", responses=WRITES)
def thawed(here: Here, http: Request, name: Name, principal: Administrator, given: documents.ReasonGiven) -> Response:
    """It may publish again."""
    return _perform(here, http, name, planning.state_changed(principal.identity, NamespaceState.ACTIVE, given.reason))


def _cooldown(here: Parts, principal: Principal) -> int:
    """Seconds until a change counts. An administrator's counts at once: two owners who remove each other need one."""
    return 0 if Scope.ADMINISTER in principal.scopes else here.settings.cooldown_s


def _perform(here: Parts, http: Request, name: str, planner: ownership.Planner, status: int = 200) -> Response:
    with here.database.read() as session:
        row = members.existing(session, here.origin, name)
    conditions.require(http, _etag(row))
    ownership.perform(here.database, here.signing.sign, here.origin, name, planner, revision=row.revision)
    return _answer(here, name, status)


def _answer(here: Parts, name: str, status: int, headers: dict[str, str] | None = None) -> Response:
    with here.database.read() as session:
        row = members.existing(session, here.origin, name)
        document = _document(session, row)
    return answer(document, status, {"ETag": _etag(row), "Cache-Control": "no-cache", **(headers or {})})


def _etag(row: NamespaceRow) -> str:
    return conditions.etag(f"{row.name}-{row.revision}")


def _short(row: NamespaceRow) -> dict[str, str]:
    return {"origin": row.origin, "name": row.name, "state": row.state, "mode": row.mode, "created": row.created}


def _document(session: Session, row: NamespaceRow) -> documents.Namespace:
    everybody = [
        documents.Member(
            id=each.id or 0,
            issuer=each.issuer,
            subject=each.subject,
            role=Role(each.role),
            since=each.since,
            active_from=each.active_from,
            removed=each.removed,
        )
        for each in members.members(session, row.origin, row.name)
    ]
    keys = [
        documents.Key(
            key_id=each.key_id,
            pem=each.pem,
            issuer=each.issuer,
            subject=each.subject,
            role=Role(each.role),
            active_from=each.active_from,
            removed=each.removed,
        )
        for each in members.keys_of(session, row.origin, row.name)
    ]
    return documents.Namespace(**_short(row), reviews=row.reviews, changed=row.changed, members=everybody, keys=keys)
