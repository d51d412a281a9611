"""Synthetic procedures that look like a grown cache: many revisions with a few patterns each.

Words follow Zipf's law; patterns begin with one of a few stems, as questions do, and hold one to three typed slots,
optional words and alternatives. Everything follows from a seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import accumulate, islice

from seglam.procedures import ReasoningProcedure, Revision
from seglam.procedures.patterns import parse
from seglam.procedures.patterns.sentences import sentences
from seglam.procedures.values import Sample, ValueType

WORDS = 8000
STEMS = 80
VOCABULARIES = 40
TYPES = (
    *("integer",) * 8, *("decimal",) * 3, *("vocabulary",) * 5, *("date",) * 3, *("quoted",) * 2,
    "year", "percent", "weekday", "fraction", "money", "list[integer]", "time", "ordinal",
)  # fmt: skip
"""As often as each is listed."""

CODE = '''\
def solve({parameters}):
    """The {name} of the values given, as the request words it."""
    parts = []
    for value in ({parameters},):
        if value is None:
            refuse("a value is missing")
        parts.append(str(value))
    return " {name} ".join(parts)
'''


class Corpus:
    """Revisions with about `patterns` patterns in all, and requests for them."""

    def __init__(self, patterns: int, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._words = _words(self._random)
        self._weights = list(accumulate(1 / rank for rank in range(1, WORDS + 1)))
        self._stems = [" ".join(self._draw(self._random.randint(1, 4))) for _ in range(STEMS)]
        self._stem_weights = list(accumulate(1 / rank for rank in range(1, STEMS + 1)))
        self._vocabularies = [self._vocabulary() for _ in range(VOCABULARIES)]
        self.revisions: list[Revision] = []
        self.patterns = 0
        while self.patterns < patterns:
            revision = self._revision(len(self.revisions), patterns - self.patterns)
            self.revisions.append(revision)
            self.patterns += len(revision.spec.match.patterns or ())

    def requests(self, count: int, seed: int, *, popular: bool = False) -> list[str]:
        """Distinct sentences of patterns, each pattern as likely as any other or, if `popular`, by Zipf's law."""
        draw = random.Random(seed)
        order = draw.sample(self.revisions, len(self.revisions))
        weights = list(accumulate(1 / rank for rank in range(1, len(order) + 1))) if popular else None
        found: dict[str, None] = {}
        for _ in range(20 * count):
            if len(found) == count:
                return list(found)
            revision = draw.choices(order, cum_weights=weights)[0]
            found[_sentence(revision, draw)] = None
        raise ValueError(f"{self.patterns} patterns have too few sentences for {count} distinct requests")

    def misses(self, count: int, seed: int) -> list[str]:
        """Requests with one word that no pattern explains, half of them a common one."""
        draw = random.Random(seed)
        missed = []
        for number, text in enumerate(self.requests(count, seed)):
            words = text.split(" ")
            words.insert(
                draw.randint(1, len(words)), self._draw(1)[0] if number % 2 else f"qu{number}".translate(_LETTERS)
            )
            missed.append(" ".join(words))
        return missed

    def _draw(self, count: int) -> list[str]:
        return self._random.choices(self._words, cum_weights=self._weights, k=count)

    def _vocabulary(self) -> list[dict[str, object]]:
        names = iter(self._random.sample(self._words, 60))
        return [
            {"value": next(names).title(), "names": [f"{next(names)} {next(names)}"]}
            for _ in range(self._random.randint(6, 20))
        ]

    def _revision(self, number: int, most: int) -> Revision:
        choose = self._random
        parameters: list[dict[str, object]] = []
        vocabularies = []
        for name in ("first", "second", "third")[: choose.choice((1, 1, 2, 2, 3))]:
            parameter: dict[str, object] = {"name": name, "type": choose.choice(TYPES)}
            if parameter["type"] == "vocabulary":
                parameter["vocabulary"] = f"{name}_kind"
                vocabularies.append({"name": f"{name}_kind", "values": choose.choice(self._vocabularies)})
            parameters.append(parameter)
        names = [str(parameter["name"]) for parameter in parameters]
        count = min(most, choose.choice((1, 2, 3, 3, 4, 5)))
        name = f"procedure-{number}"
        spec = {
            "summary": f"What {' '.join(self._draw(6))} comes to.",
            "parameters": parameters,
            "returns": {"type": "text"},
            "match": {"patterns": [{"text": self._pattern(names)} for _ in range(count)]},
            "code": CODE.format(parameters=", ".join(names), name=name),
            **({"vocabularies": vocabularies} if vocabularies else {}),
        }
        document = {
            "apiVersion": "seglam.dev/v1alpha1",
            "kind": "ReasoningProcedure",
            "metadata": {"name": name},
            "spec": spec,
        }
        return Revision.of(ReasoningProcedure.model_validate(document))

    def _pattern(self, names: list[str]) -> str:
        choose = self._random
        parts = choose.choices(self._stems, cum_weights=self._stem_weights)
        for name in names:
            parts += [self._part() for _ in range(choose.randint(1, 3))]
            parts.append(f"{{{name}}}")
        parts += [self._part() for _ in range(choose.randint(0, 2))]
        return " ".join(parts)

    def _part(self) -> str:
        """One word; one in eight is optional, one in eight has an alternative."""
        word, other = self._draw(2)
        kind = self._random.random()
        if kind < 0.125:
            return f"[{word}]"
        return f"({word}|{other})" if kind < 0.25 and word != other else word


_LETTERS = str.maketrans("0123456789", "abcdefghij")


def _words(choose: random.Random) -> list[str]:
    syllables = [first + vowel for first in "b c d f g l m n p r s t v".split() for vowel in "aeiou"]
    words: dict[str, None] = {}
    while len(words) < WORDS:
        words["".join(choose.choices(syllables, k=choose.choice((1, 2, 2, 3, 3, 4))))] = None
    return list(words)


def _sentence(revision: Revision, draw: random.Random) -> str:
    patterns = revision.spec.match.patterns or ()
    tree = parse(draw.choice(patterns).text, {})
    values = {name: _value(kind, draw) for name, kind in revision.types.items()}
    made: Iterator[str] = (sentence.text for sentence in sentences(tree, revision.types, draw, values, limit=3))
    return draw.choice(list(made))


def _value(kind: ValueType, draw: random.Random) -> Sample:
    """One of the first samples: boundaries and ordinary values."""
    return next(islice(kind.samples(draw), draw.randrange(60), None))
