"""The work queue: each key at most once in it and at most once at work, with its own backoff after failures.

The semantics are those of client-go's rate-limiting queue, with two lanes: what changed goes before what is only looked
at again, so that an edit does not wait for thousands of others. In a lane the namespaces take turns, so that one
tenant's thousand procedures do not delay another's first. Times are those of the running event loop.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from seglam.operator.keys import Key


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds to wait after the n-th failure in a row: doubling from `first` up to `most`, spread by `jitter`."""

    first: float = 0.5
    most: float = 300.0
    jitter: float = 0.2
    source: random.Random = field(default_factory=random.Random)

    def after(self, failures: int) -> float:
        """Seconds to wait after `failures` >= 1 failures in a row."""
        # 2.0**64 is far beyond any limit; without the bound the power of a long row of failures would overflow.
        plain = min(self.first * 2.0 ** min(failures - 1, 64), self.most)
        return plain * (1 + self.jitter * (2 * self.source.random() - 1))


class _Lane:
    """Keys in the order of their coming within a namespace; the namespaces take turns."""

    def __init__(self) -> None:
        self._turns: dict[str, deque[Key]] = {}  # the first is next

    def put(self, key: Key) -> None:
        self._turns.setdefault(key.namespace, deque()).append(key)

    def pop(self) -> Key | None:
        """The next key; None if there is none."""
        namespace = next(iter(self._turns), "")
        keys = self._turns.pop(namespace, None)
        if keys is None:
            return None
        key = keys.popleft()
        if keys:
            self._turns[namespace] = keys
        return key


class WorkQueue:
    """Keys to reconcile. For one event loop; not for use from other threads."""

    def __init__(self, backoff: Backoff | None = None) -> None:
        self._backoff = backoff or Backoff()
        self._urgent = _Lane()
        self._patient = _Lane()  # may hold keys that were taken in the other lane meanwhile
        self._dirty: dict[Key, bool] = {}  # whether the key is urgent
        self._working: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()

    def add(self, key: Key, *, urgent: bool = True) -> None:
        """Mark a key. One that waits stays where it is, unless it is urgent by now; one at work comes again then."""
        known = self._dirty.get(key)
        if known is not None and known >= urgent:
            return
        self._dirty[key] = urgent
        if key not in self._working:
            self._put(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Mark a key later; of several times for one key the earliest stands."""
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= loop.time() + seconds:
                return
            timer.cancel()
        self._timers[key] = loop.call_later(seconds, self._due, key)

    def failed(self, key: Key) -> float:
        """Mark a key after its backoff, whose seconds are returned."""
        self._failures[key] = self._failures.get(key, 0) + 1
        seconds = self._backoff.after(self._failures[key])
        self.add_after(key, seconds)
        return seconds

    def succeeded(self, key: Key) -> None:
        """Forget the failures of a key."""
        self._failures.pop(key, None)

    async def take(self) -> Key:
        """The next key, which is at work until `finish`."""
        while (key := self._next()) is None:
            woken = asyncio.get_running_loop().create_future()
            self._waiting.append(woken)
            try:
                await woken
            except asyncio.CancelledError:
                if woken.done() and not woken.cancelled():
                    self._wake()  # the wake-up was for whoever waits next
                else:
                    self._waiting.remove(woken)
                raise
        del self._dirty[key]
        self._working.add(key)
        return key

    def _next(self) -> Key | None:
        if (key := self._urgent.pop()) is not None:
            return key
        while (key := self._patient.pop()) is not None:
            if self._dirty.get(key) is False and key not in self._working:
                return key
        return None

    def finish(self, key: Key) -> None:
        """The work on a key has ended."""
        self._working.discard(key)
        if key in self._dirty:
            self._put(key)

    @property
    def depth(self) -> int:
        """Keys that wait for a worker."""
        return len(self._dirty) - sum(key in self._dirty for key in self._working)

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is at work; later times and backoffs do not count."""
        return not self._dirty and not self._working

    def close(self) -> None:
        """Cancel all times."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _put(self, key: Key) -> None:
        (self._urgent if self._dirty[key] else self._patient).put(key)
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            woken = self._waiting.popleft()
            if not woken.done():
                woken.set_result(None)
                return


Mark = Callable[[Key], None]
"""Marks a key as dirty."""
