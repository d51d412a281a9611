"""A tenant's limits: requests in a second (token bucket), requests at one time, and what compilations may use in a day.

They are counted in the memory of each process: of several replicas, each admits its share, so that together they never
admit more than is stated. What one tenant uses up changes nothing for another, since each has counters of its own.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal

from seglam.gateway.access.caller import Turns
from seglam.gateway.ledger.prices import Budget
from seglam.web import Problem

MAX_METERS = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What a tenant or a key may use; None for no limit.

    Attributes:
        requests_per_second: on average.
        burst: at once; by default what may be asked in a second.
        concurrent: requests at work at one time.
        daily_tokens, daily_money: of compilations, in a day (UTC).
    """

    requests_per_second: float | None = None
    burst: int | None = None
    concurrent: int | None = None
    daily_tokens: int | None = None
    daily_money: Decimal | None = None

    @property
    def size(self) -> int:
        """How many requests the bucket holds."""
        return self.burst or max(1, math.ceil(self.requests_per_second or 1))

    def shared(self, replicas: int) -> Limits:
        """What each of so many replicas admits. Each admits one request, and one at one time, at the least."""
        rate, places = self.requests_per_second, self.concurrent
        return replace(
            self,
            requests_per_second=None if rate is None else rate / replicas,
            burst=None if rate is None else max(1, self.size // replicas),
            concurrent=None if places is None else max(1, places // replicas),
        )

    @property
    def budget(self) -> Budget:
        """What compilations may use."""
        return Budget(self.daily_tokens, self.daily_money)


class Meter:
    """What is used of some limits.

    Args:
        name: of the policy in the headers.
        clock: seconds that only grow.
    """

    def __init__(self, limits: Limits, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._name = name
        self._clock = clock
        self._tokens = float(limits.size)
        self._filled = clock()
        self._at_work = 0
        self._lock = threading.Lock()

    def count(self) -> None:
        """Count a request against the rate. `Problem` 429 if it is used up."""
        rate = self.limits.requests_per_second
        if rate is None:
            return
        size = self.limits.size
        with self._lock:
            now = self._clock()
            self._tokens = min(float(size), self._tokens + (now - self._filled) * rate)
            self._filled = now
            if self._tokens >= 1:
                self._tokens -= 1
                return
            wait = max(1, math.ceil((1 - self._tokens) / rate))
        raise Problem(
            429,
            "rate-limited",
            f"{self._name} may send {rate:g} requests in a second, {size} at once; try again in {wait} s",
            headers={
                "Retry-After": str(wait),
                "RateLimit-Policy": f'"{self._name}";q={size};w={max(1, math.ceil(size / rate))}',
                "RateLimit": f'"{self._name}";r=0;t={wait}',
            },
        )

    @contextmanager
    def turn(self) -> Iterator[None]:
        """See `Turns`."""
        most = self.limits.concurrent
        with self._lock:
            if most is not None and self._at_work >= most:
                raise Problem(
                    429,
                    "too-many-at-once",
                    f"{most} requests of {self._name} are at work, which is as many as may be; try again when one ends",
                    headers={
                        "Retry-After": "1",
                        "RateLimit-Policy": f'"{self._name}-concurrent";q={most}',
                        "RateLimit": f'"{self._name}-concurrent";r=0',
                    },
                )
            self._at_work += 1
        try:
            yield
        finally:
            with self._lock:
                self._at_work -= 1


class Several:
    """The limits of a key and of its tenant together."""

    def __init__(self, *turns: Turns) -> None:
        self._turns = turns

    @contextmanager
    def turn(self) -> Iterator[None]:
        """See `Turns`."""
        with ExitStack() as held:
            for each in self._turns:
                held.enter_context(each.turn())
            yield


class Meters:
    """A meter for each name, made anew when its limits change.

    Args:
        kind: what the names are of.
        replicas: how many share the limits.
    """

    def __init__(self, kind: str, replicas: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._kind = kind
        self._replicas = replicas
        self._clock = clock
        self._meters: dict[str, tuple[Limits, Meter]] = {}
        self._lock = threading.Lock()

    def of(self, name: str, limits: Limits) -> Meter | None:
        """The meter of a name; None where nothing is limited that a meter counts."""
        if limits.requests_per_second is None and limits.concurrent is None:
            return None
        found = self._meters.get(name)
        if found is not None and found[0] == limits:
            return found[1]
        with self._lock:
            while len(self._meters) >= MAX_METERS:
                self._meters.pop(next(iter(self._meters)))
            made = Meter(limits.shared(self._replicas), self._kind, self._clock)
            self._meters[name] = (limits, made)
        return made


def together(meters: list[Meter]) -> Turns | None:
    """Several meters as one; None for none."""
    if not meters:
        return None
    return meters[0] if len(meters) == 1 else Several(*meters)
