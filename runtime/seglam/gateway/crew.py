"""Work in threads that nobody waits for when the process ends."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable


class Crew:
    """A bounded number of daemon threads with a bounded queue.

    The executors of the standard library are joined when the interpreter ends, which a model's call would hold up for
    minutes.
    """

    def __init__(self, threads: int, waiting: int, name: str) -> None:
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue(waiting)
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def has_room(self) -> bool:
        """Whether more work may wait. Who asks first and submits then must be alone in doing so."""
        return not self._queue.full()

    def submit(self, work: Callable[[], None]) -> None:
        """Take on some work, which must not raise. `queue.Full` if there is no room."""
        self._queue.put_nowait(work)

    def close(self, grace: float) -> None:
        """Start nothing more, and wait `grace` seconds for what is at work."""
        while True:
            try:
                self._queue.get_nowait()
            except queue.Empty:
                break
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(grace / len(self._threads))

    def _work(self) -> None:
        while (work := self._queue.get()) is not None:
            work()
