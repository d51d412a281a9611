"""Bodies of the OpenAI API, read strictly: what has two readings has none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_CANONICAL = msgspec.json.Encoder(order="sorted", decimal_format="number")
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
# Tab, line feed and carriage return are white space; the other control characters are never meant.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def members(body: bytes) -> Mapping[str, Any] | None:
    """The members of a JSON object, numbers exact; None for anything else, and where an object names a member twice,
    which two readers may take for two different ones."""
    try:
        content = _DECODER.decode(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    # In JSON every colon outside a string stands behind the name of one member.
    return content if _count(content) == _STRINGS.sub(b"", body).count(b":") else None


def canonical(value: object) -> str:
    """JSON text that equal values share whatever the order of members and white space; numbers as they were written."""
    return _CANONICAL.encode(value).decode()


def is_plain(text: str) -> bool:
    """Whether a text has none of the control characters that requests may not have."""
    return _CONTROL.search(text) is None


def _count(value: object) -> int:
    match value:
        case dict():
            return len(value) + sum(_count(member) for member in value.values() if isinstance(member, dict | list))
        case list():
            return sum(_count(item) for item in value if isinstance(item, dict | list))
    return 0
