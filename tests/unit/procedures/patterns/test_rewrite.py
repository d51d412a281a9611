"""Taking parts out of patterns: what remains is exactly what did not take them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.procedures.patterns import Choice, parse
from seglam.procedures.patterns.rewrite import Cut, alternatives_of, cut, drop, keep_only, require, without_branch
from tests.patterns import RULES, choices, forms, language, pattern_texts, readable


def choice(pattern: str, number: int = 0) -> Choice:
    return list(choices(parse(pattern, RULES)))[number]


@pytest.mark.parametrize(
    ("text", "alternatives"),
    [
        ("a|b (c|d)|<e>", ("a", "b (c|d)", "<e>")),
        ("(a|b (c|d))", ("a", "b (c|d)")),
        ("(a|b) (c|d)", ("(a|b) (c|d)",)),
        (r"a\|b", (r"a\|b",)),
        ("(a|b", ("(a|b",)),
    ],
)
def test_alternatives_of_a_rule(text: str, alternatives: tuple[str, ...]) -> None:
    assert alternatives_of(text) == alternatives


@pytest.mark.parametrize(
    ("pattern", "number", "branch", "left"),
    [
        ("(what is|what's|tell me) {x}", 0, 1, "(what is|tell me) {x}"),
        ("(a|b) c", 0, 0, "b c"),
        ("a [b] c", 0, 0, "a c"),
        ("a [b|c] d", 0, 0, "a [c] d"),
        ("day[s] off", 0, 1, "day off"),
        ("the (mon|tues)day[s] off", 0, 1, "the (monday|tuesday|tuesdays) off"),
        ("a b|c [d]", 0, 0, "c [d]"),
        ("a b|c [d]", 1, 0, "a b|c"),
        ("(a|b)", 0, 1, "a"),
        ("(what (is)|tell) x", 1, 0, "tell x"),
        ("[(a)|b] x", 1, 0, "[b] x"),
        ("[[a] b] x", 1, 0, "[ b] x"),
        ("(a||b) x", 0, 1, "[a] x"),
        (r"(a|\||\)) \(x", 0, 0, r"(\||\)) \(x"),
        ("({x}|<kind> (a|b)) [c|d]", 1, 1, "({x}|<kind> a) [c|d]"),
    ],
)
def test_without_branch(pattern: str, number: int, branch: int, left: str) -> None:
    assert without_branch(pattern, choice(pattern, number), branch) == left


@pytest.mark.parametrize(
    ("pattern", "number", "left"),
    [
        ("a [b] c", 0, "a b c"),
        ("a [b|c]", 0, "a (b|c)"),
        ("a (b|)", 0, "a b"),
        ("day[s] off", 0, "(day|days) off"),
        ("a [b [c]] d", 1, "a [b c] d"),
        ("a (b|c) d", 0, "a (b|c) d"),
        ("[the|a ] {x}", 0, "(the|a ) {x}"),
        ("[a][,] b", 0, "a[,] b"),
    ],
)
def test_require(pattern: str, number: int, left: str) -> None:
    assert require(pattern, choice(pattern, number)) == left


@pytest.mark.parametrize(
    ("pattern", "number", "left"),
    [
        ("a [b] c", 0, "a c"),
        ("[please] tell me", 0, "tell me"),
        ("tell me [now]", 0, "tell me"),
        ("a [b [c]] d", 1, "a [b ] d"),
        ("a ([b]|c) d", 1, "a [c] d"),
        ("a (b|c) d", 0, None),
        ("(a (b|c)|d) e", 1, "d e"),
        ("number[s][,] {x}", 0, None),
    ],
)
def test_drop(pattern: str, number: int, left: str | None) -> None:
    assert drop(pattern, choice(pattern, number)) == left


@pytest.mark.parametrize(
    ("pattern", "branch", "left"),
    [("[a|b] c", 1, "b c"), ("(a|b|c) d", 0, "a d"), ("colo[u]r", 1, "colour"), ("a|b|c", 2, "c"), ("(a) b", 0, "a b")],
)
def test_keep_only(pattern: str, branch: int, left: str) -> None:
    assert keep_only(pattern, choice(pattern), branch) == left


def test_escaped_spaces_and_what_is_not_cut_stay_as_written() -> None:
    pattern = r"A\ [b]  (c|D) {x}[s] <kind>"
    assert cut(pattern, []) == pattern
    assert keep_only(pattern, choice(pattern, 1), 1) == r"A\ [b] D {x}[s] <kind>"


def test_a_rule_is_cut_as_a_whole() -> None:
    tree = parse("[<kind>] a", RULES)
    rule = next(choices(tree)).branches[0].node
    assert isinstance(rule, Choice) and rule.rule
    assert cut("[<kind>] a", [Cut(rule, 0)]) == "a"
    inner = rule.branches[0].node
    assert isinstance(inner, Choice)
    with pytest.raises(ValueError, match="inside a rule"):
        cut("[<kind>] a", [Cut(inner, 0)])


def test_a_choice_of_another_pattern_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"there is no choice at \(4, 9\)"):
        cut("a b c d e f", [Cut(choice("xyz (a|b)"), 0)])


@given(pattern_texts(), st.data())
def test_exactly_the_other_sentences_remain(pattern: str, data: st.DataObject) -> None:
    tree = readable(pattern)
    alternatives = (
        [(one, branch) for one in choices(tree) for branch in [*range(len(one.branches)), None]] if tree else []
    )
    if tree is None or not alternatives:
        return
    taken = data.draw(st.lists(st.sampled_from(alternatives), min_size=1, max_size=4))
    gone = {(one.span, branch) for one, branch in taken}
    expected = {tokens for tokens, way in forms(tree) if not way & gone}
    left = cut(pattern, [Cut(one, branch) for one, branch in taken])
    if left is None or not expected - {()}:
        assert not expected - {()}
        return
    assert language(parse(left, RULES)) == expected


@given(pattern_texts(), st.data())
def test_each_operation_is_the_cut_that_it_names(pattern: str, data: st.DataObject) -> None:
    tree = readable(pattern)
    found = list(choices(tree)) if tree else []
    if tree is None or not found:
        return
    one = data.draw(st.sampled_from(found))
    branch = data.draw(st.sampled_from(range(len(one.branches))))
    every = forms(tree)
    branches = range(len(one.branches))

    def without(*gone: int | None) -> set[tuple[str, ...]]:
        return {tokens for tokens, way in every if not any((one.span, each) in way for each in gone)} - {()}

    def described(left: str | None) -> set[tuple[str, ...]]:
        return language(parse(left, RULES)) - {()} if left else set()

    assert described(without_branch(pattern, one, branch)) == without(branch)
    assert described(require(pattern, one)) == without(None)
    assert described(drop(pattern, one)) == without(*branches)
    assert described(keep_only(pattern, one, branch)) == without(None, *(each for each in branches if each != branch))
