"""Pairs of sentences that are known to differ, put among those that a verifier judges.

Each is a sentence and the same with a clause that makes another answer of any. A verifier that calls one of them the
same approves of whatever it is shown, and nothing that it says in that reply counts.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

Pair = tuple[str, str]

CLAUSES = ("written backwards", "written twice in a row", "without its first character")
"""Each changes any answer whatever its type, for nearly all values."""
PAIRS_EACH = 40
"""How many pairs get one control; there is one at least."""


@dataclass(frozen=True, slots=True)
class Controlled:
    """Pairs with controls among them; `known` are the places of the controls."""

    pairs: tuple[Pair, ...]
    known: frozenset[int]

    def passed(self, verdicts: Sequence[str]) -> bool:
        """Whether no control was called the same."""
        return not any(verdicts[at] == "same" for at in self.known)

    def own(self, verdicts: Sequence[str]) -> list[str]:
        """The verdicts on the pairs that were to be judged, in their order."""
        return [verdict for at, verdict in enumerate(verdicts) if at not in self.known]


def controlled(pairs: Sequence[Pair]) -> Controlled:
    """The pairs with controls at places that only depend on the pairs; each shares its first sentence with the next."""
    source = random.Random(repr(list(pairs)))
    count = min(len(CLAUSES), len(pairs), 1 + len(pairs) // PAIRS_EACH)
    before = dict(zip(source.sample(range(len(pairs)), count), source.sample(CLAUSES, count), strict=True))
    made: list[Pair] = []
    known: set[int] = set()
    for number, pair in enumerate(pairs):
        if number in before:
            known.add(len(made))
            made.append((pair[0], f"{pair[0].rstrip('?. ')}, {before[number]}"))
        made.append(pair)
    return Controlled(tuple(made), frozenset(known))
