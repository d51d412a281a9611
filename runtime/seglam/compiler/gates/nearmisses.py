"""Requests near a type that must not be answered as if they were of it, made from the patterns' own sentences.

A small closed lexicon replaces, adds and drops words of meaning. A near miss is wrong only if it binds the very
arguments of the sentence that it was made from: another word with other arguments is what a parameter is for.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import chain, pairwise

import yaml

from seglam.lookup import Hit, Index
from seglam.lookup.overlap import machines_of
from seglam.procedures.patterns import Node
from seglam.procedures.patterns.sentences import sentences
from seglam.procedures.request import Request
from seglam.procedures.revision import Revision
from seglam.procedures.text import Text
from seglam.procedures.values import Sample, ValueType

SENTENCES = 12
MAX_GAPS = 40
_MASK = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_COUNTING = frozenset(
    {"integer", "decimal", "fraction", "percent", "complex", "arithmetic", "calculation", "expression"}
)
"""Types whose values may stand before the mark of a factorial."""
_WORD = re.compile(r"\{[a-z][a-z0-9_]*\}|[^\W\d_]+(?:'[a-z]+)?")


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words of meaning; see `lexicon.yaml`."""

    groups: tuple[tuple[str, ...], ...]
    added: tuple[str, ...]
    clauses: tuple[str, ...]
    dropped: frozenset[str]
    contextual: frozenset[str]
    joining: frozenset[str]
    beyond: frozenset[str]

    def others(self, word: str) -> Iterator[str]:
        """Words that stand where this one does and mean something else."""
        for group in self.groups:
            if word in group:
                yield from (other for other in group if other != word)


@cache
def lexicon() -> Lexicon:
    """The lexicon that is shipped."""
    data = yaml.safe_load(resources.files(__package__).joinpath("lexicon.yaml").read_text(encoding="utf-8"))
    groups = tuple(tuple(group) for group in data["groups"])
    return Lexicon(
        groups,
        tuple(data["added"]),
        tuple(data["clauses"]),
        frozenset(data["dropped"]),
        frozenset(data["contextual"]),
        frozenset(data["joining"]),
        frozenset(data["beyond"]),
    )


def may_change_nothing(near: Mapping[str, str]) -> bool:
    """Whether a bound near miss, as `wrongly_bound` tells it, changes words that are synonyms in some sentences: "any"
    and "all" lowercase letters, "and" and "or" where no value is behind them.
    """
    if near["change"] in lexicon().joining:
        return not behind(near).startswith("{")
    return near["change"] in lexicon().contextual


def behind(near: Mapping[str, str]) -> str:
    """The word, or value, behind what was changed in a near miss."""
    words = zip(near["sentence"].split(), near["near"].split(), strict=False)
    first = next((number for number, (left, right) in enumerate(words) if left != right), None)
    return "" if first is None else "".join(near["sentence"].split()[first + 1 : first + 2]).lstrip("(\"'")


def near_misses(sentence: str, words: Lexicon, part: tuple[int, int] | None = None) -> Iterator[tuple[str, str, str]]:
    """What is done, the words that come in, and the changed sentence. Values are masked in both, as `{parameter}`.

    Args:
        sentence: what is changed.
        words: what it is changed by.
        part: where it begins and ends, if only a part is changed, with the words beside it; a clause is added behind
            the last part alone.
    """
    begin, end = (0, len(sentence)) if part is None else part
    tokens = [match for match in _WORD.finditer(sentence) if not match.group().startswith("{")]
    tokens = [match for match in tokens if match.end() + 1 >= begin and match.start() <= end + 1]
    for match, behind in zip(tokens, [*tokens[1:], None], strict=False):
        word = match.group().lower()
        for other in words.others(word):
            if {word, other} == {"and", "or"} and behind is not None and _bounding(sentence, match, behind, words):
                continue
            yield f"{word} -> {other}", other, sentence[: match.start()] + other + sentence[match.end() :]
        if word in words.dropped:
            yield f"without {word}", "", sentence[: match.start()] + sentence[match.end() :].lstrip()
    for match in tokens[:MAX_GAPS]:
        for word in words.added:
            yield f"with {word}", word, f"{sentence[: match.start()]}{word} {sentence[match.start() :]}"
    bare = sentence.rstrip("?. ")
    for clause in words.clauses if end >= len(bare) else ():
        yield f"with {clause!r}", clause, f"{bare} {clause}"
        yield f"with {clause!r}", clause, f"{bare}, {clause}?"
    masks = list(dict.fromkeys(_MASK.findall(sentence)))
    for left, right in pairwise(masks):
        yield f"{left} and {right} swapped", "", _renamed(sentence, {left: right, right: left})


def _bounding(sentence: str, joining: re.Match[str], behind: re.Match[str], words: Lexicon) -> bool:
    """Whether a joining word makes a value a bound with the word behind it: "28 or more" is "28 and more"."""
    return (
        sentence[: joining.start()].rstrip().endswith("}")
        and not sentence[joining.end() : behind.start()].strip()
        and behind.group().lower() in words.beyond
        and not sentence[behind.end() :].lstrip().startswith("{")
    )


def factorials(sentence: str, names: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """The factorial of each value that is a number: what seems to be emphasis behind one asks for another answer."""
    for match in _MASK.finditer(sentence):
        if match[1] in names and not sentence.startswith("!", match.end()):
            yield f"{match[1]} as a factorial", "!", f"{sentence[: match.end()]}!{sentence[match.end() :].lstrip('?.')}"


def _renamed(sentence: str, names: Mapping[str, str]) -> str:
    def other(match: re.Match[str]) -> str:
        name = match[1]
        return "{" + names.get(name, name) + "}"

    return _MASK.sub(other, sentence)


def filled(sentence: str, values: Mapping[str, Sample]) -> str:
    """The sentence with its values. One of several lines, a table, stands on lines of its own, or it is none."""

    def value(match: re.Match[str]) -> str:
        if match.group(1) not in values:
            return match.group()
        text = values[match.group(1)].text
        return f"\n{text}\n\n" if "\n" in text else text

    return _MASK.sub(value, sentence)


class Trial:
    """Sentences of one procedure whose near misses are looked up among its patterns as they are.

    Args:
        revision: whose patterns they are.
        values: values that together have an answer, one for each slot.
        request: where inputs and context come from.
    """

    def __init__(self, revision: Revision, values: Mapping[str, Sample], request: Request) -> None:
        self.tried = 0
        self._index = Index(explains=False)
        self._index.add(revision)
        self._machines = machines_of(revision)
        self._values = values
        self._types = {name: revision.slots[name] for name in values}
        self._counting = {name for name, kind in self._types.items() if kind.name in _COUNTING}
        self._request = request
        self._possible: dict[str, bool] = {}

    def sentences(self, tree: Node, source: random.Random) -> Iterator[str]:
        """Some sentences of a pattern with its parameters' names in braces."""
        masked = {name: Sample("{" + name + "}", "{" + name + "}") for name in self._values}
        return (each.text for each in sentences(tree, self._types, source, masked, limit=SENTENCES))

    def wrong(self, sentence: str, part: tuple[int, int] | None = None) -> Iterator[dict[str, str]]:
        """Near misses of a sentence, or of a part of it, that bind as if nothing had changed; none of one that does not
        bind.

        One with a word that no sentence of any pattern may hold, within a value either, is not looked up: it cannot
        bind.
        """
        meant = self._bound(said := filled(sentence, self._values))
        if meant is None:
            return
        for change, words, near in chain(near_misses(sentence, lexicon(), part), factorials(sentence, self._counting)):
            self.tried += 1
            if not self._may_hold(words) or not _differs(change, self._values, self._types):
                continue
            if self._bound(text := filled(near, self._values)) == meant:
                yield {"change": change, "request": text, "sentence": sentence, "near": near, "said": said}

    def _bound(self, text: str) -> Mapping[str, str] | None:
        found = self._index.find(self._request._replace(text=text, value=None))
        return found.binding.arguments if isinstance(found, Hit) else None

    def _may_hold(self, words: str) -> bool:
        known = self._possible.get(words)
        if known is None:
            tokens = Text(words).tokens
            known = any(all(map(machine.may_hold, tokens)) for machine in self._machines)
            self._possible[words] = known
        return known


def wrongly_bound(
    revision: Revision, patterns: Mapping[str, Node], values: Mapping[str, Sample], request: Request
) -> tuple[int, list[dict[str, str]]]:
    """How many near misses were tried, and those that bind as if nothing had changed.

    Args:
        revision: the newcomer.
        patterns: its patterns that are to be tried, by their texts.
        values: values that together have an answer, one for each slot.
        request: where inputs and context come from.
    """
    trial, source = Trial(revision, values, request), random.Random(revision.digest)
    found: list[dict[str, str]] = []
    for pattern, tree in patterns.items():
        for sentence in trial.sentences(tree, source):
            found += ({**each, "pattern": pattern} for each in trial.wrong(sentence))
    return trial.tried, found


def _differs(change: str, values: Mapping[str, Sample], types: Mapping[str, ValueType]) -> bool:
    """Whether a swap changes anything: of equal values it does not, nor if neither can be taken for the other.

    "x in 2x = 4" and "2x = 4 in x" are two orders of the same words, not two roles of one kind of value.
    """
    if not change.endswith(" swapped"):
        return True
    left, right = change.removesuffix(" swapped").split(" and ")
    if values[left].canonical == values[right].canonical:
        return False
    return bool(types[left].readings(values[right].text) or types[right].readings(values[left].text))
