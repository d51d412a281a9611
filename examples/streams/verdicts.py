"""What a careful reader makes of a request's text alone."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """The right answer in the generator's own notation, or None where the text fixes none.

    `rule` names the rule of `defects.RULES` under which a generator's answer may differ from it.
    """

    answer: str | None
    rule: str | None = None


class UnknownText(ValueError):
    """A text that is not of the family it was said to be."""


def parse(pattern: str, text: str) -> tuple[str, ...]:
    """The groups of `pattern`, which must match the whole text."""

    match = re.fullmatch(pattern, text, re.DOTALL)
    if match is None:
        raise UnknownText(f"no reading of {text!r}")
    return match.groups()
