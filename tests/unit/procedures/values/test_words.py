from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.procedures.text import Text
from seglam.procedures.values.base import ValueProblem
from seglam.procedures.values.tagged import AsWritten
from seglam.procedures.values.words import (
    MAX_ENDS,
    MAX_OPAQUE_TOKENS,
    CharacterType,
    CodeType,
    QuotedType,
    TextType,
    TokenType,
    VariableType,
    WordType,
)
from tests.unit.procedures.values.properties import check_junk, check_samples

CHARACTER, WORD, TOKEN, VARIABLE, QUOTED, TEXT, CODE = KINDS = (
    CharacterType(),
    WordType(),
    TokenType(),
    VariableType(),
    QuotedType(),
    TextType(),
    CodeType(),
)


@pytest.mark.parametrize(
    ("kind", "text", "readings"),
    [
        (CHARACTER, "h", ("h",)),
        (CHARACTER, "H", ("H",)),
        (CHARACTER, '"h"', ("h",)),
        (CHARACTER, "“h”", ("h",)),
        (CHARACTER, "` `", (" ",)),
        (CHARACTER, "'\"'", ('"',)),
        (CHARACTER, "🙂", ("🙂",)),
        (CHARACTER, "_", ("_",)),
        (CHARACTER, "e\u0301", ("é",)),
        (CHARACTER, '"', ()),
        (CHARACTER, '""', ()),
        (CHARACTER, '"""', ()),
        (CHARACTER, '"ab"', ()),
        (CHARACTER, "\"a'", ()),
        (CHARACTER, "hi", ()),
        (CHARACTER, "12", ()),
        (CHARACTER, "h2", ()),
        (WORD, "hello", ("hello",)),
        (WORD, "Well-Known", ("Well-Known",)),
        (WORD, "don’t", ("don’t",)),
        (WORD, "snake_case_2", ("snake_case_2",)),
        (WORD, "2nd", ("2nd",)),
        (WORD, "Alice's", ("Alice's",)),
        (WORD, "_a", ("_a",)),
        (WORD, "a-", ()),
        (WORD, "a--b", ()),
        (WORD, "a b", ()),
        (WORD, "3.5", ()),
        (CODE, "3f", ("3f",)),
        (CODE, "1011", ("1011",)),
        (CODE, "c67", ("c67",)),
        (CODE, "cab", ()),
        (CODE, "3 f", ()),
        (CODE, "-3f", ()),
        (CODE, "3é", ()),
        (CODE, "1_000", ()),
        (TOKEN, "x86-64", ("x86-64",)),
        (TOKEN, "Is(this)?", ("Is(this)?",)),
        (TOKEN, "a b", ()),
        (TOKEN, "." * (MAX_ENDS + 2), ()),
        (VARIABLE, "x", ("x",)),
        (VARIABLE, "X", ("X",)),
        (VARIABLE, "x2", ()),
        (VARIABLE, "x_2", ()),
        (VARIABLE, "xy", ()),
        (VARIABLE, "é", ()),
        (VARIABLE, "\u212a", ("K",)),
        (VARIABLE, "7", ()),
        (QUOTED, '"abc"', ("abc",)),
        (QUOTED, "'don't'", ("don't",)),
        (QUOTED, '""', ("",)),
        (QUOTED, '" a\n b "', (" a\n b ",)),
        (QUOTED, "«a»", ("a",)),
        (QUOTED, "„a“", ("a",)),
        (QUOTED, "‘don’t’", ("don’t",)),
        (QUOTED, "“a “b” c”", ("a “b” c",)),
        (QUOTED, "“a” “b”", ()),
        (QUOTED, '"a', ()),
        (QUOTED, "\"a'", ()),
        (QUOTED, '"a"b', ()),
        (QUOTED, "a", ()),
        (QUOTED, '"say "hi" now"', ()),
        (QUOTED, '"a" and "b"', ()),
        (QUOTED, '"a" and "?"', ()),
        (QUOTED, "'the dogs' bowl'", ("the dogs' bowl",)),
        (QUOTED, "'" + "s' " * MAX_ENDS, ("s' " * (MAX_ENDS - 1) + "s",)),
        (QUOTED, "'" + "s' " * (MAX_ENDS + 1), ()),
        (QUOTED, '"a" and " b"', ()),
        (QUOTED, '"a"+"?"', ()),
        (QUOTED, '"say "?" now"', ('say "?" now',)),
        (QUOTED, '"wow!"', ("wow!",)),
        (TEXT, "a  b?", ("a  b?",)),
        (TEXT, "", ()),
    ],
    ids=lambda value: str(getattr(value, "name", value)),
)
def test_reads_a_text(kind: AsWritten, text: str, readings: tuple[str, ...]) -> None:
    assert kind.readings(text) == readings


@pytest.mark.parametrize(
    ("kind", "text", "start", "readings"),
    [
        (WORD, "Alice's age", 0, [(1, "Alice"), (3, "Alice's")]),
        (WORD, "3rd", 1, []),
        (WORD, "_word_", 1, [(3, "word_")]),
        (TOKEN, "(ab).", 1, [(4, "ab)."), (3, "ab)"), (2, "ab")]),
        (TOKEN, "3rd", 1, []),
        (TOKEN, "?", 0, [(1, "?")]),
        (CHARACTER, "2h", 1, []),
        (CHARACTER, "dogs'x'", 1, []),
        (VARIABLE, "2x", 1, [(2, "x")]),
        (QUOTED, "'the dogs' bowl' x", 0, [(4, "the dogs"), (6, "the dogs' bowl")]),
        (QUOTED, '["a","b"]', 1, [(4, "a")]),
        (QUOTED, '"", "x"', 0, [(2, "")]),
        (QUOTED, "dogs' x'", 1, []),
        (TEXT, "a b c", 1, [(2, "b"), (3, "b c")]),
    ],
    ids=lambda value: str(getattr(value, "name", value)),
)
def test_returns_all_readings(kind: AsWritten, text: str, start: int, readings: list[tuple[int, str]]) -> None:
    assert list(kind.scan(Text(text), start)) == readings


def test_opaque_text_has_no_reading_where_too_much_is_left() -> None:
    assert len(TEXT.scan(Text("x " * MAX_OPAQUE_TOKENS), 0)) == MAX_OPAQUE_TOKENS
    assert len(TEXT.scan(Text("x " * (MAX_OPAQUE_TOKENS + 1)), 0)) == 0


def test_opaque_readings_are_a_sequence() -> None:
    readings = TEXT.scan(Text("a b c"), 0)
    assert readings[-1] == (3, "a b c")
    assert readings[:2] == [(1, "a"), (2, "a b")]
    with pytest.raises(IndexError):
        readings[3]


@pytest.mark.parametrize(
    ("kind", "canonical"),
    [
        (CHARACTER, ""),
        (CHARACTER, "ab"),
        (CHARACTER, "\ud800"),
        (WORD, "a b"),
        (WORD, ""),
        (TOKEN, "a b"),
        (TOKEN, ""),
        (VARIABLE, "é"),
        (VARIABLE, "ab"),
        (VARIABLE, ""),
        (QUOTED, "\udc00"),
        (TEXT, "\ud800x"),
    ],
    ids=lambda part: ascii(part) if isinstance(part, str) else part.name,
)
def test_refuses_what_is_not_canonical(kind: AsWritten, canonical: str) -> None:
    with pytest.raises(ValueProblem, match=f"is no {kind.name}; expected"):
        kind.check(canonical)
    with pytest.raises(ValueProblem):
        kind.from_tagged(canonical)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_answers_are_strings(kind: AsWritten) -> None:
    value = next(iter(kind.samples(random.Random(0)))).canonical
    assert kind.from_tagged(value) == value
    for wrong in (None, 5, ["x"], {"$text": "x"}):
        with pytest.raises(ValueProblem, match="as a string"):
            kind.from_tagged(wrong)


def test_any_text_is_an_answer() -> None:
    for answer in ("", " x\n", "🙂", "x" * 100_000):
        assert TEXT.from_tagged(answer) == answer


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_samples(kind: AsWritten) -> None:
    check_samples(kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_documented_examples(kind: AsWritten) -> None:
    assert all(len(kind.readings(text)) == 1 for text in kind.accepts)
    assert all(len(kind.readings(text)) != 1 for text in kind.rejects)


PIECES = st.sampled_from(
    ['"', "'", "`", "“", "”", "‘", "’", "„", "«", "»", "a", "b2", "_", "-", ".", ",", "(", " ", "\n", "é", "2"]
)
JUNK = st.lists(PIECES, max_size=16).map("".join) | st.text(max_size=16)


@given(JUNK)
def test_readings_are_sound(written: str) -> None:
    for kind in KINDS:
        check_junk(kind, written)


@pytest.mark.parametrize(
    ("text", "at", "reads"),
    [
        ("from 3f to", 1, True),
        ("from 3f, then", 1, True),
        ("from 3f. Then", 1, True),
        ("2d6,1d20", 0, True),
        ("2d6,1d20", 4, True),
        ("-3f", 1, False),
        ("12,345", 0, False),
        ("12,345", 2, False),
        ("12.5", 0, False),
        ("3f-a", 0, False),
        ("x_3f", 2, False),
    ],
)
def test_a_code_is_no_part_of_something_longer(text: str, at: int, reads: bool) -> None:
    assert bool(CODE.scan(Text(text), at)) is reads
