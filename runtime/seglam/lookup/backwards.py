"""Whether two patterns have nothing in common, seen from their ends.

Patterns of one library often begin alike in many ways and differ in what comes last, such as the form of the answer
that is asked for. From the beginning the product of their automata is then large and from the end it is small. This one
passes over what must touch what, so that it describes more sentences than there are: without a way back to both
beginnings it proves that no sentence is common, and a way back proves nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from seglam.lookup.product import Machine, kind_of
from seglam.procedures.patterns import FINAL_MARKS, State

MAX_STEPS = 400_000
"""Pairs of places that are looked at, some tenths of a second; past it nothing is proved."""

_Class = tuple[int, int]  # kinds of tokens, and the place before


@dataclass(slots=True)
class _Place:
    """What may stand before a place: a token, any token of some kinds, or nothing."""

    literals: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    classes: list[_Class] = field(default_factory=list)
    silent: list[int] = field(default_factory=list)


class _Reversed:
    """A pattern's automaton with its edges turned round. Places are numbers: of states, and within values."""

    def __init__(self, machine: Machine) -> None:
        self.places: list[_Place] = []
        self._numbers: dict[tuple[int, str, int], int] = {}
        self.start = self._state(machine.start)
        end = self._new()
        self.ends = {end}
        for state in machine.states:
            here = self._state(state)
            if state.accepts:
                self.ends.add(here)
                for mark in FINAL_MARKS:
                    self.places[end].literals[mark].append(here)
            for token, after in state.literals.items():
                self.places[self._state(after)].literals[token].append(here)
            for kind, _, after in state.slots:
                self._value(machine, kind.key, here, after)

    def _value(self, machine: Machine, key: str, here: int, after: State) -> None:
        entered = (id(after), key, 0) in self._numbers
        self.places[self._within(after, key, 0)].silent.append(here)
        if entered:  # another slot of the type leads there too
            return
        for position, shape in enumerate(machine.shapes[key].states):
            before = self._within(after, key, position)
            for token, targets in shape.literals.items():
                for _, target in targets:
                    self.places[self._within(after, key, target)].literals[token].append(before)
            for kinds, _, target in shape.classes:
                self.places[self._within(after, key, target)].classes.append((kinds, before))
            if shape.accepts:
                self.places[self._state(after)].silent.append(before)

    def _new(self) -> int:
        self.places.append(_Place())
        return len(self.places) - 1

    def _state(self, state: State) -> int:
        return self._within(state, "", 0)

    def _within(self, after: State, key: str, position: int) -> int:
        name = (id(after), key, position)
        if name not in self._numbers:
            self._numbers[name] = self._new()
        return self._numbers[name]


_REVERSED: WeakKeyDictionary[Machine, _Reversed] = WeakKeyDictionary()


def _reversed(machine: Machine) -> _Reversed:
    """A pattern turned round, once for as long as it is alive."""
    known = _REVERSED.get(machine)
    if known is None:
        known = _REVERSED[machine] = _Reversed(machine)
    return known


def disjoint(left: Machine, right: Machine, max_steps: int = MAX_STEPS) -> bool:
    """Whether it is proved that no sentence is common; False where that is not so, or past the bound."""
    a, b = _reversed(left), _reversed(right)
    waiting = [(x, y) for x in a.ends for y in b.ends]
    seen = set(waiting)
    steps = 0
    while waiting:
        x, y = waiting.pop()
        if x == a.start and y == b.start:
            return False
        for before in _before(a.places[x], x, b.places[y], y):
            steps += 1
            if before not in seen:
                seen.add(before)
                waiting.append(before)
        if steps > max_steps:
            return False
    return True


def _before(one: _Place, x: int, other: _Place, y: int) -> list[tuple[int, int]]:
    """Pairs of places from which one token, or nothing, leads to a pair."""
    found = [(before, y) for before in one.silent]
    found += [(x, before) for before in other.silent]
    small, big = one.literals, other.literals
    for token in small.keys() & big.keys():
        found += [(p, q) for p in small[token] for q in big[token]]
    for kinds, q in other.classes:
        found += [(p, q) for token, places in small.items() if kind_of(token) & kinds for p in places]
    for kinds, p in one.classes:
        found += [(p, q) for token, places in big.items() if kind_of(token) & kinds for q in places]
        found += [(p, q) for others, q in other.classes if kinds & others]
    return found
