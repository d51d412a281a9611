"""HTTP as a client of registries needs it: capped answers, one origin, retries, and the registry's own challenge."""

from __future__ import annotations

import base64
import email.utils
import re
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import httpx2

from seglam.packs import strictjson
from seglam.packs.network import PublicTransport
from seglam.packs.problems import PackInvalid, TransportError

_PASSING = frozenset({429, 502, 503, 504})
_MAX_REDIRECTS = 3
_MAX_WAIT = 10.0
_MAX_ERROR_BYTES = 16 * 1024
_MAX_TOKEN_BYTES = 64 * 1024
_HOST = re.compile(r"[A-Za-z0-9.-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_CHALLENGE = re.compile(r"\s*(?P<scheme>[A-Za-z]+)(?:\s+(?P<parameters>.*))?", re.DOTALL)
_PARAMETER = re.compile(r'\s*([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)')


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, read whole."""

    status: int
    headers: httpx2.Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Settings:
    """How a registry is talked to; see `OciClient`."""

    token: str | None = None
    credentials: tuple[str, str] | None = None
    public_only: bool = False
    timeout: float = 30.0
    total: float = 600.0
    attempts: int = 3
    ca: str | None = None


class Transport:
    """Requests to one registry. Safe to share between threads."""

    def __init__(self, base_url: str, settings: Settings) -> None:
        self.base = _base(base_url)
        self._settings = settings
        self._verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=settings.ca) if settings.ca else True
        self._client = self._make(public=settings.public_only)
        self._granted: dict[str, str] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, target: str, limit: int, *, accept: str = "*/*", scope: str = "") -> Answer:
        """GET; tried again after a fault that may pass. Statuses from 400 on are returned, not raised."""
        return self.request("GET", target, limit=limit, headers={"Accept": accept}, scope=scope, again=True)

    def request(
        self,
        method: str,
        target: str,
        *,
        limit: int,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        scope: str = "",
        again: bool = False,
    ) -> Answer:
        """One request to a path of the registry, or to an address of the same origin.

        Args:
            limit: bytes of the answer that are read; more is an error.
            scope: what a token must allow, in the registry's words.
            again: whether the call may be repeated.

        Raises:
            TransportError: no answer, one that is too large, or a redirect elsewhere.
        """
        url = self.local(target)
        attempts = self._settings.attempts if again else 1
        for attempt in range(1, attempts + 1):
            try:
                answer = self._authorised(method, url, limit, dict(headers or {}), body, scope)
            except TransportError as error:
                if not error.retriable or attempt == attempts:
                    raise
                _pause(attempt, None)
                continue
            if answer.status not in _PASSING or attempt == attempts:
                return answer
            _pause(attempt, answer.headers.get("Retry-After"))
        raise AssertionError("at least one attempt is made")

    def local(self, target: str, base: httpx2.URL | None = None) -> httpx2.URL:
        """The address of `target` as seen from `base`, which must be of this registry's origin.

        Raises:
            TransportError: `redirect`: it is elsewhere.
        """
        try:
            url = (base or self.base).join(target)
        except (httpx2.InvalidURL, ValueError):
            raise TransportError("redirect", f"{self.base.host} names an address that is none") from None
        if _origin(url) != _origin(self.base) or url.userinfo:
            raise TransportError("redirect", f"{self.base.host} points elsewhere, to {url.host}; that is not followed")
        return url

    def _authorised(
        self, method: str, url: httpx2.URL, limit: int, headers: dict[str, str], body: bytes | None, scope: str
    ) -> Answer:
        """With what the registry asked for the last time; a new challenge is answered once."""
        known = f"Bearer {self._settings.token}" if self._settings.token else self._granted.get(scope)
        given = {**headers, "Authorization": known} if known else headers
        answer = self._followed(method, url, limit, given, body)
        if answer.status != 401 or self._settings.token:
            return answer
        granted = self._grant(answer.headers.get_list("WWW-Authenticate"), scope)
        if granted is None:
            return answer
        with self._lock:
            self._granted[scope] = granted
        return self._followed(method, url, limit, {**headers, "Authorization": granted}, body)

    def _followed(
        self, method: str, url: httpx2.URL, limit: int, headers: dict[str, str], body: bytes | None
    ) -> Answer:
        for _ in range(_MAX_REDIRECTS + 1):
            answer = self._exchange(self._client, method, url, limit, headers, body)
            if answer.status not in (301, 302, 303, 307, 308):
                return answer
            if method not in ("GET", "HEAD"):
                raise TransportError("redirect", f"{url.host} redirects a {method}; that is not followed")
            url = self.local(answer.headers.get("Location", ""), url)
        raise TransportError("redirect", f"{url.host} redirects more than {_MAX_REDIRECTS} times")

    def _exchange(
        self,
        client: httpx2.Client,
        method: str,
        url: httpx2.URL,
        limit: int,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Answer:
        # A compressed answer could be a bomb, and digests are of the plain bytes.
        sent = {"Accept-Encoding": "identity", **headers}
        deadline = time.monotonic() + self._settings.total
        try:
            with client.stream(method, url, headers=sent, content=body) as response:
                if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                    raise TransportError("encoding", f"{url.host} compresses its answer, which was not asked for")
                room = limit if response.status_code < 400 else min(limit, _MAX_ERROR_BYTES)
                data = bytearray()
                for chunk in response.iter_raw(64 * 1024):
                    data += chunk
                    if len(data) > room:
                        if response.status_code < 400:
                            raise TransportError("too-large", f"{url.host} answers with more than {limit} bytes")
                        break
                    if time.monotonic() > deadline:
                        raise TransportError("timeout", f"{url.host} took too long for one answer", retriable=True)
                return Answer(response.status_code, response.headers, bytes(data))
        except httpx2.TimeoutException:
            raise TransportError("timeout", f"{url.host} did not answer in time", retriable=True) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, ssl.SSLError) as error:
            words = str(error) or type(error).__name__
            raise TransportError("unreachable", f"{url.host} could not be asked: {words}", retriable=True) from None

    def _grant(self, challenges: list[str], scope: str) -> str | None:
        """What to send as Authorization, after the registry asked for it; None if there is nothing to send."""
        for text in challenges:
            found = _CHALLENGE.fullmatch(text)
            scheme = found["scheme"].lower() if found else ""
            if scheme == "basic" and self._settings.credentials:
                return _basic(self._settings.credentials)
            if found and scheme == "bearer":
                return "Bearer " + self._fetch_token(_parameters(found["parameters"] or ""), scope)
        return None

    def _fetch_token(self, parameters: Mapping[str, str], scope: str) -> str:
        """Ask the token service that the registry names (distribution, "Token Authentication Specification").

        The registry chooses that address, so it must be the registry's own origin, or https at a public address.
        Otherwise a registry could make this machine ask its neighbours and hand over what they answer as a token.
        """
        try:
            realm = httpx2.URL(parameters.get("realm", ""))
        except httpx2.InvalidURL:
            realm = httpx2.URL("")
        if not realm.host or realm.userinfo:
            raise TransportError("challenge", f"{self.base.host} names no token service", status=401)
        query = {"scope": parameters.get("scope", scope), "service": parameters.get("service", "")}
        url = realm.copy_merge_params({key: value for key, value in query.items() if value})
        headers = {"Accept": "application/json"}
        if self._settings.credentials:
            headers["Authorization"] = _basic(self._settings.credentials)
        if _origin(url) == _origin(self.base):
            answer = self._exchange(self._client, "GET", url, _MAX_TOKEN_BYTES, headers, None)
        else:
            with self._make(public=True) as client:
                answer = self._exchange(client, "GET", url, _MAX_TOKEN_BYTES, headers, None)
        if answer.status != 200:
            raise TransportError("denied", f"{url.host} gives no token ({answer.status})", status=answer.status)
        try:
            value = strictjson.read(answer.body, "token", limit=_MAX_TOKEN_BYTES)
        except PackInvalid:
            value = None
        token = (value.get("token") or value.get("access_token")) if isinstance(value, dict) else None
        if not isinstance(token, str) or not re.fullmatch(r"[A-Za-z0-9._~+/=-]+", token):
            raise TransportError("challenge", f"{url.host} answers without a token", status=401)
        return token

    def _make(self, *, public: bool) -> httpx2.Client:
        transport = PublicTransport(self._verify) if public else None
        return httpx2.Client(
            transport=transport,
            # Without TLS there is nothing to verify, and reading the usual certificates takes its time.
            verify=self._verify if self.base.scheme == "https" else False,
            timeout=self._settings.timeout,
            follow_redirects=False,
            trust_env=not public,
        )


def _base(text: str) -> httpx2.URL:
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL as error:
        raise ValueError(f"{text!r} is no address of a registry: {error}") from None
    if (
        url.scheme not in ("http", "https")
        or not _HOST.fullmatch(url.host)
        or url.userinfo
        or url.query
        or url.path not in ("", "/")
    ):
        raise ValueError(f"{text!r} is no address of a registry: write https://HOST[:PORT], without path or password")
    return url.copy_with(path="/")


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or {"https": 443, "http": 80}.get(url.scheme, 0)


def _basic(credentials: tuple[str, str]) -> str:
    return "Basic " + base64.b64encode(":".join(credentials).encode()).decode()


def _parameters(text: str) -> dict[str, str]:
    return {
        name.lower(): re.sub(r"\\(.)", r"\1", quoted) if quoted else plain
        for name, quoted, plain in _PARAMETER.findall(text)
    }


def _pause(attempt: int, asked: str | None) -> None:
    """Wait before the next attempt: as long as the server asks, up to 10 s, else 0.2 s, 0.4 s, ..."""
    seconds = 0.1 * 2**attempt
    if asked and asked.isascii() and asked.isdigit():
        seconds = float(asked[:6])
    elif asked:
        with suppress(ValueError):
            seconds = email.utils.parsedate_to_datetime(asked).timestamp() - time.time()
    time.sleep(min(max(seconds, 0.0), _MAX_WAIT))
