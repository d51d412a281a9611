"""One line of a stream: a request, and what its answer has to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NotRequired, TypedDict


class Input(TypedDict):
    """An attached input: its media type and its text."""

    mediaType: str
    text: str


class Defect(TypedDict):
    """Where the generator's own answer is not the right one: the rule of `defects.RULES`, and that answer."""

    rule: str
    generator: str


class Line(TypedDict):
    """One request of a stream.

    `expected` is the right answer in canonical text, or None where the text does not fix one; `must_miss` is then true
    and serving any answer is wrong. `compare` names the rule of `scores.RULES` that judges an answer, and `accept`
    holds other right answers (spellings of a name).
    """

    id: str
    family: str
    text: str
    inputs: NotRequired[dict[str, Input]]
    context: NotRequired[dict[str, str]]
    expected: str | None
    compare: str
    accept: NotRequired[list[str]]
    must_miss: NotRequired[bool]
    defect: NotRequired[Defect]


@dataclass(frozen=True, slots=True)
class Item:
    """A request before it has a place in a stream. `expected` None means that the text fixes no answer."""

    text: str
    expected: str | None
    compare: str = "text"
    inputs: dict[str, Input] = field(default_factory=dict)
    context: dict[str, str] = field(default_factory=dict)
    accept: tuple[str, ...] = ()
    defect: Defect | None = None

    def line(self, family: str, identity: str) -> Line:
        """The item as a line of a stream; keys without content are left out."""

        line: Line = {
            "id": identity,
            "family": family,
            "text": self.text,
            "expected": self.expected,
            "compare": self.compare,
        }
        if self.inputs:
            line["inputs"] = self.inputs
        if self.context:
            line["context"] = self.context
        if self.accept:
            line["accept"] = list(self.accept)
        if self.expected is None:
            line["must_miss"] = True
        if self.defect is not None:
            line["defect"] = self.defect
        return line
