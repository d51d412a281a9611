"""The door: who asks, by API key, by token, or where it is open by what they say; and whether their rate allows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import jwt

from seglam.gateway.access.caller import ALL, Caller
from seglam.gateway.access.file import Rules
from seglam.gateway.access.issuers import keyring
from seglam.gateway.access.keys import PREFIX, Key, KeyRefused, Keys, KeysUnknown
from seglam.gateway.access.limits import Meter, Meters, together
from seglam.web import Problem
from seglam.web.keyring import Keyring, KeysMissing, TokenRefused

FIRST_FETCH_S = 5.0
"""How long the first token of an issuer waits for its keys."""


class Headers(Protocol):
    """The headers of a request."""

    def get(self, name: str) -> str | None:
        """The first value of a header, named in lower case."""


class Door:
    """Tells who sent a request; it is `seglam.gateway.serving.Identify`.

    Args:
        rules: what the access file says.
        keys: API keys; None where there is no database for them.
        stranger: who asks without credentials; None refuses them.
        cluster: checks the tokens of the cluster's own issuer, and their audience.
        replicas: how many doors share the limits.
    """

    def __init__(
        self,
        rules: Rules,
        keys: Keys | None = None,
        *,
        stranger: Callable[[Headers], Caller] | None = None,
        cluster: tuple[Keyring, str] | None = None,
        replicas: int = 1,
    ) -> None:
        self.rules = rules
        self.keys = keys
        self._stranger = stranger
        self._cluster = cluster
        self._keyrings: dict[str, Keyring] = {}
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._tenants, self._of_keys = Meters("tenant", replicas), Meters("key", replicas)

    async def __call__(self, headers: Headers) -> Caller:
        """Who asks. `Problem`: 401 without acceptable credentials, 403 without a tenant, 429 beyond a limit, 503 while
        credentials cannot be checked."""
        text = bearer(headers)
        if text is None:
            if self._stranger is None:
                raise unauthorized("token-missing", f"send an API key or {self._wanted()} in the Authorization header")
            return self._admitted(self._stranger(headers))
        if text.startswith(PREFIX):
            return self._by_key(text)
        return await self._by_token(text)

    def known(self, headers: Headers) -> Caller | None:
        """Who asks, where that is known without waiting and no limit counts their requests; None where it must be asked
        by a call. `Problem` as there."""
        text = bearer(headers)
        if text is None:
            caller, own = None if self._stranger is None else self._stranger(headers), None
        elif text.startswith(PREFIX):
            caller, own = self._of_key(text)
        else:
            return None
        if caller is None or own is not None or self._tenants.of(caller.tenant, self.rules.limits_of(caller.tenant)):
            return None
        return caller

    def entering(self, text: str) -> Key:
        """The API key that somebody signs in with; refused as it is in a request."""
        return self._key(lambda keys: keys.check(text))

    def holder(self, identity: str) -> Caller:
        """Who signed in with the API key of an id, as it is now; refused and counted as a request with it."""
        return self._admitted(*self._caller(self._key(lambda keys: keys.held(identity))))

    def member(self, claims: Mapping[str, Any], issuer: str | None) -> Caller:
        """Who somebody is of whom an issuer says so much, which was checked; refused and counted as a request of
        theirs."""
        return self._admitted(self._granted(claims, issuer))

    def _by_key(self, text: str) -> Caller:
        return self._admitted(*self._of_key(text))

    def _of_key(self, text: str) -> tuple[Caller, Meter | None]:
        return self._caller(self._key(lambda keys: keys.check(text)))

    def _caller(self, key: Key) -> tuple[Caller, Meter | None]:
        return Caller(key.tenant, key.owner, key.scopes), self._of_keys.of(key.id, key.limits)

    def _key(self, ask: Callable[[Keys], Key]) -> Key:
        if self.keys is None:
            raise unauthorized("key-invalid", "API keys are not used here; send a bearer token")
        try:
            return ask(self.keys)
        except KeyRefused as refused:
            raise unauthorized(refused.code, str(refused)) from None
        except KeysUnknown:
            words = "API keys cannot be checked, since their database does not answer; try again in a moment"
            raise Problem(503, "keys-missing", words, headers={"Retry-After": "5"}) from None

    async def _by_token(self, token: str) -> Caller:
        checked_by, audience, issuer = await self._issuer(token)
        return self.member(await checked(checked_by, token, audience), issuer)

    def _granted(self, claims: Mapping[str, Any], issuer: str | None) -> Caller:
        grant = self.rules.grant(claims, issuer)
        if grant is None:
            subject = str(claims["sub"])[:200]
            raise Problem(403, "no-tenant", f"{subject!r} belongs to no tenant; ask the platform's team to map it")
        return Caller(grant.tenant, str(claims["sub"]), grant.scopes)

    def _admitted(self, caller: Caller, own: Meter | None = None) -> Caller:
        """Count the request against the rates of its key and its tenant."""
        found = self._tenants.of(caller.tenant, self.rules.limits_of(caller.tenant))
        meters = [each for each in (own, found) if each is not None]
        for meter in meters:
            meter.count()
        if not meters:
            return caller
        return Caller(caller.tenant, caller.requester, caller.scopes, together(meters))

    async def _issuer(self, token: str) -> tuple[Keyring, str, str | None]:
        """What checks a token, the audience it must have, and its issuer: None for the cluster's."""
        named = _stated(token)
        spec = next((each for each in self.rules.issuers if each.issuer == named), None)
        if spec is None:
            if self._cluster is None:
                raise unauthorized("token-issuer", f"tokens of {named[:200]!r} are not accepted here")
            return (*self._cluster, None)
        found = self._keyrings.get(spec.issuer)
        if found is None:
            found = self._keyrings[spec.issuer] = keyring(spec)
            self._fetching[spec.issuer] = asyncio.create_task(found.run())
        if not found.ready.is_set():
            try:
                async with asyncio.timeout(FIRST_FETCH_S):
                    await found.ready.wait()
            except TimeoutError:
                pass  # the check says that the keys are missing
        return found, spec.audience, spec.issuer

    def _wanted(self) -> str:
        audiences = [self._cluster[1]] if self._cluster else []
        audiences += [each.audience for each in self.rules.issuers]
        return f"a bearer token of the audience {' or '.join(map(repr, audiences))}" if audiences else "a bearer token"


def said_by(default: str, named: Callable[[Headers], str]) -> Callable[[Headers], Caller]:
    """Who asks where nobody proves it: the default tenant, with everything allowed."""
    return lambda headers: Caller(default, named(headers), ALL)


def bearer(headers: Headers) -> str | None:
    """The bearer token of a request; None if it has no credentials."""
    header = headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unauthorized("token-missing", "the Authorization header holds no bearer token")
    return token.strip()


async def checked(keys: Keyring, token: str, audience: str) -> Mapping[str, Any]:
    """What a token says; `Problem` 401 if it is not accepted, 503 while its issuer's keys are not known."""
    try:
        return dict(await keys.claims(token, audience))
    except TokenRefused as refused:
        raise unauthorized(refused.code, str(refused)) from refused
    except KeysMissing:
        words = "the issuer's keys have not been fetched yet, so no token can be checked; try again in a moment"
        raise Problem(503, "keys-missing", words, headers={"Retry-After": "5"}) from None


def unauthorized(code: str, words: str) -> Problem:
    """A request that does not prove who sent it."""
    return Problem(401, code, words, headers={"WWW-Authenticate": "Bearer"})


def _stated(token: str) -> str:
    """The issuer that a token names, which is not proved by that."""
    try:
        return str(jwt.decode(token, options={"verify_signature": False}).get("iss", ""))
    except jwt.PyJWTError:
        return ""
