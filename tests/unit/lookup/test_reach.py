"""Places that two patterns reach together: what is called disjoint has no common sentence, and the exact product loses
none of its sentences where it goes by them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from seglam.lookup.machine import Machine
from seglam.lookup.overlap import accepts, meet
from seglam.lookup.product import Undecided, common
from seglam.lookup.reach import rest
from seglam.procedures.patterns import compile_pattern
from seglam.procedures.text import Text
from tests.patterns import pattern_texts, readable
from tests.unit.lookup.test_overlap import RUNS, machine, real


def disjoint(left: Machine, right: Machine) -> bool:
    return rest(left, right) is None


@settings(max_examples=120)
@given(pattern_texts(), pattern_texts())
def test_the_exact_product_loses_nothing(left: str, right: str) -> None:
    trees = readable(left), readable(right)
    if trees[0] is None or trees[1] is None:
        return
    one, other = (Machine(compile_pattern(tree, RUNS)) for tree in trees if tree)
    everything = list(common(one, other))
    left_to_go = rest(one, other)
    assert (left_to_go is None) is disjoint(other, one)
    if left_to_go is None:
        assert not everything
        assert meet(one, other) is None
        return
    guided = list(common(one, other, rest=left_to_go))
    assert list(map(len, guided)) == list(map(len, everything)), "as many ends, and none on a longer way"
    witness = meet(one, other)
    assert (witness is None) is (not everything)
    if witness is not None:
        assert witness.confirmed
        assert accepts(one, Text(witness.text)) and accepts(other, Text(witness.text))


@pytest.mark.parametrize(
    ("left", "right", "apart"),
    [
        ("a {w} b", "a {w} b", False),
        ("a {w} b", "a {w} c", True),
        ("{w} b", "{d} b", True),
        ("{w} b", "{a} b", False),
        ("a", "a b", True),
        ("a [b]", "a b", False),
        ("{w}", "{l} {l}", False),
        ("a {w} [please]", "a {w} [please] now", False),  # `w` may be `now`
        ("a {l} as csv", "a {l} as json", True),
    ],
)
def test_small_patterns(left: str, right: str, apart: bool) -> None:
    assert disjoint(machine(left), machine(right)) is apart


def test_a_final_mark_is_free_on_both_sides() -> None:
    assert not disjoint(machine("a b"), machine("a b ?"))
    assert not disjoint(machine("a b ?"), machine("a b"))
    assert disjoint(machine("a b"), machine("a b !"))


def test_what_begins_alike_in_many_ways_is_told_apart() -> None:
    """Step by step each choice of the one meets each of the other, and `column` takes them all."""
    many = "(show|give|tell) [me] {t} " + " ".join("(for|of|in|by|with|[and] {t})" for _ in range(6))
    types = real(t="column")
    left, right = machine(f"{many} as csv", types), machine(f"{many} as json", types)
    with pytest.raises(Undecided):
        list(common(left, right, 20_000))
    assert disjoint(left, right)
    assert meet(left, right) is None


def test_a_common_sentence_is_found_without_detours() -> None:
    many = "(show|give|tell) [me] {t} " + " ".join("(for|of|in|by|with|[and] {t})" for _ in range(6))
    types = real(t="column")
    left, right = machine(f"{many} as (csv|text)", types), machine(f"{many} as (json|text)", types)
    with pytest.raises(Undecided):
        list(common(left, right, 20_000))
    left_to_go = rest(left, right)
    assert left_to_go is not None
    assert next(common(left, right, 5_000, left_to_go))
    witness = meet(left, right)
    assert witness is not None
    assert witness.confirmed
    assert witness.text.endswith("as text")
