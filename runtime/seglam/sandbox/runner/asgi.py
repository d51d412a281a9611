"""The little of HTTP that the runner's two applications need, on ASGI itself."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]


class Problem(Exception):
    """A request that is not answered. Becomes application/problem+json; `detail` holds no value of the request."""

    def __init__(self, status: int, kind: str, detail: str, headers: Headers = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.headers = headers


class Gone(Exception):
    """The client closed the connection before its request was whole."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer."""

    status: int = 200
    body: bytes = b""
    content_type: bytes = b"application/json"
    headers: Headers = ()

    @classmethod
    def of(cls, problem: Problem) -> Response:
        """The answer that tells a problem."""
        told = {"type": problem.kind, "status": problem.status, "detail": str(problem)}
        return cls(problem.status, json.dumps(told).encode(), b"application/problem+json", problem.headers)

    async def send(self, send: Send) -> None:
        """Send it."""
        headers = [(b"content-length", str(len(self.body)).encode()), *self.headers]
        if self.body:
            headers.append((b"content-type", self.content_type))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def header(scope: Scope, name: bytes) -> bytes | None:
    """A header's value; names are in lower case."""
    return next((value for known, value in scope["headers"] if known == name), None)


async def body_of(scope: Scope, receive: Receive, most: int) -> bytes:
    """The request's body; `Problem` if it is larger than `most` bytes, `Gone` if it does not come."""
    stated = header(scope, b"content-length")
    too_large = Problem(413, "too-large", f"a request may have {most} bytes", ((b"connection", b"close"),))
    if stated is not None and stated.isdigit() and int(stated) > most:
        raise too_large
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise too_large
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)
