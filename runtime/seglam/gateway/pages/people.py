"""Who looks at the console, and what they may do there: what a request of theirs may do at the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from seglam.gateway.access.caller import ALL, Caller
from seglam.gateway.access.door import Door, unauthorized
from seglam.gateway.pages.issuers import HOME, Issuers
from seglam.web import Problem
from seglam.web.pages import LocalTokens, Session, Sessions

ENTER = HOME + "/enter"
NAME = "seglam-console"
BY_KEY = "key"
"""The issuer of a session that began with an API key; `account` is the key's id."""
MAX_NAME = 200
MAX_KEY = 200


Wanted = Literal["name", "key", "token"]
Who = TypeVar("Who", bound=Caller, covariant=True)


class People(Protocol[Who]):
    """Who may look, and how they show that."""

    @property
    def sessions(self) -> Sessions:
        """Their sessions."""

    @property
    def wanted(self) -> Wanted:
        """What they give: a name, with a token of this machine, or what proves who they are."""

    @property
    def issuers(self) -> Sequence[str]:
        """Where they may sign in instead of giving something."""

    async def enter(self, response: Response, given: Mapping[str, str]) -> None:
        """Begin a session by what a form gave. `Problem` 400, 401, 403 or 503 if that does not do."""

    async def leave(self, issuer: str, then: str) -> Response:
        """Send somebody to an issuer. `Problem` 404 or 503 if that cannot be done."""

    async def back(self, request: Request) -> Response:
        """Sign in who came back from an issuer. `Problem` 403 or 503 if that does not do."""

    async def caller(self, session: Session) -> Who:
        """Who it is at the API, as things are now. `Problem` 401, 403 or 429 where the API would refuse them."""


class Neighbours:
    """People at this machine, who state their names: whoever may read the key's file may do everything.

    Args:
        tenant: whose procedures they see.
    """

    wanted: Wanted = "name"
    issuers: Sequence[str] = ()

    def __init__(self, sessions: Sessions, tokens: LocalTokens, *, tenant: str = "default") -> None:
        self.sessions = sessions
        self._tokens = tokens
        self._tenant = tenant

    async def enter(self, response: Response, given: Mapping[str, str]) -> None:
        """See `People`."""
        name = given.get("name", "").strip()
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise Problem(400, "bad-request", f"give a name of 1 to {MAX_NAME} printable characters")
        if not self._tokens.take(given.get("token", "").strip()):
            words = "this token was used already or is too old; `seglam console` prints another"
            raise Problem(403, "token-invalid", words)
        self.sessions.begin(response, name, self._tenant)

    async def leave(self, issuer: str, then: str) -> Response:
        """See `People`."""
        raise _nobody()

    async def back(self, request: Request) -> Response:
        """See `People`."""
        raise _nobody()

    async def caller(self, session: Session) -> Caller:
        """See `People`."""
        if session.issuer:
            raise unauthorized("token-invalid", "this session is of a time when access was by key; sign in again")
        return Caller(session.tenant, session.user, ALL)


class Members:
    """People with an API key, or whom an issuer of the access file knows. What is revoked or mapped to another tenant
    ends at once.

    Args:
        door: the API's.
        key: of sessions.
        url: where browsers reach this service.
    """

    wanted: Wanted = "key"

    def __init__(self, door: Door, key: bytes, url: str) -> None:
        self.sessions = Sessions(key, secure=url.startswith("https://"), name=NAME)
        self._door = door
        self._issuers = Issuers(door, key, url, name=NAME)

    @property
    def issuers(self) -> Sequence[str]:
        """See `People`."""
        return self._issuers.offered

    async def enter(self, response: Response, given: Mapping[str, str]) -> None:
        """See `People`."""
        key = self._door.entering(given.get("key", "").strip()[:MAX_KEY])
        self.sessions.begin(response, key.owner, key.tenant, issuer=BY_KEY, account=key.id)

    async def leave(self, issuer: str, then: str) -> Response:
        """See `People`."""
        return await self._issuers.begin(issuer, then)

    async def back(self, request: Request) -> Response:
        """See `People`."""
        came, response = await self._issuers.finish(request)
        held = self._door.rules.kept(came.claims, came.issuer)
        who = self._door.member(held, came.issuer)
        self.sessions.begin(response, who.requester, who.tenant, issuer=came.issuer, held=held)
        return response

    async def caller(self, session: Session) -> Caller:
        """See `People`."""
        if not session.issuer:
            raise unauthorized("token-invalid", "this session is of a time when names were stated; sign in again")
        if session.issuer == BY_KEY:
            found = self._door.holder(session.account)
        else:
            found = self._door.member(session.held, self._issuers.known(session.issuer).issuer)
        if (found.tenant, found.requester) != (session.tenant, session.user):
            raise moved()
        return found


def moved() -> Problem:
    """Who signed in as somebody else than they are now."""
    return unauthorized("token-invalid", "you belong to another tenant now; sign in again")


def _nobody() -> Problem:
    return Problem(404, "http", "nobody signs in by an issuer here")
