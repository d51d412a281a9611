"""An issuer's public keys: fetched in the background, so that a token is checked without asking anybody."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

REFRESH_S = 300.0
RETRY_S = 5.0
GAP_S = 10.0
"""Seconds between two refreshes that unknown keys cause: a forged key id must not make us ask the issuer often."""
LEEWAY_S = 10.0
KEPT = 4096
"""Tokens whose signature was checked."""
ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA")

_log = logging.getLogger("seglam.web.keyring")


class TokenRefused(Exception):
    """A token that is not accepted. `code` is stable, the message says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class KeysMissing(Exception):
    """No key has been fetched yet, so no token can be checked."""


class FetchFailed(Exception):
    """The issuer did not say what its keys are."""


@dataclass(frozen=True, slots=True)
class Published:
    """What an issuer publishes: its name exactly as tokens state it, and its keys as a JWKS lists them."""

    issuer: str
    keys: Sequence[Mapping[str, Any]]


class Keyring:
    """Checks tokens of one issuer against its keys.

    A token's signature is checked once; while it is valid and the keys are the same, what it says is remembered.

    Args:
        fetch: asks for the keys; raises `FetchFailed`.
        name: of the issuer, in messages.
        clock: seconds since the epoch.

    Attributes:
        ready: set once the keys are known.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Published]],
        name: str = "the issuer",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.ready = asyncio.Event()
        self._fetch = fetch
        self._name = name
        self._clock = clock
        self._issuer = ""
        self._keys: dict[str, jwt.PyJWK] = {}
        self._checked: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._asked = float("-inf")
        self._failing = False
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Keep the keys fresh until cancelled."""
        while True:
            fetched = await self.refresh()
            await asyncio.sleep(REFRESH_S if fetched else RETRY_S)

    async def claims(self, token: str, audience: str) -> Mapping[str, Any]:
        """What a token says. `TokenRefused` if it is not accepted, `KeysMissing` if that cannot be told yet."""
        known = self._checked.get((token, audience))
        if known is not None:
            if self._clock() < known["exp"] + LEEWAY_S:
                return known
            del self._checked[(token, audience)]
        if not self.ready.is_set():
            raise KeysMissing
        claims = self._verified(token, audience, await self._key(token))
        while len(self._checked) >= KEPT:
            self._checked.pop(next(iter(self._checked)))
        self._checked[(token, audience)] = claims
        return claims

    async def refresh(self) -> bool:
        """Ask for the keys now; False if they were not told, when those known stay."""
        self._asked = time.monotonic()
        try:
            published = await self._fetch()
            keys = {str(each.get("kid", "")): jwt.PyJWK(dict(each)) for each in published.keys}
        except (FetchFailed, jwt.PyJWTError, AttributeError, TypeError, ValueError) as error:
            if not self._failing:
                _log.warning("the keys of %s were not fetched; those known stay: %s", self._name, error)
            self._failing = True
            return False
        if self._failing:
            _log.info("the keys of %s are fetched again", self._name)
        self._failing = False
        if published.issuer != self._issuer or keys.keys() != self._keys.keys():
            self._checked.clear()
        self._issuer, self._keys = published.issuer, keys
        self.ready.set()
        return True

    async def _key(self, token: str) -> jwt.PyJWK:
        try:
            kid = str(jwt.get_unverified_header(token).get("kid", ""))
        except jwt.PyJWTError as error:
            raise TokenRefused("token-invalid", f"the bearer token is no JWT: {error}") from None
        if kid not in self._keys:
            await self._look_again()
        found = self._keys.get(kid)
        if found is None:
            words = f"the token was signed by a key that {self._name} does not publish"
            raise TokenRefused("token-unknown-key", words)
        return found

    def _verified(self, token: str, audience: str, key: jwt.PyJWK) -> Mapping[str, Any]:
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=audience,
                issuer=self._issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "sub", "aud"]},
            )
        except jwt.ExpiredSignatureError:
            raise TokenRefused("token-expired", "the token has expired; ask for a new one") from None
        except jwt.InvalidAudienceError:
            raise TokenRefused("token-audience", f"the token is not meant for the audience {audience!r}") from None
        except jwt.PyJWTError as error:
            raise TokenRefused("token-invalid", f"the token is not accepted: {error}") from None
        return claims

    async def _look_again(self) -> None:
        """Refresh the keys, unless that was done a moment ago. One caller asks, others wait for its answer."""
        async with self._turn:
            if time.monotonic() - self._asked >= GAP_S:
                await self.refresh()
