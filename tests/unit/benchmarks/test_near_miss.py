"""The near-miss battery: its oracles, its generator, and a small run of it over the example procedures."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from benchmarks.near_miss.bounds import upper_bound
from benchmarks.near_miss.changes import in_formats
from benchmarks.near_miss.judged import is_right, judge
from benchmarks.near_miss.oracles import ORACLES
from benchmarks.near_miss.pairs import Generator, Pair, check_oracles
from benchmarks.near_miss.paraphrases import paraphrases
from benchmarks.near_miss.question import Kind, Question, questions
from benchmarks.near_miss.run import run
from benchmarks.near_miss.served import OURS, PEERS_PYTHON, NoPeers, Served, digest_of, peers
from benchmarks.near_miss.values import FILE
from seglam.procedures.request import Request


@pytest.mark.parametrize(
    ("events", "trials", "bound"),
    [(0, 3562, 0.000841), (0, 10, 0.2589), (1, 100, 0.0466), (7, 7, 1.0), (2, 40, 0.1492)],
)
def test_bound_is_clopper_and_pearsons(events: int, trials: int, bound: float) -> None:
    assert upper_bound(events, trials) == pytest.approx(bound, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "given", "answer"),
    [
        ("product_of", {"a": Decimal("2.50"), "b": 4}, "10"),
        ("product_of", {"a": Decimal("0.05"), "b": Decimal("-3")}, "-0.15"),
        ("gcd", {"numbers": [12, 18, 30]}, "6"),
        ("lcm", {"numbers": [4, 6, 10]}, "60"),
        ("primes", {"low": 24, "high": 28}, "0"),
        ("primes", {"low": 2, "high": 11}, "5"),
        ("primes_if_ends_are_none", {"low": 2, "high": 10}, None),
        ("arithmetic", {"expression": "20 - 4 * 2 + 1"}, "13"),
        ("arithmetic", {"expression": "(2 - 7 * 2) * 3"}, "-36"),
        ("at_least", {"dice": [4, 2], "target": 5}, "3/8"),
        ("to_base", {"number": 255, "target": 16}, "ff"),
        ("complex_product", {"a": (Fraction(1), Fraction(2)), "b": (Fraction(3), Fraction(-4))}, "11 + 2i"),
        ("complex_quotient", {"a": (Fraction(1), Fraction(0)), "b": (Fraction(3), Fraction(0))}, None),
        ("spiral", {"matrix": [[5, -1], [0, 2], [8, 3]]}, "5 -1 2 3 8 0"),
        ("rotated", {"matrix": [[1, 2], [3, 4]], "degrees": 90, "direction": "counterclockwise"}, "[[2, 4], [1, 3]]"),
        ("business_days", {"start": date(2024, 6, 1), "end": date(2024, 6, 3)}, "1"),
        ("business_days", {"start": date(2024, 6, 3), "end": date(2024, 6, 1)}, None),
        ("yearless_business_days", {"start": date(2023, 12, 29), "end": date(2024, 1, 2)}, "3"),
        ("day_of_nth", {"ordinal": "last", "weekday": "Friday", "month": "June", "year": 2024}, "28"),
        ("day_of_nth", {"ordinal": "fifth", "weekday": "Sunday", "month": "February", "year": 2024}, "-1"),
        ("weekday_from_first", {"first": "Monday", "date": (2, 1)}, "Thursday"),
        ("isomorphic", {"first": "badc", "second": "baba"}, "False"),
        ("group_average", {FILE: (["k", "v"], [["a", "1"], ["a", "2"], ["b", "0.005"]]), "key": "k", "measure": "v"},
         "k,v\na,1.50\nb,0.01"),
    ],
)  # fmt: skip
def test_oracles(name: str, given: dict[str, object], answer: str | None) -> None:
    assert ORACLES[name](given) == answer


def test_every_oracle_and_drawer_that_a_question_names_is_there() -> None:
    assert check_oracles() == []
    for question in questions():
        values = question.drawn(Random(1))
        assert set(question.slots) <= values.keys(), question.name


def test_battery_is_as_large_as_it_says() -> None:
    pairs = list(Generator().pairs(paraphrases()))
    assert len(pairs) >= 6_000
    assert len({pair.question for pair in pairs}) >= 40
    assert {pair.kind for pair in pairs} == set(Kind)
    assert pairs[:50] == list(islice(Generator().pairs(paraphrases()), 50))
    seen = {(p.second.text, p.first_file, str(p.second.inputs), p.second.context.get("locale")) for p in pairs}
    assert len(seen) == len(pairs)


def test_formats_of_a_region_say_what_a_text_means_there() -> None:
    meant = {(each.text, each.locale): each.value for each in in_formats(1234)}
    assert meant["1.234", "de-DE"] == 1234
    assert meant["1.234", "en-US"] == Decimal("1.234")
    assert meant["1,234", None] is None
    dates = {(each.text, each.locale): each.value for each in in_formats(date(2024, 3, 4))}
    assert dates["03/04/2024", "en-GB"] == date(2024, 4, 3)
    assert dates["03/04/2024", None] is None


def _pair(question: Question, expected: str | None) -> Pair:
    return Pair(question.name, Kind.VALUE, "first", "1", Request(text="second"), expected, "text", "second")


def test_judge_counts_what_is_served_wrongly() -> None:
    pairs = [_pair(questions()[0], expected) for expected in ("7", "7", None, None)]
    judged = judge(pairs, [Served("7"), Served("8", "p"), Served("7", "p"), Served(None)])
    assert (judged.total.served, judged.total.right, judged.total.wrong) == (3, 1, 2)
    assert [wrong.by for wrong in judged.wrong] == ["p", "p"]
    assert not is_right(pairs[2], "7")
    judged = judge([replace(pair, part=part) for pair, part in zip(pairs, "abba", strict=True)], [Served("7")] * 4)
    assert [(part, each.pairs, each.right, each.wrong) for part, each in judged.parts.items()] == [
        ("a", 2, 1, 1), ("b", 2, 1, 1),
    ]  # fmt: skip


def test_example_procedures_serve_no_near_miss_wrongly() -> None:
    battery = run(quick=True, seed=7)
    ours = battery.results[OURS]
    assert ours.total.pairs > 300
    assert ours.total.right > 50
    assert ours.wrong == []


def test_what_caches_served_is_kept_for_the_same_pairs_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PEERS_PYTHON, str(tmp_path / "nowhere"))
    pairs, kept = list(Generator(1, 1, 1).pairs(paraphrases()[:1])), tmp_path / "kept.jsonl"
    answers = [{"exact": None} if number else {"exact": "7"} for number in range(len(pairs))]
    kept.write_text("\n".join([digest_of(pairs, ["exact"]), *map(json.dumps, answers)]))
    assert peers(pairs, kept, ["exact"])["exact"][:2] == [Served("7"), Served(None)]
    for others, names in ((pairs[1:], ["exact"]), (pairs, ["exact", "gptcache"])):
        with pytest.raises(NoPeers, match="make peers"):
            peers(others, kept, names)
