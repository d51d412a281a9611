"""A circuit breaker for each of many: what fails again and again is left alone for a while, then tried by one call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

FAILURES = 3
"""In a row, after which a circuit opens."""
PAUSE_S, LONGEST_S = 0.5, 15.0
"""For which it stays open: the first time, and at most; doubled after each trial that fails."""
MOST = 10_000


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    pause: float = PAUSE_S
    until: float = 0.0
    trying: bool = False


class Breakers(Generic[K]):
    """Circuits by key. Thread-safe. A circuit that never failed takes no memory."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._circuits: dict[K, _Circuit] = {}
        self._lock = threading.Lock()

    def wait(self, key: K) -> float:
        """0 if a call may be made now, which `succeeded`, `failed` or `unknown` must be told of; else the seconds after
        which to ask again."""
        if key not in self._circuits:
            return 0.0
        with self._lock:
            circuit = self._circuits.get(key)
            if circuit is None or circuit.failures < FAILURES:
                return 0.0
            left = circuit.until - self._clock()
            if left > 0:
                return left
            if circuit.trying:
                return circuit.pause
            circuit.trying = True
            return 0.0

    def succeeded(self, key: K) -> None:
        """The call was answered, whatever the answer."""
        if key in self._circuits:
            with self._lock:
                self._circuits.pop(key, None)

    def failed(self, key: K) -> None:
        """The call was not answered."""
        with self._lock:
            while len(self._circuits) >= MOST and key not in self._circuits:
                del self._circuits[next(iter(self._circuits))]
            circuit = self._circuits.setdefault(key, _Circuit())
            circuit.failures += 1
            if circuit.failures >= FAILURES:
                if circuit.trying:
                    circuit.pause = min(circuit.pause * 2, LONGEST_S)
                circuit.until = self._clock() + circuit.pause
            circuit.trying = False

    def unknown(self, key: K) -> None:
        """The call was given up before it could be told whether it would be answered."""
        if key in self._circuits:
            with self._lock:
                if (circuit := self._circuits.get(key)) is not None:
                    circuit.trying = False
