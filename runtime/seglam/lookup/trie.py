"""One trie of token automata for all patterns, with an edge for each literal and each typed slot.

A node holds up to `BUCKET` patterns unsplit, each with the state it has reached; a fuller node hands them on, one edge
further. Patterns are added and removed in place. Reading a request follows the edges that its tokens and values allow
and returns *every* parse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from seglam.procedures.patterns import FINAL_MARKS, State
from seglam.procedures.text import Text
from seglam.procedures.values import Reading, ValueType

BUCKET = 8
MAX_DEPTH = 64
MAX_PLACES = 512
"""Places of one pattern in the trie; a pattern with more sentence forms stays unsplit where it is."""
UNFINISHED = frozenset({",", ";"})
"""No sentence ends in one of these, whatever a pattern says."""
MAX_STEPS = 50_000
MAX_PARSES = 64


class TooComplex(Exception):
    """A text with more parses, or more steps to them, than one lookup may take."""


class Template:
    """One pattern of one revision: `owner` is the caller's, `start` the automaton's first state."""

    __slots__ = ("number", "owner", "places", "start")

    def __init__(self, owner: object, number: int, start: State) -> None:
        self.owner = owner
        self.number = number
        self.start = start
        self.places = 0


Slotted = tuple[str, int, int]
"""A slot's reading: canonical text and the tokens it spans, first and end."""


class Parse(NamedTuple):
    """One way in which a pattern explains a whole text: parameter names and readings, in the order of the text."""

    template: Template
    names: tuple[str, ...]
    values: tuple[Slotted, ...]


_Entry = tuple[Template, State, tuple[str, ...]]


_NOTHING: dict[str, tuple[tuple[ValueType, _Node], ...]] = {}


def _beginnings(kind: ValueType) -> Iterable[str]:
    """First tokens or characters of a type's texts; the empty text if they may begin with anything."""
    if kind.openers is not None:
        return kind.openers
    return ("",) if kind.first is None else kind.first


class _Node:
    __slots__ = ("begins", "entries", "literals", "slots", "split")

    def __init__(self) -> None:
        self.entries: list[_Entry] = []  # unsplit: patterns and states; split: those that may end here
        self.literals: dict[str, _Node] | None = None
        self.slots: dict[str, tuple[ValueType, _Node]] | None = None
        self.begins: dict[str, tuple[tuple[ValueType, _Node], ...]] = _NOTHING  # slots by what may begin a value
        self.split = False

    def add_slot(self, kind: ValueType, child: _Node) -> None:
        """Add a slot's edge."""
        begins = dict(self.begins)
        for beginning in _beginnings(kind):
            begins[beginning] = (*begins.get(beginning, ()), (kind, child))
        self.begins = begins
        self.slots = {**(self.slots or {}), kind.key: (kind, child)}

    def remove_slot(self, key: str) -> None:
        """Remove a slot's edge."""
        left = [edge for other, edge in (self.slots or {}).items() if other != key]
        begins: dict[str, tuple[tuple[ValueType, _Node], ...]] = {}
        for kind, child in left:
            for beginning in _beginnings(kind):
                begins[beginning] = (*begins.get(beginning, ()), (kind, child))
        self.begins = begins
        self.slots = {kind.key: (kind, child) for kind, child in left}


class Trie:
    """All patterns. One writer at a time; readers need no lock, since a node is complete before an edge leads to it."""

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, template: Template) -> None:
        """Add a pattern."""
        self._insert(self._root, (template, template.start, ()), 0)

    def remove(self, template: Template) -> None:
        """Remove a pattern and every node that only it needed."""
        self._discard(self._root, template, template.start)

    def parses(self, text: Text, steps: int = MAX_STEPS) -> list[Parse]:
        """Every parse of the whole text; `TooComplex` past the bounds."""
        return _Reader(text, steps).run(self._root)

    # Writing

    def _insert(self, node: _Node, entry: _Entry, depth: int) -> None:
        if node.split and entry[0].places < MAX_PLACES:
            self._hand_on(node, entry, depth)
            return
        entry[0].places += 1
        node.entries = [*node.entries, entry]
        if not node.split and len(node.entries) > BUCKET and depth < MAX_DEPTH:
            self._split(node, depth)

    def _split(self, node: _Node, depth: int) -> None:
        """Give every pattern of a full bucket its own edge; readers see the bucket or the edges, never neither."""
        made = _Node()
        made.split = True
        for entry in node.entries:
            if entry[0].places < MAX_PLACES:
                entry[0].places -= 1
                self._hand_on(made, entry, depth)
            else:  # patterns that share many sentence forms would be split along all of them
                made.entries = [*made.entries, entry]
        node.literals, node.slots, node.begins, node.split = made.literals, made.slots, made.begins, True
        node.entries = made.entries  # last: a reader in between sees a pattern twice, which is no second binding

    def _hand_on(self, node: _Node, entry: _Entry, depth: int) -> None:
        template, state, names = entry
        if state.accepts:
            template.places += 1
            node.entries = [*node.entries, (template, _END, names)]
        for token, after in state.literals.items():
            child = (node.literals or {}).get(token)
            fresh = child is None
            child = child or _Node()
            self._insert(child, (template, after, names), depth + 1)
            if fresh and node.literals is None:
                node.literals = {token: child}
            elif fresh and node.literals is not None:
                node.literals[token] = child
        for kind, name, after in state.slots:
            known = (node.slots or {}).get(kind.key)
            child = known[1] if known else _Node()
            self._insert(child, (template, after, (*names, name)), depth + 1)
            if not known:
                node.add_slot(kind, child)

    def _discard(self, node: _Node, template: Template, state: State) -> None:
        if any(entry[0] is template for entry in node.entries):
            node.entries = [entry for entry in node.entries if entry[0] is not template]
        if not node.split:
            return
        for token, after in state.literals.items():
            if node.literals and (child := node.literals.get(token)) is not None:
                self._discard(child, template, after)
                if _empty(child):
                    node.literals.pop(token)
        for kind, _, after in state.slots:
            if node.slots and (known := node.slots.get(kind.key)) is not None:
                self._discard(known[1], template, after)
                if _empty(known[1]):
                    node.remove_slot(kind.key)

    def size(self) -> int:
        """Number of nodes."""
        return sum(1 for _ in _nodes(self._root))


def readings_at(text: Text, kind: ValueType, at: int) -> Sequence[Reading]:
    """All readings of a value at a token, made once for all patterns that ask."""
    key = (kind.key, at)
    known = text.memo.get(key)
    if known is None:
        known = text.memo[key] = kind.scan(text, at)
    return known


_END = State({}, (), True)


def _empty(node: _Node) -> bool:
    return not (node.entries or node.literals or node.slots)


def _nodes(node: _Node) -> Iterator[_Node]:
    yield node
    for child in (node.literals or {}).values():
        yield from _nodes(child)
    for _, child in (node.slots or {}).values():
        yield from _nodes(child)


class _Reader:
    """One text on its way through the trie."""

    __slots__ = ("found", "last", "length", "memo", "most", "steps", "text", "tokens")

    def __init__(self, text: Text, most: int) -> None:
        self.text = text
        self.memo = text.memo
        self.tokens = tokens = text.tokens
        self.length = length = len(tokens)
        # A single final mark may stand there unasked.
        self.last = length - 1 if length and tokens[-1] in FINAL_MARKS else length
        self.steps = 0
        self.most = most
        self.found: list[Parse] = []

    def run(self, root: _Node) -> list[Parse]:
        self._walk(root, 0, ())
        return self.found

    def _scan(self, kind: ValueType, at: int) -> Sequence[Reading]:
        """As `readings_at`; each reading is a step, and so is what was not known yet."""
        key = (kind.key, at)
        known = self.memo.get(key)
        if known is None:
            known = self.memo[key] = kind.scan(self.text, at)
            self.steps += 1
        self.steps += len(known)
        if self.steps > self.most:
            raise TooComplex
        return known

    def _explained(self, template: Template, names: tuple[str, ...], values: tuple[Slotted, ...]) -> None:
        self.found.append(Parse(template, names, values))
        if len(self.found) > MAX_PARSES:
            raise TooComplex

    def _finished(self, at: int, values: tuple[Slotted, ...]) -> bool:
        """Whether a sentence may end here: not after a comma of its own, also where a final mark follows that, since
        more was to come, or a number was cut.
        """
        behind = values[-1][2] if values else 0  # where the last value ended; what it holds is its own
        if at > behind and self.tokens[at - 1] in FINAL_MARKS:
            at -= 1
        return at == behind or self.tokens[at - 1] not in UNFINISHED

    def _walk(self, node: _Node, at: int, values: tuple[Slotted, ...]) -> None:
        """Follow literal edges in a loop and slots by recursion, which is as deep as a pattern has slots."""
        tokens, length = self.tokens, self.length
        while True:
            for template, state, names in node.entries:
                if state is _END:
                    if at >= self.last and self._finished(at, values):
                        self._explained(template, names, values)
                elif at >= length or state.slots or tokens[at] in state.literals or state.accepts:
                    self._follow(template, state, names, at, values)
            if not node.split or at >= length:
                return
            token = tokens[at]
            if node.begins:
                for beginning in (token[0], token, "") if len(token) > 1 else (token, ""):
                    for kind, child in node.begins.get(beginning, ()):
                        for end, canonical in self._scan(kind, at):
                            self._walk(child, end, (*values, (canonical, at, end)))
            if node.literals is None:
                return
            after = node.literals.get(token)
            if after is None:
                return
            node = after
            at += 1

    def _follow(
        self, template: Template, state: State, names: tuple[str, ...], at: int, values: tuple[Slotted, ...]
    ) -> None:
        """Follow one unsplit pattern to its end."""
        tokens, length = self.tokens, self.length
        following: State | None = state
        while following is not None:
            if following.accepts and at >= self.last and self._finished(at, values):
                self._explained(template, names, values)
            if at >= length:
                return
            token = tokens[at]
            if following.slots:
                for kind, name, after in following.slots:
                    if kind.first is None or token[0] in kind.first:
                        for end, canonical in self._scan(kind, at):
                            self._follow(template, after, (*names, name), end, (*values, (canonical, at, end)))
            following = following.literals.get(token)
            at += 1
