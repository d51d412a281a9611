"""Times of calls in interleaved rounds, so that what else the machine does meets every subject alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter_ns
from typing import TypeVar

T = TypeVar("T")

Take = Callable[[], Sequence[float]]
"""Makes one round of a subject: the times of its calls, in microseconds."""

Clock = Callable[[], int]

NOISE = "a fixed loop"


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, -int(-share * len(ordered) // 1) - 1))]


@dataclass(slots=True)
class Series:
    """The times of one subject in microseconds, a list for each round."""

    rounds: list[Sequence[float]] = field(default_factory=list)

    def at(self, share: float) -> float:
        """A quantile: the median of what the rounds give."""
        return median(quantile(times, share) for times in self.rounds)

    @property
    def longest(self) -> float:
        """The longest call of all rounds."""
        return max(max(times) for times in self.rounds)

    def ratio(self, floor: Series, share: float = 0.5) -> float:
        """How many times the floor's median: the median over the rounds, each with the floor of its own round."""
        pairs = zip(self.rounds, floor.rounds, strict=True)
        return median(quantile(times, share) / quantile(base, 0.5) for times, base in pairs)

    @property
    def spread(self) -> float:
        """How far the medians of the rounds lie apart, as a share of the smallest."""
        medians = [quantile(times, 0.5) for times in self.rounds]
        return max(medians) / min(medians) - 1


def interleave(subjects: Mapping[str, Take], rounds: int) -> dict[str, Series]:
    """Every subject once in each round, in an order that turns with the rounds; and `NOISE` beside them."""
    order = [*subjects.items(), (NOISE, _fixed_loop)]
    series = {name: Series() for name, _ in order}
    for number in range(rounds):
        turn = number % len(order)
        for name, take in order[turn:] + order[:turn]:
            series[name].rounds.append(take())
    return series


def each(call: Callable[[T], object], arguments: Iterable[T], clock: Clock = perf_counter_ns) -> list[float]:
    """The time of each call, in microseconds, with that of reading the clock.

    With the clock `thread_time_ns`, for calls that neither wait nor hand work on, other processes do not count.
    """
    times = []
    for argument in arguments:
        started = clock()
        call(argument)
        times.append((clock() - started) / 1000)
    return times


def together(call: Callable[[T], object], arguments: Sequence[T]) -> list[float]:
    """The mean time of calls too short to be timed alone, in microseconds, with that of the loop around them."""
    started = perf_counter_ns()
    for argument in arguments:
        call(argument)
    return [(perf_counter_ns() - started) / 1000 / len(arguments)]


def _fixed_loop() -> list[float]:
    return each(lambda count: sum(range(count)), [20_000] * 5)
