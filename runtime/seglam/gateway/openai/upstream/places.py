"""Bounded concurrency: so many calls at work, so many that wait, each for so long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Full(Exception):
    """There is no place, and none became free in time."""


class Places:
    """Places for calls, given in the order of asking. For one event loop.

    Args:
        at_work: calls at one time.
        waiting: calls that may wait for a place.
        wait_s: how long one waits, in seconds.
    """

    def __init__(self, at_work: int, waiting: int, wait_s: float) -> None:
        self._free = asyncio.Semaphore(at_work)
        self._at_most = waiting
        self._wait_s = wait_s
        self.waiting = 0
        self.at_work = 0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A place until the block ends. `Full` if there is none."""
        await self._take()
        self.at_work += 1
        try:
            yield
        finally:
            self.at_work -= 1
            self._free.release()

    async def _take(self) -> None:
        if self._free.locked():
            if self.waiting >= self._at_most:
                raise Full
            self.waiting += 1
            try:
                async with asyncio.timeout(self._wait_s):
                    await self._free.acquire()
            except TimeoutError:
                raise Full from None
            finally:
                self.waiting -= 1
        else:
            await self._free.acquire()
