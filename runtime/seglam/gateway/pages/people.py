"""Who looks at the console, and what they may do there: what a request of theirs may do at the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from seglam.gateway.access.caller import ALL, Caller
from seglam.gateway.access.door import Door, unauthorized
from seglam.gateway.access.issuers import keyring
from seglam.web import Problem
from seglam.web.keyring import Keyring, KeysMissing
from seglam.web.login.entrance import Entrance
from seglam.web.login.flow import LASTS_S, Client, Given, Logins, exact
from seglam.web.once import Once
from seglam.web.pages import LocalTokens, Session, Sessions

HOME = "/console"
ENTER = HOME + "/enter"
LOGIN = HOME + "/login"
ANSWER = LOGIN + "/answer"
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


@dataclass(frozen=True, slots=True)
class _Member:
    """Who came back from an issuer, with what their grant depends on."""

    caller: Caller
    issuer: str
    held: Mapping[str, Any]


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
        secure = url.startswith("https://")
        self.sessions = Sessions(key, secure=secure, name=NAME)
        self._door = door
        self._keyrings: dict[str, Keyring] = {}
        first = Once(2 * LASTS_S)
        logins = Logins(self._clients, url.rstrip("/") + ANSWER, self._verified, first)
        self._entrance = Entrance(logins, key, secure=secure, name=NAME, home=HOME, since=first.since)

    @property
    def issuers(self) -> Sequence[str]:
        """See `People`."""
        return self._entrance.logins.offered

    async def enter(self, response: Response, given: Mapping[str, str]) -> None:
        """See `People`."""
        key = self._door.entering(given.get("key", "").strip()[:MAX_KEY])
        self.sessions.begin(response, key.owner, key.tenant, issuer=BY_KEY, account=key.id)

    async def leave(self, issuer: str, then: str) -> Response:
        """See `People`."""
        return await self._entrance.begin(issuer, then)

    async def back(self, request: Request) -> Response:
        """See `People`."""
        who, response = await self._entrance.finish(request)
        self.sessions.begin(response, who.caller.requester, who.caller.tenant, issuer=who.issuer, held=who.held)
        return response

    async def caller(self, session: Session) -> Caller:
        """See `People`."""
        if not session.issuer:
            raise unauthorized("token-invalid", "this session is of a time when names were stated; sign in again")
        if session.issuer == BY_KEY:
            found = self._door.holder(session.account)
        elif session.issuer not in {each.issuer for each in self._door.rules.issuers}:
            raise unauthorized("token-issuer", "who said that it is you is believed no longer")
        else:
            found = self._door.member(session.held, session.issuer)
        if (found.tenant, found.requester) != (session.tenant, session.user):
            raise unauthorized("token-invalid", "you belong to another tenant now; sign in again")
        return found

    def _clients(self) -> list[Client]:
        return [
            Client(each.issuer, each.login.client_id, each.login.client_secret_file, each.issuer, each.ca_file)
            for each in self._door.rules.issuers
            if each.login is not None
        ]

    async def _verified(self, given: Given) -> _Member:
        issuer, client_id = given.client.issuer, given.client.client_id
        spec = next(each for each in self._door.rules.issuers if each.issuer == issuer)
        known = self._keyrings.setdefault(issuer, keyring(spec))
        try:
            claims = await known.claims(given.token, client_id)
        except KeysMissing:
            if not await known.refresh():
                raise
            claims = await known.claims(given.token, client_id)
        exact(claims, client_id)
        given.check(claims)
        held = self._door.rules.kept(claims, issuer)
        return _Member(self._door.member(held, issuer), issuer, held)


def _nobody() -> Problem:
    return Problem(404, "http", "nobody signs in by an issuer here")
