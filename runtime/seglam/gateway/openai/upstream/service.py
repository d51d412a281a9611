"""The upstream as it is asked: bounded, within deadlines, left alone while it fails, and never answered for."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx2

from seglam.gateway.openai.errors import Refused
from seglam.gateway.openai.upstream.breaker import Breaker
from seglam.gateway.openai.upstream.headers import Pair, goes_round, outgoing
from seglam.gateway.openai.upstream.places import Full, Places
from seglam.gateway.openai.upstream.settings import UpstreamSettings

KEPT_S = 30.0
"""How long an idle connection is kept, in seconds; less than services keep theirs."""
Body = bytes | AsyncIterator[bytes]


class Broken(Exception):
    """The upstream ended its answer in the middle; the message says how."""


class Opened:
    """An answer of the upstream whose head has come.

    Attributes:
        status: its code.
        headers: as they came.
    """

    def __init__(self, response: httpx2.Response, first_byte_s: float, idle_s: float) -> None:
        self._response = response
        self._waits = first_byte_s, idle_s
        self.status = response.status_code
        self.headers: list[Pair] = list(response.headers.raw)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes, neither decoded nor cut otherwise. `Broken` if it ends early or stands still."""
        source = self._response.aiter_raw()
        wait, idle = self._waits
        while True:
            try:
                async with asyncio.timeout(wait):
                    piece = await anext(source, None)
            except TimeoutError:
                raise Broken(f"the model sent nothing for {wait:g} s") from None
            except httpx2.TransportError as error:
                raise Broken(f"the model's answer ended early ({type(error).__name__})") from error
            if piece is None:
                return
            wait = idle
            yield piece

    async def whole(self, limit: int) -> bytes:
        """The body, of at most so many bytes. `Broken` also for a larger one."""
        content = bytearray()
        async for piece in self.pieces():
            content += piece
            if len(content) > limit:
                raise Broken(f"the model's answer is larger than {limit} bytes")
        return bytes(content)


class Upstream:
    """The model's service. Used on one event loop; its connections are made when they are needed."""

    def __init__(self, settings: UpstreamSettings) -> None:
        self.settings = settings
        self.breaker = Breaker(settings.failures, settings.rest_s)
        self.places = Places(settings.at_work, settings.waiting, settings.wait_s)
        self._client: httpx2.AsyncClient | None = None
        key = settings.key if settings.auth == "configured" else None
        self._auth = None if key is None else f"Bearer {key}".encode("latin-1", "replace") if key else b""

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    @asynccontextmanager
    async def ask(
        self, method: str, path: str, came: Sequence[Pair], body: Body | None = None, *, query: bytes = b""
    ) -> AsyncIterator[Opened]:
        """One call; its answer, of whatever status, is read within the block.

        Args:
            path: behind the upstream's `/v1`, such as `/models`.
            came: the client's headers.
            body: as it came.

        Raises:
            Refused: the upstream is not configured (503), rests or has no place (503), cannot be reached or does not
                speak HTTP (502), is slow (504), or is this process itself (508).
        """
        if not self.settings.url:
            raise Refused(503, "no-upstream", NO_UPSTREAM, again=False)
        if goes_round(came):
            words = "the request came back to where it had been; the upstream's address leads to this gateway itself"
            raise Refused(508, "upstream-loop", words, again=False)
        try:
            async with self.places.one(), self._open(self._request(method, path, came, body, query)) as opened:
                yield opened
        except Full:
            words = f"{self.settings.at_work} calls of the model are at work and no place became free"
            raise Refused(503, "upstream-busy", words, headers={"Retry-After": "2"}) from None

    @asynccontextmanager
    async def _open(self, request: httpx2.Request) -> AsyncIterator[Opened]:
        if (left := self.breaker.admit()) is not None:
            seconds = str(max(1, math.ceil(left)))
            words = f"the model failed again and again and is left alone for {seconds} s"
            raise Refused(503, "upstream-resting", words, headers={"Retry-After": seconds})
        known = False  # whether the breaker has been told
        try:
            response = await self._sent(request)
            try:
                opened = Opened(response, self.settings.first_byte_s, self.settings.idle_s)
                yield opened
                known = True
                (self.breaker.failed if opened.status >= 500 else self.breaker.succeeded)()
            except Broken:
                known = True
                self.breaker.failed()
                raise
            finally:
                await response.aclose()
        except (httpx2.TransportError, TimeoutError) as error:
            known = True
            self.breaker.failed()
            raise self._refusal(error) from error
        finally:
            if not known:
                self.breaker.left()

    async def _sent(self, request: httpx2.Request) -> httpx2.Response:
        if self._client is None:
            timeout = httpx2.Timeout(None, connect=self.settings.connect_s)
            limits = httpx2.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=KEPT_S)
            self._client = httpx2.AsyncClient(timeout=timeout, limits=limits, follow_redirects=False)
        async with asyncio.timeout(self.settings.first_byte_s):
            return await self._client.send(request, stream=True)

    def _request(self, method: str, path: str, came: Sequence[Pair], body: Body | None, query: bytes) -> httpx2.Request:
        headers = outgoing(came, self._auth, self.settings.headers)
        if isinstance(body, AsyncIterator):  # a length that the client stated, else in chunks
            headers += [(name, value) for name, value in came if name == b"content-length"]
        url = httpx2.URL(self.settings.url + path).copy_with(query=query or None)
        extensions = {"timeout": {"connect": self.settings.connect_s, "read": None, "write": None, "pool": None}}
        return httpx2.Request(method, url, headers=headers, content=body, extensions=extensions)

    def _refusal(self, error: Exception) -> Refused:
        settings = self.settings
        match error:
            case httpx2.ConnectTimeout():
                return Refused(
                    504, "upstream-timeout", f"the model could not be reached within {settings.connect_s:g} s"
                )
            case TimeoutError() | httpx2.TimeoutException():
                words = f"the model did not begin to answer within {settings.first_byte_s:g} s"
                return Refused(504, "upstream-timeout", words)
            case httpx2.ConnectError():
                return Refused(502, "upstream-unreachable", "the model cannot be reached")
        return Refused(502, "upstream-broken", f"the model's answer cannot be read ({type(error).__name__})")


NO_UPSTREAM = (
    "no model is configured behind this gateway, so only procedures answer; set SEGLAM_UPSTREAM_URL, or "
    "OPENAI_BASE_URL and OPENAI_API_KEY, where the gateway runs"
)
