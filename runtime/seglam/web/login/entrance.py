"""What a browser brings back from its issuer: a cookie of its own, signed, that ends with the answer."""

from __future__ import annotations

import hashlib
from typing import Generic, TypeVar

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from seglam.web.login.flow import LASTS_S, Begun, Logins
from seglam.web.pages.rendering import HEADERS, is_local, redirect
from seglam.web.problems import Problem

Who = TypeVar("Who")


class Entrance(Generic[Who]):
    """The way to an issuer and back.

    Args:
        key: signs what is remembered.
        secure: whether pages are reached over TLS.
        name: of the service, for the cookie.
        home: where one goes who wanted to go nowhere in particular.
        since: seconds since the epoch; what was begun before is not taken. For a process that forgets what it took
            when it ends.
    """

    def __init__(
        self, logins: Logins[Who], key: bytes, *, secure: bool, name: str, home: str, since: float = 0.0
    ) -> None:
        self.logins = logins
        self._secure = secure
        self._home = home
        self._since = int(since)
        self._signer = URLSafeTimedSerializer(
            key, salt=f"{name}.login", signer_kwargs={"digest_method": hashlib.sha256}
        )
        self._cookie = f"__Host-{name}-login" if secure else f"{name}-login"

    async def begin(self, issuer: str, then: str) -> Response:
        """Send somebody to an issuer.

        Args:
            then: the page of ours that they want to see afterwards.
        """
        address, begun = await self.logins.begin(issuer, then if then and is_local(then) else self._home)
        response = RedirectResponse(address, 303, HEADERS)
        value = self._signer.dumps(begun.document())
        # Lax, since the way back begins at the issuer's site.
        response.set_cookie(
            self._cookie, value, max_age=LASTS_S, httponly=True, samesite="lax", secure=self._secure, path="/"
        )
        return response

    async def finish(self, request: Request) -> tuple[Who, Response]:
        """Who came back, and what leads them on. `Problem` 403 unless they left from here, and lately."""
        try:
            held, made = self._signer.loads(
                request.cookies.get(self._cookie, ""), max_age=LASTS_S, return_timestamp=True
            )
        except BadSignature:
            raise _unknown() from None
        if made.timestamp() < self._since:
            raise _unknown()
        begun = Begun(**held)
        who = await self.logins.finish(begun, dict(request.query_params))
        response: Response = redirect(begun.then)
        response.delete_cookie(self._cookie, httponly=True, samesite="lax", secure=self._secure, path="/")
        return who, response


def _unknown() -> Problem:
    words = "nobody left here to sign in with this browser in the last ten minutes; sign in anew"
    return Problem(403, "login-state", words)
