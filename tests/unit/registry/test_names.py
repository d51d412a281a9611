"""Look-alikes: what a reader may take for another name is found, over a corpus of how names are confused."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seglam.registry.names import SHORTEST_TYPED, folded, one_edit, similar, skeleton

NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
names = st.lists(st.text(ALPHABET, min_size=2, max_size=9), min_size=1, max_size=4).map("-".join)

# Texts that look the same in common fonts, or are written for each other; Unicode TS 39 lists most of the ASCII ones.
CONFUSABLE = [
    ("0", "o"),
    ("1", "l"),
    ("1", "i"),
    ("l", "i"),
    ("2", "z"),
    ("3", "e"),
    ("4", "a"),
    ("5", "s"),
    ("6", "b"),
    ("7", "t"),
    ("8", "b"),
    ("9", "g"),
    ("q", "g"),
    ("rn", "m"),
    ("vv", "w"),
    ("cl", "d"),
    ("c1", "d"),
]


@st.composite
def confused(draw: st.DrawFn) -> tuple[str, str]:
    """A name, and the same after some confusable edits and moved separators."""
    name = draw(names)
    other = name.replace("-", "")
    for _ in range(draw(st.integers(1, 6))):
        one, two = draw(st.sampled_from(CONFUSABLE))
        if draw(st.booleans()):
            one, two = two, one
        places = [found.start() for found in re.finditer(re.escape(one), other)]
        if places:
            at = draw(st.sampled_from(places))
            other = other[:at] + two + other[at + len(one) :]
    for at in sorted(draw(st.sets(st.integers(1, max(1, len(other) - 1)), max_size=3)), reverse=True):
        other = f"{other[:at]}-{other[at:]}"
    assume(NAME.fullmatch(other))
    return name, other


@st.composite
def mistyped(draw: st.DrawFn) -> tuple[str, str]:
    """A name, and the same with one typing error."""
    name = draw(names)
    at = draw(st.integers(0, len(name) - 1))
    letter = draw(st.sampled_from(ALPHABET))
    other = draw(
        st.sampled_from(
            [
                name[:at] + name[at + 1 :],
                name[:at] + letter + name[at:],
                name[:at] + letter + name[at + 1 :],
                name[:at] + name[at : at + 2][::-1] + name[at + 2 :],
            ]
        )
    )
    assume(NAME.fullmatch(other) and other != name)
    return name, other


@given(confused())
def test_whatever_is_confused_has_one_skeleton(pair: tuple[str, str]) -> None:
    name, other = pair
    assert skeleton(name) == skeleton(other)
    assert similar(name, other) and similar(other, name)


@given(mistyped())
def test_one_typing_error_is_seen_unless_a_name_is_short(pair: tuple[str, str]) -> None:
    name, other = pair
    if min(len(folded(name)), len(folded(other))) >= SHORTEST_TYPED:
        assert similar(name, other) and similar(other, name)


@given(names)
def test_a_skeleton_is_short_and_its_letters_are_folded(name: str) -> None:
    made = skeleton(name)
    assert made and len(made) <= 2 * len(name)
    assert not set(made) & set("0123456789iqmwd-")


@given(names, names)
def test_two_names_are_similar_for_one_of_the_two_reasons_only(one: str, other: str) -> None:
    expected = skeleton(one) == skeleton(other) or (
        min(len(folded(one)), len(folded(other))) >= SHORTEST_TYPED and _distance(folded(one), folded(other)) <= 1
    )
    assert similar(one, other) is expected


texts = st.text("abc", max_size=6)


@given(texts, texts)
def test_one_edit_is_the_optimal_string_alignment_distance(one: str, other: str) -> None:
    assert one_edit(one, other) is (_distance(one, other) <= 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("modern", "rnodem"),
        ("vw", "wv"),
        ("paypal", "paypa1"),
        ("google", "g00gle"),
        ("date-tools", "datetools"),
        ("calendar", "ca1enclar"),
        ("statistics", "5tat15t1c5"),
        ("kubernetes", "kubernetse"),
        ("kubernetes", "kubernets"),
    ],
)
def test_names_that_are_taken_for_each_other(one: str, other: str) -> None:
    assert similar(one, other)


@pytest.mark.parametrize(
    ("one", "other"), [("dates", "times"), ("acme", "acne"), ("calendar", "colander"), ("ops", "dev"), ("a1", "b2")]
)
def test_names_that_are_not(one: str, other: str) -> None:
    assert not similar(one, other)


def _distance(one: str, other: str) -> int:
    """Optimal string alignment, by its definition."""
    rows = [[max(i, j) if 0 in (i, j) else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (one[i - 1] != other[j - 1]))
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[len(one)][len(other)]
