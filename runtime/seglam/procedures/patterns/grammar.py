r"""The notation of match patterns, read into a tree.

    [optional part]   (one|other)   {parameter}   <rule>   \x takes x literally

Literals are compared without case, runs of white space are equal, and a group that touches a word belongs to it:
`day[s]` is `day` or `days`. There are no permutations, no repetition and no wildcards, so every pattern describes
finitely many sentence forms.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product

from seglam.procedures.text import TOKEN, fold, tokens

MAX_DEPTH = 20
"""Groups in groups and rules in rules, together."""
MAX_GLUED = 256
MAX_PARTS = 80_000
"""Words, groups, slots and rules, those within rules included: rules that name rules grow exponentially."""
SPECIAL = "()[]{}<>|\\"
_PIECE = re.compile(r"[^\s()\[\]{}<>|\\]+|\\.?", re.DOTALL)
"""Characters that stand for themselves, or one that a backslash makes do so."""


class PatternError(ValueError):
    """A pattern that cannot be read.

    Attributes:
        position: 0-based character of the pattern at which the fault was found.
        remedy: what to do about it.
    """

    def __init__(self, message: str, position: int, remedy: str) -> None:
        super().__init__(message)
        self.position = position
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Words:
    """Literal tokens, folded.

    `text` is how the pattern writes them, without escapes. Each run of white space is one space, also where it stands
    between two slots or groups: then there are no tokens.
    """

    tokens: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a parameter's value. `span` is where it stands in the pattern; None within a rule."""

    parameter: str
    span: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Branch:
    """One branch of a choice, and how the pattern writes it."""

    node: Node
    source: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Alternatives. `optional` adds the empty one. `rule` names the rule that the choice is the text of.

    `span` is where the pattern writes the choice; None inside a rule's text, which is reviewed as a whole.
    """

    branches: tuple[Branch, ...]
    optional: bool
    span: tuple[int, int] | None
    rule: str | None = None
    _hash: int | None = field(default=None, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        """Kept, since paths have choices as their keys and a choice may hold many."""
        if self._hash is None:
            object.__setattr__(self, "_hash", hash((self.branches, self.optional, self.span, self.rule)))
        assert self._hash is not None
        return self._hash


@dataclass(frozen=True, slots=True)
class Sequence:
    """Parts in order."""

    items: tuple[Node, ...]


Node = Words | Slot | Choice | Sequence


@dataclass(frozen=True, slots=True)
class _Piece:
    """Literal text as the parser meets it, before it is cut into tokens."""

    text: str
    start: int
    end: int


_Raw = _Piece | Slot | Choice


def tokens_of(text: str) -> tuple[str, ...]:
    """The tokens of literal text, as a request's text has them."""
    return tuple(tokens(fold(unicodedata.normalize("NFC", text))))


def touching(left: str, right: str) -> bool:
    """Whether the end of `left` and the start of `right` would be one token if nothing stood between them."""
    if not left or not right:
        return False
    token = TOKEN.match(left[-1] + right[0])
    return token is not None and token.end() == 2


def escape(text: str) -> str:
    """Literal text in the notation of patterns."""
    return "".join("\\" + c if c in SPECIAL else c for c in text)


def parse(pattern: str, rules: Mapping[str, str]) -> Node:
    """Read a pattern.

    Args:
        pattern: the pattern's text.
        rules: texts of the rules it may name.

    Raises:
        PatternError: with position and remedy.
    """
    return _Parser(pattern, rules).parse()


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule's text as it was read: its tree, how many parts it has and how deeply they are nested."""

    node: Node
    parts: int
    depth: int


@lru_cache(maxsize=2048)
def _rule_of(name: str, rules: tuple[tuple[str, str], ...]) -> _Rule | None:
    """A rule that patterns share; None if it cannot be read, for a parser that knows where it stands to say so."""
    texts = dict(rules)
    parser = _Parser(texts[name], texts, within=(name,))
    try:
        return _Rule(parser.parse(), parser.parts.read, parser.deepest)
    except PatternError:
        return None


class _Parts:
    """How many parts were read."""

    __slots__ = ("read",)

    def __init__(self) -> None:
        self.read = 0


class _Parser:
    """Reads one text. A rule's text has a parser of its own, which shares the outermost parser's counter."""

    def __init__(
        self, pattern: str, rules: Mapping[str, str], outer: _Parser | None = None, within: tuple[str, ...] = ()
    ) -> None:
        self.pattern = pattern
        self.rules = rules
        self.at = 0
        self.within = within
        self.depth: int = outer.depth + 1 if outer else 0
        self.deepest = self.depth
        self.origin: int = (outer.origin if outer.within else outer.at) if outer else 0
        self.parts: _Parts = outer.parts if outer else _Parts()

    def parse(self) -> Node:
        branches = self._branches("")
        full = tuple(branch for branch in branches if not _blank(branch.node))
        if not full:
            raise self._fail("the pattern is empty", 0, "write the words of a request")
        optional = len(full) < len(branches)
        if optional and not self.within:
            raise self._fail("an alternative of the pattern is empty", 0, "remove the '|' beside it")
        if len(branches) == 1:
            return full[0].node
        return Choice(full, optional, None if self.within else (0, len(self.pattern)))

    def _fail(self, message: str, position: int, remedy: str) -> PatternError:
        if self.within:
            return PatternError(f"in rule <{self.within[-1]}>: {message}", self.origin, remedy)
        return PatternError(message, position, remedy)

    def _branches(self, close: str) -> tuple[Branch, ...]:
        """Read alternatives up to `close` (or the end), without consuming it."""
        if self.depth > MAX_DEPTH:
            raise self._fail("groups are nested too deeply", self.at, f"use at most {MAX_DEPTH} levels")
        self.deepest = max(self.deepest, self.depth)
        opened, begin = self.at - 1, self.at
        branches: list[Branch] = []
        items: list[_Raw | None] = []  # None is white space
        while self.at < len(self.pattern):
            char = self.pattern[self.at]
            if char == "|":
                branches.append(Branch(self._sequence(items), self.pattern[begin : self.at]))
                self.at += 1
                items, begin = [], self.at
            elif char in ")]}>":
                if char != close:
                    raise self._fail(
                        f"unexpected {char!r}",
                        self.at,
                        f"remove it, or write \\{char} for the character itself",
                    )
                break
            elif char.isspace():
                items.append(None)
                self.at += 1
            else:
                items.append(self._item(char))
        else:
            if close:
                raise self._fail(f"{self.pattern[opened]!r} is not closed", opened, f"add {close!r}")
        branches.append(Branch(self._sequence(items), self.pattern[begin : self.at]))
        return tuple(branches)

    def _item(self, char: str) -> _Raw:
        start = self.at
        self.parts.read += 1
        if self.parts.read > MAX_PARTS:
            raise self._fail("the pattern has too many parts", start, f"split it; at most {MAX_PARTS} are allowed")
        if char in "([":
            self.at += 1
            self.depth += 1
            branches = self._branches(")" if char == "(" else "]")
            self.depth -= 1
            self.at += 1
            full = tuple(branch for branch in branches if not _blank(branch.node))
            if not full:
                raise self._fail("the group is empty", start, "remove it")
            optional = char == "[" or len(full) < len(branches)
            return Choice(full, optional, None if self.within else (start, self.at))
        if char == "{":
            return self._slot(start)
        if char == "<":
            return self._rule(start)
        text = ""
        while piece := _PIECE.match(self.pattern, self.at):
            self.at = piece.end()
            if piece.group() == "\\":
                raise self._fail("a backslash ends the pattern", self.at - 1, "write \\\\ for a backslash")
            text += piece.group().removeprefix("\\")
        return _Piece(text, start, self.at)

    def _slot(self, start: int) -> Slot:
        end = self.pattern.find("}", start)
        if end < 0:
            raise self._fail("'{' is not closed", start, "write {parameter}, or \\{ for the character itself")
        self.at = end + 1
        return Slot(self.pattern[start + 1 : end], None if self.within else (start, self.at))

    def _rule(self, start: int) -> Choice:
        end = self.pattern.find(">", start)
        if end < 0:
            raise self._fail("'<' is not closed", start, "write <rule>, or \\< for the character itself")
        name = self.pattern[start + 1 : end]
        if name not in self.rules:
            known = ", ".join(f"<{rule}>" for rule in sorted(self.rules)) or "none"
            raise self._fail(f"there is no rule <{name}>", start, f"declare it in spec.rules; declared are: {known}")
        if name in self.within:
            raise self._fail(f"rule <{name}> contains itself", start, "break the circle")
        inner = None if self.within else self._known(name)
        if inner is None:
            parser = _Parser(self.rules[name], self.rules, self, (*self.within, name))
            inner = parser.parse()
            self.deepest = max(self.deepest, parser.deepest)
        self.at = end + 1
        span = None if self.within else (start, end + 1)
        return Choice((Branch(inner, self.pattern[start : end + 1]),), False, span, rule=name)

    def _known(self, name: str) -> Node | None:
        """The tree of a rule that the pattern itself names, if it can be read and fits here."""
        rule = _rule_of(name, tuple(self.rules.items()))
        if rule is None or self.depth + 1 + rule.depth > MAX_DEPTH or self.parts.read + rule.parts > MAX_PARTS:
            return None
        self.parts.read += rule.parts
        return rule.node

    def _sequence(self, raw: list[_Raw | None]) -> Node:
        """Cut literal pieces into tokens, after joining the groups that touch a word to it."""
        items: list[Node] = []
        written: list[str] = []
        for run in _runs(raw):
            glued = self._glue(run)
            for item in run if glued is None else [glued]:
                if item is None:
                    written.append(" ")
                elif isinstance(item, _Piece):
                    written.append(item.text)
                else:
                    items += [*_words(written), item]
                    written = []
        items += _words(written)
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _glue(self, run: list[_Raw | None]) -> Node | None:
        """A choice of whole words for a run like `day[s]`; None if nothing in the run joins."""
        items = [item for item in run if item is not None]
        if len(items) < 2 or not _joined(items):
            return None
        start = _start(items[0])
        texts: list[list[str]] = []
        for item in items:
            spelling = _spellings(item)
            if spelling is None:
                raise self._fail(
                    "a group that touches a word holds another group, a parameter or a rule",
                    start,
                    "put a space between the word and the group",
                )
            texts.append(spelling)
        if _product(texts) > MAX_GLUED:
            raise self._fail("a word has too many forms", start, f"use at most {MAX_GLUED}")
        words = dict.fromkeys("".join(parts) for parts in product(*texts))
        branches = tuple(
            Branch(Words(tokens_of(word), _spaced(word)), escape(word)) for word in words if tokens_of(word)
        )
        span = None if self.within else (start, _end(items[-1]))
        return Choice(branches, len(branches) < len(words), span)


def _words(written: list[str]) -> list[Words]:
    text = _spaced("".join(written))
    return [Words(tokens_of(text), text)] if text else []


def _spaced(text: str) -> str:
    """`text` with each run of white space made one space."""
    words = text.split()
    return (" " if text[:1].isspace() else "") + " ".join(words) + (" " if words and text[-1:].isspace() else "")


def _start(item: _Raw) -> int:
    return item.start if isinstance(item, _Piece) else item.span[0] if item.span else 0


def _end(item: _Raw) -> int:
    return item.end if isinstance(item, _Piece) else item.span[1] if item.span else 0


def _product(texts: list[list[str]]) -> int:
    size = 1
    for spelling in texts:
        size *= len(spelling)
    return size


def _runs(raw: list[_Raw | None]) -> list[list[_Raw | None]]:
    """Split items at white space, parameters and rules, so that each run holds literals and groups that touch."""
    runs: list[list[_Raw | None]] = [[]]
    for item in raw:
        if item is None or isinstance(item, Slot) or (isinstance(item, Choice) and item.rule):
            runs += [[item], []]
        else:
            runs[-1].append(item)
    return [run for run in runs if run]


def _joined(run: list[_Raw]) -> bool:
    """Whether two items of a run, or what is left of them if an item between them is left out, can be one token."""
    before: frozenset[str] = frozenset()
    for item in run:
        starts, _ = _edge(item, 0)
        if any(touching(a, b) for a in before for b in starts):
            return True
        ends, empty = _edge(item, -1)
        before = ends | before if empty else ends
    return False


def slots_of(node: Node) -> Iterator[str]:
    """Names of the parameters that a tree has slots for, also within rules."""
    match node:
        case Slot(parameter):
            yield parameter
        case Sequence(items):
            for item in items:
                yield from slots_of(item)
        case Choice(branches):
            for branch in branches:
                yield from slots_of(branch.node)


def _edge(item: Node | _Piece, side: int) -> tuple[frozenset[str], bool]:
    """First (`side` 0) or last (-1) literal characters that an item may have, and whether it may be empty.

    Parameters and rules stand apart from what they touch.
    """
    match item:
        case _Piece() | Words():
            return frozenset(item.text[side:][:1]), not item.text
        case Slot():
            return frozenset(), False
        case Sequence(items):
            found: frozenset[str] = frozenset()
            for part in items if side == 0 else reversed(items):
                chars, empty = _edge(part, side)
                found |= chars
                if not empty:
                    return found, False
            return found, True
        case Choice(branches, optional):
            if item.rule:
                return frozenset(), False
            edges = [_edge(branch.node, side) for branch in branches]
            return frozenset().union(*(chars for chars, _ in edges)), optional or any(empty for _, empty in edges)


def _spellings(item: _Raw) -> list[str] | None:
    """All texts of an item that holds nothing but literals; None otherwise."""
    if isinstance(item, _Piece):
        return [item.text]
    if isinstance(item, Slot) or item.rule:
        return None
    texts: list[str] = []
    for branch in item.branches:
        if not isinstance(branch.node, Words):
            return None
        texts.append(branch.node.text)
    return ["", *texts] if item.optional else texts


def _blank(node: Node) -> bool:
    """Whether nothing is written but white space."""
    match node:
        case Words(tokens):
            return not tokens
        case Sequence(items):
            return all(map(_blank, items))
    return False
