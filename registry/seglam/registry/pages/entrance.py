"""Signing in to the marketplace: the way to an issuer and back."""

from __future__ import annotations

import hashlib

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from seglam.registry.access.login import LASTS_S, Begun, Logins
from seglam.web import Problem
from seglam.web.pages import Sessions
from seglam.web.pages.rendering import HEADERS, redirect

HOME = "/marketplace"
LOGIN = HOME + "/login"
ANSWER = LOGIN + "/answer"
NAME = "seglam-marketplace"


class Entrance:
    """Where members sign in.

    What is remembered of whoever is at their issuer is a cookie of theirs, signed, and ends with the answer.

    Args:
        key: of sessions.
        secure: whether pages are reached over TLS.
    """

    def __init__(self, logins: Logins, key: bytes, *, secure: bool) -> None:
        self.logins = logins
        self.sessions = Sessions(key, secure=secure, name=NAME)
        self._secure = secure
        self._signer = URLSafeTimedSerializer(
            key, salt=f"{NAME}.login", signer_kwargs={"digest_method": hashlib.sha256}
        )
        self._cookie = f"__Host-{NAME}-login" if secure else f"{NAME}-login"

    async def begin(self, issuer: str, then: str) -> Response:
        """Send somebody to an issuer.

        Args:
            then: the page of ours that they want to see afterwards.
        """
        address, begun = await self.logins.begin(issuer, then)
        response = RedirectResponse(address, 303, HEADERS)
        value = self._signer.dumps(begun.document())
        # Lax, since the way back begins at the issuer's site.
        response.set_cookie(
            self._cookie, value, max_age=LASTS_S, httponly=True, samesite="lax", secure=self._secure, path="/"
        )
        return response

    async def finish(self, request: Request) -> Response:
        """Sign in who came back. `Problem` 403 unless they left from here, and lately."""
        try:
            held = self._signer.loads(request.cookies.get(self._cookie, ""), max_age=LASTS_S)
        except BadSignature:
            words = "nobody left here to sign in with this browser in the last ten minutes; sign in anew"
            raise Problem(403, "login-state", words) from None
        begun = Begun(**held)
        who = await self.logins.finish(begun, dict(request.query_params))
        response = redirect(begun.then)
        response.delete_cookie(self._cookie, httponly=True, samesite="lax", secure=self._secure, path="/")
        self.sessions.begin(response, who.identity.subject, "", issuer=who.identity.issuer, account=who.account or "")
        return response
