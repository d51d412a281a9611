"""Records: counts of things, as in "13 woodlouses, 8 leeches"."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence

from seglam.procedures.document import Vocabulary, VocabularyValue
from seglam.procedures.text import Text
from seglam.procedures.values.base import Reading, Sample, ValueProblem, cls, seq
from seglam.procedures.values.formats import END
from seglam.procedures.values.lists import (
    COMMA,
    LAST_WORDS,
    LINE,
    SEMICOLON,
    WORD,
    Row,
    Splitter,
    compact,
    sure_samples,
)
from seglam.procedures.values.numbers import NUMBER_SHAPE, IntegerType, check_integer, integer_of, shown
from seglam.procedures.values.vocabulary import VocabularyType

_SIBILANTS = ("s", "x", "z", "ch", "sh")
_VOWELS = "aeiou"


def plural(name: str) -> str | None:
    """The regular English plural of a name; None if it does not end in a Latin letter."""
    low = name.lower()
    if not (low[-1:].isascii() and low[-1:].isalpha()):
        return None
    if low.endswith(_SIBILANTS):
        return name + "es"
    if low.endswith("y") and low[-2:-1] not in _VOWELS:
        return name[:-1] + "ies"
    return name + "s"


def with_plurals(vocabulary: Vocabulary) -> Vocabulary:
    """The vocabulary with the regular plural of each name that no other member has, as it is or as a plural."""
    owners: dict[tuple[str, ...], set[int]] = {}
    names = [[member.value, *(member.names or ())] for member in vocabulary.values]
    plurals = [[form for name in group if (form := plural(name))] for group in names]
    for member, group in enumerate(names):
        for name in (*group, *plurals[member]):
            owners.setdefault(tuple(Text(name).tokens), set()).add(member)
    return vocabulary.model_copy(
        update={
            "values": [
                VocabularyValue.model_construct(
                    value=group[0],
                    names=group[1:] + [form for form in plurals[member] if len(owners[tuple(Text(form).tokens)]) == 1],
                )
                for member, group in enumerate(names)
            ]
        }
    )


class RecordsType(Row):
    """One or more counts with a noun from a vocabulary, set apart by commas, semicolons, line breaks or the word and.

    A noun is written as in the vocabulary or in its regular English plural.
    """

    name = "records"
    first = frozenset("0123456789")
    summary = "Counts of things from a vocabulary."
    python = "list of Record(count: int, noun: str)"
    accepts = ("13 woodlouses, 8 leeches", "1 woodlouse and 2 leeches", "3 leeches")
    rejects = ("13, 8", "woodlouses", "-1 leeches", "13 dragons", "1,234 leeches")

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._count = IntegerType()
        self._noun = VocabularyType(with_plurals(vocabulary))
        self.key = f"records:{self._noun.key}"
        self._item_shape = seq(NUMBER_SHAPE, self._noun.shape()) if vocabulary.values else cls("any")
        self._splitter = Splitter(self._read, self._doubtful, frozenset(LAST_WORDS), (COMMA, SEMICOLON, WORD, LINE))

    def _read(self, text: Text, start: int, stop: int = END) -> Sequence[Reading]:
        return self._with_noun(text, self._count.read(text, start, stop))

    def _doubtful(self, text: Text, start: int, stop: int = END) -> Sequence[Reading]:
        return self._with_noun(text, self._count.doubtful(text, start, stop))

    def _with_noun(self, text: Text, counts: Sequence[Reading]) -> Sequence[Reading]:
        return [
            (end, compact([count, noun]))
            for after, count in counts
            if after < len(text) and count[0] != "-"
            for end, noun in self._noun.scan(text, after)
        ]

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        return self.rows(text, start, 1)

    def _canonical(self, items: Sequence[str]) -> str:
        return f"[{','.join(items)}]"

    def _pairs(self, canonical: str) -> list[tuple[str, str]]:
        try:
            pairs = json.loads(canonical)
        except ValueError:
            pairs = None
        good = isinstance(pairs, list) and all(
            isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair) for pair in pairs
        )
        if not good or not pairs:
            form = '[["13","woodlouse"]]'
            raise ValueProblem(f"not records: {canonical[:60]!r}; write counts and nouns as JSON, as in {form}")
        return [(count, noun) for count, noun in pairs]

    def _text(self, pairs: Sequence[tuple[str, str]]) -> str:
        return compact(pairs)

    def check(self, canonical: str) -> None:
        pairs = self._pairs(canonical)
        for count, noun in pairs:
            check_integer(count)
            if count[0] == "-":
                raise ValueProblem(f"a count must not be negative: {count}")
            self._noun.check(noun)
        if self._text(pairs) != canonical:
            raise ValueProblem(
                f"not in canonical form: {canonical[:60]!r}; write compact JSON: {self._text(pairs)[:60]}"
            )

    def to_tagged(self, canonical: str) -> object:
        return [{"$record": [int(count), noun]} for count, noun in self._pairs(canonical)]

    def from_tagged(self, tagged: object) -> str:
        if not isinstance(tagged, list):
            raise ValueProblem(f"the answer must be a list of Record, not {shown(tagged)}")
        pairs = []
        for item in tagged:
            parts = item.get("$record") if isinstance(item, dict) and len(item) == 1 else None
            if not isinstance(parts, list) or len(parts) != 2 or not isinstance(parts[1], str):
                raise ValueProblem(f"an item of the answer must be a Record, not {shown(item)}")
            pairs.append((integer_of(parts[0], "a count"), parts[1]))
        canonical = self._text(pairs)
        self.check(canonical)
        return canonical

    def samples(self, random: random.Random) -> Iterator[Sample]:
        return sure_samples(self, self._candidates(random))

    def _candidates(self, random: random.Random) -> Iterator[Sample]:
        nouns = self._noun.samples(random)
        first = next(nouns)
        for count in ("0", "1", "2", "1" + "0" * 30):
            yield Sample(f"{count} {first.text}", self._text([(count, first.canonical)]))
        while True:
            group = [
                (str(random.randint(0, 10 ** random.choice((1, 2)))), next(nouns)) for _ in range(random.randint(1, 4))
            ]
            written = [f"{count} {noun.text}" for count, noun in group]
            separator = random.choice((", ", "; ", ", ", "\n"))
            yield Sample(separator.join(written), self._text([(count, noun.canonical) for count, noun in group]))
