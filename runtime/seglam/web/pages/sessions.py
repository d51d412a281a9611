"""Who looks at a page: a signed cookie, and what proves that a form came from a page of ours."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from seglam.web.once import Once
from seglam.web.problems import Problem

LASTS_S = 8 * 3600
MOST_COOKIE = 4000
"""Bytes of a cookie that every browser keeps, its name included."""
KEY_BYTES = 32
TOKEN_LASTS_S = 600
MAX_FORM = 128 * 1024
_FIELD = "csrf"
_HEADER = "x-csrf-token"


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in.

    Attributes:
        user: under which decisions are recorded.
        tenant: whose procedures are shown.
        csrf: what each form of this session holds.
        issuer, account: who said that it is this user, and its own id of the account; empty where names are stated.
        held: what else the service needs to know of them, so small that a cookie holds it.
    """

    user: str
    tenant: str
    csrf: str
    issuer: str = ""
    account: str = ""
    held: Mapping[str, Any] = field(default_factory=dict)


class Sessions:
    """Sessions in signed cookies, so that every replica that has the key knows them.

    Args:
        key: at least 32 random bytes; a new one ends all sessions.
        secure: whether pages are reached over TLS. The cookie then has the `__Host-` prefix, which no other name of
            the domain can set.
        name: of the cookie; a session of another name is another service's, also with the same key.
    """

    def __init__(self, key: bytes, *, secure: bool, name: str = "seglam") -> None:
        if len(key) < KEY_BYTES:
            raise ValueError(f"a key of sessions has at least {KEY_BYTES} bytes")
        self._signer = URLSafeTimedSerializer(
            key, salt=f"{name}.session", signer_kwargs={"digest_method": hashlib.sha256}
        )
        self._secure = secure
        self.cookie = f"__Host-{name}" if secure else name

    def begin(
        self,
        response: Response,
        user: str,
        tenant: str,
        *,
        issuer: str = "",
        account: str = "",
        held: Mapping[str, Any] | None = None,
        lasts_s: int = LASTS_S,
    ) -> None:
        """Sign somebody in. Every beginning has a new cookie and a new token for forms.

        Args:
            lasts_s: after which browsers forget the cookie, if that is before a session's usual end.

        Raises:
            Problem: 400 for what no browser would keep.
        """
        csrf = secrets.token_urlsafe(24)
        content = {"user": user, "tenant": tenant, "csrf": csrf, "issuer": issuer, "account": account}
        value = self._signer.dumps({**content, "held": dict(held or {})})
        if len(self.cookie) + len(value) > MOST_COOKIE:
            raise Problem(400, "token-too-large", "what proves who you are is larger than a browser keeps for a site")
        # Lax: a link from elsewhere finds its reader signed in, while no other site's form carries the cookie.
        response.set_cookie(
            self.cookie,
            value,
            max_age=min(lasts_s, LASTS_S),
            httponly=True,
            samesite="lax",
            secure=self._secure,
            path="/",
        )

    def end(self, response: Response) -> None:
        """Sign somebody out."""
        response.delete_cookie(self.cookie, httponly=True, samesite="lax", secure=self._secure, path="/")

    def of(self, request: Request) -> Session | None:
        """Who sent a request; None for nobody, and for a cookie that is too old or not of this key."""
        value = request.cookies.get(self.cookie)
        if value is None:
            return None
        try:
            held = self._signer.loads(value, max_age=LASTS_S)
        except BadSignature:
            return None
        return Session(**held)


async def form_of(request: Request, session: Session) -> FormData:
    """The form that a page of this session sent.

    Raises:
        Problem: 403 if the form is not from a page of this session, 413 if it is too large, 415 for another type.
    """
    form = await plain_form(request)
    given = form.get(_FIELD) or request.headers.get(_HEADER) or ""
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), session.csrf.encode()):
        raise Problem(403, "form-not-ours", "the form is not from a page of this session; load the page again")
    return form


async def plain_form(request: Request) -> FormData:
    """A form that changes nothing, so that no session is needed for it.

    Raises:
        Problem: 403 if another site's page sent it, 413 if it is too large, 415 for another type.
    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/x-www-form-urlencoded":
        raise Problem(
            415, "media-type", f"a form is sent as application/x-www-form-urlencoded, not {media or 'nothing'}"
        )
    same_site(request.headers)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            raise Problem(413, "body-too-large", f"the form is larger than {MAX_FORM} bytes")
    request._body = bytes(body)  # what form() reads, since the stream can be read once only
    return await request.form()


def same_site(headers: Mapping[str, str]) -> None:
    """`Problem` 403 for a request that a browser says another site's page caused."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Problem(403, "cross-site", "the request was caused by a page of another site")


class LocalTokens:
    """One-time tokens for whoever may read the key's file on this machine; each signs somebody in once.

    Any process that has the key makes them; the one that serves the pages remembers which were used, and takes none
    that is older than itself, since what an earlier process took is not known.

    Args:
        clock: seconds since the epoch.
    """

    def __init__(self, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._signer = URLSafeTimedSerializer(key, salt="seglam.token", signer_kwargs={"digest_method": hashlib.sha256})
        self._once = Once(TOKEN_LASTS_S + 1, clock)

    def new(self) -> str:
        """A token that is good once, for ten minutes."""
        return str(self._signer.dumps(secrets.token_urlsafe(16)))

    def take(self, token: str) -> bool:
        """Use a token up; False if it is none, was used or is too old."""
        try:
            nonce, made = self._signer.loads(token, max_age=TOKEN_LASTS_S, return_timestamp=True)
        except BadSignature:
            return False
        return made.timestamp() >= self._once.since and self._once(nonce)


def key_in(file: Path) -> bytes:
    """The key in a file that only its owner may read; made where there is none. `OSError` if neither works."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = file.read_bytes()
        if len(key) < KEY_BYTES:  # a process was killed between making and writing it
            raise OSError(f"{file} is too short for a key; remove it, and a new one is made") from None
        return key
    with os.fdopen(handle, "wb") as opened:
        opened.write(secrets.token_bytes(KEY_BYTES))
    return file.read_bytes()
