"""A fault of Python's `re` before 3.11.5 that our own patterns must keep out of the way of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seglam.procedures.values.formats import NUMERAL

ROOT = Path(__file__).resolve().parents[3]
# A group, then a quantifier, then the plus that makes it possessive.
_POSSESSIVE_GROUP = re.compile(r"\)(?:[*+?]|\{[0-9,{}]+\})\+")


def test_no_group_repeats_possessively() -> None:
    """There `[0-9]+(?:,[0-9]+)*+` matches `84,` of `84, 36`, so a list of numbers is none. `(?>(?:...)*)` is right."""
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for source in ("runtime", "operator", "registry")
        for path in sorted((ROOT / source).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _POSSESSIVE_GROUP.search(line.partition("  # ")[0]) and not line.lstrip().startswith("#")
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "numeral"), [("84, 36", "84"), ("1,234.5", "1,234.5"), ("1.2.3,", "1.2.3"), ("36,", "36"), (".5,", ".5")]
)
def test_a_number_ends_before_the_mark_that_follows(text: str, numeral: str) -> None:
    match = re.match(NUMERAL, text)
    assert match is not None and match.group() == numeral
