"""Who asks, by a bearer token that the cluster issued."""

from __future__ import annotations

from seglam.gateway.access import Caller
from seglam.gateway.cluster.tenants import Tenants
from seglam.gateway.serving import Headers, Identify
from seglam.web import Problem
from seglam.web.keyring import Keyring, KeysMissing, TokenRefused

ANONYMOUS = "system:anonymous"


def identification(keyring: Keyring, tenants: Tenants, audience: str, anonymous: str | None) -> Identify:
    """Tells who sent an HTTP request, or raises `Problem`: 401 without an acceptable token, 403 without a tenant.

    Args:
        audience: of the tokens.
        anonymous: tenant of requests without a token; None refuses them.
    """

    async def identify(headers: Headers) -> Caller:
        token = bearer(headers)
        if token is None:
            if anonymous is not None:
                return Caller(anonymous, ANONYMOUS)
            raise unauthorized("token-missing", f"send a bearer token of the audience {audience!r}")
        claims = await checked(keyring, token, audience)
        subject = str(claims["sub"])
        tenant = tenants.tenant_of(subject)
        if tenant is None:
            raise Problem(
                403, "no-tenant", f"{subject[:200]!r} belongs to no tenant; ask the platform's team to map it"
            )
        return Caller(tenant, subject)

    return identify


def bearer(headers: Headers) -> str | None:
    """The bearer token of a request; None if it has no credentials."""
    header = headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unauthorized("token-missing", "the Authorization header holds no bearer token")
    return token.strip()


async def checked(keyring: Keyring, token: str, audience: str) -> dict[str, object]:
    """What a token says; `Problem` 401 if it is not accepted, 503 while the cluster's keys are not known."""
    try:
        return dict(await keyring.claims(token, audience))
    except TokenRefused as refused:
        raise unauthorized(refused.code, str(refused)) from refused
    except KeysMissing:
        words = "the cluster's keys have not been fetched yet, so no token can be checked; try again in a moment"
        raise Problem(503, "keys-missing", words) from None


def unauthorized(code: str, words: str) -> Problem:
    """A request that does not prove who sent it."""
    return Problem(401, code, words, headers={"WWW-Authenticate": "Bearer"})
