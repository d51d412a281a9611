"""Calls of the API server: credentials, deadlines, bounded retries. What is asked is `client`'s concern."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType

import aiohttp

from seglam.cluster.connection import Connection
from seglam.cluster.errors import (
    ClusterError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    error_of,
)

DEADLINE = 15.0
"""Seconds that a call may take, retries included, unless the caller says otherwise."""
ATTEMPTS = 5
FIRST_DELAY = 0.1
MAX_DELAY = 5.0
"""Longest pause between attempts. A server that asks for a longer one is obeyed by giving up."""
CONNECT = 5.0

Query = Mapping[str, str]


@dataclass
class Counts:
    """What was sent so far."""

    requests: int = 0
    retries: int = 0
    failures: int = 0


class Fenced(ClusterError):
    """Nothing was sent: the client may not write any more."""


class NotSent(Unavailable):
    """No connection could be made, so nothing was carried out."""


def pause(attempt: int, asked: float | None) -> float:
    """Seconds after failed attempt number `attempt` (from 1): what the server asked for, else doubling with jitter."""
    if asked is not None:
        return asked
    longest = min(FIRST_DELAY * 2.0 ** (attempt - 1), MAX_DELAY)
    return longest * random.uniform(0.5, 1.0)


class Transport:
    """One pool of connections to one API server. Use as an asynchronous context manager, or call `close`.

    Args:
        may_write: asked right before each request that changes something is sent.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        agent: str = "seglam",
        deadline: float = DEADLINE,
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        self.connection = connection
        self.deadline = deadline
        self.counts = Counts()
        self._agent = agent
        self._may_write = may_write
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Transport:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        repeatable: bool,
        deadline: float | None = None,
    ) -> bytes:
        """Body of the answer. Raises a `ClusterError`.

        A call that was not carried out (no connection, 429) is tried again, any other failure of the server only if
        `repeatable`: a second run must do no harm. All attempts together end with the deadline.
        """
        name = f"{method} {path}"
        failed: ClusterError | None = None
        try:
            async with asyncio.timeout(self.deadline if deadline is None else deadline):
                for attempt in range(1, ATTEMPTS + 1):
                    try:
                        return await self._once(method, path, name, query, body, content_type, accept)
                    except Unavailable as error:
                        failed = error
                        again = repeatable or isinstance(error, NotSent | TooManyRequests)
                        wait = pause(attempt, error.retry_after)
                        if not again or attempt == ATTEMPTS or wait > MAX_DELAY:
                            raise
                    self.counts.retries += 1
                    await asyncio.sleep(wait)
        except TimeoutError as error:
            self.counts.failures += 1
            last = f"; the last attempt failed: {failed.message}" if failed else ""
            seconds = self.deadline if deadline is None else deadline
            raise Unavailable(0, "Timeout", f"no answer within {seconds:g} s{last}", name) from error
        except ClusterError:
            self.counts.failures += 1
            raise
        raise AssertionError("the last attempt returns or raises")

    async def _once(
        self,
        method: str,
        path: str,
        name: str,
        query: Query | None,
        body: bytes | None,
        content_type: str,
        accept: str,
    ) -> bytes:
        """One attempt, and a second one with a fresh token where the first was not accepted."""
        headers = {"Accept": accept} | ({"Content-Type": content_type} if body is not None else {})
        for fresh in (False, True):
            try:
                async with self._respond(method, path, name, query, headers, fresh, data=body) as response:
                    return await response.read()
            except Unauthorized:
                if fresh or self.connection.credential is None:
                    raise
            except (aiohttp.ClientError, OSError) as error:
                raise _unanswered(error, name) from error
        raise AssertionError("the second attempt returns or raises")

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, *, query: Query, silence: float, fresh: bool = False
    ) -> AsyncIterator[aiohttp.StreamReader]:
        """The body of a long answer, as it comes. Silence of `silence` seconds raises `Unavailable`, as do other
        failures of the connection within the block.
        """
        name = f"GET {path}"
        limits = aiohttp.ClientTimeout(total=None, connect=CONNECT, sock_connect=CONNECT, sock_read=silence)
        headers = {"Accept": "application/json"}
        try:
            async with self._respond("GET", path, name, query, headers, fresh, limits=limits) as response:
                yield response.content
        except aiohttp.SocketTimeoutError as error:
            raise Unavailable(0, "Silence", f"nothing was heard for {silence:g} s", name) from error
        except (aiohttp.ClientError, OSError) as error:
            raise _unanswered(error, name) from error

    @contextlib.asynccontextmanager
    async def _respond(
        self,
        method: str,
        path: str,
        name: str,
        query: Query | None,
        headers: dict[str, str],
        fresh: bool,
        *,
        data: bytes | None = None,
        limits: aiohttp.ClientTimeout | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if method != "GET" and not self._may_write():
            raise Fenced(0, "Fenced", "this process may not write any more", name)
        self.counts.requests += 1
        if self.connection.credential is not None:
            headers = headers | {"Authorization": f"Bearer {self.connection.credential(fresh)}"}
        async with self._opened().request(
            method,
            self.connection.server + path,
            params=query,
            data=data,
            headers=headers | dict(self.connection.impersonate),
            timeout=limits or aiohttp.ClientTimeout(total=None, sock_connect=CONNECT),
            server_hostname=self.connection.server_name,
            allow_redirects=False,
        ) as response:
            if response.status >= 300:
                text = await response.read()
                raise error_of(response.status, text, name, response.headers.get("Retry-After"))
            yield response

    def _opened(self) -> aiohttp.ClientSession:
        """The session, made at the first call: it belongs to the running event loop."""
        if self._session is None:
            context = self.connection.tls()
            connector = aiohttp.TCPConnector(ssl=True if context is None else context, limit=64)
            self._session = aiohttp.ClientSession(
                connector=connector, headers={"User-Agent": self._agent}, auto_decompress=True
            )
        return self._session


def _unanswered(error: Exception, name: str) -> Unavailable:
    """The error of a call that brought no complete answer."""
    text = str(error) or type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return NotSent(0, "NotConnected", text, name)
    return Unavailable(0, "ConnectionLost", text, name)
