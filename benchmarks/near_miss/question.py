"""Questions: how one is asked, drawn and answered, and the wordings near it. They are data, in `questions/*.yaml`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from benchmarks.near_miss.oracles import ORACLES
from benchmarks.near_miss.values import DRAWERS, FILE, Drawn, Values

HERE = Path(__file__).parent / "questions"
_SLOT = re.compile(r"\{([a-z]+)\}")


class Kind(StrEnum):
    """How the second request of a pair differs from the first."""

    VALUE = "value"  # one value is another
    VALUES = "values"  # all values are others
    OPERATION = "operation"
    ROLES = "roles"  # values change places, or what is asked of them does
    NEGATION = "negation"
    UNIT = "unit"  # another unit, calendar, notation or form of the answer
    BOUNDARY = "boundary"  # since, before, at least, more than, exclusive
    CLAUSE = "clause"  # something is added
    REMOVED = "removed"  # something is left out that the answer depends on
    TWO = "two"  # two questions in one
    LOOKALIKE = "lookalike"  # characters that look like others
    LOCALE = "locale"  # numbers and dates as another region writes them
    PARAPHRASE = "paraphrase"  # other words for the same


@dataclass(frozen=True, slots=True)
class Wording:
    """A sentence with places for values. `answer` names the oracle; None where any answer is wrong."""

    text: str
    answer: str | None = None

    def filled(self, values: Values) -> str:
        """The sentence with its values."""
        return _SLOT.sub(lambda match: values[match[1]].text if match[1] in values else match[0], self.text)

    def expected(self, values: Values) -> str | None:
        """The right answer for these values, None where there is none."""
        if self.answer is None:
            return None
        return ORACLES[self.answer]({name: drawn.value for name, drawn in values.items()})


@dataclass(frozen=True, slots=True)
class Question:
    """One type of request.

    Attributes:
        ask: the wording of the first request.
        draw: name of the drawer of its values.
        compare: the rule by which answers are compared; see `seglam.cli.compare`.
        near: wordings near it, by kind.
        swap: pairs of places whose values change places.
        written: places whose numbers and dates are written in other regions' formats.
    """

    name: str
    ask: Wording
    draw: str
    compare: str
    near: Mapping[Kind, tuple[Wording, ...]]
    swap: tuple[tuple[str, str], ...] = ()
    written: tuple[str, ...] = ()

    def drawn(self, source: Random) -> Values:
        """Values of one request."""
        return DRAWERS[self.draw](source)

    @property
    def slots(self) -> tuple[str, ...]:
        """Places of the first wording, each once."""
        return tuple(dict.fromkeys(_SLOT.findall(self.ask.text)))


@cache
def questions() -> tuple[Question, ...]:
    """All questions, in the order of their files."""
    return tuple(question for path in sorted(HERE.glob("*.yaml")) for question in _read(path))


def _read(path: Path) -> Iterator[Question]:
    for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
        yield _question(entry)


def _question(entry: Mapping[str, Any]) -> Question:
    near = {
        Kind(key): tuple(Wording(each["text"], each.get("answer")) for each in entry[key])
        for key in entry
        if key in Kind.__members__.values()
    }
    return Question(
        name=entry["name"],
        ask=Wording(entry["ask"], entry.get("answer")),
        draw=entry["draw"],
        compare=entry.get("compare", "text"),
        near=near,
        swap=tuple((left, right) for left, right in entry.get("swap", ())),
        written=tuple(entry.get("written", ())),
    )


_TOGETHER: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "bases": (("number", "source"), ("target",)),
    "from_named_base": (("number", "source"), ("target",)),
    "to_named_base": (("number", "source"), ("target",)),
    "equation": (("variable", "equation"),),
    "table": (("key", "rows", "columns"), ("measure",), (FILE,)),
}
"""Values that mean something only together, by drawer; elsewhere each stands for itself."""


def with_one_changed(question: Question, values: Values, source: Random) -> Values:
    """The same values but for one."""
    groups = _TOGETHER.get(question.draw, tuple((name,) for name in values))
    asked = [group for group in groups if any(name in question.slots or name == FILE for name in group)]
    group = source.choice(asked)
    for _ in range(1000):
        other = question.drawn(source)
        same_file = "file" not in values or other["file"].text == values["file"].text
        if same_file and any(other[name].text != values[name].text for name in group):
            return {**values, **{name: other[name] for name in group}}
    raise ValueError(f"{question.name}: {group} has one value only")


def swapped(values: Values, left: str, right: str) -> Values:
    """The values with two in each other's places."""
    return {**values, left: values[right], right: values[left]}


def with_text(values: Values, name: str, text: str, value: object) -> dict[str, Drawn]:
    """The values with one written, and meant, otherwise."""
    return {**values, name: Drawn(text, value)}
