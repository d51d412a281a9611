"""Whether two patterns describe a common request: the product of their token automata.

A product that ends without a common sentence proves that there is none; one that finds a sentence finds a real one
where the shapes of values are exact. Where both patterns have a slot of one type, a value of that type is a single
step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf

from seglam.lookup.machine import MARK, NUMBER, WORD, Apart, Config, Glued, Machine, Moves, kind_of

MAX_STEPS = 200_000
"""Pairs of edges that one product compares; past it the question counts as undecided. About half a second."""

_GLUING = (WORD, NUMBER, MARK)
"""Two words, or two numbers, that touch are one token; so a path must know what came last."""


class Undecided(Exception):
    """A product with more steps than one comparison may take."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a common sentence: a token or a value as written, or any token of some kinds.

    `glued` says whether it touches what is before it; None is either.
    """

    text: str | None
    kinds: int
    glued: bool | None


_Pair = tuple[Config, Config, int]  # both sides, and the kinds of the last token if two of those cannot touch
Rest = Callable[[Config, Config], int | None]
"""How many steps are left at least from two places to a common end; None if none can be reached."""


def common(
    left: Machine, right: Machine, max_steps: int = MAX_STEPS, rest: Rest = lambda one, other: 0
) -> Iterator[list[Step]]:
    """Common sentences, shortest first, one for each way in which the automata come to an end together.

    Raises:
        Undecided: if more than `max_steps` pairs of edges would have to be compared.
    """
    first: _Pair = (Config(left.start, None, 0), Config(right.start, None, 0), 0)
    came: dict[_Pair, tuple[_Pair, Step] | None] = {first: None}
    lengths = {first: 0}  # of the shortest sentence that leads there, as far as is known
    waiting: list[tuple[int, int, int, _Pair]] = [(0, 0, 0, first)]  # length of the sentence at least, what is left
    moves: tuple[dict[Config, Moves], dict[Config, Moves]] = ({}, {})
    steps = 0
    while waiting:
        least, still, _, pair = heappop(waiting)
        length = least - still
        if length > lengths[pair]:
            continue  # a shorter way was found since
        a = moves[0].get(pair[0]) or moves[0].setdefault(pair[0], left.moves(pair[0]))
        b = moves[1].get(pair[1]) or moves[1].setdefault(pair[1], right.moves(pair[1]))
        if a.accepts and b.accepts:
            yield _path(came, pair)
        for step, after in _both(a, b, pair[2]):
            steps += 1
            if steps > max_steps:
                raise Undecided
            if length + 1 < lengths.get(after, inf):
                came[after], lengths[after] = (pair, step), length + 1
                left_after = rest(after[0], after[1])
                if left_after is not None:
                    heappush(waiting, (length + 1 + left_after, left_after, steps, after))


def _path(came: Mapping[_Pair, tuple[_Pair, Step] | None], pair: _Pair) -> list[Step]:
    steps: list[Step] = []
    while (before := came[pair]) is not None:
        pair, step = before
        steps.append(step)
    return steps[::-1]


def _both(a: Moves, b: Moves, last: int) -> Iterator[tuple[Step, _Pair]]:
    """Steps that both sides can make."""
    for shape, after_a in a.slots:
        for other, after_b in b.slots:
            if shape is other:
                end = _gluing(shape.sample_kind)
                yield Step(shape.sample, 0, None), (Config(after_a, None, 0), Config(after_b, None, 0), end)
    for x in a.edges:
        for y in b.edges:
            small, big = (x, y) if len(x.literals) <= len(y.literals) else (y, x)
            for token in small.literals:
                if token in big.literals:
                    for glued_x, after_x in x.follow(token):
                        for glued_y, after_y in y.follow(token):
                            yield from _joint(token, kind_of(token), glued_x, glued_y, after_x, after_y, last)
            for kinds, glued_y, within in y.classes:
                for token in x.literals:
                    if kind_of(token) & kinds:
                        for glued_x, after_x in x.follow(token):
                            after_y = Config(y.state, y.shape, within)
                            yield from _joint(token, kind_of(token), glued_x, glued_y, after_x, after_y, last)
            for kinds, glued_x, within in x.classes:
                after_x = Config(x.state, x.shape, within)
                for token in y.literals:
                    if kind_of(token) & kinds:
                        for glued_y, after_y in y.follow(token):
                            yield from _joint(token, kind_of(token), glued_x, glued_y, after_x, after_y, last)
                for others, glued_y, within_y in y.classes:
                    after_y = Config(y.state, y.shape, within_y)
                    yield from _joint(None, kinds & others, glued_x, glued_y, after_x, after_y, last)


def _joint(
    token: str | None,
    kinds: int,
    glued_x: Glued,
    glued_y: Glued,
    after_x: Config,
    after_y: Config,
    last: int,
) -> Iterator[tuple[Step, _Pair]]:
    """One step of both sides, for each kind of token that matters to what may touch it."""
    touched = last in (WORD, NUMBER)
    x = (False if touched else None) if isinstance(glued_x, Apart) else glued_x
    y = (False if touched else None) if isinstance(glued_y, Apart) else glued_y
    if x is not None and y is not None and x is not y:
        return
    glued = y if x is None else x
    for gluing in _GLUING:
        if kinds & gluing and not (glued and (not last or (last == gluing and gluing != MARK))):
            yield Step(token, kinds & gluing, glued), (after_x, after_y, gluing)


def _gluing(kind: int) -> int:
    return next(gluing for gluing in _GLUING if kind & gluing)
