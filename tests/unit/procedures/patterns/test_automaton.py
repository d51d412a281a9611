"""Automata: they accept what patterns describe, with a final mark or without, and stay small."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.procedures.patterns import PatternError, State, compile_pattern, parse
from tests.patterns import RULES, TYPES, language, pattern_texts, readable


def words(state: State) -> set[tuple[str, ...]]:
    """All sentence forms that an automaton accepts, values as `{parameter}`."""
    found: set[tuple[str, ...]] = {()} if state.accepts else set()
    for token, after in state.literals.items():
        found |= {(token, *rest) for rest in words(after)}
    for _, name, after in state.slots:
        found |= {(f"{{{name}}}", *rest) for rest in words(after)}
    return found


def accepted(pattern: str) -> set[str]:
    return {" ".join(tokens) for tokens in words(compile_pattern(parse(pattern, RULES), TYPES))}


@pytest.mark.parametrize(
    ("pattern", "sentences"),
    [
        ("a b", {"a b"}),
        ("a?", {"a ?", "a"}),
        ("a.", {"a .", "a"}),
        ("a[?]", {"a ?", "a"}),
        ("a!", {"a !"}),
        ("a ? ?", {"a ? ?", "a ?"}),
        ("a? [b]", {"a ? b", "a ?", "a"}),
        ("a (. b|c)", {"a . b", "a c"}),
        ("{x}?", {"{x} ?", "{x}"}),
        ("[a] {x} [a]", {"{x}", "a {x}", "{x} a", "a {x} a"}),
    ],
)
def test_accepts(pattern: str, sentences: set[str]) -> None:
    assert accepted(pattern) == sentences


@given(pattern_texts())
def test_accepts_what_the_tree_describes(pattern: str) -> None:
    tree = readable(pattern)
    if tree is None:
        return
    described = language(tree)
    without = {tokens[:-1] for tokens in described if tokens[-1] in ("?", ".")}
    assert words(compile_pattern(tree, TYPES)) == described | without


def test_equal_ends_are_shared() -> None:
    states: set[int] = set()
    waiting = [compile_pattern(parse("(what is|tell me|give me|find) the capital of {x} please now", {}), TYPES)]
    while waiting:
        state = waiting.pop()
        if id(state) not in states:
            states.add(id(state))
            waiting += [*state.literals.values(), *(after for _, _, after in state.slots)]
    assert len(states) == 10


@pytest.mark.parametrize("pattern", ["[a]", "[a] [{x}]", "?", "[a] .", "[a|b]|[{x}] ?"])
def test_an_empty_request_never_matches(pattern: str) -> None:
    with pytest.raises(PatternError, match="matches an empty request") as caught:
        compile_pattern(parse(pattern, {}), TYPES)
    assert "mandatory" in caught.value.remedy


@pytest.mark.parametrize(
    ("pattern", "position"), [("{no}", 0), ("a {no}", 2), ("a [b {no}]", 5), ("a (b|c {x} {no})", 11), ("a { x }", 2)]
)
def test_unknown_parameters_are_named(pattern: str, position: int) -> None:
    with pytest.raises(PatternError, match=r"there is no parameter \{( x |no)\}") as caught:
        compile_pattern(parse(pattern, {}), TYPES)
    assert caught.value.position == position
    assert "{x}, {y}, {z}" in caught.value.remedy


def test_rules_hold_parameters() -> None:
    rules = {"xs": "{x} and {y}", "bad": "{no}"}
    assert language(parse("add <xs>", rules)) == language(parse("add {x} and {y}", {}))
    compile_pattern(parse("add <xs>", rules), TYPES)
    with pytest.raises(PatternError, match=r"there is no parameter \{no\}"):
        compile_pattern(parse("add <bad>", rules), TYPES)


@pytest.mark.parametrize(
    "pattern",
    [
        "x " + "[{x}] " * 680,
        "{x} " * 65,
        "x " + "<glued> " * 20,
        "x " + "[<many>] " * 400,
        "(" + "a " * 300 + "b|" + "a " * 300 + "c)",
    ],
    ids=["optional-slots", "slots", "glued", "rules", "shared"],
)
def test_bombs_are_refused(pattern: str) -> None:
    with pytest.raises(PatternError) as caught:
        rules = {"many": "[a] [b] [c] d " * 50, "glued": "y[a][b][c][d][e][f][g][h] " * 40}
        compile_pattern(parse(pattern[:4096], rules), TYPES)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "pattern",
    [
        "a " * 2048,
        "(a|b) " * 680,
        "{x} " * 64,
        "a [b c] " * 200,
        "x " + "[a [b [c]]] " * 150,
        "x " + "[a] " * 1000,
        "x " + "[a|b] " * 680,
    ],
)
def test_long_patterns_are_fine(pattern: str) -> None:
    compile_pattern(parse(pattern, {}), TYPES)


@given(st.lists(st.sampled_from(["a", "b", "1", "?", "-"]), min_size=1, max_size=5))
def test_a_plain_sentence_is_its_own_pattern(tokens: list[str]) -> None:
    if set(tokens) == {"?"} and len(tokens) == 1:
        return
    assert " ".join(tokens) in accepted(" ".join(tokens))
