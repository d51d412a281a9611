"""A pattern as a small deterministic automaton over tokens and typed slots.

Patterns have no repetition, so the automaton has no cycles; it is built bottom-up from subsets of positions and equal
states are shared, which keeps a pattern at about one state for each of its tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern

from seglam.procedures.patterns.grammar import Choice, Node, PatternError, Sequence, Slot, Words
from seglam.procedures.values import ValueType

MAX_STATES = 4096
MAX_POSITIONS = 20_000
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
                after = self.new()
                for branch in branches:
                    self.empty[self.build(branch.node, at)].append(after)
                if optional:
                    self.empty[at].append(after)
                at = after
        return at

    def closure(self, positions: set[int]) -> frozenset[int]:
        seen, waiting = set(positions), list(positions)
        while waiting:
            for position in self.empty[waiting.pop()]:
                if position not in seen:
                    seen.add(position)
                    waiting.append(position)
        return frozenset(seen)


def compile_pattern(tree: Node, types: Mapping[str, ValueType]) -> State:
    """The automaton's first state.

    Args:
        tree: the pattern's tree.
        types: value types of the parameters that slots may name.

    Raises:
        PatternError: if a slot names no parameter, or the automaton would be too large.
    """
    positions = _Positions()
    start = positions.new()
    end = positions.build(tree, start)
    made: dict[frozenset[int], State] = {}
    shared: dict[object, State] = {}

    def state(here: frozenset[int]) -> State:
        known = made.get(here)
        if known is not None:
            return known
        if len(made) >= MAX_STATES:
            raise PatternError(
                "the pattern has too many sentence forms",
                0,
                "split it into several patterns with fewer options",
            )
        literals: dict[str, set[int]] = {}
        slots: dict[str, set[int]] = {}
        for position in here:
            for token, after in positions.literals[position]:
                literals.setdefault(token, set()).add(after)
            for parameter, after in positions.slots[position]:
                if parameter not in types:
                    raise _unknown(parameter, tree, types)
                slots.setdefault(parameter, set()).add(after)
        next_literals = {token: state(positions.closure(after)) for token, after in sorted(literals.items())}
        next_slots = tuple(
            (types[name], name, state(positions.closure(after))) for name, after in sorted(slots.items())
        )
        accepts = end in here or any(
            mark in next_literals and next_literals[mark].accepts and not next_literals[mark].literals
            for mark in FINAL_MARKS
        )
        content = (
            tuple((token, id(after)) for token, after in next_literals.items()),
            tuple((name, id(after)) for _, name, after in next_slots),
            accepts,
        )
        made[here] = shared.setdefault(content, State(next_literals, next_slots, accepts))
        return made[here]

    return state(positions.closure({start}))


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
