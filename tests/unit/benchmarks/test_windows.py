"""Windows: what is made of rows of words that some sentence of a procedure has."""

from __future__ import annotations

import pytest

from benchmarks.near_miss.windows import Windows, signs_of
from seglam.compiler.proposals import readings
from seglam.procedures import Request
from seglam.procedures.text import Text
from tests.documents import revision

ADDS = revision(
    patterns=["add {a} to {b}", "what is {a} plus {b} in words"],
    parameters=[{"name": name, "type": "integer"} for name in "ab"],
)
KNOWN = Windows(ADDS)


@pytest.mark.parametrize(
    ("written", "longest"),
    [
        ("add {a} to {b}", 5),
        ("add {a} plus {b} in words", 2),  # "add {a} plus" stands nowhere
        ("what is {a} plus {b}", 1),  # no sentence ends so
        ("is {a} plus {b} in words", 1),  # none begins so
        ("add {a} and {b}", 0),
    ],
)
def test_a_text_is_made_of_known_windows_up_to_a_length(written: str, longest: int) -> None:
    signs = written.split()
    assert [length for length in (1, 2, 3, 4, 5) if KNOWN.known(signs, length)] == list(range(1, longest + 1))


def test_values_are_signs_of_their_parameters_and_a_final_mark_is_none() -> None:
    text, ways = readings(ADDS, Request("Add 12 to 5?"))
    assert [signs_of(text, way) for way in ways] == [["add", "{a}", "to", "{b}"], ["add", "{b}", "to", "{a}"]]
    assert signs_of(Text("no value."), {}) == ["no", "value"]
