"""Signing in to the marketplace."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from seglam.registry.access.issuers import Verified
from seglam.web.login.entrance import Entrance
from seglam.web.login.flow import Logins
from seglam.web.pages import Sessions

HOME = "/marketplace"
LOGIN = HOME + "/login"
ANSWER = LOGIN + "/answer"
NAME = "seglam-marketplace"


class MemberEntrance(Entrance[Verified]):
    """Where members sign in.

    Args:
        key: of sessions.
        secure: whether pages are reached over TLS.
    """

    def __init__(self, logins: Logins[Verified], key: bytes, *, secure: bool) -> None:
        super().__init__(logins, key, secure=secure, name=NAME, home=HOME)
        self.sessions = Sessions(key, secure=secure, name=NAME)

    async def answered(self, request: Request) -> Response:
        """Sign in who came back. `Problem` 403 unless they left from here, and lately."""
        who, response = await self.finish(request)
        self.sessions.begin(response, who.identity.subject, "", issuer=who.identity.issuer, account=who.account or "")
        return response
