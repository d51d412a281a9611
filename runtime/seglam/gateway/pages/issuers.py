"""Signing in to the console at an issuer of the access file that has `login`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from seglam.gateway.access.door import Door, checked, unauthorized
from seglam.gateway.access.file import IssuerSpec
from seglam.gateway.access.issuers import keyring
from seglam.web.keyring import Keyring, KeysMissing
from seglam.web.login.entrance import Entrance
from seglam.web.login.flow import LASTS_S, Client, Given, Logins, exact
from seglam.web.once import Once

HOME = "/console"
LOGIN = HOME + "/login"
ANSWER = LOGIN + "/answer"


@dataclass(frozen=True, slots=True)
class Came:
    """Who came back from an issuer: what it says of them, which was checked, and the token that says it."""

    issuer: str
    claims: Mapping[str, Any]
    token: str = field(repr=False)


class Issuers:
    """The issuers, as the access file names them now.

    Args:
        door: the API's, whose access file it is.
        key: of sessions.
        url: where browsers reach this service.
        name: of the service, for cookies.
    """

    def __init__(self, door: Door, key: bytes, url: str, *, name: str) -> None:
        self._door = door
        self._keyrings: dict[str, Keyring] = {}
        self._fetching: dict[str, asyncio.Task[None]] = {}
        first = Once(2 * LASTS_S)
        self._logins = Logins(self._clients, url.rstrip("/") + ANSWER, self._verified, first)
        secure = url.startswith("https://")
        self._entrance = Entrance(self._logins, key, secure=secure, name=name, home=HOME, since=first.since)

    @property
    def offered(self) -> Sequence[str]:
        """Those at which one can sign in."""
        return self._logins.offered

    async def begin(self, issuer: str, then: str) -> Response:
        """Send somebody to an issuer. `Problem` 404 or 503 if that cannot be done."""
        return await self._entrance.begin(issuer, then)

    async def finish(self, request: Request) -> tuple[Came, Response]:
        """Who came back, and what leads them on. `Problem` 403 or 503 if they do not come from there."""
        return await self._entrance.finish(request)

    def known(self, issuer: str) -> IssuerSpec:
        """An issuer of the access file; `Problem` 401 for one that is in it no longer."""
        found = next((each for each in self._door.rules.issuers if each.issuer == issuer), None)
        if found is None:
            raise unauthorized("token-issuer", "who said that it is you is believed no longer")
        return found

    async def claims(self, issuer: str, token: str) -> Mapping[str, Any]:
        """What an identity token says that was given to this service. `Problem` 401 if it is not accepted any more,
        503 while the issuer's keys are not known."""
        spec = self.known(issuer)
        if spec.login is None:
            raise unauthorized("token-issuer", "nobody signs in by that issuer any more")
        keys = self._keyring(spec)
        if not keys.ready.is_set():
            await keys.refresh()
        if issuer not in self._fetching:  # a token that is held for long is checked against keys as they are then
            self._fetching[issuer] = asyncio.create_task(keys.run())
        return await checked(keys, token, spec.login.client_id)

    def _clients(self) -> list[Client]:
        return [
            Client(each.issuer, each.login.client_id, each.login.client_secret_file, each.issuer, each.ca_file)
            for each in self._door.rules.issuers
            if each.login is not None
        ]

    def _keyring(self, spec: IssuerSpec) -> Keyring:
        return self._keyrings.setdefault(spec.issuer, keyring(spec))

    async def _verified(self, given: Given) -> Came:
        issuer, client_id = given.client.issuer, given.client.client_id
        keys = self._keyring(self.known(issuer))
        try:
            claims = await keys.claims(given.token, client_id)
        except KeysMissing:
            if not await keys.refresh():
                raise
            claims = await keys.claims(given.token, client_id)
        exact(claims, client_id)
        given.check(claims)
        return Came(issuer, claims, given.token)
