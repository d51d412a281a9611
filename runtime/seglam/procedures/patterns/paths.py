"""The way that a request's text takes through a pattern: which branch of each choice, and which values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from seglam.procedures.patterns.automaton import FINAL_MARKS
from seglam.procedures.patterns.grammar import Choice, Node, Sequence, Slot, Words
from seglam.procedures.text import Text
from seglam.procedures.values import Sample, ValueType

MAX_STEPS = 200_000

_Step = tuple[Choice, int | None] | tuple[str, Sample] | None


class _Place(NamedTuple):
    """A position of the pattern, tokens read, whether the pattern's final mark was left out, and values so far of the
    parameters that it names more than once.
    """

    position: int
    at: int
    closed: bool
    bound: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """The branch that each choice takes (None where it is left out), and each parameter's value as written."""

    path: Mapping[Choice, int | None]
    values: Mapping[str, Sample]


def path_of(tree: Node, text: Text, types: Mapping[str, ValueType]) -> Taken | None:
    """The way of `text` through the pattern `tree`, the first one if there are several; None if there is none.

    Bounds of parameters are not looked at. A text that takes more than `MAX_STEPS` steps counts as having no way.
    """
    graph = _Graph()
    start = graph.new()
    end = graph.build(tree, start)
    length = len(text)
    last = length - 1 if length and text.tokens[-1] in FINAL_MARKS else length
    first = _Place(start, 0, False, ())
    came: dict[_Place, tuple[_Place, _Step]] = {first: (first, None)}
    waiting = [first]
    while waiting and len(came) <= MAX_STEPS:
        place = waiting.pop()
        if place.position == end and place.at >= last:
            return _taken(came, place)
        # The first alternative is tried first.
        for after, step in reversed(_following(graph, place, text, last, types)):
            if after not in came:
                came[after] = (place, step)
                waiting.append(after)
    return None


def _following(
    graph: _Graph, place: _Place, text: Text, last: int, types: Mapping[str, ValueType]
) -> list[tuple[_Place, _Step]]:
    position, at, closed, bound = place
    found: list[tuple[_Place, _Step]] = [(_Place(to, at, closed, bound), step) for to, step in graph.empty[position]]
    if closed:
        return found
    for token, to in graph.literals[position]:
        if at < len(text) and text.tokens[at] == token:
            found.append((_Place(to, at + 1, False, bound), None))
        if at >= last and token in FINAL_MARKS:
            found.append((_Place(to, at, True, bound), None))
    for name, to in graph.slots[position]:
        for after, canonical in types[name].scan(text, at) if at < len(text) else ():
            values = dict(bound)
            if not types[name].equal(values.setdefault(name, canonical), canonical):
                continue
            kept = tuple(values.items()) if graph.named[name] > 1 else bound
            found.append((_Place(to, after, False, kept), (name, Sample(text.slice(at, after), canonical))))
    return found


def _taken(came: Mapping[_Place, tuple[_Place, _Step]], place: _Place) -> Taken:
    steps: list[_Step] = []
    while came[place][0] != place:
        place, step = came[place]
        steps.append(step)
    path: dict[Choice, int | None] = {}
    values: dict[str, Sample] = {}
    for step in reversed(steps):
        match step:
            case (Choice() as choice, int() | None as branch):
                path.setdefault(choice, branch)
            case (str(name), Sample() as sample):
                values.setdefault(name, sample)
    return Taken(path, values)


class _Graph:
    """A pattern's tree as positions with edges, which know the choices that they make."""

    def __init__(self) -> None:
        self.empty: list[list[tuple[int, tuple[Choice, int | None] | None]]] = []
        self.literals: list[list[tuple[str, int]]] = []
        self.slots: list[list[tuple[str, int]]] = []
        self.named: Counter[str] = Counter()

    def new(self) -> int:
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
                    self.literals[at].append((token, after))
                    at = after
            case Slot(parameter):
                after = self.new()
                self.slots[at].append((parameter, after))
                self.named[parameter] += 1
                at = after
            case Sequence(items):
                for item in items:
                    at = self.build(item, at)
            case Choice(branches, optional):
                after = self.new()
                for number, branch in enumerate(branches):
                    begin = self.new()
                    self.empty[at].append((begin, (node, number)))
                    self.empty[self.build(branch.node, begin)].append((after, None))
                if optional:
                    self.empty[at].append((after, (node, None)))
                at = after
        return at
