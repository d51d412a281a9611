"""What counts once, in one process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Once:
    """Remembers what came. What an earlier process took is not known, so that who uses this takes nothing that is
    older than `since`.

    Args:
        lasts_s: how long a text is remembered.
        clock: seconds since the epoch.
    """

    def __init__(self, lasts_s: float, clock: Callable[[], float] = time.time) -> None:
        self.since = int(clock())
        self._lasts_s = lasts_s
        self._clock = clock
        self._known: dict[str, float] = {}
        self._lock = threading.Lock()

    def __call__(self, text: str) -> bool:
        """Whether a text comes for the first time."""
        with self._lock:
            now = self._clock()
            self._known = {known: until for known, until in self._known.items() if until > now}
            if text in self._known:
                return False
            self._known[text] = now + self._lasts_s
            return True
