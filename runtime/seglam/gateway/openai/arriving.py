"""Bodies as they arrive: read as far as a procedure could take them, passed on as they come beyond that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.types import Receive

from seglam.gateway.openai.errors import Refused
from seglam.gateway.serving import ClientGone

MAX_READ = 1 << 20
"""Bytes of a body that is read; what is longer is no request of any procedure."""


@dataclass(frozen=True, slots=True)
class Arriving:
    """A body, or its beginning.

    Attributes:
        beginning: all of it if `ended`.
    """

    beginning: bytes
    ended: bool

    @property
    def readable(self) -> bool:
        """Whether a procedure could take it."""
        return self.ended and len(self.beginning) <= MAX_READ


async def arriving(receive: Receive) -> Arriving:
    """The body up to `MAX_READ` bytes and a piece more. `ClientGone` if it breaks off."""
    content = bytearray()
    while len(content) <= MAX_READ:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        content += message.get("body", b"")
        if not message.get("more_body", False):
            return Arriving(bytes(content), ended=True)
    return Arriving(bytes(content), ended=False)


async def whole(body: Arriving, receive: Receive, limit: int) -> AsyncIterator[bytes]:
    """A body that has not ended, piece by piece from its beginning. `Refused` 413 over `limit` bytes."""
    length = len(body.beginning)
    yield body.beginning
    more = not body.ended
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece, more = message.get("body", b""), message.get("more_body", False)
        length += len(piece)
        if length > limit:
            raise Refused(413, "body-too-large", f"the body is larger than {limit} bytes")
        yield piece
