"""Generated arguments for differential testing: boundaries, ordinary values, swapped and equal ones, non-members."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, product

from seglam.compiler.gates.edges import TEXTS, anniversaries, next_to, tables, woven
from seglam.procedures.revision import Revision
from seglam.procedures.values import Sample, ValueProblem, ValueType

COUNT = 240
BOUNDARIES = 24
"""Samples of a type that come first and are its boundaries."""

STRANGER = "unlisted member"
"""A text that is in no vocabulary."""

MAX_DRAWS = 4000
CORNERS = 16
STEPPED = 4
"""Exemplars beside which small steps are made."""

EDITED = 2
"""Exemplars whose tables are edited, which makes many inputs of each."""


@dataclass(frozen=True, slots=True)
class Case:
    """One input.

    `kind` is exemplar, bound (the document's), boundary (the type's), member, swapped, equal, ordinary, corner (bounds
    that meet), step (a little aside from an exemplar), edited (a table or text), or stranger (no vocabulary has it).
    """

    kind: str
    shown: Mapping[str, str]
    tagged: Mapping[str, object]


def cases(revision: Revision, exemplars: Sequence[Mapping[str, str]], count: int = COUNT) -> list[Case]:
    """Distinct inputs, at least `count` unless the types have fewer; the same for the same revision.

    Args:
        revision: what is tested; bounds of its parameters hold in all inputs.
        exemplars: arguments that are known to have answers.
        count: how many inputs to aim at; corners and small steps come on top.
    """
    made: dict[str, Case] = {}
    generator = _Generator(revision, random.Random(revision.spec.code))

    def keep(kind: str, arguments: Mapping[str, str]) -> None:
        try:
            case = generator.case(kind, arguments)
        except ValueProblem:
            return
        made.setdefault(json.dumps(case.tagged, sort_keys=True, default=str), case)

    for arguments in exemplars:
        keep("exemplar", arguments)
    for kind, arguments in generator.systematic(exemplars):
        keep(kind, arguments)
    for _ in range(MAX_DRAWS):
        if len(made) >= count:
            break
        keep("ordinary", generator.ordinary(exemplars))
    for kind, arguments in generator.edges(exemplars):
        keep(kind, arguments)
    return [*made.values(), *generator.strangers(list(made.values()))]


def other_numbers(value: str, source: random.Random) -> str:
    """Some numbers in the text replaced, by small ones more often than by large ones."""

    def other(match: re.Match[str]) -> str:
        if source.random() < 0.4:
            return match[0]
        number = str(source.randrange(10 ** source.choice((1, 1, 2, len(match[0])))))
        return number.zfill(len(match[0])) if len(match[0]) > 1 and match[0].startswith("0") else number

    return re.sub(r"[0-9]+", other, value)


def other_letters(value: str, source: random.Random) -> str:
    """Some letters replaced by others of the text."""
    letters = [char for char in value if char.isalpha()]
    return "".join(source.choice(letters) if char.isalpha() and source.random() < 0.2 else char for char in value)


def other_members(value: str, source: random.Random) -> str:
    """A list with its members shuffled, repeated, or more or fewer of them."""
    try:
        members = json.loads(value)
    except ValueError:
        return value
    if not isinstance(members, list) or not members:
        return value
    chosen = [source.choice(members) for _ in range(source.randint(1, len(members) + 2))]
    return json.dumps(chosen, separators=(",", ":"), ensure_ascii=False)


class _Generator:
    def __init__(self, revision: Revision, source: random.Random) -> None:
        self.revision = revision
        self.random = source
        self.streams = {name: self._allowed(name, kind) for name, kind in revision.types.items()}
        self.written: dict[tuple[str, str], str] = {}

    def _allowed(self, name: str, kind: ValueType) -> Iterator[Sample]:
        parameter = self.revision.parameters[name]
        if parameter.one_of:
            while True:
                for text in parameter.one_of:
                    yield Sample(text, text)
        tried = 0
        for sample in kind.samples(self.random):
            tried += 1
            if kind.within(sample.canonical, parameter.minimum, parameter.maximum):
                tried = 0
                yield sample
            elif tried > MAX_DRAWS:  # bounds that samples do not reach: walk between them where they are integers
                break
        bounds = [text for text in (parameter.minimum, parameter.maximum) if text is not None]
        while bounds:
            low, high = bounds[0], bounds[-1]
            whole = low.lstrip("-").isdecimal() and high.lstrip("-").isdecimal()
            text = str(self.random.randint(int(low), int(high))) if whole else self.random.choice(bounds)
            yield Sample(text, text)

    def draw(self, name: str) -> str:
        sample = next(self.streams[name])
        self.written[name, sample.canonical] = sample.text
        return sample.canonical

    def systematic(self, exemplars: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, dict[str, str]]]:
        names = list(self.streams)
        bases = [dict(exemplar) for exemplar in exemplars] or [{name: self.draw(name) for name in names}]
        edges = {name: [self.draw(name) for _ in range(BOUNDARIES)] for name in names}
        bounds = {
            name: [text for text in (parameter.minimum, parameter.maximum) if text is not None]
            for name, parameter in self.revision.parameters.items()
        }
        for name in names:  # one at a time, so that each edge meets arguments that have an answer
            for base in bases[:2]:
                for value in bounds[name]:
                    yield "bound", {**base, name: value}
                for value in edges[name]:
                    yield "boundary", {**base, name: value}
        for name in names:  # a table in the code is right only if it is right for every member
            for value in self.members(name):
                yield "member", {**bases[0], name: value}
        for left, right in combinations(names, 2):
            if self.revision.types[left].key == self.revision.types[right].key:
                for base in bases[:4]:
                    yield "swapped", {**base, left: base[right], right: base[left]}
                    yield "equal", {**base, right: base[left]}

    def edges(self, exemplars: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, dict[str, str]]]:
        """Bounds that meet, which one bound at a time does not show, and small steps from values with an answer."""
        limits = {
            name: [text for text in (parameter.minimum, parameter.maximum) if text is not None]
            for name, parameter in self.revision.parameters.items()
        }
        bounded = {name: found for name, found in limits.items() if found}
        for base in exemplars[:2]:
            for texts in islice(product(*bounded.values()), CORNERS) if len(bounded) > 1 else ():
                yield "corner", {**base, **dict(zip(bounded, texts, strict=True))}
        for number, base in enumerate(exemplars[:STEPPED]):
            for kind, name, value in self.beside_known(base, tables_too=number < EDITED):
                if self._valid(name, value):
                    yield kind, {**base, name: value}

    def beside_known(self, base: Mapping[str, str], *, tables_too: bool) -> Iterator[tuple[str, str, str]]:
        """Kind, name and text of other values: beside its own, beside that of another argument, and made of both."""
        kinds = self.revision.types
        for name, kind in kinds.items():
            if kind.name == "table":
                columns = [base[other] for other in kinds if kinds[other].name == "column"]
                yield from (("edited", name, each) for each in tables(base[name], columns) if tables_too)
            for value in next_to(kind.name, base[name]):
                yield "edited" if kind.name in TEXTS else "step", name, value
            for other in kinds:
                if other != name and kinds[other].key == kind.key:
                    yield "equal", name, base[other]
                    yield from (("step", name, value) for value in next_to(kind.name, base[other]))
                if kind.name == "date" and kinds[other].name in ("date", "monthday"):
                    yield from (("step", name, value) for value in anniversaries(base[name], base[other]))
                if other != name and kind.name in ("quoted", "text") and kinds[other].name in TEXTS:
                    yield from (("edited", name, value) for value in woven(base[name], base[other]))

    def _valid(self, name: str, value: str) -> bool:
        try:
            self.revision.types[name].check(value)
        except ValueProblem:
            return False
        return True

    def members(self, name: str) -> Iterator[str]:
        """A value for each member of the parameter's vocabulary."""
        kind, vocabulary = self.revision.types[name].name, self.revision.parameters[name].vocabulary
        for each in self.revision.spec.vocabularies or ():
            for member in each.values if each.name == vocabulary else ():
                parts: object = [["3", member.value]] if kind == "records" else [member.value]
                yield (
                    member.value
                    if kind == "vocabulary"
                    else json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
                )

    def ordinary(self, exemplars: Sequence[Mapping[str, str]]) -> dict[str, str]:
        """Independent values, or neighbours of values that are known to go together."""
        if not exemplars or self.random.random() < 0.4:
            return {name: self.draw(name) for name in self.streams}
        base = self.random.choice(exemplars)
        return {name: self.beside(name, base[name]) for name in self.streams}

    def beside(self, name: str, value: str) -> str:
        """A value like this one, with other numbers, letters or members."""
        for _ in range(4):
            changed = self.random.choice((other_numbers, other_letters, other_members))(value, self.random)
            if self._valid(name, changed):
                return changed
        return value if self.random.random() < 0.7 else self.draw(name)

    def strangers(self, known: Sequence[Case]) -> Iterator[Case]:
        """Values outside each vocabulary, which no lookup binds; code must not have a default for them."""
        for name, kind in self.revision.types.items():
            base = next((case for case in known if case.kind in ("exemplar", "ordinary", "boundary")), None)
            if base is None:
                return
            strange: object = None
            if kind.name == "vocabulary":
                strange = STRANGER
            elif kind.name == "list[vocabulary]":
                strange = [STRANGER]
            elif kind.name == "records":
                strange = [{"$record": [3, STRANGER]}]
            if strange is not None:
                yield Case("stranger", {**base.shown, name: STRANGER}, {**base.tagged, name: strange})

    def case(self, kind: str, arguments: Mapping[str, str]) -> Case:
        complete = self._with_variables(kind, self._with_columns(dict(arguments)))
        for name, parameter in self.revision.parameters.items():
            if not self.revision.types[name].within(complete[name], parameter.minimum, parameter.maximum):
                raise ValueProblem(f"{name} is outside its bounds")
            if parameter.one_of and complete[name] not in parameter.one_of:
                raise ValueProblem(f"{name} is not one of its values")
            if parameter.source_as and not (kind == "exemplar" and parameter.source_as in arguments):
                complete[parameter.source_as] = self.written.get((name, complete[name]), complete[name])
        tagged = {name: each.to_tagged(complete[name]) for name, each in self.revision.argument_types.items()}
        return Case(kind, complete, tagged)

    def _with_variables(self, kind: str, arguments: dict[str, str]) -> dict[str, str]:
        """Most generated variables are one of those in the expression or equation beside them, as requests have it."""
        kinds = self.revision.types
        letters = {
            letter
            for name in arguments
            if name in kinds and kinds[name].name in ("expression", "equation")
            for letter in arguments[name]
            if letter.isalpha()
        }
        if letters and kind == "ordinary" and self.random.random() < 0.9:
            for name in arguments:
                if name in kinds and kinds[name].name == "variable":
                    arguments[name] = self.random.choice(sorted(letters))
        return arguments

    def _with_columns(self, arguments: dict[str, str]) -> dict[str, str]:
        """Columns are those of the table, as binding makes them, and different ones where it has enough."""
        tables = [name for name, kind in self.revision.types.items() if kind.name == "table"]
        if len(tables) == 1:
            columns: list[str] = json.loads(arguments[tables[0]])["columns"]
            names = [name for name, kind in self.revision.types.items() if kind.name == "column"]
            used = {arguments[name] for name in names}
            for name in names:
                if arguments[name] not in columns:
                    arguments[name] = self.random.choice([each for each in columns if each not in used] or columns)
                    used.add(arguments[name])
        return arguments
