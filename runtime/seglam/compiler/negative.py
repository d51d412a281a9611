"""Types that the model is not asked about again until their entry expires. An entry never answers anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from seglam.compiler.results import Negative
from seglam.lookup import fingerprint
from seglam.procedures.patterns import PatternError, State, compile_pattern, parse, shared_rules
from seglam.procedures.request import Request
from seglam.procedures.text import MAX_BYTES, Text
from seglam.procedures.values import ValueProblem, value_type

MAX_STEPS = 200_000
"""Bound of one search; a text that needs more is taken as not matching, so that a compilation may start."""


class NegativeIndex:
    """Negative entries, by patterns and by fingerprint. Not thread-safe for writers; readers need no lock."""

    def __init__(self, clock: Callable[[], datetime], entries: Iterable[Negative] = ()) -> None:
        self._clock = clock
        self._entries: tuple[tuple[Negative, tuple[State, ...]], ...] = ()
        for entry in entries:
            self.add(entry)

    def add(self, entry: Negative) -> None:
        """Add an entry. A pattern that cannot be read raises `PatternError` or `ValueProblem`."""
        self._entries = (*self._entries, (entry, compiled(entry)))

    def remove(self, entry: Negative) -> None:
        """Forget an entry, if it is there."""
        self._entries = tuple(each for each in self._entries if each[0] != entry)

    def __iter__(self) -> Iterator[Negative]:
        now = self._clock()
        return iter([entry for entry, _ in self._entries if entry.expires > now])

    def find(self, request: Request) -> Negative | None:
        """The entry of a request's type that has not expired, if there is one."""
        now = self._clock()
        print_ = fingerprint(request)
        for entry, states in self._entries:
            if entry.expires > now and (entry.fingerprint == print_ or matches(states, request)):
                return entry
        return None


def compiled(entry: Negative) -> tuple[State, ...]:
    """The automata of an entry's patterns. Raises `PatternError` or `ValueProblem` if one cannot be read."""
    return compile_all(entry.patterns, entry.parameters)


def compile_all(patterns: Sequence[str], parameters: Sequence[Mapping[str, str]]) -> tuple[State, ...]:
    """Automata of patterns with slots of the given names and types."""
    types = {parameter["name"]: value_type(parameter["type"]) for parameter in parameters}
    return tuple(compile_pattern(parse(pattern, shared_rules()), types) for pattern in patterns)


def readable(patterns: Sequence[str], parameters: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    """Those of the patterns that can be read and do not match everything."""
    kept = []
    for pattern in patterns:
        try:
            (state,) = compile_all([pattern], parameters)
        except (PatternError, ValueProblem):
            continue
        if state.literals:
            kept.append(pattern)
    return tuple(kept)


def matches(states: Sequence[State], request: Request) -> bool:
    """Whether one of the automata accepts the whole text."""
    if request.text is None or len(request.text) > MAX_BYTES:
        return False
    text = Text(request.text, request.region)
    return any(_accepts(state, text) for state in states)


def _accepts(start: State, text: Text) -> bool:
    seen: set[tuple[int, int]] = set()
    waiting = [(start, 0)]
    while waiting and len(seen) < MAX_STEPS:
        state, at = waiting.pop()
        if (id(state), at) in seen:
            continue
        seen.add((id(state), at))
        if state.accepts and at >= len(text) - (at == len(text) - 1 and text.tokens[at] in "?."):
            return True
        if at == len(text):
            continue
        after = state.literals.get(text.tokens[at])
        if after is not None:
            waiting.append((after, at + 1))
        for kind, _, following in state.slots:
            waiting += [(following, end) for end, _ in kind.scan(text, at)]
    return False
