"""Patterns as automata over tokens, ready to be compared: what their sentences must hold, may hold, and may go on with.

Values enter by their types' shapes, regular expressions over tokens that accept at least what the type accepts.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple
from weakref import WeakValueDictionary

from seglam.procedures.patterns import FINAL_MARKS, State, states_of
from seglam.procedures.text import Text
from seglam.procedures.values import Shape, ValueType
from seglam.procedures.values.base import BREAKING, JOINING, Alt, Seq, Star, Symbol

# Kinds of tokens, as bits. Classes are unions of them.
LETTER, LETTERS, JOIN, DIGIT, DIGITS2, DIGITS3, DIGITS4, DIGITS, SIGN, BREAK = (1 << bit for bit in range(10))
WORD = LETTER | LETTERS | JOIN
NUMBER = DIGIT | DIGITS2 | DIGITS3 | DIGITS4 | DIGITS
MARK = SIGN | BREAK
CLASSES = {
    "word": WORD,
    "letter": LETTER,
    "content": LETTER | LETTERS,
    "digits": NUMBER,
    "digits1": DIGIT,
    "digits2": DIGITS2,
    "digits3": DIGITS3,
    "digits4": DIGITS4,
    "mark": MARK,
    "sign": SIGN,
    "any": WORD | NUMBER | MARK,
}
_BY_LENGTH = {1: DIGIT, 2: DIGITS2, 3: DIGITS3, 4: DIGITS4}


@lru_cache(maxsize=65536)
def kind_of(token: str) -> int:
    """The kind of a token, one bit."""
    if token[0] in "0123456789":
        return _BY_LENGTH.get(len(token), DIGITS)
    if token[0].isalnum() and not token[0].isdecimal():
        return LETTER if len(token) == 1 else JOIN if token in JOINING else LETTERS
    return BREAK if token in BREAKING else SIGN


class Apart:
    """Whether a word or number touches the token before it: not if that is one too, either if it is a mark."""


APART = Apart()
Glued = bool | Apart | None
"""Whether a token touches the one before it; None is either."""


class _ShapeState(NamedTuple):
    literals: Mapping[str, tuple[tuple[Glued, int], ...]]  # token -> whether glued, next state
    classes: tuple[tuple[int, Glued, int], ...]  # kinds, whether glued, next state
    accepts: bool


class ShapeAutomaton:
    """A type's shape as a nondeterministic automaton without empty edges; state 0 is the first.

    `sample` is a value of the type as somebody might write it, and `sample_kind` the kind of its last token.
    """

    def __init__(self, kind: ValueType) -> None:
        self.sample = next(iter(kind.samples(random.Random(0)))).text
        self.sample_kind = kind_of(Text(self.sample).tokens[-1])
        self.greedy = kind.greedy
        self._empty: list[list[int]] = []
        self._edges: list[list[tuple[Symbol, int]]] = []
        start = self._new()
        end = self._build(kind.shape(), start)
        self.states = [self._state(position, end) for position in range(len(self._edges))]
        self.apart = _apart(self.states[start])
        if kind.separate:
            self.states[start] = self.apart
        self.literals = frozenset(token for state in self.states for token in state.literals)
        self.kinds = 0
        for state in self.states:
            for kinds, _, _ in state.classes:
                self.kinds |= kinds
        del self._empty, self._edges

    def _new(self) -> int:
        self._empty.append([])
        self._edges.append([])
        return len(self._edges) - 1

    def _build(self, shape: Shape, at: int) -> int:
        match shape:
            case Symbol():
                after = self._new()
                self._edges[at].append((shape, after))
                return after
            case Seq(items):
                for item in items:
                    at = self._build(item, at)
                return at
            case Alt(items):
                ends = [self._build(item, at) for item in items]
                after = self._new()
                for end in ends:
                    self._empty[end].append(after)
                return after
            case Star(item):
                loop = self._new()
                self._empty[at].append(loop)
                self._empty[self._build(item, loop)].append(loop)
                after = self._new()
                self._empty[loop].append(after)
                return after

    def _state(self, position: int, end: int) -> _ShapeState:
        seen, waiting = {position}, [position]
        literals: dict[str, list[tuple[bool | None, int]]] = {}
        classes: list[tuple[int, bool | None, int]] = []
        while waiting:
            here = waiting.pop()
            for symbol, after in self._edges[here]:
                for token in symbol.literals:
                    literals.setdefault(token, []).append((symbol.glued, after))
                kinds = 0
                for name in symbol.classes:
                    kinds |= CLASSES[name]
                if kinds:
                    classes.append((kinds, symbol.glued, after))
            fresh = [after for after in self._empty[here] if after not in seen]
            seen.update(fresh)
            waiting += fresh
        return _ShapeState({token: tuple(found) for token, found in literals.items()}, tuple(classes), end in seen)


def _apart(state: _ShapeState) -> _ShapeState:
    """The first state of a value whose first word or number touches none before it. No edge leads back to it."""
    literals = {
        token: tuple(
            (APART if glued is None and kind_of(token) & (WORD | NUMBER) else glued, after) for glued, after in to
        )
        for token, to in state.literals.items()
    }
    classes: list[tuple[int, Glued, int]] = []
    for kinds, glued, after in state.classes:
        parts: tuple[tuple[int, Glued], ...] = ((kinds, glued),)
        if glued is None:
            parts = ((kinds & (WORD | NUMBER), APART), (kinds & MARK, None))
        classes += [(part, how, after) for part, how in parts if part]
    return _ShapeState(literals, tuple(classes), state.accepts)


_SHAPES: WeakValueDictionary[str, ShapeAutomaton] = WeakValueDictionary()


def _shape_of(kind: ValueType) -> ShapeAutomaton:
    """A type's shape, made once for all patterns that are alive and use it."""
    known = _SHAPES.get(kind.key)
    if known is None:
        known = _SHAPES[kind.key] = ShapeAutomaton(kind)
    return known


class Config(NamedTuple):
    """Where one side of a product stands: at a pattern's state, or within a value after which that state comes."""

    state: State
    shape: ShapeAutomaton | None
    within: int


class Edges(NamedTuple):
    """Edges of one origin. A pattern's own literals lead to states, a shape's to states within the value."""

    literals: Mapping[str, object]
    classes: tuple[tuple[int, Glued, int], ...]
    state: State
    shape: ShapeAutomaton | None
    greedy: bool = False  # whether a value comes before that would take a word or number which touches it

    def follow(self, token: str) -> list[tuple[Glued, Config]]:
        """Whether the token must touch the one before it, and where it leads."""
        if self.shape is None:
            after = self.literals[token]
            assert isinstance(after, State)
            apart = APART if self.greedy and kind_of(token) & (WORD | NUMBER) else None
            return [(apart, Config(after, None, 0))]
        targets = self.literals[token]
        assert isinstance(targets, tuple)
        return [(glued, Config(self.state, self.shape, within)) for glued, within in targets]


class Moves(NamedTuple):
    edges: list[Edges]
    slots: list[tuple[ShapeAutomaton, State]]
    accepts: bool


END = State({}, (), True)
"""Where a sentence is after a final mark that its pattern does not ask for."""
_CLOSING: Mapping[str, State] = dict.fromkeys(sorted(FINAL_MARKS), END)


@dataclass(frozen=True, slots=True)
class Speech:
    """What sentences of some patterns may hold: tokens of the sets, and any token of the kinds."""

    tokens: tuple[frozenset[str], ...]
    kinds: int

    @classmethod
    def of(cls, machines: Iterable[Machine]) -> Speech:
        tokens: frozenset[str] = frozenset()
        kinds = 0
        for machine in machines:
            tokens = tokens.union(*machine.tokens)
            kinds |= machine.kinds
        return cls((tokens,), kinds)


class Machine:
    """One pattern, ready to be compared with others."""

    def __init__(self, start: State) -> None:
        self.start = start
        kinds = {kind.key: kind for state in self.states for kind, _, _ in state.slots}
        self.shapes = {key: _shape_of(kind) for key, kind in kinds.items()}

    @cached_property
    def states(self) -> list[State]:
        """All states, each after those that it leads to."""
        return list(states_of(self.start))

    @cached_property
    def needs(self) -> frozenset[str]:
        """Tokens that every sentence holds outside values."""
        needs: dict[int, frozenset[str]] = {}
        for state in self.states:
            ways = [needs[id(after)] | {token} for token, after in state.literals.items()]
            ways += [needs[id(after)] for _, _, after in state.slots]
            needs[id(state)] = frozenset() if state.accepts or not ways else frozenset.intersection(*ways)
        return needs[id(self.start)]

    @cached_property
    def forms(self) -> int:
        """Number of sentence forms, values and final marks aside."""
        forms: dict[int, int] = {}
        for state in self.states:
            after = [*state.literals.values(), *(after for _, _, after in state.slots)]
            forms[id(state)] = state.accepts + sum(forms[id(one)] for one in after)
        return forms[id(self.start)]

    @cached_property
    def tokens(self) -> tuple[frozenset[str], ...]:
        """Sets of the tokens that a sentence may hold, save those that `kinds` names."""
        own = frozenset(token for state in self.states for token in state.literals) | FINAL_MARKS
        return (own, *(shape.literals for shape in self.shapes.values() if shape.literals))

    @cached_property
    def kinds(self) -> int:
        """Kinds of which a sentence may hold any token."""
        kinds = 0
        for shape in self.shapes.values():
            kinds |= shape.kinds
        return kinds

    @cached_property
    def first(self) -> tuple[frozenset[str], int, int]:
        """Tokens with which a sentence may begin, kinds of them, and kinds of which it may begin with any."""
        edges = self.moves(Config(self.start, None, 0)).edges
        tokens = frozenset(token for edge in edges for token in edge.literals)
        kinds = whole = 0
        for token in tokens:
            kinds |= kind_of(token)
        for edge in edges:
            for kind, _, _ in edge.classes:
                whole |= kind
        return tokens, kinds, whole

    def may_hold(self, token: str) -> bool:
        """Whether some sentence may hold a token."""
        return bool(kind_of(token) & self.kinds) or any(token in tokens for tokens in self.tokens)

    @cached_property
    def literals(self) -> Mapping[str, int]:
        """Tokens that sentences hold outside values, with the kinds of each."""
        return {token: kind_of(token) for state in self.states for token in state.literals}

    def shared_with(self, other: Machine | Speech) -> Set[str]:
        """Which of the `literals` some sentence of others may hold, in values or outside."""
        shared = {token for tokens in other.tokens for token in self.literals.keys() & tokens}
        if kinds := other.kinds:
            shared.update(token for token, kind in self.literals.items() if kind & kinds)
        return shared

    def may_say(self, held: Set[str]) -> bool:
        """Whether some sentence has no token outside values but such as are held."""
        seen = {id(self.start)}
        waiting = [self.start]
        while waiting:
            state = waiting.pop()
            if state.accepts:
                return True
            ways = [after for token, after in state.literals.items() if token in held and id(after) not in seen]
            ways += [after for _, _, after in state.slots if id(after) not in seen]
            seen.update(map(id, ways))
            waiting += ways
        return False

    def moves(self, config: Config) -> Moves:
        """What may come next."""
        edges: list[Edges] = []
        if config.shape is not None:
            here = config.shape.states[config.within]
            edges.append(Edges(here.literals, here.classes, config.state, config.shape))
            if not here.accepts:
                return Moves(edges, [], False)
        state = config.state
        if state.literals:
            edges.append(Edges(state.literals, (), state, None, config.shape is not None and config.shape.greedy))
        for kind, _, after in state.slots:
            shape = self.shapes[kind.key]
            first = shape.apart if config.shape is not None and config.shape.greedy else shape.states[0]
            edges.append(Edges(first.literals, first.classes, after, shape))
        if state.accepts and state is not END:
            edges.append(Edges(_CLOSING, (), state, None))
        return Moves(edges, [(self.shapes[kind.key], after) for kind, _, after in state.slots], state.accepts)


def may_meet(left: Machine, right: Machine) -> bool:
    """A quick necessary condition of a common sentence."""
    tokens, kinds, whole = left.first
    others, other_kinds, other_whole = right.first
    if not (kinds & other_whole or other_kinds & whole or whole & other_whole) and tokens.isdisjoint(others):
        return False
    if not (all(map(right.may_hold, left.needs)) and all(map(left.may_hold, right.needs))):
        return False
    return left.may_say(left.shared_with(right)) and right.may_say(right.shared_with(left))
