"""Several patterns as one: the same sentences, in fewer states."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seglam.lookup import union
from seglam.lookup.machine import Machine
from seglam.lookup.overlap import accepts, meet
from seglam.lookup.union import united
from seglam.procedures.patterns import compile_pattern, parse
from seglam.procedures.text import Text
from seglam.procedures.values import ValueType, value_type
from tests.patterns import RULES, TYPES, pattern_texts, readable

KINDS = {name: value_type(name) for name in ("integer", "date", "code", "column")}


def machine(pattern: str, types: Mapping[str, ValueType] = KINDS) -> Machine:
    return Machine(compile_pattern(parse(pattern, RULES), types))


@settings(max_examples=60)
@given(st.lists(pattern_texts(), min_size=1, max_size=4), pattern_texts())
def test_it_meets_what_one_of_them_meets(texts: list[str], other: str) -> None:
    trees = [readable(text) for text in (*texts, other)]
    if not all(trees):
        return
    *several, one = (Machine(compile_pattern(tree, TYPES)) for tree in trees if tree)
    together = united(several)
    assert together is not None
    witness = meet(together, one)
    assert (witness is None) == all(meet(each, one) is None for each in several)
    if witness is not None:
        assert accepts(together, Text(witness.text))
        assert any(accepts(each, Text(witness.text)) for each in several)


def test_what_begins_and_ends_alike_is_there_once() -> None:
    opening, closing = "[please|kindly] tell me", "[now] [thanks|thank you]"
    several = [machine(f"{opening} {middle} {closing}") for middle in ("a {integer}", "b {date}", "{integer} c")]
    together = united(several)
    assert together is not None
    assert len(together.states) < sum(len(each.states) for each in several) / 2
    for text in ("kindly tell me a 7 thank you", "tell me 7 c now", "please tell me b 2024-02-29"):
        assert accepts(together, Text(text)), text
    for text in ("tell me a c", "tell me b 7", "tell me 7"):
        assert not accepts(together, Text(text)), text


def test_of_no_pattern_there_is_none() -> None:
    assert united([]) is None


def test_past_the_bound_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(union, "MAX_STATES", 2)
    assert united([machine("a b c"), machine("b c d")]) is None
