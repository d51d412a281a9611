"""Where two patterns can go together: a set of the one's places, as bits, for each place of the other.

A place is a state of a pattern or a position within a value. What must touch what is passed over, so two patterns seem
to share more sentences than they do: where no end can be reached together it is proved that they share none, and where
one can nothing is. The exact product then looks for a sentence, and goes only where an end can still be reached.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from heapq import heappop, heappush
from weakref import WeakKeyDictionary

from seglam.lookup.machine import END, Config, Machine, ShapeAutomaton, kind_of
from seglam.lookup.product import Rest
from seglam.procedures.patterns import FINAL_MARKS, State

_Sign = str | ShapeAutomaton
"""What an edge takes: a token, or a whole value of a type that both patterns have."""


class _Links:
    """Where edges lead from each position that has one; `mask` has the bits of these positions."""

    __slots__ = ("mask", "targets")

    def __init__(self, targets: Mapping[int, tuple[int, ...]]) -> None:
        self.targets = targets
        self.mask = sum(1 << position for position in targets)


_Where = tuple[int, int]
"""A place: the node, and the position in the node's body."""


class _Edges:
    """Edges that leave a position, and the positions where they end."""

    __slots__ = ("classes", "kinds", "signs")

    def __init__(self) -> None:
        self.signs: dict[_Sign, list[int]] = {}
        self.kinds: dict[int, set[int]] = {}  # of the tokens among the signs
        self.classes: dict[int, set[int]] = {}

    def take(self, sign: _Sign, after: int) -> None:
        self.signs.setdefault(sign, []).append(after)
        if isinstance(sign, str):
            self.kinds.setdefault(kind_of(sign), set()).add(after)


class _Body:
    """Positions with edges between them, in one direction: a pattern's states, or the inside of a type's values.

    `entries` are where a value is entered, `exits` where it may be left.
    """

    def __init__(self, size: int, entries: Sequence[int] = (), exits: Sequence[int] = ()) -> None:
        self.edges = [_Edges() for _ in range(size)]
        self.entries = entries
        self.exits = frozenset(exits)
        self._by_kinds: dict[tuple[int, bool], _Links] = {}

    @cached_property
    def signs(self) -> dict[_Sign, _Links]:
        """Where each sign leads."""
        found: defaultdict[_Sign, dict[int, tuple[int, ...]]] = defaultdict(dict)
        for position, edges in enumerate(self.edges):
            for sign, after in edges.signs.items():
                found[sign][position] = tuple(after)
        return {sign: _Links(targets) for sign, targets in found.items()}

    def by_kinds(self, kinds: int, classes_only: bool) -> _Links:
        """Where tokens of some kinds lead: any of them by a class, and those that edges name unless `classes_only`."""
        known = self._by_kinds.get((kinds, classes_only))
        if known is None:
            links: dict[int, tuple[int, ...]] = {}
            for position, edges in enumerate(self.edges):
                found = [after for own, after in edges.classes.items() if own & kinds]
                if not classes_only:
                    found += [after for own, after in edges.kinds.items() if own & kinds]
                if found:
                    links[position] = tuple(set().union(*found))
            known = self._by_kinds[kinds, classes_only] = _Links(links)
        return known


_BODIES: WeakKeyDictionary[ShapeAutomaton, tuple[_Body, _Body]] = WeakKeyDictionary()


def _bodies(shape: ShapeAutomaton) -> tuple[_Body, _Body]:
    """A type's values from their beginning and from their end, made once for all patterns."""
    known = _BODIES.get(shape)
    if known is None:
        size = len(shape.states)
        ends = [here for here, state in enumerate(shape.states) if state.accepts]
        known = _BODIES[shape] = forward, backward = _Body(size, (0,), ends), _Body(size, ends, (0,))
        for here, state in enumerate(shape.states):
            for token, targets in state.literals.items():
                for _, after in targets:
                    forward.edges[here].take(token, after)
                    backward.edges[after].take(token, here)
            for kinds, _, after in state.classes:
                forward.edges[here].classes.setdefault(kinds, set()).add(after)
                backward.edges[after].classes.setdefault(kinds, set()).add(here)
    return known


class _Region:
    """A body's places in a pattern: number `base + position * width + copy`. Values of a type after which different
    states come are copies of its body.
    """

    def __init__(self, body: _Body, base: int, ranks: Sequence[int]) -> None:
        self.body = body
        self.base = base
        self.ranks = ranks  # of each copy, or of each state
        self.width = len(ranks)
        self.size = len(body.edges) * self.width
        self.bits = ((1 << self.size) - 1) << base
        self.outside: list[int] = []  # of each copy: what is reached where it is left, as bits

    def after(self, place: int, target: int) -> int:
        """The place of a position in the copy of another place."""
        return self.base + target * self.width + (place - self.base) % self.width

    def edges(self, place: int) -> _Edges:
        return self.body.edges[(place - self.base) // self.width]

    def rank(self, place: int) -> int:
        return self.ranks[(place - self.base) % self.width]

    def opened(self, place: int) -> int:
        """Bits of a place and of all that are reached from it without a token."""
        opened = 1 << place
        if (place - self.base) // self.width in self.body.exits:
            opened |= self.outside[(place - self.base) % self.width]
        return opened

    def image(self, places: int, links: _Links) -> int:
        """Where a set of the region's places leads."""
        width, one = self.width, (1 << self.width) - 1
        places >>= self.base
        found = left = 0
        for position, targets in links.targets.items():
            here = places >> position * width & one
            if here:
                for after in targets:
                    found |= here << after * width
                    if after in self.body.exits:
                        left |= here
        found <<= self.base
        for copy in _positions(left):
            found |= self.outside[copy]
        return found


class _States(_Region):
    """The region of a pattern's states; `outside` is, for each state, what is reached with it."""

    def __init__(self, body: _Body, base: int, ranks: Sequence[int]) -> None:
        super().__init__(body, base, ranks[:1])
        self.ranks = ranks

    def after(self, place: int, target: int) -> int:
        return target

    def edges(self, place: int) -> _Edges:
        return self.body.edges[place]

    def rank(self, place: int) -> int:
        return self.ranks[place]

    def opened(self, place: int) -> int:
        return self.outside[place]

    def image(self, places: int, links: _Links) -> int:
        found = 0
        for position in _positions(places & links.mask):
            for after in links.targets[position]:
                found |= self.outside[after]
        return found


def _positions(bits: int) -> Iterator[int]:
    """Numbers of the bits that are set. Searched in the digits: to take a bit off a large number costs its length."""
    digits = f"{bits:b}"[::-1]
    position = digits.find("1")
    while position >= 0:
        yield position
        position = digits.find("1", position + 1)


class _Way:
    """A pattern in one direction: its regions, states first, and the places where it begins and may end."""

    def __init__(self, regions: Sequence[_Region], first: Sequence[int], last: Sequence[int]) -> None:
        self.regions = regions
        self.region_of = [region for region in regions for _ in range(region.size)]
        self.first = first
        self.last = last
        self._opened: dict[int, tuple[int, ...]] = {}

    def mask(self, place: int) -> int:
        """Bits of a place and of all that are reached from it without a token."""
        return self.region_of[place].opened(place)

    def opened(self, place: int) -> tuple[int, ...]:
        """As `mask`, as numbers."""
        known = self._opened.get(place)
        if known is None:
            known = self._opened[place] = tuple(_positions(self.mask(place)))
        return known

    def rank(self, place: int) -> int:
        """Edges lead to a higher rank, save within values."""
        return self.region_of[place].rank(place)

    def steps(self, place: int, others: int, other: _Way) -> Iterator[tuple[int, int]]:
        """Where a place and a set of the other pattern's places lead together: a place and a set of the other's."""
        own = self.region_of[place]
        edges = own.edges(place)
        for region in other.regions:
            there = others & region.bits
            if not there:
                continue
            for sign in edges.signs.keys() & region.body.signs.keys():
                if found := region.image(there, region.body.signs[sign]):
                    for target in edges.signs[sign]:
                        yield own.after(place, target), found
            for classes_only, kinds_of in ((True, edges.kinds), (False, edges.classes)):
                for kinds, targets in kinds_of.items():
                    if found := region.image(there, region.body.by_kinds(kinds, classes_only)):
                        for target in targets:
                            yield own.after(place, target), found


class _Map:
    """A pattern's places in both directions."""

    def __init__(self, machine: Machine) -> None:
        states = [*reversed(machine.states), END]
        self.number = {id(state): number for number, state in enumerate(states)}
        before: dict[str, dict[int, list[int]]] = {}  # of each type: the states after it, each with those before it
        forward, backward = _Body(len(states)), _Body(len(states))
        for here, state in enumerate(states):
            edges: list[tuple[_Sign, State]] = [*state.literals.items()]
            for kind, _, after in state.slots:
                edges.append((machine.shapes[kind.key], after))
                before.setdefault(kind.key, {}).setdefault(self.number[id(after)], []).append(here)
            if state.accepts and state is not END:
                edges += [(mark, END) for mark in FINAL_MARKS]
            for sign, after in edges:
                forward.edges[here].take(sign, self.number[id(after)])
                backward.edges[self.number[id(after)]].take(sign, here)
        starts, ends = [0], [number for number, state in enumerate(states) if state.accepts]
        self.ways = tuple(
            _way(body, machine, before, back, ends if back else starts, starts if back else ends)
            for back, body in enumerate((forward, backward))
        )
        self.mask_of_ends = sum(1 << end for end in ends)
        self._values = {
            machine.shapes[key]: (region.base, region.width, list(copies).index)
            for (key, copies), region in zip(before.items(), self.ways[0].regions[1:], strict=True)
        }

    def place(self, config: Config) -> int:
        """The number of a place of the product."""
        after = self.number[id(config.state)]
        if config.shape is None:
            return after
        base, width, copy = self._values[config.shape]
        return base + config.within * width + copy(after)


def _way(
    states: _Body,
    machine: Machine,
    before: Mapping[str, Mapping[int, Sequence[int]]],
    back: int,
    first: Sequence[int],
    last: Sequence[int],
) -> _Way:
    """One direction of a pattern."""
    sign = -1 if back else 1
    base = size = len(states.edges)
    regions: list[_Region] = [_States(states, 0, [sign * (2 * number + 1) for number in range(size)])]
    opened = [1 << number for number in range(size)]
    for key, copies in before.items():
        body = _bodies(machine.shapes[key])[back]
        region = _Region(body, base, [sign * 2 * after for after in copies])
        base += region.size
        for copy, (after, sources) in enumerate(copies.items()):
            for state in (after,) if back else sources:
                for entry in body.entries:
                    opened[state] |= 1 << region.base + entry * region.width + copy
        regions.append(region)
    regions[0].outside = opened
    for region, copies in zip(regions[1:], before.values(), strict=True):
        for after, sources in copies.items():
            outside = 0
            for state in sources if back else (after,):
                outside |= opened[state]
            region.outside.append(outside)
    return _Way(regions, first, last)


_MAPS: WeakKeyDictionary[Machine, _Map] = WeakKeyDictionary()


def _map(machine: Machine) -> _Map:
    """A pattern's places, numbered once for as long as it is alive."""
    known = _MAPS.get(machine)
    if known is None:
        known = _MAPS[machine] = _Map(machine)
    return known


def rest(left: Machine, right: Machine) -> Rest | None:
    """How many steps are left at least from two places to a common end, None if none can be reached from them; or None
    if it is proved that no sentence is common.
    """
    one, other = _map(left), _map(right)
    reached = _reached(one.ways[0], other.ways[0])
    ends = one.ways[1].first
    common = other.mask_of_ends
    if not any(reached.get(place, 0) & common for place in ends):
        return None
    levels = _levels(one.ways[1], other.ways[1], reached)

    def left_to_go(a: Config, b: Config) -> int | None:
        bit = 1 << other.place(b)
        return next((level for level, places in levels.get(one.place(a), ()) if places & bit), None)

    return left_to_go


def _reached(a: _Way, b: _Way) -> dict[int, int]:
    """Places of the one that can be reached, each with the other's places that are reached together with it."""
    reached: dict[int, int] = {}
    fresh: dict[int, int] = {}
    waiting: list[tuple[int, int]] = []
    arrivals: Iterable[tuple[int, int]] = [(place, b.mask(other)) for place in a.first for other in b.first]
    while True:
        for into, places in arrivals:
            for place in a.opened(into):
                known = reached.get(place, 0)
                new = places & ~known
                if new:
                    reached[place] = known | new
                    if place not in fresh:
                        heappush(waiting, (a.rank(place), place))
                    fresh[place] = fresh.get(place, 0) | new
        if not waiting:
            return reached
        _, here = heappop(waiting)
        arrivals = a.steps(here, fresh.pop(here), b)


def _levels(a: _Way, b: _Way, reached: Mapping[int, int]) -> dict[int, list[tuple[int, int]]]:
    """For each of the one's places, the other's from which so many steps lead to an end, the fewest first."""
    left = dict(reached)
    levels: dict[int, list[tuple[int, int]]] = {}
    arrivals: list[tuple[int, int]] = [(place, b.mask(other)) for place in a.first for other in b.first]
    level = 0
    while arrivals:
        fresh: dict[int, int] = {}
        for into, places in arrivals:
            for place in a.opened(into):
                new = places & left.get(place, 0)
                if new:
                    left[place] ^= new
                    fresh[place] = fresh.get(place, 0) | new
        for place, places in fresh.items():
            levels.setdefault(place, []).append((level, places))
        arrivals = [step for place, places in fresh.items() for step in a.steps(place, places, b)]
        level += 1
    return levels
