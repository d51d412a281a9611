"""Tokens of the registry: opaque, of at most 15 minutes, for one namespace; only their SHA-256 is kept."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from seglam.registry import audit
from seglam.registry.access import members
from seglam.registry.access.identities import SCOPES_OF, Identity, Principal, Role, Scope
from seglam.registry.access.issuers import Verified
from seglam.registry.tables import NamespaceRow, TokenRow, UsedTokenRow, stamp
from seglam.web import Problem
from seglam.web.keyring import LEEWAY_S

PREFIX = "sgt_"
LONGEST_S = 900
_RAW = re.compile(r"sgt_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Issued:
    """A token as it is given out, once."""

    token: str
    namespace: str
    scopes: tuple[Scope, ...]
    expires: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may have what.

    Attributes:
        admins: who administers the registry.
        open: whether a free namespace may be claimed by whoever comes first.
        seconds: how long a token lives.
    """

    origin: str
    admins: frozenset[Identity]
    open: bool
    seconds: int = LONGEST_S


def exchange(
    session: Session, rules: Rules, who: Verified, namespace: str, asked: Collection[Scope] | None
) -> Issued | Problem:
    """Give out a token for an accepted identity token. The session's transaction is to be kept in any case.

    The identity token counts as used also where the answer is a refusal, so that a stolen one cannot be tried on every
    namespace.

    Args:
        asked: scopes; all that are allowed by default.
    """
    now = datetime.now(UTC)
    used_until = stamp(datetime.fromtimestamp(who.expires + 2 * LEEWAY_S, UTC))
    try:
        with session.begin_nested():
            session.add(UsedTokenRow(issuer=who.identity.issuer, jti=who.use, expires=used_until))
    except IntegrityError:
        return _refused(
            session, who, namespace, "token-replayed", "the identity token was exchanged before; get a new one"
        )
    allowed = _allowed(session, rules, who, namespace, stamp(now))
    if isinstance(allowed, Problem):
        return _refused(session, who, namespace, allowed.code, allowed.detail)
    wanted = allowed if asked is None else frozenset(asked)
    if beyond := sorted(wanted - allowed):
        words = f"{who.identity} may not {', '.join(beyond)} in {namespace!r}"
        return _refused(session, who, namespace, "scope", words)
    raw = PREFIX + secrets.token_urlsafe(32)
    seconds = min(rules.seconds, LONGEST_S)
    expires = members.later(stamp(now), seconds)
    session.add(
        TokenRow(
            hash=_hash(raw),
            issuer=who.identity.issuer,
            subject=who.identity.subject,
            account=who.account,
            origin=rules.origin,
            namespace=namespace,
            scopes=json.dumps(sorted(wanted)),
            issued=stamp(now),
            expires=expires,
        )
    )
    audit.append(
        session,
        actor_issuer=who.identity.issuer,
        actor_subject=who.identity.subject,
        action="token-issued",
        subject=f"{rules.origin}/{namespace}",
        detail={"scopes": sorted(wanted), "expires": expires},
    )
    return Issued(raw, namespace, tuple(sorted(wanted)), expires, seconds)


def authenticate(session: Session, rules: Rules, raw: str) -> tuple[Principal, str | None]:
    """Whose token it is and its account. `Problem` 401 if it is none that counts.

    What the holder may is looked up again: who was removed has nothing from a token of a minute ago.
    """
    row = session.get(TokenRow, _hash(raw)) if _RAW.fullmatch(raw) else None
    now = stamp()
    if row is None or row.revoked is not None or row.origin != rules.origin:
        raise unauthorized("token-unknown", "the token is not one of this registry; exchange an identity token")
    if row.expires <= now:
        raise unauthorized("token-expired", "the token has expired; exchange an identity token for a new one")
    identity = Identity(row.issuer, row.subject)
    administrator = identity in rules.admins
    scopes = frozenset(Scope(each) for each in json.loads(row.scopes))
    if not administrator:
        member = members.membership(session, row.origin, row.namespace, identity, now)
        kept = SCOPES_OF[Role(member.role)] if member is not None else frozenset()
        free = session.get(NamespaceRow, (row.origin, row.namespace)) is None
        if free and rules.open:
            kept = frozenset({Scope.CLAIM, Scope.PUBLISH})
        scopes &= kept
    principal = Principal(identity, row.origin, row.namespace, scopes, row.hash, row.expires, administrator)
    return principal, row.account


def acting(session: Session, rules: Rules, who: Verified, namespace: str) -> Principal | Problem:
    """Somebody who is signed in, with all that a token of theirs for a namespace would allow now.

    It is a token: given out, checked, written into the audit log and revoked, so that pages allow what the API allows.
    """
    given = exchange(session, rules, who, namespace, None)
    if isinstance(given, Problem):
        return given
    session.flush()
    principal, _ = authenticate(session, rules, given.token)
    revoke(session, given.token)
    return principal


def revoke(session: Session, raw: str) -> None:
    """Let a token count no more; one that is unknown does not."""
    row = session.get(TokenRow, _hash(raw))
    if row is not None and row.revoked is None:
        row.revoked = stamp()
        session.add(row)


def unauthorized(code: str, words: str) -> Problem:
    """A request that does not prove who sent it."""
    return Problem(401, code, words, headers={"WWW-Authenticate": 'Bearer realm="seglam-registry"'})


def _allowed(session: Session, rules: Rules, who: Verified, namespace: str, now: str) -> frozenset[Scope] | Problem:
    row = session.get(NamespaceRow, (rules.origin, namespace))
    administrator = who.identity in rules.admins
    if row is None:
        if administrator:
            return frozenset({Scope.CLAIM, Scope.PUBLISH, Scope.ADMINISTER})
        if rules.open:
            return frozenset({Scope.CLAIM, Scope.PUBLISH})
        return Problem(403, "namespace-foreign", f"there is no namespace {namespace!r} that {who.identity} belongs to")
    member = members.membership(session, rules.origin, namespace, who.identity, now)
    scopes = frozenset({Scope.YANK, Scope.QUARANTINE, Scope.MANAGE, Scope.ADMINISTER}) if administrator else frozenset()
    if member is None:
        if scopes:
            return scopes
        return Problem(403, "namespace-foreign", f"{who.identity} is no member of {namespace!r}, or not yet")
    if member.account is None and who.account is not None:
        member.account = who.account
        session.add(member)
    elif member.account is not None and member.account != who.account:
        words = (
            f"{who.identity} is not the account that became a member of {namespace!r}: its issuer gave the name to "
            "another; an owner must add it anew"
        )
        return Problem(403, "account-changed", words)
    return scopes | SCOPES_OF[Role(member.role)]


def _refused(session: Session, who: Verified, namespace: str, code: str, words: str) -> Problem:
    audit.append(
        session,
        actor_issuer=who.identity.issuer,
        actor_subject=who.identity.subject,
        action="token-refused",
        subject=namespace,
        detail={"code": code},
    )
    return unauthorized(code, words) if code == "token-replayed" else Problem(403, code, words)


def _hash(raw: str) -> str:
    return hashlib.sha256(raw.encode()).hexdigest()
