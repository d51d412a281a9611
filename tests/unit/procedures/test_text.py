"""Texts: tokens and their positions, whatever the characters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seglam.procedures.text import TOKEN, Text, fold, tokens

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.text(
    st.sampled_from("aB9 \t\n\x0b\x1f-?.é\u00a0\u2019K")
)


@given(TEXTS)
def test_tokens_and_positions_are_those_of_the_definition(written: str) -> None:
    text = Text(written)
    found = list(TOKEN.finditer(fold(text.text)))
    assert text.tokens == [match.group() for match in found] == tokens(fold(text.text))
    assert text.starts == [*(match.start() for match in found), len(text.text)]
    assert text.stops == [match.end() for match in found]
    assert text.ends == {match.end(): count for count, match in enumerate(found, 1)}


def test_slices_and_glue() -> None:
    text = Text(" 12.5 km ")
    assert text.tokens == ["12", ".", "5", "km"]
    assert [text.glued(token) for token in range(5)] == [False, True, True, False, False]
    assert (text.slice(0, 3), text.slice(1, 1), text.slice(2, 4)) == ("12.5", "", "5 km")
    assert (text.start(3), text.start(4)) == (6, 9)
