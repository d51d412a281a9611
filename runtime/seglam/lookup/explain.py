"""Why a text missed: the nearest patterns, and what stands between them and the text.

Nothing here decides a hit. The nearest patterns are found by shared words and compared by the cheapest alignment of the
pattern's automaton with the text: a rejected value, a word that the pattern does not explain, or one that it needs.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice

from seglam.lookup.results import Near
from seglam.lookup.trie import Template, readings_at
from seglam.procedures.patterns import FINAL_MARKS, State
from seglam.procedures.revision import Revision
from seglam.procedures.text import Text

CANDIDATES = 12
SHOWN = 5
MAX_TOKENS = 400
MAX_EXPANSIONS = 6000
"""Steps of one explanation, over all candidates: it bounds what a miss costs."""
MAX_REJECTED_TOKENS = 12


@dataclass(frozen=True, slots=True)
class Alignment:
    """The cheapest way to lay a pattern over a text.

    `rejected` are parameters with the text that their type refused, `unexplained` words of the text, `missing` words of
    the pattern.
    """

    rejected: tuple[tuple[str, str], ...]
    unexplained: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def only_values(self) -> bool:
        """Whether every word fits and only values were refused."""
        return bool(self.rejected) and not self.unexplained and not self.missing

    def __str__(self) -> str:
        parts = [f"{text!r} is no value of {{{name}}}" for name, text in self.rejected]
        if self.unexplained:
            parts.append("it does not explain " + ", ".join(repr(word) for word in self.unexplained))
        if self.missing:
            parts.append("it needs " + ", ".join(repr(word) for word in self.missing))
        return "; ".join(parts) or "every word fits"


class Neighbours:
    """Patterns by their literal words, to find those near a text that missed."""

    def __init__(self) -> None:
        # In order of addition, so that ties are not broken by chance.
        self._by_word: defaultdict[str, dict[Template, None]] = defaultdict(dict)
        self._size = 0

    def add(self, template: Template) -> None:
        """Add a pattern."""
        self._size += 1
        for word in _words(template.start):
            self._by_word[word][template] = None

    def remove(self, template: Template) -> None:
        """Remove a pattern."""
        self._size -= 1
        for word in _words(template.start):
            having = self._by_word[word]
            having.pop(template, None)
            if not having:
                del self._by_word[word]

    def near(self, text: Text) -> list[tuple[Template, Alignment]]:
        """At most `SHOWN` patterns with their alignments, nearest first, one for each owner."""
        if len(text) > MAX_TOKENS:
            return []
        ranked: Counter[Template] = Counter()
        known = [word for word in set(text.tokens) if word in self._by_word]  # data in the text has words of its own
        for word in sorted(known, key=lambda word: (len(self._by_word.get(word, ())), word))[:CANDIDATES]:
            having = self._by_word.get(word, ())
            weight = math.log1p(self._size / (1 + len(having)))
            if len(having) <= 1000 or not ranked:
                for template in tuple(having):  # one step of the interpreter, which a writer cannot interrupt
                    ranked[template] += weight  # type: ignore[assignment]
        found: list[tuple[float, int, Template, Alignment]] = []
        costs: dict[int, float] = {}  # the least of each owner
        limit = math.inf
        steps = iter(range(MAX_EXPANSIONS))  # one bound for all candidates
        for order, (template, _) in enumerate(ranked.most_common(CANDIDATES)):
            aligned = align(template.start, text, limit, islice(steps, MAX_EXPANSIONS // 2))
            if aligned is not None:
                found.append((aligned[0], order, template, aligned[1]))
                owner = id(template.owner)
                costs[owner] = min(aligned[0], costs.get(owner, math.inf))
                if len(costs) >= SHOWN:
                    limit = sorted(costs.values())[SHOWN - 1]
        found.sort(key=lambda item: item[:2])
        nearest: dict[int, tuple[Template, Alignment]] = {}
        for _, _, template, alignment in found:
            nearest.setdefault(id(template.owner), (template, alignment))
        return list(nearest.values())[:SHOWN]


def _words(start: State) -> Iterable[str]:
    """The letters-only literals of an automaton, or all literals where it has no such."""
    literals = {token for state in _states(start) for token in state.literals}
    return {token for token in literals if token[0].isalpha()} or literals


def _states(start: State) -> Iterator[State]:
    seen, waiting = {id(start)}, [start]
    while waiting:
        state = waiting.pop()
        yield state
        for after in [*state.literals.values(), *(after for _, _, after in state.slots)]:
            if id(after) not in seen:
                seen.add(id(after))
                waiting.append(after)


_Step = tuple[str, str, int, int]
"""What is wrong: its kind; a parameter or a word of the pattern; the tokens of the text, first and end."""
_Path = tuple[_Step, ...]


def align(
    start: State, text: Text, limit: float = math.inf, steps: Iterable[int] = range(MAX_EXPANSIONS)
) -> tuple[float, Alignment] | None:
    """The cheapest alignment and its cost, by uniform-cost search; None if it costs more than `limit`, or if `steps`
    end before the search does.
    """
    order = count()
    queue: list[tuple[float, int, int, State, _Path]] = [(0.0, next(order), 0, start, ())]
    done: set[tuple[int, int]] = set()
    for _ in steps:
        if not queue:
            return None
        cost, _, at, state, path = heapq.heappop(queue)
        if (at, id(state)) in done:
            continue
        done.add((at, id(state)))
        if state.accepts and (at == len(text) or (at == len(text) - 1 and text.tokens[at] in FINAL_MARKS)):
            return cost, _alignment(path, text)
        for extra, after_at, after, step in _moves(state, text, at):
            if cost + extra <= limit and (after_at, id(after)) not in done:
                heapq.heappush(queue, (cost + extra, next(order), after_at, after, (*path, step) if step else path))
    return None


def _moves(state: State, text: Text, at: int) -> Iterator[tuple[float, int, State, _Step | None]]:
    inside = at < len(text.tokens)
    if inside:
        token = text.tokens[at]
        if (after := state.literals.get(token)) is not None:
            yield 0.0, at + 1, after, None
        yield 1.0, at + 1, state, ("unexplained", "", at, at + 1)
    for word, after in state.literals.items():
        yield 1.0, at, after, ("missing", word, at, at)
    for kind, name, after in state.slots:
        if inside:
            readings = readings_at(text, kind, at)
            for end, _ in readings:
                yield 0.0, end, after, None
            # Where a value does stand, what follows it is unexplained rather than part of a rejected value.
            for end in range(at + 1, 0 if readings else min(len(text.tokens), at + MAX_REJECTED_TOKENS) + 1):
                yield 0.9 + 0.01 * (end - at), end, after, ("rejected", name, at, end)
        yield 1.5, at, after, ("missing", f"{{{name}}}", at, at)


def _alignment(path: _Path, text: Text) -> Alignment:
    return Alignment(
        tuple((name, text.slice(start, end)) for step, name, start, end in path if step == "rejected"),
        tuple(text.tokens[start] for step, _, start, _ in path if step == "unexplained"),
        tuple(word for step, word, _, _ in path if step == "missing"),
    )


def describe(near: list[tuple[Template, Alignment]]) -> tuple[Near, ...]:
    """The nearest patterns as part of a miss."""
    shown = []
    for template, alignment in near:
        assert isinstance(template.owner, Revision)
        shown.append(Near(template.owner, template.number, str(alignment)))
    return tuple(shown)
