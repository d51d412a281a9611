"""Threads that run calls: so many at once, so many waiting, none for longer than its caller waits.

Not `concurrent.futures`: handing a call to its pool and back through `asyncio.wrap_future` takes twice as long as this,
and a call that waits for a thread could not give its place up.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from time import monotonic
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Full(Exception):
    """As many calls run and wait as may."""


class Late(Exception):
    """The deadline passed before there was a reply."""


class _Job(Generic[T]):
    """Work for a thread, and who waits for it. `work` is None once it was begun or given up."""

    __slots__ = ("loop", "waiter", "work")

    def __init__(self, work: Callable[[], T]) -> None:
        self.work: Callable[[], T] | None = work
        self.loop = asyncio.get_running_loop()
        self.waiter: asyncio.Future[T] = self.loop.create_future()


class Workers:
    """A bounded pool.

    Args:
        concurrency: jobs that run at once.
        queue: jobs that may wait.
        name: of its threads.

    Attributes:
        taken: jobs that run or wait.
    """

    def __init__(self, concurrency: int, queue: int, name: str = "seglam-runner") -> None:
        self._most = concurrency + queue
        self._jobs: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._lock = threading.Lock()  # of `taken` and of who takes a job's work
        self.taken = 0
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True) for number in range(concurrency)
        ]
        for thread in self._threads:
            thread.start()

    async def do(self, work: Callable[[], T], deadline: float) -> T:
        """What `work` returns or raises. What nobody waits for any more is not begun; what was begun ends by its own
        limits, and holds its thread until then.

        Args:
            deadline: by `time.monotonic`.

        Raises:
            Full: see there; at once.
            Late: see there.
        """
        seconds = deadline - monotonic()
        if seconds <= 0:
            raise Late
        with self._lock:
            if self.taken >= self._most:
                raise Full
            self.taken += 1
        job = _Job(work)
        timer = job.loop.call_later(seconds, _settle, job, None, Late())
        self._jobs.put(job)
        try:
            return await job.waiter
        finally:
            timer.cancel()
            if self._claim(job) is not None:
                self._release()

    def close(self) -> bool:
        """Begin nothing more; whether nothing is at work."""
        for _ in self._threads:
            self._jobs.put(None)
        return self.taken == 0

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            work = self._claim(job)
            if work is None:
                continue
            answer, problem = None, None
            try:
                answer = work()
            except Exception as raised:  # noqa: BLE001  it is raised where the job is waited for
                problem = raised
            self._release()
            with suppress(RuntimeError):  # the loop has ended, and with it those who waited
                job.loop.call_soon_threadsafe(_settle, job, answer, problem)

    def _claim(self, job: _Job[T]) -> Callable[[], T] | None:
        """The job's work, for the first who asks."""
        with self._lock:
            work, job.work = job.work, None
        return work

    def _release(self) -> None:
        with self._lock:
            self.taken -= 1


def _settle(job: _Job[Any], answer: object, problem: Exception | None) -> None:
    if job.waiter.done():
        return
    if problem is None:
        job.waiter.set_result(answer)
    else:
        job.waiter.set_exception(problem)
