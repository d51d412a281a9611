"""Sentences of a pattern: sampled ones, its base form, the way a request takes through it, and pairs that differ in one
part, which ask whether that part changes what is meant.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice
from typing import Literal

from seglam.procedures.patterns.function_words import meaning
from seglam.procedures.patterns.grammar import Choice, Node, Sequence, Slot, Words, touching
from seglam.procedures.patterns.paths import Taken, path_of
from seglam.procedures.patterns.rewrite import Cut, cut
from seglam.procedures.patterns.rules import is_shared
from seglam.procedures.values import Sample, ValueType

__all__ = [
    "Contrast",
    "Path",
    "Sentence",
    "Taken",
    "contrasts",
    "path_of",
    "plain_sentence",
    "reject",
    "sample_values",
    "sentences",
]

Path = Mapping[Choice, int | None]
"""The branch that each choice takes, None where it is left out; choices that are not reached are not in it."""

CLOSING = frozenset(",.;:?!)")
"""Marks that are written without a space before them."""
ORDINARY = 20
"""Samples of a type from which one is taken where any ordinary value will do."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A request that a pattern describes: its text, canonical arguments by parameter, and its path."""

    text: str
    arguments: Mapping[str, str]
    path: Path


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two sentences that differ in one choice.

    `branch` is the index of the branch that `right` takes instead of `left`'s, or `optional` where one of the two
    leaves the choice out. `left` goes the way of the base sentence. `words` are what the two differ in, values as
    `{parameter}`.
    """

    choice: Choice
    branch: int | Literal["optional"]
    left: Sentence
    right: Sentence
    words: tuple[str, ...]


def sample_values(types: Mapping[str, ValueType], random: random.Random) -> dict[str, Sample]:
    """One value for each parameter."""
    return {name: random.choice(list(islice(kind.samples(random), ORDINARY))) for name, kind in types.items()}


def sentences(
    tree: Node,
    types: Mapping[str, ValueType],
    random: random.Random,
    values: Mapping[str, Sample] | None = None,
    limit: int = 100,
) -> Iterator[Sentence]:
    """Different sentences of a pattern, the base form first, then random ones; at most `limit`.

    Args:
        tree: the pattern's tree.
        types: value types by parameter.
        random: where all randomness comes from.
        values: values to use; parameters that are not in it get the next sample of their type in each sentence.
        limit: how many sentences at most; a pattern may have fewer.
    """
    samples = {name: kind.samples(random) for name, kind in types.items()}
    seen: set[str] = set()
    for attempt in range(4 * limit + 16):
        if len(seen) >= limit:
            return
        drawn = dict(values or {})

        def value(parameter: str, drawn: dict[str, Sample] = drawn) -> Sample:
            if parameter not in drawn:
                drawn[parameter] = next(samples[parameter])
            return drawn[parameter]

        sentence = _Writer(value, _plainest if attempt == 0 else lambda choice: _any(choice, random)).write(tree)
        if sentence.text not in seen:
            seen.add(sentence.text)
            yield sentence


def plain_sentence(tree: Node, values: Mapping[str, Sample], path: Path | None = None) -> Sentence:
    """The base form: the first branch of each choice, optional parts left out, except where `path` says otherwise."""
    return _Writer(values.__getitem__, _along(path or {})).write(tree)


def contrasts(
    tree: Node, values: Mapping[str, Sample], path: Path | None = None, language: str | None = None
) -> list[Contrast]:
    """Pairs of sentences, one for each optional part and each further branch of a choice.

    Parts that differ only in words without meaning need no question (see `function_words`), nor do shared rules, which
    are reviewed as a whole. What a document's own rule holds is asked about by itself, with the rule's text as the
    pattern. Sentences follow `path` where they can, such as an exemplar's own.

    Args:
        tree: the pattern's tree.
        values: a value for every parameter of the pattern.
        path: the base sentence's way, from `path_of`.
        language: BCP 47 language of the pattern's words.
    """
    base = dict(path or {})
    found: list[Contrast] = []
    for choice, way in _choices(tree, {}):
        kept = base.get(choice, _plainest(choice)) if way.items() <= base.items() else _plainest(choice)
        first = kept if kept is not None else 0
        pairs: list[tuple[int | Literal["optional"], int | None, int | None]] = []
        if choice.optional:
            pairs.append(("optional", None, 0) if kept is None else ("optional", kept, None))
        pairs += [(other, first, other) for other in range(len(choice.branches)) if other != first]
        for branch, left, right in pairs:
            writers = [_Writer(values.__getitem__, _along({**base, **way, choice: side})) for side in (left, right)]
            written = [writer.write(tree) for writer in writers]
            words = _difference(*(meaning(writer.symbols, language) for writer in writers))
            if words:
                found.append(Contrast(choice, branch, written[0], written[1], words))
    return found


def reject(pattern: str, rejected: Iterable[Contrast]) -> str | None:
    """The pattern without the alternatives of contrasts that were not found to mean the same; None if nothing remains.

    The base sentence always remains. All contrasts must come from one reading of this very text.
    """
    cuts: list[Cut] = []
    for contrast in rejected:
        choice = contrast.choice
        if contrast.branch != "optional":
            cuts.append(Cut(choice, contrast.branch))
        elif contrast.right.path[choice] is None:
            cuts.append(Cut(choice, None))
        else:
            cuts += [Cut(choice, branch) for branch in range(len(choice.branches))]
    return cut(pattern, cuts)


def _plainest(choice: Choice) -> int | None:
    return None if choice.optional else 0


def _any(choice: Choice, random: random.Random) -> int | None:
    if choice.optional and random.random() < 0.5:
        return None
    return random.randrange(len(choice.branches))


def _along(path: Path) -> Callable[[Choice], int | None]:
    return lambda choice: path.get(choice, _plainest(choice))


def _choices(node: Node, way: dict[Choice, int | None]) -> Iterator[tuple[Choice, dict[Choice, int | None]]]:
    """Choices outside rules, outer ones first, and the branches that lead to each."""
    match node:
        case Sequence(items):
            for item in items:
                yield from _choices(item, way)
        case Choice(branches, _, span, rule) if span is not None and rule is None:
            yield node, way
            for number, branch in enumerate(branches):
                yield from _choices(branch.node, {**way, node: number})


def _difference(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[str, ...]:
    words: dict[str, None] = {}
    for kind, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if kind != "equal":
            words |= dict.fromkeys((*left[a:b], *right[c:d]))
    return tuple(words)


class _Writer:
    """Writes one sentence. `symbols` are its tokens, with `{parameter}` for each value."""

    def __init__(self, value: Callable[[str], Sample], choose: Callable[[Choice], int | None]) -> None:
        self.value = value
        self.choose = choose
        self.text = ""
        self.gap = False  # whether a choice began or was left out since the last text
        self.arguments: dict[str, str] = {}
        self.path: dict[Choice, int | None] = {}
        self.symbols: list[str] = []

    def write(self, tree: Node) -> Sentence:
        self._node(tree)
        return Sentence(self.text.strip(), self.arguments, self.path)

    def _node(self, node: Node) -> None:
        match node:
            case Words(tokens, text):
                self.symbols += tokens
                if self.gap and text[0] in CLOSING:
                    self.text = self.text.rstrip(" ")
                self._append(text.lstrip() if not self.text or self.text[-1].isspace() else text)
            case Slot(parameter):
                sample = self.value(parameter)
                self.arguments[parameter] = sample.canonical
                self.symbols.append("{" + parameter + "}")
                self._append(sample.text)
            case Sequence(items):
                for item in items:
                    self._node(item)
            case Choice(branches):
                taken = self.choose(node)
                self.path.setdefault(node, taken)
                self.gap = True
                if taken is not None:
                    before = len(self.symbols)
                    self._node(branches[taken].node)
                    if is_shared(node):
                        del self.symbols[before:]  # it says nothing about what is asked

    def _append(self, text: str) -> None:
        # What the pattern writes without a space between may still be two tokens: a slot and a word, or two slots.
        self.text += " " + text if touching(self.text, text) else text
        self.gap = False
