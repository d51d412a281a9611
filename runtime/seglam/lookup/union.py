"""Several patterns as one automaton, so that one comparison asks about all of them.

Patterns of a procedure begin and end alike. Taken together, with equal states once and one state for all that the same
words lead to, they have a fraction of the states that they have one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from seglam.lookup.machine import Machine
from seglam.procedures.patterns import State
from seglam.procedures.values import ValueType

MAX_STATES = 200_000
"""Of sets of states that are looked at. No procedure that was measured has a tenth of it."""

_Places = frozenset[int]


class _Node(NamedTuple):
    """A state whose edges lead to numbers. Slots of one type count as one: which parameter is bound does not matter."""

    accepts: bool
    literals: frozenset[tuple[str, int]]
    slots: frozenset[tuple[str, int]]


def united(machines: Iterable[Machine]) -> Machine | None:
    """A machine with the sentences of all, as far as words and the shapes of values go; None if it would be too large
    or there is none.
    """
    machines = list(machines)
    kinds = {kind.key: kind for machine in machines for state in machine.states for kind, _, _ in state.slots}
    nodes, starts = _numbered(machines)
    start = _determined(nodes, starts, kinds) if starts else None
    return Machine(start) if start else None


def _numbered(machines: Iterable[Machine]) -> tuple[list[_Node], _Places]:
    """All states, equal ones once, and the numbers of those where the patterns begin."""
    numbers: dict[_Node, int] = {}
    of: dict[int, int] = {}  # by identity of the state
    starts: set[int] = set()
    for machine in machines:
        for state in machine.states:
            node = _Node(
                state.accepts,
                frozenset((token, of[id(after)]) for token, after in state.literals.items()),
                frozenset((kind.key, of[id(after)]) for kind, _, after in state.slots),
            )
            of[id(state)] = numbers.setdefault(node, len(numbers))
        starts.add(of[id(machine.start)])
    return list(numbers), frozenset(starts)


def _determined(nodes: list[_Node], starts: _Places, kinds: Mapping[str, ValueType]) -> State | None:
    """The automaton in which one token, or one type of value, leads from a state to one state."""
    made: dict[_Places, State] = {}
    equal: dict[tuple[object, ...], State] = {}
    ways: dict[_Places, tuple[bool, dict[str, _Places], dict[str, _Places]]] = {}
    waiting = [starts]
    while waiting:
        places = waiting[-1]
        if places in made:
            waiting.pop()
            continue
        known = ways.get(places)
        if known is None:
            if len(ways) >= MAX_STATES:
                return None
            known = ways[places] = (
                any(nodes[place].accepts for place in places),
                _together(edge for place in places for edge in nodes[place].literals),
                _together(edge for place in places for edge in nodes[place].slots),
            )
            if later := [after for way in known[1:] for after in way.values() if after not in made]:
                waiting += later
                continue
        accepts, literals, slots = known
        after_words = {token: made[after] for token, after in literals.items()}
        after_values = {key: made[after] for key, after in slots.items()}
        state = State(after_words, tuple((kinds[key], "", after) for key, after in after_values.items()), accepts)
        key = (accepts, frozenset(after_words.items()), frozenset(after_values.items()))
        made[places] = equal.setdefault(key, state)
        waiting.pop()
    return made[starts]


def _together(edges: Iterable[tuple[str, int]]) -> dict[str, _Places]:
    """Where each sign leads."""
    found: dict[str, set[int]] = {}
    for sign, after in edges:
        found.setdefault(sign, set()).add(after)
    return {sign: frozenset(after) for sign, after in found.items()}
