"""A pattern as a small deterministic automaton over tokens and typed slots.

Patterns have no repetition, so the automaton has no cycles. It is built from the end: each part becomes a state that
leads to what follows it, alternatives are merged edge by edge, and equal states are shared, which keeps a pattern at
about one state for each of its tokens. A rule is built once and copied to where patterns name it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from sys import intern
from typing import NamedTuple

from seglam.procedures.patterns.grammar import Choice, Node, PatternError, Sequence, Slot, Words
from seglam.procedures.values import ValueType

MAX_STATES = 16_384
MAX_EDGES = 131_072
MAX_WORK = 300_000
"""States that are made and merges, for one pattern: about a second."""
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


class _Rule(NamedTuple):
    """A rule's automaton: its states, each after those that it leads to, and where its own text may end."""

    node: Node  # held, since rules are known by identity
    states: tuple[State, ...]
    complete: frozenset[State]


class Compiler:
    """Builds the automata of patterns that have slots for the same parameters; what is equal is built once."""

    def __init__(self, types: Mapping[str, ValueType]) -> None:
        self.types = types
        self._work = 0
        self._made: dict[object, State] = {}
        self._merged: dict[tuple[State, ...], State] = {}
        self._rules: dict[int, _Rule] = {}
        self._copied: dict[tuple[int, State], State] = {}
        self._end = State({}, (), True)
        self._complete = {self._end}  # where the pattern's own text may end, without the final mark that is free
        self._depth = {self._end: 0}  # most slots from a state to the end

    def __len__(self) -> int:
        """Number of states that are kept."""
        return len(self._made)

    def compile(self, tree: Node) -> State:
        """The first state of a pattern's automaton.

        Raises:
            PatternError: if a slot names no parameter, nothing is mandatory, or the automaton would be too large.
        """
        self._work = 0
        try:
            first = self._before(tree, self._end)
        except KeyError as error:
            raise _unknown(error.args[0], tree, self.types) from None
        if self._depth[first] > MAX_SLOTS:
            raise PatternError("a sentence has too many parameters", 0, f"use at most {MAX_SLOTS} slots, or a list")
        if first.accepts:
            raise PatternError("the pattern matches an empty request", 0, "make at least one word mandatory")
        if not _small(first):
            raise _too_many()
        return first

    def _before(self, node: Node, after: State) -> State:
        """The state from which `node` leads to `after`."""
        match node:
            case Words(tokens):
                for token in reversed(tokens):
                    after = self._word(intern(token), after)
            case Slot(parameter):
                after = self._state({}, {parameter: after}, complete=False)
            case Sequence(items):
                for item in reversed(items):
                    after = self._before(item, after)
            case Choice(branches, optional, rule=None):
                ways = [self._before(branch.node, after) for branch in branches]
                after = self._merge([*ways, after] if optional else ways, 0)
            case Choice(branches):
                after = self._copy(self._rule(branches[0].node), after)
        return after

    def _rule(self, node: Node) -> _Rule:
        known = self._rules.get(id(node))
        if known is None:
            own = Compiler(self.types)
            own._work = self._work
            states = tuple(states_of(own._before(node, own._end)))
            self._work = own._work
            known = self._rules[id(node)] = _Rule(node, states, frozenset(own._complete))
        return known

    def _copy(self, rule: _Rule, after: State) -> State:
        """The state from which a rule leads to `after`. Most patterns of a document end in the same rules."""
        copied = (id(rule.node), after)
        if copied in self._copied:
            return self._copied[copied]
        copies: dict[State, State] = {}
        for state in rule.states:
            literals = {token: copies[next_] for token, next_ in state.literals.items()}
            slots = {name: copies[next_] for _, name, next_ in state.slots}
            if not literals and not slots:
                copies[state] = after
                continue
            copy = self._state(literals, slots, complete=False)
            copies[state] = self._merge([copy, after], 0) if state in rule.complete else copy
        self._copied[copied] = copies[rule.states[-1]]
        return copies[rule.states[-1]]

    def _word(self, token: str, after: State) -> State:
        """As `_state` with one literal, which most states have."""
        known = self._made.get((token, after))
        if known is None:
            known = State({token: after}, (), token in FINAL_MARKS and after in self._complete)
            self._keep((token, after), known, self._depth[after])
        return known

    def _state(self, literals: Edges, slots: Edges, *, complete: bool) -> State:
        if len(literals) == 1 and not slots and not complete:
            return self._word(*next(iter(literals.items())))
        content = (frozenset(literals.items()), tuple(sorted(slots.items(), key=_first)), complete)
        known = self._made.get(content)
        if known is None:
            accepts = complete or any(literals.get(mark) in self._complete for mark in FINAL_MARKS)
            typed = tuple((self.types[name], name, after) for name, after in content[1])
            known = State(literals, typed, accepts)
            depths = [self._depth[after] for after in literals.values()]
            self._keep(content, known, max([*depths, *(self._depth[after] + 1 for after in slots.values())], default=0))
            if complete:
                self._complete.add(known)
        return known

    def _keep(self, content: object, state: State, depth: int) -> None:
        self._made[content] = state
        self._depth[state] = depth
        self._worked()

    def _worked(self) -> None:
        self._work += 1
        if self._work > MAX_WORK:
            raise _too_many()

    def _merge(self, states: Iterable[State], shared: int) -> State:
        """The state that leads wherever one of these does; `shared` edges led to all of them."""
        ways = tuple(dict.fromkeys(states))
        if len(ways) == 1:
            return ways[0]
        known = self._merged.get(ways)
        if known is not None:
            return known
        self._worked()
        if shared > MAX_SHARED:
            raise PatternError(
                "alternatives have too many words in common", 0, "write what they share once, outside of them"
            )
        literals, slots = dict(ways[0].literals), {name: after for _, name, after in ways[0].slots}
        both: dict[tuple[str, bool], list[State]] = {}  # where an edge leads to more than one state
        for way in ways[1:]:
            _gather(literals, way.literals.items(), both, slot=False)
            _gather(slots, ((name, after) for _, name, after in way.slots), both, slot=True)
        for (name, slot), ends in both.items():
            (slots if slot else literals)[name] = self._merge(ends, shared + 1)
        merged = self._state(literals, slots, complete=not self._complete.isdisjoint(ways))
        self._merged[ways] = merged
        return merged


def _gather(
    edges: Edges, more: Iterable[tuple[str, State]], both: dict[tuple[str, bool], list[State]], *, slot: bool
) -> None:
    """Add edges to others; `both` names those that lead to several states, with all of them."""
    for name, after in more:
        first = edges.setdefault(name, after)
        if first is not after:
            both.setdefault((name, slot), [first]).append(after)


def states_of(start: State) -> Iterator[State]:
    """All states of an automaton, each after those that it leads to."""
    seen: set[State] = set()
    waiting: list[tuple[State, bool]] = [(start, False)]
    while waiting:
        state, left = waiting.pop()
        if left:
            yield state
        elif state not in seen:
            seen.add(state)
            waiting.append((state, True))
            waiting += [(after, False) for after in state.literals.values()]
            waiting += [(after, False) for _, _, after in state.slots]


def _small(start: State) -> bool:
    """Whether an automaton is within its bounds, whatever was built with it."""
    seen, waiting, edges = {start}, [start], 0
    while waiting:
        state = waiting.pop()
        after = {*state.literals.values(), *(after for _, _, after in state.slots)} - seen
        edges += len(state.literals) + len(state.slots)
        if edges > MAX_EDGES or len(seen) > MAX_STATES:
            return False
        seen |= after
        waiting += after
    return True


def compile_pattern(tree: Node, types: Mapping[str, ValueType]) -> State:
    """The first state of a pattern's automaton, built alone.

    Args:
        tree: the pattern's tree.
        types: value types of the parameters that slots may name.

    Raises:
        PatternError: see `Compiler.compile`.
    """
    return Compiler(types).compile(tree)


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
