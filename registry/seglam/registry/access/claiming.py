"""Taking a free namespace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, or_, select

from seglam.packs.names import NameInvalid, PackName
from seglam.registry import names
from seglam.registry.access.identities import Identity, Principal, Role, Scope
from seglam.registry.access.keys import read_key
from seglam.registry.access.ownership import Change, Sign, keep, key_row, member_row
from seglam.registry.database import Database
from seglam.registry.tables import MemberRow, NamespaceRow, stamp
from seglam.web import Problem


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
        session.add(member_row(change, holder, Role.OWNER, time, account))
        for key in given:
            session.add(key_row(change, key, holder, Role.OWNER, time))
        session.flush()
        keep(session, change, bundle)
        return row

    try:
        return database.transact(write)
    except IntegrityError:
        raise Problem(409, "namespace-taken", f"the namespace {name!r} was taken a moment ago") from None


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
            or_(col(MemberRow.removed).is_(None), col(MemberRow.removed) > stamp()),
        )
    )
    if session.exec(asked).one() >= settings.namespaces_each:
        words = f"one identity owns at most {settings.namespaces_each} namespaces; ask an administrator for more"
        raise Problem(403, "too-many-namespaces", words)
