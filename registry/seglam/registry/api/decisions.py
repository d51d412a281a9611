"""Decisions on a version after it was published: yank, quarantine, restore. Each is signed by the registry."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from sqlmodel import Session, col, select

from seglam.packs.names import PackName, Release
from seglam.packs.oci import digest_of
from seglam.packs.trust.bundles import opened
from seglam.packs.trust.examination import authentic
from seglam.packs.trust.predicates import Status
from seglam.packs.trust.statements import Statement
from seglam.packs.versions import Version as PackVersion
from seglam.registry import audit, bundles, changes
from seglam.registry.access import Principal, Scope
from seglam.registry.access.ownership import changed
from seglam.registry.api import conditions, documents
from seglam.registry.api.answers import answer
from seglam.registry.api.credentials import Caller, allowed
from seglam.registry.api.errors import problems
from seglam.registry.api.idempotency import IdempotentRoute
from seglam.registry.api.packs import Namespace, Pack, Version, named, version_document, version_row, version_tag
from seglam.registry.api.parts import Here, Parts
from seglam.registry.tables import PackRow, StatusRow, TombstoneRow, VersionRow, VersionState, stamp
from seglam.web import Problem

router = APIRouter(prefix="/packs", tags=["decisions"], route_class=IdempotentRoute)

WRITES = problems(401, 403, 404, 409, 410, 412, 413, 428)
Said = Literal["yanked", "quarantined", "restored"]
AVAILABLE, YANKED, QUARANTINED = VersionState.AVAILABLE, VersionState.YANKED, VersionState.QUARANTINED

_AFTER = {"yanked": YANKED, "quarantined": QUARANTINED, "restored": AVAILABLE}
_BEFORE = {"yanked": (AVAILABLE,), "quarantined": (AVAILABLE, YANKED), "restored": (YANKED, QUARANTINED)}

_log = logging.getLogger("seglam.registry.decisions")


def _target(here: Here, namespace: Namespace, pack: Pack, version: Version) -> Release:
    return Release(named(here, None, namespace, pack, version), PackVersion.parse(version))


Target = Annotated[Release, Depends(_target)]
"""The version that the path names; it is one of this registry's own."""


@router.post(
    "/{namespace}/{pack}/versions/{version}/yank",
    response_model=documents.Version,
    summary="Yank a version",
    responses=WRITES,
)
def yank(here: Here, http: Request, target: Target, principal: Caller, given: documents.ReasonGiven) -> Response:
    """It is chosen for nobody any more; who names it exactly still gets it."""
    allowed(principal, target.name.namespace, scope_of("yanked", AVAILABLE))
    return _decide(here, http, target, principal, "yanked", given.reason)


@router.post(
    "/{namespace}/{pack}/versions/{version}/quarantine",
    response_model=documents.Version,
    summary="Quarantine a version",
    responses=WRITES,
)
def quarantine(here: Here, http: Request, target: Target, principal: Caller, given: documents.ReasonGiven) -> Response:
    """Its content is given to nobody, until an administrator restores it."""
    allowed(principal, target.name.namespace, scope_of("quarantined", AVAILABLE))
    return _decide(here, http, target, principal, "quarantined", given.reason)


@router.post(
    "/{namespace}/{pack}/versions/{version}/restore",
    response_model=documents.Version,
    summary="Restore a version",
    responses=WRITES,
)
def restore(here: Here, http: Request, target: Target, principal: Caller, given: documents.ReasonGiven) -> Response:
    """A yank is taken back by a publisher, a quarantine by an administrator."""
    with here.database.read() as session:
        row = version_row(session, target.name, str(target.version))
    allowed(principal, target.name.namespace, scope_of("restored", row.state))
    return _decide(here, http, target, principal, "restored", given.reason)


@router.delete(
    "/{namespace}/{pack}/versions/{version}",
    status_code=204,
    summary="Delete a version's content",
    responses=WRITES,
)
def deleted(
    here: Here,
    http: Request,
    target: Target,
    principal: Caller,
    reason: Annotated[str, Query(min_length=1, max_length=1024, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")],
) -> None:
    """For administrators, where content must go. What was signed stays, and the version is never given again."""
    allowed(principal, target.name.namespace, Scope.ADMINISTER)
    with here.database.read() as session:
        row = version_row(session, target.name, str(target.version))
    conditions.require(http, version_tag(row))
    revision = row.revision

    def write(session: Session) -> None:
        row, now = _moved(session, target, revision, VersionState.DELETED)
        session.add(
            TombstoneRow(
                name=row.name,
                version=row.version,
                digest=row.digest,
                reason=reason,
                actor_issuer=principal.issuer,
                actor_subject=principal.subject,
                at=now,
            )
        )
        session.flush()
        bundles.drop_content(session, row)
        _renew(session, target.name, now)
        record(session, principal, "deleted", row, {"reason": reason})

    here.database.transact(write)
    update_index(here)


def scope_of(said: Said, state: str) -> Scope:
    """What somebody needs to say this of a version in a state."""
    if said == "restored":
        return Scope.ADMINISTER if state == QUARANTINED else Scope.YANK
    return Scope.YANK if said == "yanked" else Scope.QUARANTINE


def _decide(here: Parts, http: Request, target: Release, who: Principal, said: Said, reason: str) -> Response:
    document, tag = decide(here, target, who, said, reason, lambda tag: conditions.require(http, tag))
    return answer(document, 200, {"ETag": tag, "Cache-Control": "no-cache"})


def decide(
    here: Parts, target: Release, who: Principal, said: Said, reason: str, seen: Callable[[str], None]
) -> tuple[documents.Version, str]:
    """Sign and keep a decision; the version as it is then, and its entity tag.

    Args:
        seen: refuses the tag of a version that whoever decides has not seen.

    Raises:
        Problem: 404, 409 `version-state`, 412 if it changed meanwhile, and what `seen` raises.
    """
    with here.database.read() as session:
        row = version_row(session, target.name, str(target.version))
    seen(version_tag(row))
    if row.state not in _BEFORE[said]:
        raise Problem(409, "version-state", f"{target} is {row.state}, so it cannot be {said}")
    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    statement = Statement(target.purl, row.digest, Status(status=said, reason=reason, time=time))
    bundle = here.signing.sign(statement.to_bytes())
    document, tag = here.database.transact(
        lambda session: _kept(session, here, target, who, said, reason, row.revision, bundle)
    )
    update_index(here)
    return document, tag


def _kept(
    session: Session,
    here: Parts,
    target: Release,
    who: Principal,
    said: Said,
    reason: str,
    revision: int,
    bundle: bytes,
) -> tuple[documents.Version, str]:
    row, now = _moved(session, target, revision, _AFTER[said])
    bundles.add(session, row, bundle, authentic(opened(bundle), here.signing.root))
    session.add(
        StatusRow(
            name=row.name,
            version=row.version,
            status=said,
            reason=reason,
            actor_issuer=who.issuer,
            actor_subject=who.subject,
            bundle=digest_of(bundle),
            at=now,
        )
    )
    _renew(session, target.name, now)
    record(session, who, said, row, {"reason": reason, "bundle": digest_of(bundle)})
    return version_document(session, row), version_tag(row)


def _moved(session: Session, target: Release, revision: int, state: VersionState) -> tuple[VersionRow, str]:
    """The version in its new state, and when that was; `Problem` 412 if it is no longer what the caller saw."""
    row = locked(session, target.name, str(target.version))
    if row.revision != revision:
        raise changed(str(target))
    row.state, row.revision, row.changed = str(state), revision + 1, stamp()
    session.add(row)
    return row, row.changed


def locked(session: Session, name: PackName, version: str) -> VersionRow:
    """A version that nobody else changes until the transaction ends."""
    asked = select(VersionRow).where(VersionRow.name == str(name), VersionRow.version == version)
    return session.exec(asked.with_for_update().execution_options(populate_existing=True)).one()


def record(session: Session, who: Principal, action: str, row: VersionRow, detail: dict[str, str]) -> None:
    """Write what was done to a version into the audit log and the feed; the last thing a transaction does."""
    audit.append(
        session,
        actor_issuer=who.issuer,
        actor_subject=who.subject,
        action=action,
        subject=f"{row.name}@{row.version}",
        detail={"digest": row.digest, **detail},
    )
    kind = action if action in changes.KINDS else "attested"
    changes.append(session, kind=kind, name=row.name, version=row.version, digest=row.digest)


def update_index(here: Parts) -> None:
    """Bring the index up to date. What was decided is kept already; the keeper of the index repeats this."""
    if here.index is None:
        return
    try:
        here.index.update()
    except Exception:  # noqa: BLE001  # whatever it is, what was decided stays decided
        _log.exception("the index was not brought up to date; its keeper tries again")


def _renew(session: Session, name: PackName, now: str) -> None:
    """Let the pack be shown by the highest version that is available, else the highest."""
    pack = session.exec(select(PackRow).where(PackRow.name == str(name)).with_for_update()).one()
    ordered = select(VersionRow).where(VersionRow.name == str(name)).order_by(col(VersionRow.position).desc())
    newest = (
        session.exec(ordered.where(VersionRow.state == AVAILABLE).limit(1)).first()
        or session.exec(ordered.limit(1)).one()
    )
    pack.newest, pack.description, pack.licence = newest.version, newest.description, newest.licence
    pack.revision, pack.changed = pack.revision + 1, now
    session.add(pack)
