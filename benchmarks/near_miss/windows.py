"""`python -m benchmarks.near_miss.windows`: how many unseen paraphrases that miss are made of known parts alone.

A window is some words and values in a row; where a text begins and ends belongs to it. A paraphrase counts if each of
its windows of a length stands in some sentence of its procedure. A grammar that put such windows together anew, and
asked nobody what the whole means, would read these and no others, so this bounds what recombining known patterns can
gain. Nothing is served.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from random import Random

from benchmarks.near_miss.pairs import PUBLISHED_SEED, Generator
from benchmarks.near_miss.question import Kind, questions
from benchmarks.near_miss.reach import missed, revisions
from benchmarks.near_miss.served import PROCEDURES
from seglam.compiler.proposals import Way, readings
from seglam.lookup import Hit, Index
from seglam.lookup.bulk import adding_many
from seglam.lookup.overlap import machines_of
from seglam.procedures import Revision
from seglam.procedures.patterns import State
from seglam.procedures.text import Text

LENGTHS = (1, 2, 3, 4, 5)
"""Words and values of a window."""
FREE = frozenset("?.")
"""Marks that may be missing at the end of a text."""


class Windows:
    """What stands in a row somewhere in the sentences of a procedure."""

    def __init__(self, revision: Revision) -> None:
        machines = machines_of(revision)
        self._starts = {machine.start for machine in machines}
        self._behind: defaultdict[str, set[State]] = defaultdict(set)
        for state in (state for machine in machines for state in machine.states):
            for word, after in state.literals.items():
                self._behind[word].add(after)
            for _, name, after in state.slots:
                self._behind[f"{{{name}}}"].add(after)

    def known(self, signs: Sequence[str], length: int) -> bool:
        """Whether all windows of a length are known."""
        last = max(0, len(signs) - length)
        return all(self._is_known(signs, at, length, at == 0, at == last) for at in range(last + 1))

    def _is_known(self, signs: Sequence[str], at: int, length: int, first: bool, last: bool) -> bool:
        window = signs[at : at + length]
        # A single word has no row to stand in: where it begins or ends a text does not matter.
        first, last = first and length > 1, last and length > 1
        states = self._starts if first else self._behind.get(window[0], set())
        for sign in window if first else window[1:]:
            states = {after for state in states if (after := _after(state, sign)) is not None}
        return any(state.accepts for state in states) if last else bool(states)


def _after(state: State, sign: str) -> State | None:
    if sign.startswith("{"):
        return next((after for _, name, after in state.slots if f"{{{name}}}" == sign), None)
    return state.literals.get(sign)


def signs_of(text: Text, way: Way) -> list[str]:
    """The text's words, each value as its parameter in braces, without a mark at the end."""
    ends, signs, at = {start: (end, name) for (start, end), name in way.items()}, list[str](), 0
    while at < len(text):
        end, name = ends.get(at, (at + 1, ""))
        signs.append(f"{{{name}}}" if name else text.tokens[at])
        at = end
    while signs and signs[-1] in FREE:
        signs.pop()
    return signs


def asked_of(known: dict[str, Revision]) -> dict[str, Revision]:
    """The procedure that answers each question as it is asked first."""
    index, generator = Index(explains=False), Generator(PUBLISHED_SEED, 0, 1)
    with adding_many():
        for revision in known.values():
            index.add(revision)
    found = {}
    for question in questions():
        pair = generator.distinct(question, Kind.VALUES, Random(0), None)
        hit = None if pair is None else index.find(pair.second)
        if isinstance(hit, Hit):
            found[question.name] = hit.binding.revision
    return found


def main(arguments: list[str]) -> int:
    """Print, for each length of a window, how many misses are made of known windows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.near_miss.windows", description=__doc__)
    parser.add_argument("--procedures", type=Path, default=PROCEDURES, help="directory of YAML files")
    known = revisions(parser.parse_args(arguments).procedures)
    asked, windows = asked_of(known), dict[str, Windows]()
    misses, made = 0, Counter[int]()
    for question, request in missed(list(known.values())):
        misses += 1
        revision = asked.get(question)
        if revision is None:
            print(f"{question}: no procedure answers it as it is asked first", file=sys.stderr)
            continue
        if revision.name not in windows:
            windows[revision.name] = Windows(revision)
        text, ways = readings(revision, request)
        written = [signs_of(text, way) for way in ways]
        made.update(
            length for length in LENGTHS if any(windows[revision.name].known(signs, length) for signs in written)
        )
    for length in LENGTHS:
        print(f"windows of {length}: {made[length]:4} of {misses} misses")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
