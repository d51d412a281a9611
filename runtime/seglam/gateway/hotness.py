"""How often a type must miss before it is compiled: what is asked once is not worth a model's work."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from seglam.gateway.ledger.ledger import today

MAX_TYPES = 100_000


class Hotness:
    """Counts the misses of one tenant by type and day, in this process's memory: a type that misses `least` times in a
    day (UTC) is hot. Several replicas count apart.

    Args:
        least: 1 compiles at the first miss.
        day: the present day.
    """

    def __init__(self, least: int = 1, day: Callable[[], str] = today) -> None:
        self._least = least
        self._day = day
        self._counted_on = ""
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def cold(self, fingerprint: str) -> str | None:
        """Count a miss of a type; why nothing is compiled for it yet, None if it is hot."""
        if self._least <= 1:
            return None
        with self._lock:
            if (day := self._day()) != self._counted_on:
                self._counted_on = day
                self._counts.clear()
            while fingerprint not in self._counts and len(self._counts) >= MAX_TYPES:
                del self._counts[next(iter(self._counts))]
            self._counts[fingerprint] += 1
            count = self._counts[fingerprint]
        if count >= self._least:
            return None
        return f"its type missed {count} of {self._least} times today (UTC) after which it is compiled"
