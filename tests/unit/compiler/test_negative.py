"""Negative entries keep the model from being asked again, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from seglam.compiler import Negative, NegativeIndex
from seglam.compiler.negative import readable
from seglam.lookup import fingerprint
from seglam.procedures import Request
from seglam.procedures.patterns import PatternError

NOW = datetime(2024, 1, 1, tzinfo=UTC)
POEM = Request(text="What mood has this poem: roses are red?")


def entry(*patterns: str, print_: str = "0" * 32) -> Negative:
    parameters = ({"name": "poem", "type": "text"}, {"name": "n", "type": "integer"})
    return Negative(print_, "taste", "m", NOW + timedelta(days=1), patterns, parameters)


def test_a_pattern_decides_for_the_whole_request() -> None:
    index = NegativeIndex(lambda: NOW, [entry("what mood has this poem: {poem}")])
    assert index.find(POEM) is not None
    assert index.find(Request(text="what mood has this poem: x. Answer in one word")) is not None
    assert index.find(Request(text="please, what mood has this poem: x")) is None


def test_a_final_mark_is_optional() -> None:
    index = NegativeIndex(lambda: NOW, [entry("guess number {n}")])
    assert index.find(Request(text="Guess number 7?")) is not None
    assert index.find(Request(text="Guess number 7!")) is None
    assert index.find(Request(text="Guess number")) is None


def test_the_fingerprint_is_enough() -> None:
    index = NegativeIndex(lambda: NOW, [entry(print_=fingerprint(POEM))])
    assert index.find(POEM) is not None and index.find(Request(text="What else?")) is None


def test_structured_requests_go_by_fingerprint_only() -> None:
    index = NegativeIndex(lambda: NOW, [entry("{poem}")])
    assert index.find(Request(value={"a": 1})) is None


def test_entries_expire_and_can_be_forgotten() -> None:
    now = [NOW]
    index = NegativeIndex(lambda: now[0], [entry("guess number {n}")])
    (known,) = index
    now[0] = NOW + timedelta(days=2)
    assert index.find(Request(text="guess number 7")) is None and not list(index)
    now[0] = NOW
    index.remove(known)
    assert index.find(Request(text="guess number 7")) is None


def test_unreadable_patterns_and_those_that_match_everything_are_left_out() -> None:
    parameters = [{"name": "poem", "type": "text"}]
    given = ["mood of {poem}", "{poem}", "mood of {song}", "mood (of {poem}", "[<please>] mood of {poem}"]
    assert readable(given, parameters) == ("mood of {poem}", "[<please>] mood of {poem}")
    assert readable(["x {poem}"], [{"name": "poem", "type": "poetry"}]) == ()


def test_an_entry_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(PatternError):
        NegativeIndex(lambda: NOW, [entry("mood of {song}")])
