"""Turns of archives that arrive: so many at one time, and of one caller so few that others always find a place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from seglam.registry.access.identities import Identity

AT_ONCE = 8
"""Archives that are received at one time, each up to its limit in memory."""
EACH = 2
"""Of one caller. Whoever sends more waits for their own, with nothing of the others read."""


class Receiving:
    """The turns of one registry, in one event loop."""

    def __init__(self, at_once: int = AT_ONCE, each: int = EACH) -> None:
        self._all = asyncio.Semaphore(at_once)
        self._each = each
        self._own: WeakValueDictionary[tuple[str, str], asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, who: Identity) -> AsyncIterator[None]:
        """Wait for a turn: among the caller's own first, so that who waits takes nobody's place."""
        own = self._own.setdefault((who.issuer, who.subject), asyncio.Semaphore(self._each))
        async with own, self._all:
            yield
