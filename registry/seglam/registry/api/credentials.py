"""Who calls: a token of the registry in the header Authorization."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from seglam.registry.access import Principal, Scope, tokens
from seglam.registry.api.parts import Here, Parts
from seglam.web import Problem

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="A token from POST /api/v1/tokens, for one namespace and at most 15 minutes.",
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


def caller(here: Here, credentials: Credentials) -> Principal:
    """Who calls. `Problem` 401 without a token that counts."""
    return principal_of(here, credentials.credentials if credentials else None)


def principal_of(here: Parts, raw: str | None) -> Principal:
    """Whose token it is. `Problem` 401 if it is none that counts."""
    if not raw:
        raise tokens.unauthorized("token-missing", "send a token of this registry: Authorization: Bearer sgt_...")
    with here.database.read() as session:
        principal, _ = tokens.authenticate(session, here.rules, raw.strip())
    return principal


def allowed(principal: Principal, namespace: str, scope: Scope) -> None:
    """Refuse whose token is for another namespace or for something else."""
    if principal.namespace != namespace:
        words = f"the token is for {principal.namespace!r}, not for {namespace!r}; exchange another one"
        raise Problem(403, "namespace-foreign", words)
    if scope not in principal.scopes:
        raise Problem(403, "scope", f"the token does not allow to {scope} in {namespace!r}")


def with_scope(scope: Scope) -> Callable[..., Principal]:
    """A dependency: who calls, whose token is for the namespace in the path and this scope."""

    def dependency(namespace: str, principal: Annotated[Principal, Depends(caller)]) -> Principal:
        allowed(principal, namespace, scope)
        return principal

    return dependency


Caller = Annotated[Principal, Depends(caller)]
Yanker = Annotated[Principal, Depends(with_scope(Scope.YANK))]
Quarantiner = Annotated[Principal, Depends(with_scope(Scope.QUARANTINE))]
Reviewer = Annotated[Principal, Depends(with_scope(Scope.REVIEW))]
Manager = Annotated[Principal, Depends(with_scope(Scope.MANAGE))]
Administrator = Annotated[Principal, Depends(with_scope(Scope.ADMINISTER))]
