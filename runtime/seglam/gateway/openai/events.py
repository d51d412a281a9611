"""Server-sent events, as the OpenAI API writes them."""

from __future__ import annotations

import msgspec

DONE = b"data: [DONE]\n\n"
MEDIA = b"text/event-stream; charset=utf-8"
ENCODER = msgspec.json.Encoder(decimal_format="number")


def event(content: object, name: str = "") -> bytes:
    """One event whose data is JSON text, which holds no line break."""
    data = b"data: " + ENCODER.encode(content) + b"\n\n"
    return b"event: " + name.encode() + b"\n" + data if name else data
