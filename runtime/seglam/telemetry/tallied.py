"""Metrics of requests, summed up here rather than in the SDK, whose instruments take twenty times as long.

A request is one entry in one table under one lock; what is exported is made of the table when it is asked for.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import time_ns
from typing import NamedTuple, Protocol

BOUNDS = (0.000005, 0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.005, 0.02, 0.1, 1.0, 10.0)
"""Seconds: lookups and runs take microseconds, waited-for compilations minutes."""
MOST = 2_000
"""Kinds of answers that are told apart, as in the SDK; more are summed up as one."""


class Kind(NamedTuple):
    """What answers are told apart by. `procedure` is None where none was run."""

    outcome: str
    reason: str | None
    procedure: str | None


OTHER = Kind("", None, None)
"""The kind of answers of which there are too many kinds."""


class Marked(NamedTuple):
    """A measurement with the span in which it was made."""

    value: float
    at: int
    trace_id: int
    span_id: int


@dataclass(slots=True)
class Spread:
    """A histogram: how many values lie at or below each bound, and above the last one."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0
    least: float = float("inf")
    most: float = 0.0
    exemplars: dict[int, Marked] = field(default_factory=dict)

    def add(self, value: float, span: tuple[int, int] | None) -> None:
        """Add a value; the caller holds the lock."""
        place = bisect_left(BOUNDS, value)
        self.counts[place] += 1
        self.total += value
        if value < self.least:
            self.least = value
        if value > self.most:
            self.most = value
        if span is not None:
            self.exemplars[place] = Marked(value, time_ns(), *span)

    def merged(self, other: Spread) -> Spread:
        """Both together."""
        newest = {**self.exemplars}
        for place, each in other.exemplars.items():
            newest[place] = max(each, newest.get(place, each), key=lambda marked: marked.at)
        counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        return Spread(
            counts, self.total + other.total, min(self.least, other.least), max(self.most, other.most), newest
        )

    def copy(self) -> Spread:
        """What it is now."""
        return Spread(list(self.counts), self.total, self.least, self.most, dict(self.exemplars))


@dataclass(slots=True)
class Cell:
    """What is known of one kind of answers. `execution` is empty where nothing ran."""

    count: int = 0
    request: Spread = field(default_factory=Spread)
    lookup: Spread = field(default_factory=Spread)
    execution: Spread = field(default_factory=Spread)


class Answers(Protocol):
    """What counts answers."""

    def add(self, kind: Kind, request_s: float, lookup_s: float, run_s: float, span: tuple[int, int] | None) -> None:
        """Count an answer; 0 seconds for what was not done. `span` is that of a recorded request."""


class Tallied:
    """Counts answers. Thread-safe."""

    def __init__(self) -> None:
        self.began = time_ns()
        self._cells: dict[Kind, Cell] = {}
        self._lock = threading.Lock()

    def add(self, kind: Kind, request_s: float, lookup_s: float, run_s: float, span: tuple[int, int] | None) -> None:
        """See `Answers`."""
        with self._lock:
            cell = self._cells.get(kind)
            if cell is None:
                cell = self._cells.setdefault(kind if len(self._cells) < MOST else OTHER, Cell())
            cell.count += 1
            cell.request.add(request_s, span)
            if lookup_s:
                cell.lookup.add(lookup_s, span)
            if run_s:
                cell.execution.add(run_s, span)

    def cells(self) -> dict[Kind, Cell]:
        """A copy of the table; exemplars are given out once."""
        with self._lock:
            taken = {
                kind: Cell(cell.count, cell.request.copy(), cell.lookup.copy(), cell.execution.copy())
                for kind, cell in self._cells.items()
            }
            for cell in self._cells.values():
                for spread in (cell.request, cell.lookup, cell.execution):
                    spread.exemplars.clear()
        return taken


def summed(spreads: Sequence[tuple[tuple[str | None, ...], Spread]]) -> Iterator[tuple[tuple[str | None, ...], Spread]]:
    """One histogram for each key; those that hold nothing are left out."""
    found: dict[tuple[str | None, ...], Spread] = {}
    for key, spread in spreads:
        if any(spread.counts):
            found[key] = found[key].merged(spread) if key in found else spread
    yield from found.items()
