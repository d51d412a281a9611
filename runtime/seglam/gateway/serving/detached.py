"""Misses that are told at once, while what follows from them goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from seglam.gateway.asking import Reply
from seglam.gateway.outcomes import Answer

Told = Callable[[Answer], None]


class Detached:
    """Holds what goes on after its request was told of a miss, until it ends."""

    def __init__(self) -> None:
        self._going_on: set[asyncio.Task[Reply]] = set()

    async def first(self, answer: Callable[[Told], Coroutine[Any, Any, Reply]]) -> Reply:
        """The reply, or the miss as soon as that is known, with the task that ends with the whole answer.

        Args:
            answer: answers a request, and tells of a miss before anything follows from it.
        """
        missed: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def tell(miss: Answer) -> None:
            if not missed.done():
                missed.set_result(miss)

        task = asyncio.ensure_future(answer(tell))
        self._going_on.add(task)
        task.add_done_callback(self._ended)
        await asyncio.wait((task, missed), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        return Reply(missed.result(), following=asyncio.ensure_future(_answer(task)))

    def _ended(self, task: asyncio.Task[Reply]) -> None:
        self._going_on.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits is told; that a compilation was not noted is no fault of the miss


async def _answer(task: asyncio.Task[Reply]) -> Answer:
    return (await asyncio.shield(task)).answer
