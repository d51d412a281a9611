"""Lists of a value type."""

from __future__ import annotations

import json
import random
import re
from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from seglam.procedures.text import Text
from seglam.procedures.values.base import (
    Reading,
    Sample,
    Shape,
    Star,
    ValueProblem,
    ValueType,
    alt,
    lit,
    opt,
    seq,
)
from seglam.procedures.values.formats import END, Convention, conventions
from seglam.procedures.values.numbers import NumberType, shown

MAX_READINGS = 16
"""A row with more readings than this is not read at all, since it is hopelessly ambiguous."""

LAST_WORDS = ("and", "&", "y", "e", "et", "und")
OPEN, CLOSE = "[({", "])}"

_GLUED_COMMA = re.compile(r"(?<=[0-9]),(?=[0-9])")
_WITH_COMMA = re.compile(r"[0-9]+(?:[.,][0-9]+)+")

compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""JSON without spaces, the canonical text of rows."""

ReadItem = Callable[[Text, int, int], Sequence[Reading]]


@dataclass(frozen=True, slots=True)
class Style:
    """How items are set apart: by a mark, by white space, or by a word between two.

    `every` says that a comma between two digits is a separator too, and never part of an item.
    """

    mark: str
    every: bool = False


SPACE, LINE, WORD, SEMICOLON = Style(" "), Style("\n"), Style(""), Style(";")
COMMA, EVERY_COMMA = Style(","), Style(",", every=True)


@dataclass(slots=True)
class _Node:
    """An item, and those before it."""

    parent: _Node | None
    end: int
    item: str
    doubtful: bool
    by_word: bool
    count: int
    last: bool = True

    def items(self) -> list[str]:
        items, node = [], self
        while True:
            items.append(node.item)
            if node.parent is None:
                return items[::-1]
            node = node.parent


@dataclass(frozen=True, slots=True)
class Splitter:
    """Finds all ways to read items in a row, in one style of separator at a time."""

    read: ReadItem
    doubtful: ReadItem | None
    words: frozenset[str]
    styles: tuple[Style, ...]

    def rows(self, text: Text, start: int, minimum: int) -> list[tuple[int, list[str], bool]]:
        """The end, the items and the doubt of each row that begins at token `start`.

        A row does not end before a separator and a further item, except before a word (`1, 2 and 3` may be 1, 2).
        """
        found: list[tuple[int, list[str], bool]] = []
        first = self._items(text, start, None, False, ())
        ways = self._ways(text, start, first, minimum)
        if minimum == 1 and all(style.every for style, _ in ways):
            found += [(node.end, [node.item], False) for node in first if not node.doubtful]
        for style, stops in ways:
            last = self._walk(text, start, style, stops)
            if last is None:
                return []  # in no style, since what the others give may be no more certain
            for node in last:
                if node.count >= (2 if node.doubtful else minimum):
                    found.append((node.end, node.items(), node.doubtful))
                if node.by_word and node.parent and node.parent.count >= minimum:
                    found.append((node.parent.end, node.parent.items(), node.parent.doubtful))
        return found

    def _ways(self, text: Text, start: int, first: list[_Node], minimum: int) -> list[tuple[Style, Sequence[int]]]:
        """The styles in which something may follow a first item, each with the commas that end items."""
        ways: list[tuple[Style, Sequence[int]]] = []
        known = conventions(text.region)
        begin = text.start(start)
        for style in self.styles:
            if style.every:
                glued = [comma.start() for comma in _GLUED_COMMA.finditer(text.text, begin)]
                if glued and not (minimum > 1 and _decimal_commas(text, begin, known)):
                    ways.append((style, glued))
            elif not (style is SPACE and known[0].spaced) and any(
                self._separators(text, node, style) for node in first
            ):
                ways.append((style, ()))
        return ways

    def _walk(self, text: Text, start: int, style: Style, stops: Sequence[int]) -> list[_Node] | None:
        """The last items of all rows that cannot go on; None if there are too many rows."""
        nodes: list[_Node] = []
        frontier: list[tuple[int, _Node | None, bool]] = [(start, None, False)]
        while frontier:
            following: list[tuple[int, _Node | None, bool]] = []
            for at, parent, by_word in frontier:
                for node in self._items(text, at, parent, by_word, stops):
                    if parent:
                        parent.last = False
                    nodes.append(node)
                    following += [(begin, node, word) for begin, word in self._separators(text, node, style)]
            if len(following) > MAX_READINGS:
                return None
            frontier = following
        return [node for node in nodes if node.last]

    def _items(self, text: Text, at: int, parent: _Node | None, by_word: bool, stops: Sequence[int]) -> list[_Node]:
        """The items that may begin at token `at`, after `parent`."""
        if at >= len(text.tokens):
            return []
        index = bisect_right(stops, text.start(at)) if stops else 0
        stop = stops[index] if index < len(stops) else END
        readings, doubtful = self.read(text, at, stop), parent is not None and parent.doubtful
        if not readings and self.doubtful:
            readings, doubtful = self.doubtful(text, at, stop), True
        count = parent.count + 1 if parent else 1
        return [_Node(parent, end, item, doubtful, by_word, count) for end, item in readings]

    def _separators(self, text: Text, node: _Node, style: Style) -> list[tuple[int, bool]]:
        """Where a further item may begin, and whether a word sets it apart."""
        end, tokens = node.end, text.tokens
        if end >= len(tokens) or (node.by_word and style.mark):
            return []
        if style.mark in (" ", "\n"):
            gap = text.text[text.stops[end - 1] : text.start(end)]
            return [(end, False)] if gap and ("\n" in gap) == (style.mark == "\n") else []
        token = tokens[end]
        if token == style.mark:
            word = end + 1 < len(tokens) and tokens[end + 1] in self.words
            return [(end + 1, False), (end + 2, True)] if word else [(end + 1, False)]
        return [(end + 1, True)] if token in self.words and (style.mark == "" or node.count > 1) else []


def _decimal_commas(text: Text, begin: int, known: Sequence[Convention]) -> bool:
    """Whether the region's decimal mark is the comma and a number with it comes after character `begin`."""
    return all(convention.decimal == "," for convention in known) and any(
        known[0].value(numeral.group()) for numeral in _WITH_COMMA.finditer(text.text, begin)
    )


class Row(ValueType):
    """What lists and records share: a row of items, and JSON as canonical text."""

    exact = False
    _splitter: Splitter
    _item_shape: Shape

    @abstractmethod
    def _canonical(self, items: Sequence[str]) -> str:
        """The canonical text of a row."""

    def rows(self, text: Text, start: int, minimum: int) -> Sequence[Reading]:
        """Certain rows, and doubtful ones where they make a certain one ambiguous."""
        rows = [(end, self._canonical(items), doubt) for end, items, doubt in self._splitter.rows(text, start, minimum)]
        if len(rows) < 2:
            return [(end, row) for end, row, doubt in rows if not doubt]
        certain = dict.fromkeys((end, row) for end, row, doubt in rows if not doubt)
        ends = {end for end, _ in certain}
        certain.update(dict.fromkeys((end, row) for end, row, doubt in rows if doubt and end in ends))
        return list(certain)

    def shape(self) -> Shape:
        separator = alt(seq(lit(",", ";"), opt(lit(*LAST_WORDS))), lit(*LAST_WORDS), seq())
        row = seq(self._item_shape, Star(seq(separator, self._item_shape)))
        return alt(row, seq(lit(*OPEN), opt(row), lit(*CLOSE)))


class ListType(Row):
    """Lists of one type: two items or more, or any number in brackets, set apart in one way.

    Ways are commas, semicolons, the word and, line breaks, and spaces between integers or decimals. The last item may
    follow a word. Where commas stand between digits, each may be a separator or all may be parts of numbers.
    """

    summary = "A list of values of one type, such as list[integer]."
    python = "list"
    accepts = ("3, 1 and 2", "[3, 1, 2]", "3; 1; 2", "3,1,2", "3 1 2", "[7]", "[]")
    rejects = ("3", "100,200, 300,400", "1, 2; 3", "[1, 2", "1, 2,")

    def __init__(self, item: ValueType) -> None:
        self.item = item
        self.name = f"list[{item.name}]"
        self.key = f"list[{item.key}]"
        self.first = None if item.first is None else item.first | frozenset(OPEN)
        self._item_shape = item.shape()
        words = frozenset(word for word in LAST_WORDS if word == "and" or not item.readings(word))
        styles = (COMMA, SEMICOLON, WORD, LINE)
        if isinstance(item, NumberType):
            more = (SPACE, EVERY_COMMA) if item.name in ("integer", "decimal") else (EVERY_COMMA,)
            self._splitter = Splitter(item.read, item.doubtful, words, styles + more)
        else:
            self._splitter = Splitter(lambda text, start, stop: item.scan(text, start), None, words, styles)

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        token = text.tokens[start]
        plain = () if self.item.first is not None and token[0] not in self.item.first else self.rows(text, start, 2)
        if token not in OPEN or start + 1 >= len(text):
            return plain
        close = CLOSE[OPEN.index(token)]
        if text.tokens[start + 1] == close:
            return [*plain, (start + 2, "[]")] if close == "]" else plain
        inner = self.rows(text, start + 1, 1)
        return [
            *plain,
            *((end + 1, row) for end, row in inner if end < len(text) and text.tokens[end] == close),
        ]

    def _canonical(self, items: Sequence[str]) -> str:
        return compact(items)

    def _items(self, canonical: str) -> list[str]:
        try:
            items = json.loads(canonical)
        except ValueError:
            items = None
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise ValueProblem(f"not a list: {canonical[:60]!r}; write a JSON array of strings, as in " + '["1","2"]')
        return items

    def check(self, canonical: str) -> None:
        items = self._items(canonical)
        for item in items:
            self.item.check(item)
        if self._canonical(items) != canonical:
            raise ValueProblem(
                f"not in canonical form: {canonical[:60]!r}; write compact JSON: {self._canonical(items)[:60]}"
            )

    def to_tagged(self, canonical: str) -> object:
        return [self.item.to_tagged(item) for item in self._items(canonical)]

    def from_tagged(self, tagged: object) -> str:
        if not isinstance(tagged, list):
            raise ValueProblem(f"the answer must be a list, not {shown(tagged)}")
        return self._canonical([self.item.from_tagged(item) for item in tagged])

    def equal(self, left: str, right: str) -> bool:
        ours, theirs = self._items(left), self._items(right)
        return len(ours) == len(theirs) and all(map(self.item.equal, ours, theirs))

    def within(self, canonical: str, minimum: str | None, maximum: str | None) -> bool:
        """Whether each item lies in bounds, which are bounds of an item."""
        return all(self.item.within(item, minimum, maximum) for item in self._items(canonical))

    def samples(self, random: random.Random) -> Iterator[Sample]:
        return sure_samples(self, self._candidates(random))

    def _candidates(self, random: random.Random) -> Iterator[Sample]:
        source = self.item.samples(random)
        yield Sample("[]", "[]")
        first = [next(source) for _ in range(8)]
        groups = [first[:1], first[:2], [first[0]] * 3, first[::-1], first]
        while True:
            for group in groups:
                texts = [sample.text for sample in group]
                forms = [f"[{', '.join(texts)}]", f"[{'; '.join(texts)}]"]
                if len(group) > 1:
                    forms += [", ".join(texts), "; ".join(texts), f"{', '.join(texts[:-1])} and {texts[-1]}"]
                yield Sample(random.choice(forms), self._canonical([sample.canonical for sample in group]))
            groups = [[next(source) for _ in range(random.choice((1, 2, 3, 5, 12)))]]


MAX_TRIES = 1000


def sure_samples(kind: ValueType, candidates: Iterator[Sample]) -> Iterator[Sample]:
    """The candidates that have one reading, the one that they state.

    Raises:
        ValueProblem: many in a row had none or several, since items of this type cannot be told apart.
    """
    failures = 0
    for sample in candidates:
        if kind.readings(sample.text) == (sample.canonical,):
            failures = 0
            yield sample
        else:
            failures += 1
            if failures == MAX_TRIES:
                raise ValueProblem(
                    f"no text of type {kind.name} has a single reading, for example {sample.text[:80]!r}"
                )
