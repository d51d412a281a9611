"""A pattern as a small deterministic automaton over tokens and typed slots.

Patterns have no repetition, so the automaton has no cycles. It is built from the end: each part becomes a state that
leads to what follows it, alternatives are merged edge by edge, and equal states are shared, which keeps a pattern at
about one state for each of its tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern

from seglam.procedures.patterns.grammar import Choice, Node, PatternError, Sequence, Slot, Words
from seglam.procedures.values import ValueType

MAX_STATES = 4096
MAX_PARTS = 20_000
MAX_MERGES = 100_000
"""Pairs of states that are merged: about a quarter of a second."""
MAX_SHARED = 250
"""Words and slots in a row that alternatives share; merging goes one call deeper for each."""
MAX_SLOTS = 64
"""Slots of one sentence; a reader goes one call deeper for each."""
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


Edges = dict[str, State]


class _Builder:
    """States of one pattern, from its last token to its first."""

    def __init__(self, types: Mapping[str, ValueType]) -> None:
        self.types = types
        self.parts = 0
        self.merges = 0
        self.made: dict[object, State] = {}
        self.merged: dict[tuple[State, State], State] = {}
        self.end = State({}, (), True)
        self.complete = {self.end}  # where the pattern's own text may end, without the final mark that is free
        self.depth = {self.end: 0}  # most slots from a state to the end

    def before(self, node: Node, after: State) -> State:
        """The state from which `node` leads to `after`."""
        self.parts += 1
        if self.parts > MAX_PARTS:
            raise PatternError("the pattern has too many parts", 0, f"split it; at most {MAX_PARTS} are allowed")
        match node:
            case Words(tokens):
                for token in reversed(tokens):
                    after = self._word(intern(token), after)
            case Slot(parameter):
                after = self._state({}, {parameter: after}, complete=False)
            case Sequence(items):
                for item in reversed(items):
                    after = self.before(item, after)
            case Choice(branches, optional):
                ways = [self.before(branch.node, after) for branch in branches]
                after = self._merge_all([*ways, after] if optional else ways)
        return after

    def _word(self, token: str, after: State) -> State:
        """As `_state` with one literal, which most states have."""
        known = self.made.get((token, after))
        if known is None:
            known = State({token: after}, (), token in FINAL_MARKS and after in self.complete)
            self._keep((token, after), known, self.depth[after])
        return known

    def _state(self, literals: Edges, slots: Edges, *, complete: bool) -> State:
        if len(literals) == 1 and not slots and not complete:
            return self._word(*literals.popitem())
        content = (tuple(sorted(literals.items(), key=_first)), tuple(sorted(slots.items(), key=_first)), complete)
        known = self.made.get(content)
        if known is None:
            accepts = complete or any(literals.get(mark) in self.complete for mark in FINAL_MARKS)
            typed = tuple((self.types[name], name, after) for name, after in content[1])
            known = State(dict(content[0]), typed, accepts)
            depths = [self.depth[after] for after in literals.values()]
            self._keep(content, known, max([*depths, *(self.depth[after] + 1 for after in slots.values())], default=0))
            if complete:
                self.complete.add(known)
        return known

    def _keep(self, content: object, state: State, depth: int) -> None:
        self.made[content] = state
        self.depth[state] = depth
        if len(self.made) > MAX_STATES:
            raise _too_many()

    def _merge_all(self, states: list[State]) -> State:
        merged = states[0]
        for state in states[1:]:
            merged = self._merge(merged, state, 0)
        return merged

    def _merge(self, left: State, right: State, shared: int) -> State:
        """The state that leads wherever one of the two does; `shared` edges led to both."""
        if left is right:
            return left
        known = self.merged.get((left, right))
        if known is not None:
            return known
        self.merges += 1
        if self.merges > MAX_MERGES:
            raise _too_many()
        if shared > MAX_SHARED:
            raise PatternError(
                "alternatives have too many words in common", 0, "write what they share once, outside of them"
            )
        literals = dict(left.literals)
        for token, after in right.literals.items():
            other = literals.get(token)
            literals[token] = after if other is None else self._merge(other, after, shared + 1)
        slots = {name: after for _, name, after in left.slots}
        for _, name, after in right.slots:
            other = slots.get(name)
            slots[name] = after if other is None else self._merge(other, after, shared + 1)
        merged = self._state(literals, slots, complete=left in self.complete or right in self.complete)
        self.merged[left, right] = merged
        return merged


def compile_pattern(tree: Node, types: Mapping[str, ValueType]) -> State:
    """The automaton's first state.

    Args:
        tree: the pattern's tree.
        types: value types of the parameters that slots may name.

    Raises:
        PatternError: if a slot names no parameter, nothing is mandatory, or the automaton would be too large.
    """
    builder = _Builder(types)
    try:
        first = builder.before(tree, builder.end)
    except KeyError as error:
        raise _unknown(error.args[0], tree, types) from None
    if builder.depth[first] > MAX_SLOTS:
        raise PatternError("a sentence has too many parameters", 0, f"use at most {MAX_SLOTS} slots, or a list")
    if first.accepts:
        raise PatternError("the pattern matches an empty request", 0, "make at least one word mandatory")
    return first


def _first(edge: tuple[str, State]) -> str:
    return edge[0]


def _too_many() -> PatternError:
    return PatternError(
        "the pattern has too many sentence forms", 0, "split it into several patterns with fewer options"
    )


def _unknown(parameter: str, tree: Node, types: Mapping[str, ValueType]) -> PatternError:
    known = ", ".join(f"{{{name}}}" for name in sorted(types)) or "none"
    return PatternError(
        f"there is no parameter {{{parameter}}}",
        _position(tree, parameter),
        f"declare it in spec.parameters; declared are: {known}",
    )


def _position(node: Node, parameter: str) -> int:
    match node:
        case Slot(name, span) if name == parameter and span is not None:
            return span[0]
        case Sequence(items):
            return max((_position(item, parameter) for item in items), default=0)
        case Choice(branches):
            return max((_position(branch.node, parameter) for branch in branches), default=0)
    return 0
