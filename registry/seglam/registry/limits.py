"""Rate limits: buckets that fill with time, one for each caller and kind of request.

They are of one process, so that a request costs no write; with several replicas each gives its share, and a caller whom
a proxy keeps sending to one of them has that share alone. They protect the registry from one caller's mistakes; who may
do what is for tokens to say.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MAX_CALLERS = 20_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests at once, and so many a second on and on."""

    burst: int
    per_second: float


RATES = {
    "read": Rate(600, 100.0),
    "search": Rate(60, 10.0),
    "scan": Rate(10, 0.5),
    "trial": Rate(20, 0.5),
    "token": Rate(30, 0.5),
    "write": Rate(60, 2.0),
    "publish": Rate(60, 2.0),
}
"""By kind of request, for each caller."""


def shared(rates: Mapping[str, Rate], replicas: int) -> dict[str, Rate]:
    """Each replica's share of rates; at least one request."""
    return {kind: Rate(max(1, rate.burst // replicas), rate.per_second / replicas) for kind, rate in rates.items()}


SEARCHES = ("/api/v1/packs", "/marketplace")
SCANS = ("/api/v1/audit/verify", "/api/v1/audit/export")
"""What reads a whole table."""


class Limits:
    """Who has asked how much.

    Args:
        rates: by kind; a kind without a rate is not limited.
        clock: seconds.
    """

    def __init__(self, rates: dict[str, Rate], clock: Callable[[], float] = time.monotonic) -> None:
        self._rates = rates
        self._clock = clock
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, kind: str, caller: str) -> int:
        """Count one request. 0 if it may go on, else the whole seconds after which to ask again."""
        rate = self._rates.get(kind)
        if rate is None:
            return 0
        with self._lock:
            now = self._clock()
            tokens, since = self._buckets.pop((kind, caller), (float(rate.burst), now))
            tokens = min(float(rate.burst), tokens + (now - since) * rate.per_second)
            allowed = tokens >= 1.0
            self._buckets[(kind, caller)] = (tokens - 1.0 if allowed else tokens, now)
            # The oldest have waited longest, and so are fullest: a forgotten bucket is a full one.
            while len(self._buckets) > MAX_CALLERS:
                self._buckets.popitem(last=False)
        return 0 if allowed else max(1, math.ceil((1.0 - tokens) / rate.per_second))


def kind_of(method: str, path: str) -> str | None:
    """The kind of a request; None for what is never limited (health, metrics)."""
    if path in ("/healthz", "/readyz", "/metrics"):
        return None
    if path in SCANS:
        return "scan"
    if method in ("GET", "HEAD", "OPTIONS"):
        return "search" if path.rstrip("/") in SEARCHES else "read"
    if path == "/api/v1/tokens":
        return "token"
    if path.endswith("/trials"):
        return "trial"
    return "publish" if path == "/api/v1/publications" else "write"
