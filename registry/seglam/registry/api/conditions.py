"""Conditional requests (RFC 9110, section 13), cursors and links."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi import Request

from seglam.web import Problem

MAX_CURSOR = 1024
_ETAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e]*)"')
_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,1024}")


def etag(value: str) -> str:
    """A strong entity tag."""
    return f'"{value}"'


def unchanged(http: Request, tag: str) -> bool:
    """Whether the caller has this already (If-None-Match)."""
    stated = ",".join(http.headers.getlist("if-none-match"))
    return stated.strip() == "*" or tag.strip('"') in _ETAG.findall(stated)


def require(http: Request, tag: str) -> None:
    """Refuse unless the caller has seen this (If-Match). `Problem` 428 without the header, 412 if it was another."""
    stated = ",".join(http.headers.getlist("if-match"))
    if not stated.strip():
        raise Problem(428, "if-match-missing", "say what you saw: send its ETag as If-Match")
    weak = [each for each in _ETAG.finditer(stated) if each[0].startswith("W/")]
    if stated.strip() != "*" and (weak or tag.strip('"') not in _ETAG.findall(stated)):
        raise Problem(412, "changed", "it has changed since; read it again and decide anew", current=tag)


def cursor(*parts: str | int) -> str:
    """An opaque position in a list."""
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def position(text: str | None, *types: type) -> tuple[str | int, ...] | None:
    """What `cursor` was given; None without a cursor. `Problem` 422 if it is none of this list's."""
    if text is None:
        return None
    try:
        if not _CURSOR.fullmatch(text):
            raise ValueError
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(parts, list) or [type(part) for part in parts] != list(types):
            raise ValueError
        if any(isinstance(part, int) and abs(part) >= 2**63 for part in parts):
            raise ValueError
        if any(isinstance(part, str) and ("\x00" in part or not part.isprintable()) for part in parts):
            raise ValueError
    except (ValueError, binascii.Error, RecursionError):
        raise Problem(422, "cursor-invalid", "the cursor is none of this list; begin without one") from None
    return tuple(parts)


def next_link(http: Request, changes: Mapping[str, str]) -> dict[str, str]:
    """The header `Link` to the next page: this request with some parameters changed."""
    kept = [(name, value) for name, value in http.query_params.multi_items() if name not in changes]
    query = urlencode([*kept, *changes.items()])
    return {"Link": f'<{http.url.path}?{query}>; rel="next"'}
