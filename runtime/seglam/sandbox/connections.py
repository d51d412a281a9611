"""Kept TLS connections to runners, and one request and its reply on them. Thread-safe."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from seglam.sandbox.tls import Identity, Renewed, TLSError, client_context
from seglam.sandbox.wire import DEADLINE

IDLE_SECONDS = 30.0
"""After which a connection is not used again; less than the time for which runners keep one open."""
IDLE_CONNECTIONS = 16
"""That are kept for one address."""
MAX_REPLY_BYTES = 64 << 20
_CHUNK = 1 << 16


class Address(NamedTuple):
    """Where a runner listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class TLS:
    """How to connect, and as whom.

    Attributes:
        context: gives the context for a new connection.
        server_name: the name that the server's certificate must have; the address's host if None.
        token: gives the bearer token of a request, for servers that know their clients by it.
    """

    context: Callable[[], ssl.SSLContext]
    server_name: str | None = None
    token: Callable[[], str] | None = None

    @classmethod
    def mutual(cls, directory: Path, server_name: str) -> TLS:
        """With ca.crt, tls.crt and tls.key of a directory, read again when they change."""
        return cls(Renewed(lambda: Identity.read(directory), client_context), server_name)

    @classmethod
    def bearer(cls, authority: Path, token: Path, server_name: str | None = None) -> TLS:
        """With a file of the authority and one of the token, both read again when they change."""
        context = Renewed(lambda: Identity.of_authority(authority), client_context)
        return cls(context, server_name, lambda: token.read_text(encoding="ascii").strip())


Headers = Callable[[], Mapping[str, str]]


class Broken(Exception):
    """No connection could be made, or it was closed before the reply was whole; in the latter case `sent`."""

    def __init__(self, message: str, *, sent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent


class Reply(NamedTuple):
    """A reply. `retry_after` is in seconds, None if not stated."""

    status: int
    retry_after: float | None
    body: bytes


class Connections:
    """Connections to any number of addresses, kept between requests.

    Args:
        tls: how to connect.
        connect_seconds: for making a connection.
        headers: gives further headers of each request, such as those of its trace.
    """

    def __init__(self, tls: TLS, connect_seconds: float, headers: Headers = dict) -> None:
        self._tls = tls
        self._headers = headers
        self._connect_seconds = connect_seconds
        self._idle: dict[Address, deque[tuple[float, ssl.SSLSocket]]] = {}
        self._lock = threading.Lock()
        self._next_look = 0.0
        self._closed = False

    def exchange(self, address: Address, method: str, path: str, body: bytes, deadline: float) -> Reply:
        """One request. A kept connection that was closed meanwhile is replaced by a new one.

        Args:
            deadline: by `time.monotonic`.

        Raises:
            Broken: see there.
            TimeoutError: the deadline passed without a whole reply.
        """
        kept = self._take(address)
        if kept is not None:
            try:
                return self._on(kept, address, method, path, body, deadline)
            except Broken:
                self.forget(address)  # what ended one has ended the others
        return self._on(self._connect(address, deadline), address, method, path, body, deadline)

    def forget(self, address: Address) -> None:
        """Close what is kept for an address."""
        with self._lock:
            idle = self._idle.pop(address, ())
        for _, each in idle:
            each.close()

    def close(self) -> None:
        """Close what is kept; what is at work is closed when it ends."""
        with self._lock:
            self._closed = True
            addresses = list(self._idle)
        for each in addresses:
            self.forget(each)

    def _take(self, address: Address) -> ssl.SSLSocket | None:
        with self._lock:
            gone = self._expired()
            idle = self._idle.get(address)
            found = idle.pop()[1] if idle else None
        for each in gone:
            each.close()
        return found

    def _expired(self) -> list[ssl.SSLSocket]:
        """What has idled too long, of all addresses: those of runners that are no more are never asked for again."""
        now = monotonic()
        if now < self._next_look:
            return []
        gone: list[ssl.SSLSocket] = []
        for address, idle in list(self._idle.items()):
            while idle and now - idle[0][0] >= IDLE_SECONDS:
                gone.append(idle.popleft()[1])
            if not idle:
                del self._idle[address]
        oldest = min((idle[0][0] for idle in self._idle.values()), default=now)
        self._next_look = oldest + IDLE_SECONDS
        return gone

    def _keep(self, address: Address, connection: ssl.SSLSocket) -> None:
        with self._lock:
            idle = self._idle.setdefault(address, deque())
            if not self._closed and len(idle) < IDLE_CONNECTIONS:
                idle.append((monotonic(), connection))
                return
        connection.close()

    def _connect(self, address: Address, deadline: float) -> ssl.SSLSocket:
        seconds = min(self._connect_seconds, _left(deadline))
        try:
            plain = socket.create_connection(address, seconds)
        except OSError as problem:
            raise Broken(f"{address}: no connection ({problem.strerror or problem})") from problem
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._tls.context().wrap_socket(plain, server_hostname=self._tls.server_name or address.host)
        except (OSError, TLSError, ValueError) as problem:
            plain.close()
            raise Broken(f"{address}: no TLS connection ({problem})") from problem

    def _on(
        self, connection: ssl.SSLSocket, address: Address, method: str, path: str, body: bytes, deadline: float
    ) -> Reply:
        """The exchange on a connection, which is kept only if nothing went wrong and nothing is left unread."""
        whole = False
        try:
            connection.settimeout(_left(deadline))
            connection.sendall(self._head(address, method, path, body, deadline) + body)
            response = http.client.HTTPResponse(connection, method=method)
            with response:
                response.begin()
                content = _content(response, connection, deadline)
                whole = not response.will_close
            return Reply(response.status, _seconds(response.headers.get("retry-after")), content)
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException) as problem:
            words = f"{address}: the connection ended before the reply ({type(problem).__name__})"
            raise Broken(words, sent=True) from problem
        finally:
            if whole:
                self._keep(address, connection)
            else:
                connection.close()

    def _head(self, address: Address, method: str, path: str, body: bytes, deadline: float) -> bytes:
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {address}",
            f"{DEADLINE}: {max(1, int(_left(deadline) * 1000))}",
        ]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        if self._tls.token is not None:
            lines.append(f"Authorization: Bearer {self._tls.token()}")
        lines += [f"{name}: {value}" for name, value in self._headers().items()]
        return "\r\n".join([*lines, "", ""]).encode("ascii")


def _content(response: http.client.HTTPResponse, connection: ssl.SSLSocket, deadline: float) -> bytes:
    """The reply's body, whole; its end must be stated."""
    if response.length is None and not response.chunked:
        raise http.client.UnknownProtocol("no length")
    if (response.length or 0) > MAX_REPLY_BYTES:
        raise http.client.UnknownProtocol("too long")
    parts, size = [], 0
    while part := response.read1(_CHUNK):
        parts.append(part)
        size += len(part)
        if size > MAX_REPLY_BYTES:
            raise http.client.UnknownProtocol("too long")
        connection.settimeout(_left(deadline))
    if response.length:  # read1 takes the end of the connection for the end of the body
        raise http.client.IncompleteRead(b"", response.length)
    return b"".join(parts)


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
