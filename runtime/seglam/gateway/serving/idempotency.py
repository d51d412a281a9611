"""`Idempotency-Key`: a request that is sent again gets the answer that it got (draft-ietf-httpapi-idempotency-key)."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from time import monotonic
from typing import Any

from seglam.gateway.serving.headers import Headers
from seglam.gateway.serving.rendering import Sent
from seglam.web import Problem

KEPT = 1_000
"""Keys of each tenant."""
KEPT_BYTES = 4 << 20
"""Of the answers to them."""
KEPT_S = 3600.0

Key = tuple[str, str, str]
"""Tenant, requester, key."""

_KEY = re.compile(r"[!-~]([ -~]{0,253}[!-~])?")
_REPLAYED = (b"idempotency-replayed", b"true")


def key_of(headers: Headers) -> str | None:
    """The key that a request states; None without one. `Problem` 400 if it cannot be used."""
    stated = headers.get("idempotency-key")
    if stated is None:
        return None
    key = stated.strip().strip('"')
    if not _KEY.fullmatch(key):
        raise Problem(400, "bad-request", "Idempotency-Key is no text of 1 to 255 printable ASCII characters")
    return key


@dataclass(slots=True)
class _Kept:
    body: bytes  # SHA-256 of the request's
    until: float
    task: asyncio.Task[Sent]
    size: int = 0


class Idempotency:
    """Remembers answers by key, for an hour, each tenant's apart and within bounds; the oldest are forgotten first.

    What a restart or another replica has answered is not known here: then the request is answered again, and a miss
    joins the compilation that it has started before.
    """

    def __init__(self) -> None:
        self._tenants: dict[str, OrderedDict[Key, _Kept]] = {}

    async def once(self, key: Key, body: bytes, answer: Callable[[], Coroutine[Any, Any, Sent]]) -> Sent:
        """The answer to a key's first request, which is made now if there was none.

        It is made to its end even if its client goes. Failures of the service (5xx) and refusals for the moment (429)
        are not kept.

        Raises:
            Problem: 422 if the key came with another body.
        """
        kept = self._tenants.setdefault(key[0], OrderedDict())
        digest = hashlib.sha256(body).digest()
        known = kept.get(key)
        if known is not None and known.until > monotonic():
            if known.body != digest:
                raise Problem(
                    422, "idempotency-key-reused", "this Idempotency-Key came with another body; use a new one"
                )
            sent = await asyncio.shield(known.task)
            return sent._replace(headers=[*sent.headers, _REPLAYED])
        made = kept[key] = _Kept(digest, monotonic() + KEPT_S, asyncio.ensure_future(answer()))
        kept.move_to_end(key)
        made.task.add_done_callback(lambda task: self._done(key, made))
        _shorten(kept)
        return await asyncio.shield(made.task)

    def _done(self, key: Key, made: _Kept) -> None:
        kept, task = self._tenants.get(key[0], OrderedDict()), made.task
        if kept.get(key) is not made:
            return
        if task.cancelled() or task.exception() is not None or task.result().status in (429, *range(500, 600)):
            del kept[key]
        else:
            made.size = len(task.result().body)
            _shorten(kept)
        if not kept:
            del self._tenants[key[0]]


def _shorten(kept: OrderedDict[Key, _Kept]) -> None:
    size = sum(each.size for each in kept.values())
    while kept and (len(kept) > KEPT or size > KEPT_BYTES):
        _, oldest = kept.popitem(last=False)
        size -= oldest.size
