"""The upstream's answer on its way to the client: each piece as it comes, and no end where there was none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from starlette.types import Send

from seglam.gateway.openai.events import event
from seglam.gateway.openai.upstream.headers import incoming
from seglam.gateway.openai.upstream.service import Broken, Opened

UNREAD_S = 120.0
"""How long a client may read nothing before its answer ends, in seconds; nothing is read from the upstream then."""

_log = logging.getLogger("seglam.gateway")


async def relay(opened: Opened, send: Send, own: Mapping[bytes, bytes]) -> None:
    """Send an answer on. `Broken` after its head was sent if it ends early: what stands behind this then ends the
    connection, so that the client sees that something is missing.

    Args:
        own: headers of the gateway.
    """
    headers = incoming(opened.headers, own)
    await send({"type": "http.response.start", "status": opened.status, "headers": headers})
    media = next((value for name, value in headers if name == b"content-type"), b"")
    encoded = any(name == b"content-encoding" and value != b"identity" for name, value in headers)
    end = b""
    try:
        async for piece in opened.pieces():
            end = (end + piece)[-4:]
            async with asyncio.timeout(UNREAD_S):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
    except TimeoutError:
        raise Broken(f"the client did not read on for {UNREAD_S:g} s") from None
    except Broken as broken:
        _log.warning("an answer was cut off: %s", broken)
        # Between two events there is room to say so; within one there is not.
        if media.startswith(b"text/event-stream") and not encoded and end.endswith((b"\n\n", b"\r\n\r\n")):
            error = {"message": str(broken), "type": "server_error", "param": None, "code": "upstream-broken"}
            await send({"type": "http.response.body", "body": event({"error": error}, "error"), "more_body": True})
        raise
    await send({"type": "http.response.body", "body": b""})
