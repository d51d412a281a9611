"""All patterns as one automaton over tokens and typed slots, made as texts are read.

A node stands for patterns with the state that each has reached; equal nodes are one. Its edges are made when a text
first asks for them, so adding a pattern costs nothing, and what nobody asks for takes no memory (lazy determinisation,
as RE2 does it). A node of few patterns has no edges: they are followed one by one. Reading a request returns *every*
parse.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Lock
from typing import NamedTuple

from seglam.procedures.patterns import FINAL_MARKS, State
from seglam.procedures.text import Text
from seglam.procedures.values import Reading, ValueType

BUCKET = 8
"""Patterns that a node follows one by one."""
MAX_HELD = 1_000_000
"""Patterns that all nodes together hold before they are made anew, if there are not many more patterns; 70 MiB."""
MAX_NEW = 64
"""New patterns that are kept apart in any case; otherwise an eighth of all others."""
LOOKED_PER_EDGE = 2.5
"""Patterns that can be looked through for a token in the time in which one edge is sorted in (measured)."""
UNFINISHED = frozenset({",", ";"})
"""No sentence ends in one of these, whatever a pattern says."""
MAX_STEPS = 50_000
MAX_PARSES = 64


class TooComplex(Exception):
    """A text with more parses, or more steps to them, than one lookup may take."""


class Template:
    """One pattern of one revision: `owner` is the caller's, `start` the automaton's first state."""

    __slots__ = ("gone", "number", "owner", "start")

    def __init__(self, owner: object, number: int, start: State) -> None:
        self.owner = owner
        self.number = number
        self.start = start
        self.gone = False


Slotted = tuple[str, int, int]
"""A slot's reading: canonical text and the tokens it spans, first and end."""


class Parse(NamedTuple):
    """One way in which a pattern explains a whole text: parameter names and readings, in the order of the text."""

    template: Template
    names: tuple[str, ...]
    values: tuple[Slotted, ...]


_Entry = tuple[Template, State, tuple[str, ...]]
"""A pattern, the state it has reached, and the slots on the way there."""
_Entries = tuple[_Entry, ...]


class _Slot:
    """A slot's edge; `child` is None until a value has been read there."""

    __slots__ = ("child", "entries", "kind")

    def __init__(self, kind: ValueType, entries: _Entries) -> None:
        self.kind = kind
        self.entries = entries
        self.child: _Node | None = None


class _Node:
    """Patterns that have come this far.

    `literals` are the edges made so far, None where the patterns are followed one by one. `slots` are by what may begin
    a value: its first token or character, empty if anything may. `ends` are patterns whose sentence may end here.
    """

    __slots__ = ("_behind", "_looked", "ends", "entries", "literals", "slots")

    def __init__(self, entries: _Entries) -> None:
        self.entries = entries
        self.literals: dict[str, _Node] | None = None
        self.slots: dict[str, tuple[_Slot, ...]] = {}
        self.ends: _Entries = ()
        self._looked = 0  # patterns that were looked through for single tokens
        self._behind: dict[str, list[_Entry]] | None = None  # by token, once that has become too much
        if len(entries) <= BUCKET:
            return
        self.literals = {}
        self.ends = tuple(entry for entry in entries if entry[1].accepts)
        kinds: dict[str, tuple[ValueType, list[_Entry]]] = {}
        for template, state, names in entries:
            for kind, name, after in state.slots:
                kinds.setdefault(kind.key, (kind, []))[1].append((template, after, (*names, name)))
        for kind, behind in kinds.values():
            slot = _Slot(kind, tuple(behind))
            for beginning in _beginnings(kind):
                self.slots[beginning] = (*self.slots.get(beginning, ()), slot)

    def behind(self, token: str) -> _Entries:
        """The patterns that go on with a token. At first all are looked through for each; when that has cost as much as
        sorting them by token would have, they are sorted.
        """
        if self._behind is None:
            self._looked += len(self.entries)
            if self._looked < LOOKED_PER_EDGE * sum(len(state.literals) for _, state, _ in self.entries):
                return tuple(
                    (template, state.literals[token], names)
                    for template, state, names in self.entries
                    if token in state.literals
                )
            self._behind = {}
            for template, state, names in self.entries:
                for each, after in state.literals.items():
                    self._behind.setdefault(each, []).append((template, after, names))
        return tuple(self._behind.get(token, ()))


def _beginnings(kind: ValueType) -> Iterable[str]:
    """First tokens or characters of a type's texts; the empty text if they may begin with anything."""
    if kind.openers is not None:
        return kind.openers
    return ("",) if kind.first is None else kind.first


class _Automaton:
    """Some of the patterns. Readers take the lock only to make an edge; what they read is complete before an edge leads
    to it, and stays as it is while patterns come and go.
    """

    def __init__(self, templates: Iterable[Template] = ()) -> None:
        self.templates = list(templates)
        self._lock = Lock()
        self._root: _Node | None = None
        self._nodes: dict[_Entries, _Node] = {}
        self._held = 0

    def __len__(self) -> int:
        return len(self._nodes)

    @property
    def fresh(self) -> bool:
        """Whether nothing has been read yet."""
        return self._root is None

    def add(self, template: Template) -> None:
        """Add a pattern; all nodes are made anew."""
        with self._lock:
            self.templates.append(template)
            self._forget()

    @property
    def root(self) -> _Node:
        """Where every text begins."""
        root = self._root
        if root is None:
            with self._lock:
                root = self._root
                if root is None:
                    root = self._node(tuple((one, one.start, ()) for one in self.templates if not one.gone))
                    self._root = root
        return root

    def along(self, node: _Node, token: str) -> _Node:
        """Where a token leads from a node that has edges; a node without patterns if nowhere."""
        with self._lock:
            assert node.literals is not None
            child = node.literals.get(token)
            if child is None:
                child = node.literals[token] = self._node(node.behind(token))
                self._held += 1
            return child

    def behind(self, slot: _Slot) -> _Node:
        """Where a slot leads."""
        with self._lock:
            if slot.child is None:
                slot.child = self._node(slot.entries)
            return slot.child

    def _forget(self) -> None:
        self._root = None
        self._nodes = {}
        self._held = 0

    def _node(self, entries: _Entries) -> _Node:
        """The node of these patterns; the lock is held."""
        known = self._nodes.get(entries)
        if known is None:
            if self._held > max(MAX_HELD, 32 * len(self.templates)):
                self._forget()
            known = self._nodes[entries] = _Node(entries)
            self._held += len(entries)
        return known


class Trie:
    """All patterns. One writer at a time; readers need no turn.

    Most are in one automaton, the newest in another, so that adding one costs no nodes but those of the newest.
    """

    def __init__(self) -> None:
        self._parts = (_Automaton(), _Automaton())
        self._gone = 0

    def add(self, template: Template) -> None:
        """Add a pattern."""
        old, new = self._parts
        if old.fresh:
            old.add(template)
            return
        new.add(template)
        if len(new.templates) > max(MAX_NEW, len(old.templates) // 8):
            self._settle()

    def remove(self, template: Template) -> None:
        """Remove a pattern. Its places in nodes go once a quarter of the patterns has gone."""
        template.gone = True
        self._gone += 1
        if 4 * self._gone > sum(len(part.templates) for part in self._parts):
            self._settle()

    def _settle(self) -> None:
        """Put all patterns that have not gone into one automaton."""
        left = [one for part in self._parts for one in part.templates if not one.gone]
        self._parts = (_Automaton(left), _Automaton())
        self._gone = 0

    def parses(self, text: Text, steps: int = MAX_STEPS, growth: int | None = None) -> list[Parse]:
        """Every parse of the whole text.

        Args:
            text: what is read.
            steps: readings of values that may be tried.
            growth: patterns that nodes may be made from; None if as many as there are.

        Raises:
            TooComplex: past the bounds.
        """
        reader = _Reader(text, steps, growth)
        for part in self._parts:
            if part.templates:
                reader.read(part)
        return reader.found

    def size(self) -> int:
        """Number of nodes that texts have asked for so far."""
        return sum(map(len, self._parts))


def readings_at(text: Text, kind: ValueType, at: int) -> Sequence[Reading]:
    """All readings of a value at a token, made once for all patterns that ask."""
    key = (kind.key, at)
    known = text.memo.get(key)
    if known is None:
        known = text.memo[key] = kind.scan(text, at)
    return known


class _Reader:
    """One text on its way through the automaton."""

    __slots__ = ("found", "growth", "last", "length", "memo", "most", "part", "steps", "text", "tokens")

    part: _Automaton

    def __init__(self, text: Text, most: int, growth: int | None) -> None:
        self.text = text
        self.memo = text.memo
        self.tokens = tokens = text.tokens
        self.length = length = len(tokens)
        # A single final mark may stand there unasked.
        self.last = length - 1 if length and tokens[-1] in FINAL_MARKS else length
        self.steps = 0
        self.most = most
        self.growth = growth
        self.found: list[Parse] = []

    def read(self, part: _Automaton) -> None:
        """Find all parses of some of the patterns."""
        self.part = part
        self._walk(part.root, 0, ())

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

    def _grows(self, entries: _Entries) -> None:
        """Count what a node is made from."""
        if self.growth is not None:
            self.growth -= len(entries)
            if self.growth < 0:
                raise TooComplex

    def _explained(self, template: Template, names: tuple[str, ...], values: tuple[Slotted, ...]) -> None:
        if template.gone:
            return
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
            literals = node.literals
            if literals is None:
                for template, state, names in node.entries:
                    if at >= length or state.slots or tokens[at] in state.literals or state.accepts:
                        self._follow(template, state, names, at, values)
                return
            if node.ends and at >= self.last and self._finished(at, values):
                for template, _, names in node.ends:
                    self._explained(template, names, values)
            if at >= length:
                return
            token = tokens[at]
            if node.slots:
                for beginning in (token[0], token, "") if len(token) > 1 else (token, ""):
                    for slot in node.slots.get(beginning, ()):
                        for end, canonical in self._scan(slot.kind, at):
                            self._walk(slot.child or self._behind(slot), end, (*values, (canonical, at, end)))
            node = literals.get(token) or self._along(node, token)
            at += 1

    def _along(self, node: _Node, token: str) -> _Node:
        self._grows(node.entries)
        return self.part.along(node, token)

    def _behind(self, slot: _Slot) -> _Node:
        self._grows(slot.entries)
        return self.part.behind(slot)

    def _follow(
        self, template: Template, state: State, names: tuple[str, ...], at: int, values: tuple[Slotted, ...]
    ) -> None:
        """Follow one pattern to its end."""
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
