"""Patterns that are compiled together are what each would be alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.procedures.patterns import PatternError, State, compile_pattern, patterns_of
from tests.patterns import RULES, TYPES, pattern_texts, readable


def shape(start: State) -> object:
    """An automaton as nested content, so that two can be compared."""
    literals = {token: shape(after) for token, after in start.literals.items()}
    return literals, [(kind.key, name, shape(after)) for kind, name, after in start.slots], start.accepts


@given(st.lists(pattern_texts(), min_size=1, max_size=4))
def test_together_is_as_alone(texts: list[str]) -> None:
    together = patterns_of(RULES, TYPES, anew=True)
    for text in [*texts, texts[0]]:
        tree = readable(text)
        if tree is None:
            with pytest.raises(PatternError):
                together.read(text)
        else:
            assert shape(together.read(text).start) == shape(compile_pattern(tree, TYPES))


def test_equal_ends_are_one_state_in_all_patterns() -> None:
    patterns = patterns_of({"end": "(thanks|thank you)"}, TYPES, anew=True)
    one, other = (patterns.read(f"{word} {{x}} [<end>]").start for word in ("add", "sum"))
    assert one.literals["add"] is other.literals["sum"]


def test_what_is_kept_is_found_again_and_what_is_asked_anew_is_not() -> None:
    first = patterns_of(RULES, TYPES, anew=True)
    assert patterns_of(dict(RULES), dict(TYPES)) is first
    assert patterns_of(RULES, {}) is not first
    assert patterns_of(RULES, TYPES, anew=True) is not first


def test_a_bound_is_of_one_pattern_not_of_all() -> None:
    patterns = patterns_of({}, TYPES, anew=True)
    for number in range(40):
        patterns.read(f"n{number} " + "a b c d " * 50)
    wide = "(" + "|".join(f"w{number} " + " ".join(f"v{number}x{at}" for at in range(9)) for number in range(60)) + ")"
    for number in range(6):
        patterns.read(f"m{number} {wide}")
    with pytest.raises(PatternError, match="too many sentence forms"):
        patterns.read("x " + "".join(f"{wide} e{number} " for number in range(20)))


def test_threads_share_patterns() -> None:
    patterns = patterns_of(RULES, TYPES, anew=True)
    texts = [f"(add|sum|total) {{x}} and [{word}] {{y}}" for word in "abcdefgh"] * 4
    with ThreadPoolExecutor(8) as threads:
        starts = list(threads.map(lambda text: patterns.read(text).start, texts))
    assert [id(start) for start in starts[:8]] * 4 == [id(start) for start in starts]
