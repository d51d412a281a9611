"""Messages of ASGI: bodies that come bounded, answers that go in two messages, clients that leave."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from starlette.types import Receive, Send

from seglam.gateway.serving.headers import Headers
from seglam.web import Problem

T = TypeVar("T")

MAX_BODY = 1 << 20
JSON = b"application/json"

HeaderList = Iterable[tuple[bytes, bytes]]


class ClientGone(Exception):
    """The client closed its connection before it was answered; there is nobody to answer."""


async def read_body(receive: Receive, headers: Headers, limit: int = MAX_BODY) -> bytes:
    """The whole body of a request.

    Raises:
        Problem: 413 over `limit` bytes; a longer one is not read to its end.
        ClientGone: the connection ended first.
    """
    stated = headers.get("content-length")
    if stated is not None and stated.isascii() and stated.isdigit() and int(stated[:20]) > limit:
        raise _too_large(limit)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > limit:
            raise _too_large(limit)
        return body
    parts = bytearray(body)
    while True:
        if len(parts) > limit:
            raise _too_large(limit)
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        parts += message.get("body", b"")
        if not message.get("more_body", False) and len(parts) <= limit:
            return bytes(parts)


async def send_bytes(send: Send, status: int, headers: HeaderList, body: bytes) -> None:
    """Answer with a body of known length, which `content-length` states."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


async def send_json(send: Send, status: int, body: bytes, headers: HeaderList = ()) -> None:
    """Answer with JSON that is written already."""
    await send_bytes(send, status, [(b"content-type", JSON), *headers], body)


async def send_problem(send: Send, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
    """Answer with a problem document."""
    written = problem.response(headers)
    await send_bytes(
        send,
        written.status_code,
        [each for each in written.raw_headers if each[0] != b"content-length"],
        bytes(written.body),
    )


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """What the work returns. It is cancelled if the client goes first: `ClientGone`.

    The request's body must have been read. For work that may take long; what takes microseconds is not worth two tasks.
    """
    doing = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait((doing, leaving), return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        raise ClientGone
    finally:
        for task in (doing, leaving):
            task.cancel()
        await asyncio.wait((doing, leaving))
        if doing.done() and not doing.cancelled():
            doing.exception()  # it was raised above, or nobody is there to be told


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _too_large(limit: int) -> Problem:
    return Problem(413, "body-too-large", f"the body is larger than {limit} bytes; send less data at a time")
