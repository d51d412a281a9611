"""Places for work that blocks: so many threads, so many more that may wait, and nobody after that."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any, TypeVar

from seglam.sandbox.remote import WITHIN
from seglam.sandbox.runner.workers import Full, Late, Workers
from seglam.web import Problem

T = TypeVar("T")

THREADS = 32
WAITING = 1024
RETRY_S = "1"
LONGEST_S = 3600.0


class Places:
    """Runs functions in threads, in the order in which they came.

    Who asks while all threads are at work waits; who asks while `waiting` others wait is told at once that the service
    has too much to do. Who stops waiting before a thread took its work on gives up its place.

    Args:
        threads: that work at one time.
        waiting: calls that may wait.
    """

    def __init__(self, threads: int = THREADS, waiting: int = WAITING) -> None:
        self._workers = Workers(threads, waiting, "seglam-request")

    @property
    def taken(self) -> int:
        """Calls that are at work or wait."""
        return self._workers.taken

    async def __call__(self, work: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """What a function returns. `Problem` 503 if there is no place for it."""
        return await self.within(None, work, *arguments, **named)

    async def within(self, deadline: float | None, work: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """What a function returns before a deadline, in seconds of `time.monotonic`; a runner that it calls is told.

        Raises:
            Problem: 503 if there is no place for it, 504 if the deadline came first.
        """
        context = contextvars.copy_context()
        if deadline is not None:
            context.run(WITHIN.set, deadline)
        call = partial(context.run, partial(work, *arguments, **named))
        try:
            return await self._workers.do(call, deadline if deadline is not None else monotonic() + LONGEST_S)
        except Full:
            raise Problem(
                503,
                "busy",
                "the service has too much to do; ask again in a moment",
                headers={"Retry-After": RETRY_S},
            ) from None
        except Late:
            raise Problem(
                504, "deadline", "the time that the caller gives was over before there was an answer"
            ) from None

    def close(self) -> None:
        """Begin nothing more; what is at work ends on its own."""
        self._workers.close()

    async def end(self) -> None:
        """The same, for who ends what belongs to an application."""
        self.close()
