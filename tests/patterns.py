"""Patterns for tests: random ones, all their sentence forms, and small exact value types."""

from __future__ import annotations

import random as random_
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from hypothesis import strategies as st

from seglam.procedures.patterns import Choice, Node, PatternError, Slot, Words, compile_pattern, parse
from seglam.procedures.patterns import Sequence as Parts
from seglam.procedures.text import Text
from seglam.procedures.values import Reading, Sample, Shape, ValueProblem, ValueType
from seglam.procedures.values.base import Star, cls, lit, opt, seq

RULES = {"kind": "(k|l [k])", "well": "[w] k"}


class Small(ValueType):
    """A type with few values, all of them listed."""

    def __init__(self, name: str, shape: Shape, texts: Sequence[str]) -> None:
        self.name = self.key = name
        self._shape = shape
        self.texts = texts

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        ends: list[Reading] = []
        for written in self.texts:
            value = Text(written)
            end = start + len(value)
            if text.tokens[start:end] == value.tokens and all(
                text.glued(start + place) == value.glued(place) for place in range(1, len(value))
            ):
                ends.append((end, written))
        return ends

    def check(self, canonical: str) -> None:
        if canonical not in self.texts:
            raise ValueProblem(canonical)

    def to_tagged(self, canonical: str) -> object:
        return canonical

    def from_tagged(self, tagged: object) -> str:
        return str(tagged)

    def shape(self) -> Shape:
        return self._shape

    def samples(self, random: random_.Random) -> Iterator[Sample]:
        yield from (Sample(text, text) for text in self.texts)
        while True:
            text = random.choice(self.texts)
            yield Sample(text, text)


LETTER = Small("small-letter", lit("a", "b"), ("a", "b"))
NUMBER = Small(
    "small-number",
    seq(lit("1", "2"), opt(seq(lit("-", glued=True), lit("1", "2", glued=True)))),
    ("1", "2", "1-1", "1-2", "2-1", "2-2"),
)
SPACED = Small("small-spaced", seq(lit("a"), lit("-", glued=False)), ("a -",))
TYPES: Mapping[str, ValueType] = {"x": LETTER, "y": NUMBER, "z": SPACED}


class Run(ValueType):
    """Tokens of some classes without anything between them."""

    def __init__(self, *classes: str) -> None:
        self.name = self.key = "run-of-" + "-".join(classes)
        self.classes = classes

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        ends: list[Reading] = []
        for at in range(start, len(text)):
            if at > start and not text.glued(at):
                break
            token = text.tokens[at]
            kind = "word" if token.isalpha() else "digits" if token.isdigit() else "mark"
            if kind not in self.classes and not (kind == "word" and len(token) == 1 and "letter" in self.classes):
                break
            ends.append((at + 1, text.slice(start, at + 1)))
        return ends

    def check(self, canonical: str) -> None:
        raise NotImplementedError

    def to_tagged(self, canonical: str) -> object:
        raise NotImplementedError

    def from_tagged(self, tagged: object) -> str:
        raise NotImplementedError

    def shape(self) -> Shape:
        return seq(cls(*self.classes), Star(cls(*self.classes, glued=True)))

    def samples(self, random: random_.Random) -> Iterator[Sample]:
        written = {"word": "word", "letter": "a", "digits": "12", "mark": "-"}[self.classes[0]]
        while True:
            yield Sample(written, written)


def pattern_texts(slots: Sequence[str] = ("x", "y", "z"), rules: bool = True) -> st.SearchStrategy[str]:
    """Texts that are nearly always patterns; `readable` keeps those that are."""
    leaves = ["a", "b", "ab", "1", "-", "?", ".", "'s", r"\[", r"\|a", "A"]
    leaves += [f"{{{slot}}}" for slot in slots] + (["<kind>", "<well>"] if rules else [])

    def sequence(item: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        parts = st.lists(st.tuples(item, st.sampled_from([" ", " ", "", "  "])), min_size=1, max_size=3)
        return parts.map(lambda found: "".join(text + space for text, space in found))

    def group(item: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        branches = st.lists(st.one_of(sequence(item), sequence(item), st.just("")), min_size=1, max_size=3)
        return st.tuples(st.sampled_from(["()", "[]"]), branches).map(
            lambda found: found[0][0] + "|".join(found[1]) + found[0][1]
        )

    items = st.recursive(st.sampled_from(leaves), group, max_leaves=6)
    return st.lists(sequence(items), min_size=1, max_size=2).map("|".join)


def readable(text: str) -> Node | None:
    """The tree of a text that is a pattern; None otherwise."""
    try:
        tree = parse(text, RULES)
        compile_pattern(tree, TYPES)
    except PatternError:
        return None
    return tree


Way = frozenset[tuple[tuple[int, int], int | None]]
"""Spans of choices and what they take."""


def forms(tree: Node) -> set[tuple[tuple[str, ...], Way]]:
    """All sentence forms, values as `{parameter}`, each with the ways to it."""
    match tree:
        case Words(tokens):
            return {(tokens, frozenset())}
        case Slot(parameter):
            return {((f"{{{parameter}}}",), frozenset())}
        case Parts(items):
            return {
                (tuple(token for tokens, _ in parts for token in tokens), frozenset().union(*(way for _, way in parts)))
                for parts in product(*map(forms, items))
            }
        case Choice(branches, optional, span):
            found = set()
            for number, branch in enumerate(branches):
                taken: Way = frozenset({(span, number)}) if span else frozenset()
                found |= {(tokens, way | taken) for tokens, way in forms(branch.node)}
            if optional:
                found.add(((), frozenset({(span, None)}) if span else frozenset()))
            return found


def language(tree: Node) -> set[tuple[str, ...]]:
    """All sentence forms."""
    return {tokens for tokens, _ in forms(tree)}


def choices(tree: Node) -> Iterator[Choice]:
    """Choices outside rules."""
    match tree:
        case Parts(items):
            for item in items:
                yield from choices(item)
        case Choice(branches, _, span, rule) if span and not rule:
            yield tree
            for branch in branches:
                yield from choices(branch.node)
