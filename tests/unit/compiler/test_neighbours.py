"""What stands beside values in patterns: it tells the likeliest of several readings."""

from __future__ import annotations

import pytest

from seglam.compiler.neighbours import Neighbours
from seglam.procedures.text import Text
from tests.documents import revision

KNOWN = Neighbours(
    revision(
        patterns=["add {a} (to|onto) {b}", "{a} plus {b}, please"],
        parameters=[{"name": name, "type": "integer"} for name in "ab"],
    )
)


@pytest.mark.parametrize(
    ("text", "way", "known"),
    [
        ("add 3 to 4", {(1, 2): "a", (3, 4): "b"}, 6),  # both words before each, one behind each
        ("add 3 to 4", {(1, 2): "b", (3, 4): "a"}, 0),
        ("now add 3 onto 4!", {(2, 3): "a", (4, 5): "b"}, 4),  # "now" and "!" stand nowhere
        ("3 plus 4", {(0, 1): "a", (2, 3): "b"}, 5),
        ("3 plus 4, please", {(0, 1): "a", (2, 3): "b"}, 5),
        ("4 and 3", {(0, 1): "b", (2, 3): "a"}, 0),
    ],
)
def test_words_beside_values_are_counted(text: str, way: dict[tuple[int, int], str], known: int) -> None:
    assert KNOWN.known(Text(text), way) == known
