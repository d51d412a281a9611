"""Lookup: finding, missing, adding and removing at several numbers of patterns, beside a dictionary lookup."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter_ns, thread_time_ns
from typing import TypeVar

from benchmarks.corpus import Corpus
from benchmarks.machine import resident_kib
from benchmarks.report import Report, shown
from benchmarks.timing import NOISE, Series, each, interleave, quantile, together
from seglam.lookup import Hit, Index
from seglam.procedures import Request, Revision

SIZES = (100, 10_000, 100_000)
T = TypeVar("T")

FLOOR = "dictionary lookup"
AIM_P50_US, AIM_P99_US, AIM_INSERT_P99_US, AIM_KIB = 20, 100, 1000, 10
HELD_OUT = 300
"""Revisions that are added and removed again in each round."""


def run(quick: bool) -> Report:
    """All sizes; `quick` leaves out the largest and takes fewer rounds and requests."""
    report = Report("lookup")
    rounds, requests = (5, 300) if quick else (15, 500)
    for size in SIZES[:2] if quick else SIZES:
        _at_size(report, size, rounds, requests)
        _memory(report, size)
    report.notes += [
        "Requests are distinct, so that the memo answers none; each procedure is as likely as any other, except for "
        "`popular` (Zipf). Requests that miss are such with one word more, an unknown one or a common one.",
        "Times are processor time of the thread, so that other processes do not count; reading it takes 1 us.",
        "A revision has three patterns on average. gc.freeze() is called once, after the bulk load.",
    ]
    return report


def _at_size(report: Report, size: int, rounds: int, requests: int) -> None:
    corpus = Corpus(size)
    held_out = corpus.revisions[-min(HELD_OUT, len(corpus.revisions) // 3) :]
    index = Index()
    for revision in corpus.revisions:
        index.add(revision)
    gc.collect()
    gc.freeze()
    hits = _rounds_of(corpus.requests(rounds * requests, seed=2))
    popular = _rounds_of(corpus.requests(rounds * requests, seed=3, popular=True))
    misses = _rounds_of(corpus.misses(rounds * requests // 10, seed=4))
    again = [Request(text=text) for text in corpus.requests(200, seed=5)]
    keys = corpus.requests(requests, seed=6)
    table = {f"{text} {number}" if number else text: text for number in range(100) for text in keys}
    served = [index.find(request) for request in again]
    pauses = Pauses()
    added, removed = Series(), Series()

    def insert() -> list[float]:
        fresh = [Revision(old.name, old.spec, old.digest) for old in held_out]  # nothing computed before
        removed.rounds.append(_timed(index.remove, [revision.digest for revision in fresh]))
        with pauses.watched():
            times = _timed(index.add, fresh)
        added.rounds.append(times)
        return times

    series = interleave(
        {
            FLOOR: lambda: together(table.get, keys),
            "hit": lambda: _timed(index.find, hits(requests)),
            "popular hit": lambda: _timed(index.find, popular(requests)),
            "miss": lambda: _timed(index.find, misses(requests // 10)),
            "insertion": insert,
            "memo": lambda: _again(index.find, again),
        },
        rounds,
    )
    floor = series[FLOOR]
    aims = (AIM_P50_US, AIM_P99_US) if size == SIZES[-1] else (None, None)
    at = f"at {size:,}"
    report.noise = max(report.noise, series[NOISE].spread)
    report.add(f"{FLOOR} {at}", floor.at(0.5), "us")
    for name, (p50, p99) in {"hit": aims, "popular hit": (None, None), "miss": (None, None)}.items():
        report.add(f"{name} p50 {at}", series[name].at(0.5), "us", series[name].ratio(floor), FLOOR, p50)
        report.add(f"{name} p99 {at}", series[name].at(0.99), "us", series[name].ratio(floor, 0.99), FLOOR, p99)
    report.add(f"memo hit {at}", series["memo"].at(0.5), "us", series["memo"].ratio(floor), FLOOR)
    report.add(f"insertion of a revision p50 {at}", added.at(0.5), "us", added.ratio(floor), FLOOR)
    report.add(
        f"insertion of a revision p99 {at}", added.at(0.99), "us", added.ratio(floor, 0.99), FLOOR, AIM_INSERT_P99_US
    )
    report.add(f"longest insertion {at}", added.longest, "us")
    report.add(f"removal of a revision p50 {at}", removed.at(0.5), "us", removed.ratio(floor), FLOOR)
    report.add(f"removal of a revision p99 {at}", removed.at(0.99), "us", removed.ratio(floor, 0.99), FLOOR)
    found = sum(isinstance(result, Hit) for result in served)
    report.notes.append(
        f"{at}: {corpus.patterns:,} patterns of {len(corpus.revisions):,} revisions; {found} of {len(served)} sampled "
        f"sentences hit; {pauses} during insertion."
    )
    gc.unfreeze()


def _timed(call: Callable[[T], object], arguments: Sequence[T]) -> list[float]:
    return each(call, arguments, thread_time_ns)


def _rounds_of(texts: list[str]) -> Callable[[int], list[Request]]:
    """Hands out requests, each once."""
    rest = iter(texts)
    return lambda count: [Request(text=next(rest)) for _ in range(count)]


def _again(find: Callable[[Request], object], requests: list[Request]) -> list[float]:
    """Finds that the memo answers."""
    for request in requests:
        find(request)
    return together(find, requests)


@dataclass(slots=True)
class Pauses:
    """Garbage collections and how long each took, in microseconds."""

    times: list[float] = field(default_factory=list)
    _started: int = 0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Count the collections within."""
        gc.callbacks.append(self._note)
        try:
            yield
        finally:
            gc.callbacks.remove(self._note)

    def _note(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._started = perf_counter_ns()
        else:
            self.times.append((perf_counter_ns() - self._started) / 1000)

    def __str__(self) -> str:
        if not self.times:
            return "no garbage collection"
        return (
            f"{len(self.times)} garbage collections of {shown(quantile(self.times, 0.5))} us (p50) "
            f"to {shown(max(self.times))} us (longest)"
        )


def _memory(report: Report, size: int) -> None:
    """Resident memory per pattern, of a process of its own that holds nothing else."""
    command = [sys.executable, "-m", "benchmarks.lookup", str(size)]
    measured = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    with_documents = measured["documents_kib"] + measured["lookup_kib"]
    report.add(f"memory a pattern, lookup alone, at {size:,}", measured["lookup_kib"], "KiB")
    report.add(f"memory a pattern, with its document, at {size:,}", with_documents, "KiB", aim=AIM_KIB)


def _memory_of(size: int) -> dict[str, float]:
    """KiB for each pattern, of the documents and of what lookup adds to them."""
    warm = Corpus(60)
    Index().add(warm.revisions[0])
    del warm
    gc.collect()
    before = resident_kib()
    corpus = Corpus(size)
    gc.collect()
    documents = resident_kib()
    index = Index()
    for revision in corpus.revisions:
        index.add(revision)
    gc.collect()
    return {
        "documents_kib": (documents - before) / corpus.patterns,
        "lookup_kib": (resident_kib() - documents) / corpus.patterns,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_memory_of(int(sys.argv[1]))))
