"""What stands beside a procedure's values in its patterns.

It tells which of several readings of a text is the likeliest, and so which is asked about first. It decides nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from seglam.lookup.overlap import machines_of
from seglam.procedures.patterns import State
from seglam.procedures.revision import Revision
from seglam.procedures.text import Text

_Span = tuple[int, int]
_Words = tuple[str, ...]

_VALUE, _EDGE = "{}", ""
"""In the place of a word: another value, and where the text begins or ends."""


class Neighbours:
    """The one or two words before each slot of a procedure's patterns, and the word behind it.

    They are looked for when they are asked about first, since that takes a second or two for wide patterns.
    """

    def __init__(self, revision: Revision) -> None:
        self._revision = revision
        self._before: defaultdict[str, set[_Words]] = defaultdict(set)
        self._behind: defaultdict[str, set[str]] = defaultdict(set)

    def _look(self) -> None:
        if not self._behind:
            for machine in machines_of(self._revision):
                self._take(machine.start, machine.states)

    def _take(self, start: State, states: list[State]) -> None:
        into: defaultdict[int, set[tuple[str, int]]] = defaultdict(set)
        into[id(start)].add((_EDGE, 0))
        for state in states:
            for token, after in state.literals.items():
                into[id(after)].add((token, id(state)))
            for _, _, after in state.slots:
                into[id(after)].add((_VALUE, id(state)))
        for state in states:
            if not state.slots:
                continue
            ones = {(word,) for word, _ in into[id(state)]}
            twos = {(first, word) for word, source in into[id(state)] for first, _ in into.get(source, ())}
            for _, name, after in state.slots:
                self._before[name] |= ones | twos
                self._behind[name] |= after.literals.keys()
                if after.slots:
                    self._behind[name].add(_VALUE)
                if after.accepts:
                    self._behind[name].add(_EDGE)

    def known(self, text: Text, way: Mapping[_Span, str]) -> int:
        """How many of the words beside the values of a text stand there in some pattern too.

        Args:
            text: the text.
            way: the parameter of each span of tokens that is a value.
        """
        self._look()
        return sum(self._beside(text, span, name, way) for span, name in way.items())

    def _beside(self, text: Text, span: _Span, name: str, way: Mapping[_Span, str]) -> int:
        signs = _signs(text, way)
        before = (_EDGE, *(sign for at, sign in signs if at < span[0]))
        behind = next((sign for at, sign in signs if at >= span[1]), _EDGE)
        longest = next((len(words) for words in (before[-2:], before[-1:]) if words in self._before[name]), 0)
        return longest + (behind in self._behind[name])


def _signs(text: Text, way: Mapping[_Span, str]) -> list[tuple[int, str]]:
    """The text's words with where they begin, a value as one."""
    signs, at = list[tuple[int, str]](), 0
    starts = dict(way.keys())
    while at < len(text):
        signs.append((at, _VALUE if at in starts else text.tokens[at]))
        at = starts.get(at, at + 1)
    return signs
