r"""The notation of match patterns, read into a tree.

    [optional part]   (one|other)   {parameter}   <rule>   \x takes x literally

Literals are compared without case, runs of white space are equal, and a group that touches a word belongs to it:
`day[s]` is `day` or `days`. There are no permutations, no repetition and no wildcards, so every pattern describes
finitely many sentence forms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise, product

from seglam.procedures.text import TOKEN, fold

MAX_DEPTH = 12
MAX_GLUED = 256
SPECIAL = "()[]{}<>|\\"


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
    """Literal tokens, folded."""

    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a parameter's value."""

    parameter: str
    span: tuple[int, int]


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
    return tuple(TOKEN.findall(fold(text)))


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
    return _Parser(pattern, rules, ()).parse()


class _Parser:
    def __init__(self, pattern: str, rules: Mapping[str, str], within: tuple[str, ...]) -> None:
        self.pattern = pattern
        self.rules = rules
        self.within = within
        self.at = 0

    def parse(self) -> Node:
        branches = self._branches("", 0)
        if not any(_length(branch.node) for branch in branches):
            raise self._fail("the pattern is empty", 0, "write the words of a request")
        if len(branches) == 1:
            return branches[0].node
        return Choice(branches, False, None if self.within else (0, len(self.pattern)))

    def _fail(self, message: str, position: int, remedy: str) -> PatternError:
        if self.within:
            return PatternError(f"in rule <{self.within[-1]}>: {message}", 0, remedy)
        return PatternError(message, position, remedy)

    def _branches(self, close: str, depth: int) -> tuple[Branch, ...]:
        """Read alternatives up to `close` (or the end), without consuming it."""
        if depth > MAX_DEPTH:
            raise self._fail("groups are nested too deeply", self.at, f"use at most {MAX_DEPTH} levels")
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
                items.append(self._item(char, depth))
        else:
            if close:
                raise self._fail(f"{self.pattern[opened]!r} is not closed", opened, f"add {close!r}")
        branches.append(Branch(self._sequence(items), self.pattern[begin : self.at]))
        return tuple(branches)

    def _item(self, char: str, depth: int) -> _Raw:
        start = self.at
        if char in "([":
            self.at += 1
            branches = self._branches(")" if char == "(" else "]", depth + 1)
            self.at += 1
            full = tuple(branch for branch in branches if _length(branch.node))
            if not full:
                raise self._fail("the group is empty", start, "remove it")
            optional = char == "[" or len(full) < len(branches)
            return Choice(full, optional, None if self.within else (start, self.at))
        if char == "{":
            return self._slot(start)
        if char == "<":
            return self._rule(start)
        text = ""
        while self.at < len(self.pattern) and not (char := self.pattern[self.at]).isspace() and char not in "()[]{}<>|":
            if char == "\\":
                self.at += 1
                if self.at == len(self.pattern):
                    raise self._fail("a backslash ends the pattern", self.at - 1, "write \\\\ for a backslash")
                char = self.pattern[self.at]
            text += char
            self.at += 1
        return _Piece(text, start, self.at)

    def _slot(self, start: int) -> Slot:
        end = self.pattern.find("}", start)
        if end < 0:
            raise self._fail("'{' is not closed", start, "write {parameter}, or \\{ for the character itself")
        if self.within:
            raise self._fail("a rule cannot hold a parameter", start, "put the parameter into the pattern")
        self.at = end + 1
        return Slot(self.pattern[start + 1 : end], (start, end + 1))

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
        self.at = end + 1
        inner = _Parser(self.rules[name], self.rules, (*self.within, name)).parse()
        span = None if self.within else (start, end + 1)
        return Choice((Branch(inner, self.pattern[start : end + 1]),), False, span, rule=name)

    def _sequence(self, raw: list[_Raw | None]) -> Node:
        """Cut literal pieces into tokens, after joining the groups that touch a word to it."""
        items: list[Node] = []
        for run in _runs(raw):
            glued = self._glue(run)
            for item in run if glued is None else [glued]:
                if not isinstance(item, _Piece):
                    items.append(item)
                elif items and isinstance(items[-1], Words):
                    items[-1] = Words(items[-1].tokens + tokens_of(item.text))
                else:
                    items.append(Words(tokens_of(item.text)))
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _glue(self, run: list[_Raw]) -> Node | None:
        """A choice of whole words for a run like `day[s]`; None if nothing in the run joins."""
        spelled = [_spellings(item) for item in run]
        if not any(
            not isinstance(left, Slot) and not isinstance(right, Slot) and _joins(a, b)
            for (left, a), (right, b) in pairwise(zip(run, spelled, strict=True))
        ):
            return None
        start = _start(run[0])
        texts: list[list[str]] = []
        for spelling in spelled:
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
        branches = tuple(Branch(Words(tokens_of(word)), escape(word)) for word in words if tokens_of(word))
        span = None if self.within else (start, _end(run[-1]))
        return Choice(branches, len(branches) < len(words), span)


def _start(item: _Raw) -> int:
    return item.start if isinstance(item, _Piece) else item.span[0] if item.span else 0


def _end(item: _Raw) -> int:
    return item.end if isinstance(item, _Piece) else item.span[1] if item.span else 0


def _product(texts: list[list[str]]) -> int:
    size = 1
    for spelling in texts:
        size *= len(spelling)
    return size


def _runs(raw: list[_Raw | None]) -> list[list[_Raw]]:
    """Split items at white space, parameters and rules, so that each run holds literals and groups that touch."""
    runs: list[list[_Raw]] = [[]]
    for item in raw:
        if item is None:
            runs.append([])
        elif isinstance(item, Slot) or (isinstance(item, Choice) and item.rule):
            runs += [[item], []]
        else:
            runs[-1].append(item)
    return [run for run in runs if run]


def _spellings(item: _Raw) -> list[str] | None:
    """All texts of an item that holds nothing but literals; None otherwise."""
    if isinstance(item, _Piece):
        return [item.text]
    if isinstance(item, Slot) or item.rule:
        return None
    if any(char in branch.source for branch in item.branches for char in "([{<"):
        return None
    texts = [re.sub(r"\\(.)", r"\1", branch.source) for branch in item.branches]
    return [*texts, ""] if item.optional else texts


def _joins(left: list[str] | None, right: list[str] | None) -> bool:
    """Whether some end of `left` and some start of `right` would be one token."""
    ends = {text[-1] for text in left or () if text}
    starts = {text[0] for text in right or () if text}
    return any((a.isalpha() and b.isalpha()) or (a.isdigit() and b.isdigit()) for a in ends for b in starts)


def _length(node: Node) -> int:
    if isinstance(node, Words):
        return len(node.tokens)
    if isinstance(node, Sequence):
        return sum(map(_length, node.items))
    return 1
