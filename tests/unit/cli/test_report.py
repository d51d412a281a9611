from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.cli import report
from seglam.cli.report import NO_CALLS, Calls, Record, Verdict, judge
from seglam.gateway.health.bounds import upper_bound

RIGHT, WRONG, NONE = Verdict.RIGHT, Verdict.WRONG, Verdict.NONE


def record(
    hit: bool = True,
    verdict: Verdict | None = None,
    *,
    calls: Calls = NO_CALLS,
    family: str | None = "gcd",
    must_miss: bool = False,
    reason: str = "unknown",
    took: float = 10.0,
) -> Record:
    return Record(
        family=family,
        hit=hit,
        reason=None if hit else reason,
        verdict=verdict or (RIGHT if hit else NONE),
        lookup_us=took,
        run_us=2 * took if hit else 0.0,
        calls=calls,
        must_miss=must_miss,
    )


AUTHOR = Calls(author=1, verifier=2, input_tokens=100, output_tokens=10, recorded=3)
REPAIR = Calls(repair=1)


@given(st.integers(1, 60), st.data())
def test_the_bound_is_where_so_few_wrong_hits_have_probability_five_percent(hits: int, data: st.DataObject) -> None:
    wrong = data.draw(st.integers(0, hits - 1))
    bound = upper_bound(wrong, hits)
    assert bound is not None
    share = Fraction(bound)
    tail = sum(comb(hits, k) * share**k * (1 - share) ** (hits - k) for k in range(wrong + 1))
    assert abs(float(tail) - 0.05) < 1e-9


def test_the_bound_at_its_ends() -> None:
    assert upper_bound(0, 0) is None
    assert upper_bound(7, 7) == 1.0
    assert upper_bound(0, 10_000) == pytest.approx(1 - 0.05**0.0001, rel=1e-9)
    assert upper_bound(3, 10_000) == pytest.approx(7.7524e-4, rel=1e-4)


@pytest.mark.parametrize(
    ("hit", "must_miss", "expects", "is_right", "verdict"),
    [
        (False, False, True, True, NONE),
        (False, True, False, False, NONE),
        (True, True, True, True, WRONG),
        (True, True, False, False, WRONG),
        (True, False, False, False, Verdict.UNJUDGED),
        (True, False, True, True, RIGHT),
        (True, False, True, False, WRONG),
    ],
)
def test_only_a_hit_can_be_wrong(hit: bool, must_miss: bool, expects: bool, is_right: bool, verdict: Verdict) -> None:
    assert judge(hit, must_miss, expects, lambda: is_right) is verdict


@given(st.integers(0, 300), st.integers(-2, 50))
def test_slices_cover_everything_once_and_are_nearly_equal(count: int, slices: int) -> None:
    bounds = report.parts(count, slices)
    assert [start for start, _ in bounds[1:]] == [end for _, end in bounds[:-1]]
    assert sum(end - start for start, end in bounds) == count
    sizes = [end - start for start, end in bounds]
    assert not sizes or (max(sizes) - min(sizes) <= 1 and min(sizes) > 0 and len(sizes) <= max(slices, 1))


@pytest.mark.parametrize(
    ("values", "share", "found"), [([], 0.5, None), ([3], 0.99, 3), ([4, 1, 3, 2], 0.5, 2), (range(1, 101), 0.99, 99)]
)
def test_percentiles_are_values_that_occurred(values: Sequence[float], share: float, found: float | None) -> None:
    assert report.percentile(values, share) == found


def test_a_family_is_counted_after_its_calls() -> None:
    records = [
        record(hit=False, calls=AUTHOR),
        record(),
        record(hit=False, calls=REPAIR),
        record(hit=False, calls=Calls(repair=2)),
        record(),
        record(hit=False),
        record(hit=False, must_miss=True),
    ]
    figures = report.family(records)
    assert figures["author_calls"] == 1 and figures["repair_calls"] == 3 and figures["verifier_calls"] == 2
    first, fourth = figures["after_first_call"], figures["after_fourth_call"]
    assert (first["calls"], first["requests"], first["hits"], first["answerable"]) == (1, 6, 2, 5)
    assert first["answerable_hit_rate"] == 0.4
    assert (fourth["calls"], fourth["requests"], fourth["hits"], fourth["answerable_hit_rate"]) == (4, 3, 1, 0.5)
    assert figures["requests_500_to_1000"] is None


def test_with_fewer_calls_the_last_one_counts_and_says_so() -> None:
    figures = report.family([record(hit=False, calls=AUTHOR), record(), record()])
    assert figures["after_fourth_call"]["calls"] == 1 and figures["after_fourth_call"]["hits"] == 2
    assert report.family([record()])["after_first_call"] is None


def test_the_late_window_counts_from_the_501st_request_of_the_family() -> None:
    records = [record(hit=False)] * 500 + [record()] * 400 + [record(hit=False)] * 200
    assert report.family(records)["requests_500_to_1000"]["hits"] == 400
    assert report.family(records)["requests_500_to_1000"]["requests"] == 500


def test_the_summary_adds_up() -> None:
    records = [
        record(hit=False, calls=AUTHOR, family="a"),
        record(family="a"),
        record(verdict=WRONG, family="b"),
        record(verdict=Verdict.UNJUDGED, family=None),
        record(hit=False, must_miss=True, reason="not-compilable", family="b"),
    ]
    summary = report.summary(records, 2, by_family=True)
    assert summary["requests"] == 5 and summary["hits"] == 3 and summary["hit_rate"] == 0.6
    assert summary["answerable"] == 4 and summary["answerable_hit_rate"] == 0.75
    assert summary["wrong"] == 1 and summary["judged_hits"] == 2
    assert summary["wrong_upper_bound_95"] == pytest.approx(1 - (1 - 0.95**0.5), rel=1) and summary["must_miss"] == 1
    assert summary["misses_by_reason"] == {"not-compilable": 1, "unknown": 1}
    counted = summary["model"]
    assert (counted["author_calls"], counted["repair_calls"], counted["verifier_calls"]) == (1, 0, 2)
    assert (counted["recorded"], counted["input_tokens"], counted["output_tokens"]) == (3, 100, 10)
    assert [(part["from"], part["to"], part["hits"]) for part in summary["slices"]] == [(1, 2, 1), (3, 5, 2)]
    assert sum(part["requests"] for part in summary["families"].values()) == 4
    assert summary["latency_us"]["hit"]["p50"] == 30.0


def test_times_are_nowhere_but_under_latency() -> None:
    def made(took: float) -> dict[str, object]:
        records = [record(hit=number % 3 != 0, took=took) for number in range(10)]
        return report.summary(records, 3, by_family=True)

    fast, slow = made(1.0), made(99.0)
    assert fast.pop("latency_us") != slow.pop("latency_us")
    assert fast == slow


def test_nothing_at_all_has_a_summary() -> None:
    summary = report.summary([], 10, by_family=True)
    assert summary["requests"] == 0 and summary["hit_rate"] is None and summary["slices"] == []
    assert summary["wrong_upper_bound_95"] is None and summary["latency_us"]["lookup"] == {"p50": None, "p99": None}
