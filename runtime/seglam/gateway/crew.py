"""Work in threads that nobody waits for when the process ends, shared fairly between tenants."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from time import monotonic

Work = Callable[[], None]
MOST = 32
"""Threads of all tenants together. Compilations wait for models most of their time."""


class Crew:
    """Daemon threads that work for tenants. Each tenant has so many of its own, which start when there is work and end
    when there is none; so nobody's work waits for another tenant's, up to `most` threads at one time. Beyond that the
    tenants take turns, one piece of work each.

    The executors of the standard library are joined when the interpreter ends, which a model's call would hold up for
    minutes.

    Args:
        threads: of each tenant.
        waiting: pieces of work that may wait, of each tenant.
        most: threads of all tenants together.
    """

    def __init__(self, threads: int, waiting: int, name: str, *, most: int = MOST) -> None:
        self._threads = threads
        self._waiting = waiting
        self._most = max(most, threads)
        self._name = name
        self._queues: dict[str, deque[Work]] = {}  # those with work, the next in turn first
        self._busy: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._closed = False

    def has_room(self, tenant: str) -> bool:
        """Whether more work of a tenant may wait."""
        with self._changed:
            return len(self._queues.get(tenant, ())) < self._waiting

    def submit(self, tenant: str, work: Work) -> None:
        """Take on some work, which must not raise."""
        with self._changed:
            if self._closed:
                return
            self._queues.setdefault(tenant, deque()).append(work)
            self._begin()

    def close(self, grace: float) -> None:
        """Start nothing more, and wait `grace` seconds for what is at work."""
        with self._changed:
            self._closed = True
            self._queues.clear()
            until = monotonic() + grace
            while self._busy.total() and (left := until - monotonic()) > 0:
                self._changed.wait(left)

    def _begin(self) -> None:
        """Begin what may begin now."""
        while self._busy.total() < self._most and (taken := self._next()) is not None:
            tenant, work = taken
            self._busy[tenant] += 1
            threading.Thread(target=self._work, args=(tenant, work), name=self._name, daemon=True).start()

    def _next(self) -> tuple[str, Work] | None:
        """The work of the next tenant in turn that has a thread to spare."""
        for tenant, queue in self._queues.items():
            if self._busy[tenant] < self._threads:
                work = queue.popleft()
                del self._queues[tenant]
                if queue:
                    self._queues[tenant] = queue  # behind the others
                return tenant, work
        return None

    def _work(self, tenant: str, work: Work) -> None:
        try:
            work()
        finally:
            with self._changed:
                self._busy[tenant] -= 1
                if not self._busy[tenant]:
                    del self._busy[tenant]
                self._begin()
                self._changed.notify_all()
