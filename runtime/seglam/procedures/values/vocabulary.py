"""A closed set of values, each with the names that mean it."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from seglam.procedures.document import Vocabulary
from seglam.procedures.text import Text
from seglam.procedures.values.base import Alt, Reading, Sample, Seq, Shape, ValueProblem, ValueType, lit
from seglam.procedures.values.tagged import described

_VALUE = ""
"""Key of a trie node under which the value stands; no token is empty."""


class VocabularyType(ValueType):
    """A member of a vocabulary, by its value or one of its names.

    Names are compared token by token without case, as literals are; an article counts only where a name states it. No
    letter or digit touches a letter or digit with which a name begins or ends. Of nested names (`Guinea`, `Guinea
    Bissau`) each is a reading. The canonical text is the member's value.

    Raises:
        ValueProblem: a name is blank, or stands for two members.
    """

    summary = "A member of a closed vocabulary, written as its value or one of its names, without case."
    python = "str: the member's value"
    accepts = ("South Korea", "south  korea", "the Republic of Korea")
    rejects = ("Atlantis", "the South Korea", "South Koreas")

    name = "vocabulary"
    separate = greedy = True

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        content = [[member.value, *(member.names or ())] for member in vocabulary.values]
        self.key = "vocabulary:" + hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]
        self._samples = [Sample(name.strip(), names[0]) for names in content for name in names]
        self._names = self._check_names(content)
        self._values = frozenset(self._names.values())
        self._trie: dict[str, Any] = {}  # token -> node, and _VALUE -> the value whose name ends here
        for tokens, value in self._names.items():
            node = self._trie
            for token in tokens:
                node = node.setdefault(token, {})
            node[_VALUE] = value
        self.first = frozenset(tokens[0][0] for tokens in self._names)
        self.openers = self._trie.keys()

    def _check_names(self, content: list[list[str]]) -> dict[tuple[str, ...], str]:
        """Value by the tokens of each name."""
        owners: dict[tuple[str, ...], int] = {}
        for member, names in enumerate(content):
            for name in names:
                tokens = tuple(Text(name).tokens)
                if not tokens:
                    raise ValueProblem(f"vocabulary {self.vocabulary.name}: {names[0]!r} has a blank name; remove it")
                other = owners.setdefault(tokens, member)
                if other != member:
                    raise ValueProblem(
                        f"vocabulary {self.vocabulary.name}: {name!r} stands for {content[other][0]!r} and for "
                        f"{names[0]!r}; leave it to one of them"
                    )
        return {tokens: content[member][0] for tokens, member in owners.items()}

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        tokens = text.tokens
        node = self._trie.get(tokens[start])
        if node is None or text.touched(start):
            return ()
        found = []
        end = start + 1
        count = len(tokens)
        while True:
            if _VALUE in node and not text.touched(end):
                found.append((end, node[_VALUE]))
            node = node.get(tokens[end]) if end < count else None
            if node is None:
                return found
            end += 1

    def check(self, canonical: str) -> None:
        if canonical not in self._values:
            raise ValueProblem(f"{canonical!r} is no value of the vocabulary {self.vocabulary.name}")

    def to_tagged(self, canonical: str) -> object:
        self.check(canonical)
        return canonical

    def from_tagged(self, tagged: object) -> str:
        if not isinstance(tagged, str):
            raise ValueProblem(
                f"{described(tagged)} is no value of the vocabulary {self.vocabulary.name}; expected a string"
            )
        self.check(tagged)
        return tagged

    @cached_property
    def _shape(self) -> Shape:
        single = [tokens[0] for tokens in self._names if len(tokens) == 1]
        longer = [Seq(tuple(lit(token) for token in tokens)) for tokens in self._names if len(tokens) > 1]
        return Alt((*([lit(*single)] if single else ()), *longer))

    def shape(self) -> Shape:
        return self._shape

    def samples(self, random: random.Random) -> Iterator[Sample]:
        yield from self._samples
        while True:
            yield random.choice(self._samples)
