"""Counts of checks, gathered for a moment: a transaction for each would cost a busy service more than the checks."""

from __future__ import annotations

import threading
from collections import Counter
from time import monotonic

from seglam.gateway.store import HealthRow, Records

EVERY_S = 5.0
"""Seconds for which counts are gathered. A service that is killed loses so much of them."""


class Gathered:
    """Counts of checks by revision. Thread-safe; whatever writes blocks for the store."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[Records, dict[str, Counter[str]]] = {}
        self._written = 0.0

    def add(self, store: Records, digest: str, outcome: str) -> None:
        """Count an outcome that nothing depends on now."""
        with self._lock:
            self._counts.setdefault(store, {}).setdefault(digest, Counter())[outcome] += 1

    def now(self, store: Records, digest: str, outcome: str) -> HealthRow:
        """Count an outcome, with all that was gathered before; the counts of its revision as they are then."""
        self.write()
        return store.count_health(digest, {outcome: 1})

    def write_some(self) -> None:
        """Write what was gathered, if that is due."""
        if self._counts and monotonic() - self._written >= EVERY_S:
            self.write()

    def write(self) -> None:
        """Write what was gathered. `StoreError` if that fails; then it is kept for the next time."""
        with self._lock:
            self._written = monotonic()
            for store in list(self._counts):
                store.count_healths(self._counts[store])
                del self._counts[store]
