"""Messages of ASGI: bodies that come bounded, answers that go in two messages, clients that leave."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from types import TracebackType
from typing import Any, TypeVar

from starlette.types import Receive, Send

from seglam.gateway.serving.headers import Headers
from seglam.web import Problem

T = TypeVar("T")

MAX_BODY = 1 << 20
JSON = b"application/json"
WATCHED_S = 0.05

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


class watched:
    """What the block awaits is cancelled when the client goes, and then `ClientGone` is raised.

    The request's body must have been read. Watching begins after a moment, since it costs more than a hit takes.
    """

    __slots__ = ("_gone", "_receive", "_task", "_timer", "_watcher")

    def __init__(self, receive: Receive, after_s: float = WATCHED_S) -> None:
        loop = asyncio.get_running_loop()
        self._receive = receive
        self._task = asyncio.current_task(loop)
        self._watcher: asyncio.Task[None] | None = None
        self._gone = False
        self._timer = loop.call_later(after_s, self._begin)

    def _begin(self) -> None:
        self._watcher = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._task is not None:
            self._task.cancel()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        ended = kind in (None, asyncio.CancelledError)  # what failed otherwise says so
        if self._gone and ended and self._task is not None and self._task.uncancel() == 0:
            raise ClientGone from None


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """What the work returns. It is cancelled if the client goes first: `ClientGone`."""
    with watched(receive, 0):
        return await work


def _too_large(limit: int) -> Problem:
    return Problem(413, "body-too-large", f"the body is larger than {limit} bytes; send less data at a time")
