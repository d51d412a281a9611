"""Watches whose changes are taken in one batch after another, beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from seglam.cluster import Change, Client, Kind, Selection, Watch

T = TypeVar("T")


class Feed(Generic[T]):
    """Keeps something in line with the objects of a kind.

    Args:
        apply: takes in changes, in their order and never two batches at a time. What it raises ends `run`.
        threaded: `apply` runs in a thread, so that the loop answers meanwhile; else it must be quick.

    Attributes:
        applied: set once the first complete list has been taken in.
    """

    def __init__(
        self,
        client: Client,
        kind: Kind,
        decoder: Callable[[bytes], T],
        apply: Callable[[Sequence[Change[T]]], None],
        *,
        labels: str = "",
        threaded: bool = True,
    ) -> None:
        self.applied = asyncio.Event()
        self._apply = apply
        self._threaded = threaded
        self._batches: asyncio.Queue[Sequence[Change[T]]] = asyncio.Queue()
        self._watch = Watch(client, kind, decoder, selection=Selection(labels=labels), handler=self._batches.put_nowait)

    @property
    def age(self) -> float:
        """Seconds since the API server was last heard."""
        return self._watch.age

    @property
    def reconnects(self) -> int:
        """How often the watch was begun again."""
        return self._watch.reconnects

    async def run(self) -> None:
        """Follow the API server until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch.run())
            tasks.create_task(self._take_in())
            tasks.create_task(self._first())

    async def _take_in(self) -> None:
        while True:
            taken = [await self._batches.get()]
            while not self._batches.empty():
                taken.append(self._batches.get_nowait())
            changes = [change for batch in taken for change in batch]
            if self._threaded:
                await asyncio.to_thread(self._apply, changes)
            else:
                self._apply(changes)
            for _ in taken:
                self._batches.task_done()

    async def _first(self) -> None:
        await self._watch.synced.wait()
        await self._batches.join()
        self.applied.set()
