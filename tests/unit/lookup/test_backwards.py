"""Seen from their ends: what is called disjoint has no common sentence, and much that is disjoint is called so."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from seglam.lookup.backwards import disjoint
from seglam.lookup.overlap import meet
from seglam.lookup.product import Machine, Undecided, common
from seglam.procedures.patterns import compile_pattern
from tests.patterns import pattern_texts, readable
from tests.unit.lookup.test_overlap import RUNS, machine, real


@settings(max_examples=300)
@given(pattern_texts(), pattern_texts())
def test_what_is_disjoint_has_no_common_sentence(left: str, right: str) -> None:
    trees = readable(left), readable(right)
    if trees[0] is None or trees[1] is None:
        return
    one, other = (Machine(compile_pattern(tree, RUNS)) for tree in trees if tree)
    assert disjoint(one, other) is disjoint(other, one)
    if disjoint(one, other):
        assert not list(common(one, other))


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


def test_what_begins_alike_in_many_ways_is_told_apart_by_its_end() -> None:
    """From the beginning each choice of the one meets each of the other, and `text` takes them all."""
    many = "(show|give|tell) [me] {t} " + " ".join("(for|of|in|by|with|[and] {t})" for _ in range(6))
    types = real(t="column")
    left, right = machine(f"{many} as csv", types), machine(f"{many} as json", types)
    with pytest.raises(Undecided):
        list(common(left, right, 20_000))
    assert disjoint(left, right)
    assert meet(left, right) is None


def test_past_its_bound_nothing_is_proved() -> None:
    left, right = machine("a {w} b"), machine("a {w} c")
    assert not disjoint(left, right, max_steps=-1)
