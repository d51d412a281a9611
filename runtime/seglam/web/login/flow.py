"""The authorization code flow with PKCE, state and nonce (RFC 6749, 7636, 9207)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import httpx2
import jwt
from anyio import to_thread

from seglam.web.discovery import FAILURES, FETCH_S, authorities, discovered
from seglam.web.keyring import LEEWAY_S, KeysMissing, TokenRefused
from seglam.web.problems import Problem

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import AsyncOAuth2Client

LASTS_S = 600
"""Seconds that somebody may take at their issuer."""
SCOPE = "openid email"

Who = TypeVar("Who")


@dataclass(frozen=True, slots=True)
class Client:
    """A service as a client of an issuer.

    Attributes:
        issuer: exactly as its tokens say `iss`.
        client_id: the service's.
        secret_file: holds its secret; None for a public client, which PKCE protects.
        url: where the issuer's discovery document is.
        ca_file: authorities that are believed of it, instead of the system's.
    """

    issuer: str
    client_id: str
    secret_file: Path | None
    url: str
    ca_file: Path | None


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


@dataclass(frozen=True, slots=True)
class Given:
    """What an issuer gave at the end.

    Attributes:
        token: the identity token, of which nothing is checked yet.
    """

    client: Client
    token: str
    nonce: str
    access_token: str | None

    def check(self, claims: Mapping[str, Any]) -> None:
        """Whether claims whose signature, issuer, audience and time were checked are the answer to what was asked.
        `TokenRefused` if not."""
        from authlib.oidc.core import CodeIDToken
        from joserfc.errors import JoseError

        asked = {"nonce": self.nonce, "client_id": self.client.client_id, "access_token": self.access_token}
        try:
            CodeIDToken(dict(claims), jwt.get_unverified_header(self.token), params=asked).validate(leeway=LEEWAY_S)
        except JoseError as error:
            raise TokenRefused("token-invalid", f"it is no answer to what was asked: {error}") from error


Verify = Callable[[Given], Awaitable[Who]]
"""Who signed in; raises `TokenRefused`, `KeysMissing` or `Problem`."""


class Logins(Generic[Who]):
    """The issuers at which people sign in.

    Args:
        clients: the issuers, as they are now.
        redirect: the address of ours to which issuers send people back.
        verify: whom an answer names.
        first: whether a text comes for the first time, on all replicas, within twice `LASTS_S`; blocks.
    """

    def __init__(
        self,
        clients: Callable[[], Sequence[Client]],
        redirect: str,
        verify: Verify[Who],
        first: Callable[[str], bool],
    ) -> None:
        self._clients = clients
        self._redirect = redirect
        self._verify = verify
        self._first = first

    @property
    def offered(self) -> tuple[str, ...]:
        """Issuers at which one can sign in."""
        return tuple(each.issuer for each in self._clients())

    async def begin(self, issuer: str, then: str) -> tuple[str, Begun]:
        """Where to send somebody, and what to remember of it. `Problem` 404 for a strange issuer, 503 if it is down."""
        client = self._client(issuer)
        document = await _endpoints(client)
        state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
        begun = Begun(issuer, state, nonce, verifier, then)
        async with self._asking(client) as asking:
            address, _ = asking.create_authorization_url(
                document["authorization_endpoint"], state=begun.state, nonce=begun.nonce, code_verifier=begun.verifier
            )
        return str(address), begun

    async def finish(self, begun: Begun, given: Mapping[str, str]) -> Who:
        """Who came back from their issuer.

        Args:
            given: the query with which they came.

        Raises:
            Problem: 403 unless it is the issuer's answer to what was begun, and the first; 503 if it is down.
        """
        client = self._client(begun.issuer)
        if not hmac.compare_digest(given.get("state", "").encode(), begun.state.encode()):
            raise Problem(403, "login-state", "the answer is not to what was begun here; sign in anew")
        if given.get("iss", begun.issuer) != begun.issuer:
            raise Problem(403, "login-issuer", "the answer is of another issuer than the one that was asked")
        if "error" in given or not given.get("code"):
            raise Problem(403, "login-refused", f"the issuer refused: {given.get('error', 'it gave no code')[:200]}")
        if not await to_thread.run_sync(self._first, hashlib.sha256(begun.state.encode()).hexdigest()):
            raise Problem(403, "login-state", "this answer was used already; sign in anew")
        token = await self._token(client, begun, given["code"])
        try:
            return await self._verify(Given(client, token["id_token"], begun.nonce, token.get("access_token")))
        except TokenRefused as refused:
            raise Problem(403, refused.code, f"what the issuer says is not accepted: {refused}") from refused
        except KeysMissing:
            raise _down(client.issuer) from None

    async def _token(self, client: Client, begun: Begun, code: str) -> Mapping[str, Any]:
        from authlib.common.errors import AuthlibBaseError

        document = await _endpoints(client)
        try:
            async with self._asking(client) as asking:
                found = await asking.fetch_token(
                    document["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=begun.verifier,
                    redirect_uri=self._redirect,
                )
        except AuthlibBaseError as error:
            raise Problem(403, "login-refused", f"the issuer did not take the code: {str(error)[:200]}") from error
        except (httpx2.HTTPError, ValueError) as error:
            raise _down(client.issuer) from error
        if not isinstance(found, Mapping) or not isinstance(found.get("id_token"), str):
            raise Problem(403, "login-refused", "the issuer gave no identity token; its scope must be openid")
        return found

    def _asking(self, client: Client) -> AsyncOAuth2Client:
        from authlib.integrations.httpx_client import AsyncOAuth2Client

        try:
            secret = client.secret_file
            return AsyncOAuth2Client(
                client_id=client.client_id,
                client_secret=secret.read_text(encoding="ascii").strip() if secret is not None else None,
                scope=SCOPE,
                redirect_uri=self._redirect,
                code_challenge_method="S256",
                verify=authorities(client.ca_file),
                timeout=FETCH_S,
            )
        except (OSError, UnicodeDecodeError, ssl.SSLError) as error:
            raise _down(client.issuer) from error

    def _client(self, issuer: str) -> Client:
        for each in self._clients():
            if each.issuer == issuer:
                return each
        raise Problem(404, "http", "nobody signs in by that issuer here")


def exact(claims: Mapping[str, Any], audience: str) -> None:
    """`TokenRefused` for a token with other audiences beside one: each could bring it here in its holder's name."""
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if audiences != [audience]:
        raise TokenRefused("token-audience", f"the token has other audiences beside {audience!r}; ask for one only")


async def _endpoints(client: Client) -> Mapping[str, str]:
    try:
        return await discovered(client.issuer, client.url, client.ca_file, "authorization_endpoint", "token_endpoint")
    except FAILURES as error:
        raise _down(client.issuer) from error


def _down(issuer: str) -> Problem:
    return Problem(503, "login-unavailable", f"{issuer} cannot be asked now", headers={"Retry-After": "5"})
