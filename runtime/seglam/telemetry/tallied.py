"""Metrics of requests, summed up here rather than in the SDK, whose instruments take twenty times as long.

A request is one entry of a list. Full lists are sorted and added to a table, which takes a fraction of the time that
each entry would take alone; what is exported is made of the table when it is asked for.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import time_ns
from typing import NamedTuple, Protocol

BOUNDS = (0.000005, 0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.005, 0.02, 0.1, 1.0, 10.0)
"""Seconds: lookups and runs take microseconds, waited-for compilations minutes."""
TOGETHER = 1_024
"""Answers that are added to the table at one time."""
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

    def add(self, values: list[float]) -> None:
        """Add values, which are then sorted; the caller holds the lock."""
        values.sort()
        below = 0
        for place, bound in enumerate(BOUNDS):
            upto = bisect_right(values, bound, below)
            self.counts[place] += upto - below
            below = upto
        self.counts[-1] += len(values) - below
        self.total += sum(values)
        self.least = min(self.least, values[0])
        self.most = max(self.most, values[-1])

    def mark(self, value: float, at: int, span: tuple[int, int]) -> None:
        """Note in which span a value was measured; the caller holds the lock."""
        self.exemplars[bisect_left(BOUNDS, value)] = Marked(value, at, *span)

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


_Counted = tuple[Kind, float, float, float, "tuple[int, int] | None", int]
"""An answer: its kind, the seconds of the whole, of the lookup and of the run, its span, and when that was."""


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
        self._waiting: deque[_Counted] = deque()

    def add(self, kind: Kind, request_s: float, lookup_s: float, run_s: float, span: tuple[int, int] | None) -> None:
        """See `Answers`."""
        at = 0 if span is None else time_ns()
        self._waiting.append((kind, request_s, lookup_s, run_s, span, at))  # one step, which threads see done or not
        if len(self._waiting) >= TOGETHER:
            with self._lock:
                self._sum_up()

    def _sum_up(self) -> None:
        """Add what waits to the table."""
        kinds: dict[Kind, list[_Counted]] = {}
        for _ in range(len(self._waiting)):
            counted = self._waiting.popleft()
            several = kinds.get(counted[0])
            if several is None:
                several = kinds[counted[0]] = []
            several.append(counted)
        for kind, several in kinds.items():
            cell = self._cells.get(kind)
            if cell is None:
                cell = self._cells.setdefault(kind if len(self._cells) < MOST else OTHER, Cell())
            cell.count += len(several)
            for place, spread in ((1, cell.request), (2, cell.lookup), (3, cell.execution)):
                values: list[float] = [value for each in several if (value := each[place]) or place == 1]  # type: ignore[misc]
                if values:
                    spread.add(values)
            for _, request_s, lookup_s, run_s, span, at in several:
                if span is not None:
                    cell.request.mark(request_s, at, span)
                    if lookup_s:
                        cell.lookup.mark(lookup_s, at, span)
                    if run_s:
                        cell.execution.mark(run_s, at, span)

    def cells(self) -> dict[Kind, Cell]:
        """A copy of the table; exemplars are given out once."""
        with self._lock:
            self._sum_up()
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
