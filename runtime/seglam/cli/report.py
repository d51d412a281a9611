"""What a team wants to know of a log of requests: pure functions from decisions to figures.

`seglam replay` and the demo share them. Nothing here depends on the clock or the process; measured times are kept under
`latency_us` alone, so that two runs on one log differ nowhere else.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

from seglam.gateway.health.bounds import upper_bound

WINDOW = (500, 1000)
"""The requests of a family, counted from 0, over which its late hit rate is taken."""
SHOWN_WRONG = 100


class Verdict(StrEnum):
    """How a decision compares with what the log expects."""

    RIGHT = "right"
    WRONG = "wrong"
    UNJUDGED = "unjudged"  # a hit, and the log expects nothing
    NONE = "none"  # a miss: nothing was served


@dataclass(frozen=True, slots=True)
class Calls:
    """Model calls and tokens that one request caused. Recorded completions count as calls."""

    author: int = 0
    repair: int = 0
    verifier: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    recorded: int = 0

    @property
    def compiling(self) -> int:
        """Calls that wrote procedures or patterns; the verifier's are counted apart."""
        return self.author + self.repair


NO_CALLS = Calls()


@dataclass(frozen=True, slots=True)
class Record:
    """What the report keeps of one decision. Times are in microseconds; `run_us` is 0 where nothing ran."""

    family: str | None
    hit: bool
    reason: str | None
    verdict: Verdict
    lookup_us: float
    run_us: float
    calls: Calls = NO_CALLS
    must_miss: bool = False
    noted: bool = False


def judge(hit: bool, must_miss: bool, expects: bool, is_right: Callable[[], bool]) -> Verdict:
    """The verdict on a decision; `is_right` is asked only where an answer and an expectation are there."""
    if not hit:
        return Verdict.NONE
    if must_miss:
        return Verdict.WRONG
    if not expects:
        return Verdict.UNJUDGED
    return Verdict.RIGHT if is_right() else Verdict.WRONG


def percentile(values: Iterable[float], share: float) -> float | None:
    """The nearest-rank percentile, `share` from 0 to 1; None of nothing."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1] if ordered else None


def rate(part: int, whole: int) -> float | None:
    """The share, to six digits; None of nothing."""
    return round(part / whole, 6) if whole else None


def totals(records: Sequence[Record]) -> dict[str, Any]:
    """Counts over some decisions. `hit_rate` is of all requests, `answerable_hit_rate` of those that need not miss."""
    hits = sum(record.hit for record in records)
    answerable = sum(not record.must_miss for record in records)
    served = sum(record.hit and not record.must_miss for record in records)
    return {
        "requests": len(records),
        "hits": hits,
        "hit_rate": rate(hits, len(records)),
        "answerable": answerable,
        "answerable_hit_rate": rate(served, answerable),
        "wrong": sum(record.verdict is Verdict.WRONG for record in records),
        "model_calls": sum(record.calls.compiling for record in records),
        "verifier_calls": sum(record.calls.verifier for record in records),
    }


def parts(count: int, slices: int) -> list[tuple[int, int]]:
    """Bounds of at most `slices` parts of nearly equal size, none empty."""
    slices = max(1, min(slices, count))
    bounds = [count * number // slices for number in range(slices + 1)]
    return [(start, end) for start, end in pairwise(bounds) if end > start]


def curve(records: Sequence[Record], slices: int) -> list[dict[str, Any]]:
    """Totals of each slice of the log, in order. `from` and `to` count requests from 1."""
    return [{"from": start + 1, "to": end, **totals(records[start:end])} for start, end in parts(len(records), slices)]


def families(records: Iterable[Record]) -> dict[str, dict[str, Any]]:
    """Figures of each family, in order of their names; decisions without a family are left out."""
    of: dict[str, list[Record]] = {}
    for record in records:
        if record.family is not None:
            of.setdefault(record.family, []).append(record)
    return {name: family(of[name]) for name in sorted(of)}


def family(records: Sequence[Record]) -> dict[str, Any]:
    """Figures of one family's decisions in order: also after its first and fourth model call, and over `WINDOW`.

    A call belongs to the request that caused it; what comes after it is counted. With fewer than four calls the
    fourth's figures are those after the last, and `calls` says after how many.
    """
    author, repair = sum(r.calls.author for r in records), sum(r.calls.repair for r in records)
    start, end = WINDOW
    return {
        **totals(records),
        "author_calls": author,
        "repair_calls": repair,
        "misses_by_reason": reasons(records),
        "noted_defects": sum(record.noted for record in records),
        "after_first_call": _after(records, 1),
        "after_fourth_call": _after(records, 4),
        f"requests_{start}_to_{end}": totals(records[start:end]) if len(records) > start else None,
    }


def _after(records: Sequence[Record], wanted: int) -> dict[str, Any] | None:
    made = 0
    place = None
    for number, record in enumerate(records):
        if record.calls.compiling:
            made += record.calls.compiling
            place = number + 1
            if made >= wanted:
                break
    return None if place is None else {"calls": min(made, wanted), **totals(records[place:])}


def reasons(records: Iterable[Record]) -> dict[str, int]:
    """Misses by reason, most frequent first."""
    counted = Counter(record.reason or "unknown" for record in records if not record.hit)
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def latencies(records: Sequence[Record], slices: int) -> dict[str, Any]:
    """p50 and p99 of lookups and runs, and p50 of whole hits by slice, in microseconds."""

    def both(values: list[float]) -> dict[str, float | None]:
        return {"p50": percentile(values, 0.5), "p99": percentile(values, 0.99)}

    return {
        "lookup": both([record.lookup_us for record in records]),
        "run": both([record.run_us for record in records if record.hit]),
        "hit": both([record.lookup_us + record.run_us for record in records if record.hit]),
        "hit_p50_by_slice": [hit_p50(records[start:end]) for start, end in parts(len(records), slices)],
    }


def hit_p50(records: Iterable[Record]) -> float | None:
    """Median time of a hit, lookup and run together, in microseconds."""
    return percentile((record.lookup_us + record.run_us for record in records if record.hit), 0.5)


def summary(records: Sequence[Record], slices: int = 10, *, by_family: bool = False) -> dict[str, Any]:
    """Everything at once, as the object that `seglam replay --json` prints."""
    whole = totals(records)
    judged = sum(record.verdict in (Verdict.RIGHT, Verdict.WRONG) for record in records)
    calls = [record.calls for record in records]
    return {
        **whole,
        "judged_hits": judged,
        "wrong_upper_bound_95": upper_bound(whole["wrong"], judged),
        "must_miss": sum(record.must_miss for record in records),
        "noted_defects": sum(record.noted for record in records),
        "misses_by_reason": reasons(records),
        "model": {
            "author_calls": sum(call.author for call in calls),
            "repair_calls": sum(call.repair for call in calls),
            "verifier_calls": sum(call.verifier for call in calls),
            "recorded": sum(call.recorded for call in calls),
            "input_tokens": sum(call.input_tokens for call in calls),
            "output_tokens": sum(call.output_tokens for call in calls),
        },
        "slices": curve(records, slices),
        **({"families": families(records)} if by_family else {}),
        "latency_us": latencies(records, slices),
    }
