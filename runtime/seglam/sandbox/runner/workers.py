"""Threads that run calls: so many at once, so many waiting, none for longer than its caller waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import TypeVar

T = TypeVar("T")


class Full(Exception):
    """As many calls run and wait as may."""


class Late(Exception):
    """The deadline passed before there was a reply."""


class Workers:
    """A bounded pool.

    Args:
        concurrency: jobs that run at once.
        queue: jobs that may wait.
    """

    def __init__(self, concurrency: int, queue: int) -> None:
        self.concurrency = concurrency
        self._most = concurrency + queue
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="seglam-runner")
        self._lock = threading.Lock()
        self.taken = 0

    async def do(self, job: Callable[[], T], deadline: float) -> T:
        """What a job returns. A job that nobody waits for any more is not begun; one that was begun ends by its own
        limits, and holds its thread until then.

        Raises:
            Full: see there; at once.
            Late: see there.
        """
        with self._lock:
            if self.taken >= self._most:
                raise Full
            self.taken += 1
        future = self._pool.submit(_unless_late, job, deadline)
        future.add_done_callback(self._release)
        try:
            async with asyncio.timeout(deadline - monotonic()):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise Late from None

    def close(self) -> bool:
        """Begin nothing more; whether nothing is at work."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        return self.taken == 0

    def _release(self, _: Future[T]) -> None:
        with self._lock:
            self.taken -= 1


def _unless_late(job: Callable[[], T], deadline: float) -> T:
    if monotonic() >= deadline:
        raise Late
    return job()
