"""Signing people in by OpenID Connect: the authorization code flow with PKCE, state and nonce (RFC 6749, 7636, 9207).

Who comes out is the same identity that an identity token of theirs has at the API, by the same rules for its issuer.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import ssl
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx2
from anyio import to_thread
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from seglam.registry.access.issuers import FETCH_S, Issuers, IssuerSpec, Verified, authorities, discovered
from seglam.registry.database import Database
from seglam.registry.tables import UsedTokenRow, stamp
from seglam.web import Problem
from seglam.web.keyring import KeysMissing, TokenRefused

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import AsyncOAuth2Client

LASTS_S = 600
"""Seconds that somebody may take at their issuer."""
SCOPE = "openid email"
USED = "login"


@dataclass(frozen=True, slots=True)
class Begun:
    """What is remembered by whoever signs in while they are at their issuer.

    Attributes:
        then: where they want to go.
    """

    issuer: str
    state: str
    nonce: str
    verifier: str
    then: str

    def document(self) -> dict[str, str]:
        """As a cookie keeps it."""
        return asdict(self)


class Logins:
    """The issuers at which people sign in.

    Args:
        redirect: the address of ours to which issuers send people back.
    """

    def __init__(self, issuers: Issuers, database: Database, redirect: str) -> None:
        self._issuers = issuers
        self._database = database
        self._redirect = redirect

    @property
    def offered(self) -> tuple[str, ...]:
        """Issuers at which one can sign in."""
        return tuple(spec.issuer for spec in self._issuers.specs if spec.login is not None)

    async def begin(self, issuer: str, then: str) -> tuple[str, Begun]:
        """Where to send somebody, and what to remember of it. `Problem` 404 for a strange issuer, 503 if it is down."""
        spec = self._spec(issuer)
        document = await _endpoints(spec)
        state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
        begun = Begun(issuer, state, nonce, verifier, then)
        async with self._client(spec) as client:
            address, _ = client.create_authorization_url(
                document["authorization_endpoint"], state=begun.state, nonce=begun.nonce, code_verifier=begun.verifier
            )
        return str(address), begun

    async def finish(self, begun: Begun, given: Mapping[str, str]) -> Verified:
        """Who came back from their issuer.

        Args:
            given: the query with which they came.

        Raises:
            Problem: 403 unless it is the issuer's answer to what was begun, and the first; 503 if it is down.
        """
        spec = self._spec(begun.issuer)
        if not hmac.compare_digest(given.get("state", "").encode(), begun.state.encode()):
            raise Problem(403, "login-state", "the answer is not to what was begun here; sign in anew")
        if given.get("iss", begun.issuer) != begun.issuer:
            raise Problem(403, "login-issuer", "the answer is of another issuer than the one that was asked")
        if "error" in given or not given.get("code"):
            raise Problem(403, "login-refused", f"the issuer refused: {given.get('error', 'it gave no code')[:200]}")
        if not await to_thread.run_sync(self._first, begun):
            raise Problem(403, "login-state", "this answer was used already; sign in anew")
        token = await self._token(spec, begun, given["code"])
        try:
            return await self._issuers.signed_in(spec, token["id_token"], begun.nonce, token.get("access_token"))
        except TokenRefused as refused:
            raise Problem(403, refused.code, f"what the issuer says is not accepted: {refused}") from refused
        except KeysMissing:
            raise _down(spec.issuer) from None

    async def _token(self, spec: IssuerSpec, begun: Begun, code: str) -> Mapping[str, Any]:
        from authlib.common.errors import AuthlibBaseError

        document = await _endpoints(spec)
        try:
            async with self._client(spec) as client:
                found = await client.fetch_token(
                    document["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=begun.verifier,
                    redirect_uri=self._redirect,
                )
        except AuthlibBaseError as error:
            raise Problem(403, "login-refused", f"the issuer did not take the code: {str(error)[:200]}") from error
        except (httpx2.HTTPError, ValueError) as error:
            raise _down(spec.issuer) from error
        if not isinstance(found, Mapping) or not isinstance(found.get("id_token"), str):
            raise Problem(403, "login-refused", "the issuer gave no identity token; its scope must be openid")
        return found

    def _client(self, spec: IssuerSpec) -> AsyncOAuth2Client:
        from authlib.integrations.httpx_client import AsyncOAuth2Client

        assert spec.login is not None
        try:
            secret = spec.login.client_secret_file
            return AsyncOAuth2Client(
                client_id=spec.login.client_id,
                client_secret=secret.read_text(encoding="ascii").strip() if secret is not None else None,
                scope=SCOPE,
                redirect_uri=self._redirect,
                code_challenge_method="S256",
                verify=authorities(spec),
                timeout=FETCH_S,
            )
        except (OSError, UnicodeDecodeError, ssl.SSLError) as error:
            raise _down(spec.issuer) from error

    def _spec(self, issuer: str) -> IssuerSpec:
        for spec in self._issuers.specs:
            if spec.issuer == issuer and spec.login is not None:
                return spec
        raise Problem(404, "http", "nobody signs in by that issuer here")

    def _first(self, begun: Begun) -> bool:
        """Whether this is the first answer to it, on all replicas; blocks."""
        use = hashlib.sha256(begun.state.encode()).hexdigest()
        until = stamp(datetime.fromtimestamp(time.time() + 2 * LASTS_S, UTC))

        def write(session: Session) -> bool:
            try:
                with session.begin_nested():
                    session.add(UsedTokenRow(issuer=USED, jti=use, expires=until))
            except IntegrityError:
                return False
            return True

        return self._database.transact(write)


async def _endpoints(spec: IssuerSpec) -> Mapping[str, str]:
    """The issuer's addresses for signing in; each is https, or lies at the issuer itself."""
    try:
        return await discovered(spec, "authorization_endpoint", "token_endpoint")
    except (httpx2.HTTPError, OSError, ValueError, KeyError, TypeError, ssl.SSLError) as error:
        raise _down(spec.issuer) from error


def _down(issuer: str) -> Problem:
    return Problem(503, "login-unavailable", f"{issuer} cannot be asked now", headers={"Retry-After": "5"})
