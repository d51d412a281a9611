"""A pattern as a small deterministic automaton over tokens and typed slots.

Patterns have no repetition, so the automaton has no cycles; it is built bottom-up from subsets of positions and equal
states are shared, which keeps a pattern at about one state for each of its tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern
from typing import NamedTuple

from seglam.procedures.patterns.grammar import Choice, Node, PatternError, Sequence, Slot, Words
from seglam.procedures.values import ValueType

MAX_STATES = 4096
MAX_POSITIONS = 20_000
MAX_SLOTS = 64
"""Slots of one sentence; a reader goes one call deeper for each."""
MAX_STEPS = 1_000_000
"""Positions visited while subsets are made: about a second."""
FINAL_MARKS = frozenset({"?", "."})
"""Marks that may be missing at the end of a request or stand there unasked; `!` never is, since it is a factorial."""


class State:
    """One state: where each literal and each typed slot leads, and whether the pattern may end here."""

    __slots__ = ("accepts", "literals", "slots")

    def __init__(
        self, literals: dict[str, State], slots: tuple[tuple[ValueType, str, State], ...], accepts: bool
    ) -> None:
        self.literals = literals
        self.slots = slots
        self.accepts = accepts


class _Positions:
    """The pattern's tree as a nondeterministic automaton; made and dropped within `compile_pattern`."""

    def __init__(self) -> None:
        self.steps = 0
        self.empty: list[list[int]] = []
        self.literals: list[list[tuple[str, int]]] = []
        self.slots: list[list[tuple[str, int]]] = []

    def new(self) -> int:
        if len(self.empty) >= MAX_POSITIONS:
            raise PatternError(
                "the pattern has too many parts",
                0,
                f"split it; at most {MAX_POSITIONS} positions are allowed",
            )
        self.empty.append([])
        self.literals.append([])
        self.slots.append([])
        return len(self.empty) - 1

    def build(self, node: Node, at: int) -> int:
        """Add `node` from position `at`; the position where it ends."""
        match node:
            case Words(tokens):
                for token in tokens:
                    after = self.new()
                    self.literals[at].append((intern(token), after))
                    at = after
            case Slot(parameter):
                after = self.new()
                self.slots[at].append((parameter, after))
                at = after
            case Sequence(items):
                for item in items:
                    at = self.build(item, at)
            case Choice(branches, optional):
                ends = [self.build(branch.node, at) for branch in branches]
                after = self.new()  # made last, so that every edge leads to a higher position
                for end in [*ends, at] if optional else ends:
                    self.empty[end].append(after)
                at = after
        return at

    def closure(self, positions: set[int]) -> frozenset[int]:
        seen, waiting = set(positions), list(positions)
        while waiting:
            for position in self.empty[waiting.pop()]:
                if position not in seen:
                    seen.add(position)
                    waiting.append(position)
        self.steps += len(seen)
        return frozenset(seen)


def compile_pattern(tree: Node, types: Mapping[str, ValueType]) -> State:
    """The automaton's first state.

    Args:
        tree: the pattern's tree.
        types: value types of the parameters that slots may name.

    Raises:
        PatternError: if a slot names no parameter, nothing is mandatory, or the automaton would be too large.
    """
    positions = _Positions()
    start = positions.new()
    end = positions.build(tree, start)
    first = positions.closure({start})
    moves = _subsets(positions, first)
    made: dict[frozenset[int], State] = {}
    shared: dict[object, State] = {}
    depth: dict[frozenset[int], int] = {}  # most slots of a sentence's rest
    # Edges lead to higher positions only, so this order makes every state after those that it leads to.
    for here in sorted(moves, key=min, reverse=True):
        literals = {token: made[after] for token, after in sorted(moves[here].literals.items())}
        slots: list[tuple[ValueType, str, State]] = []
        for name, after in sorted(moves[here].slots.items()):
            if name not in types:
                raise _unknown(name, tree, types)
            slots.append((types[name], name, made[after]))
        accepts = end in here or any(end in moves[here].literals.get(mark, ()) for mark in FINAL_MARKS)
        content = (
            tuple((token, id(state)) for token, state in literals.items()),
            tuple((name, id(state)) for _, name, state in slots),
            accepts,
        )
        made[here] = shared.setdefault(content, State(literals, tuple(slots), accepts))
        depth[here] = max(
            [depth[after] for after in moves[here].literals.values()]
            + [depth[after] + 1 for after in moves[here].slots.values()],
            default=0,
        )
    if depth[first] > MAX_SLOTS:
        raise PatternError("a sentence has too many parameters", 0, f"use at most {MAX_SLOTS} slots, or a list")
    if made[first].accepts:
        raise PatternError("the pattern matches an empty request", 0, "make at least one word mandatory")
    return made[first]


class _Moves(NamedTuple):
    """Where one subset of positions leads."""

    literals: dict[str, frozenset[int]]
    slots: dict[str, frozenset[int]]


def _subsets(positions: _Positions, first: frozenset[int]) -> dict[frozenset[int], _Moves]:
    """All subsets of positions that some text reaches, and where each leads."""
    found: dict[frozenset[int], _Moves] = {}
    waiting = [first]
    while waiting:
        here = waiting.pop()
        if here in found:
            continue
        literals: dict[str, set[int]] = {}
        slots: dict[str, set[int]] = {}
        for position in here:
            for token, after in positions.literals[position]:
                literals.setdefault(token, set()).add(after)
            for parameter, after in positions.slots[position]:
                slots.setdefault(parameter, set()).add(after)
        found[here] = _Moves(
            {token: positions.closure(after) for token, after in literals.items()},
            {name: positions.closure(after) for name, after in slots.items()},
        )
        waiting += [*found[here].literals.values(), *found[here].slots.values()]
        if len(found) > MAX_STATES or positions.steps > MAX_STEPS:
            raise PatternError(
                "the pattern has too many sentence forms", 0, "split it into several patterns with fewer options"
            )
    return found


def _unknown(parameter: str, tree: Node, types: Mapping[str, ValueType]) -> PatternError:
    known = ", ".join(f"{{{name}}}" for name in sorted(types)) or "none"
    return PatternError(
        f"there is no parameter {{{parameter}}}",
        _position(tree, parameter),
        f"declare it in spec.parameters; declared are: {known}",
    )


def _position(node: Node, parameter: str) -> int:
    match node:
        case Slot(name, span) if name == parameter:
            return span[0]
        case Sequence(items):
            return max((_position(item, parameter) for item in items), default=0)
        case Choice(branches):
            return max((_position(branch.node, parameter) for branch in branches), default=0)
    return 0
