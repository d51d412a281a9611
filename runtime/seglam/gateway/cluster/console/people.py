"""Who looks at the console of a cluster: people with a token, which the gateway and the API server both check."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jwt
from starlette.requests import Request
from starlette.responses import Response

from seglam.gateway.access import Caller, Scope
from seglam.gateway.access.door import Door, unauthorized
from seglam.gateway.access.keys import PREFIX
from seglam.gateway.cluster.console.asking import Asking, Person
from seglam.gateway.cluster.reviews import whoami
from seglam.gateway.pages.issuers import Issuers
from seglam.gateway.pages.people import NAME, Wanted, moved
from seglam.web import Problem
from seglam.web.pages import Session, Sessions
from seglam.web.pages.sealed import Sealed

BY_TOKEN = "token"
"""The issuer of a session that began with a token; else it is the one at which somebody signed in."""


@dataclass(frozen=True, slots=True)
class _Bearer:
    """`Authorization` as the API gets it."""

    token: str

    def get(self, name: str) -> str | None:
        return f"Bearer {self.token}" if name == "authorization" else None


class Bearers:
    """People with a token. It is checked anew for each page, at the gateway as at its API; a session is that token,
    which only the gateway reads in its cookie, and never lasts longer.

    Args:
        door: the API's.
        asking: tells their names.
        key: of sessions; all replicas have the same.
        url: where browsers reach this gateway.
    """

    wanted: Wanted = "token"

    def __init__(self, door: Door, asking: Asking, key: bytes, url: str) -> None:
        self.sessions = Sessions(key, secure=url.startswith("https://"), name=NAME)
        self._door = door
        self._asking = asking
        self._sealed = Sealed(key, NAME)
        self._issuers = Issuers(door, key, url, name=NAME)

    @property
    def issuers(self) -> Sequence[str]:
        """See `People`."""
        return self._issuers.offered

    async def enter(self, response: Response, given: Mapping[str, str]) -> None:
        """See `People`."""
        token = given.get("token", "").strip()
        if not token or token.startswith(PREFIX):
            raise Problem(400, "bad-request", "give a token that the API server accepts as well; an API key is none")
        await self._begin(response, BY_TOKEN, token)

    async def leave(self, issuer: str, then: str) -> Response:
        """See `People`."""
        return await self._issuers.begin(issuer, then)

    async def back(self, request: Request) -> Response:
        """See `People`."""
        came, response = await self._issuers.finish(request)
        await self._begin(response, came.issuer, came.token)
        return response

    async def caller(self, session: Session) -> Person:
        """See `People`."""
        token = self._sealed.open(str(session.held.get("token", "")))
        if token is None:
            raise unauthorized("token-invalid", "this session has no token; sign in again")
        found = await self._known(session.issuer, token)
        if found.tenant != session.tenant:
            raise moved()
        # Whether they may decide is for the API server, which is asked in their name.
        return Person(found.tenant, session.user, found.scopes | {Scope.REVIEW}, found.limits, token)

    async def _begin(self, response: Response, issuer: str, token: str) -> None:
        found = await self._known(issuer, token)
        try:
            async with self._asking.by(token) as client:
                name = await whoami(client)
        except Problem as problem:
            if problem.status != 401:
                raise
            words = (
                "the gateway accepts this token, the API server does not: it needs both audiences, as "
                "`kubectl create token` gives it with --audience twice; an issuer must be one of the API server's"
            )
            raise Problem(403, "token-audience", words) from problem
        held = {"token": self._sealed.seal(token)}
        self.sessions.begin(response, name, found.tenant, issuer=issuer, held=held, lasts_s=_left(token))

    async def _known(self, issuer: str, token: str) -> Caller:
        if issuer == BY_TOKEN:
            return await self._door(_Bearer(token))
        return self._door.member(await self._issuers.claims(issuer, token), issuer)


def _left(token: str) -> int:
    """Seconds that a token lives, which was checked before."""
    until = jwt.decode(token, options={"verify_signature": False})["exp"]
    return max(int(until - time.time()), 0)
