"""A circuit breaker: a service that fails again and again is left alone for a while, then tried with one call."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

LONGEST_S = 60.0


class Breaker:
    """Whether a service may be asked. For one event loop.

    Args:
        failures: failures in a row after which it rests.
        rest_s: how long it rests, in seconds; doubled each time that the call which tries it fails, up to `LONGEST_S`.
    """

    def __init__(self, failures: int, rest_s: float, clock: Callable[[], float] = monotonic) -> None:
        self._limit = failures
        self._first = min(rest_s, LONGEST_S)
        self._clock = clock
        self._failures = 0
        self._rest = self._first
        self._until: float | None = None
        self._trying = False

    @property
    def resting(self) -> bool:
        """Whether the service is left alone, or tried."""
        return self._until is not None

    def admit(self) -> float | None:
        """None if the service may be asked now; its outcome must be told by `succeeded`, `failed` or `left`. Otherwise
        the seconds until it is worth asking again."""
        if self._until is None:
            return None
        left = self._until - self._clock()
        if left > 0:
            return left
        if self._trying:
            return self._rest
        self._trying = True
        return None

    def succeeded(self) -> None:
        """The service answered."""
        self._failures = 0
        self._rest = self._first
        self._until = None
        self._trying = False

    def failed(self) -> None:
        """The service failed."""
        self._failures += 1
        if self._trying:
            self._trying = False
            self._rest = min(self._rest * 2, LONGEST_S)
            self._until = self._clock() + self._rest
        elif self._until is None and self._failures >= self._limit:
            self._until = self._clock() + self._rest

    def left(self) -> None:
        """The call ended before it was known whether the service works; the next one tries."""
        self._trying = False
