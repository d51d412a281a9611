"""What every value type offers, and the shapes that stand for it when patterns are compared.

A value type is a small strict parser. It returns *all* readings of a text: more than one distinct binding of a
request is a miss. Where a value is stored or shown it is a string, the type's canonical text; only inside the sandbox
does it become an object.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from seglam.procedures.text import Text

Reading = tuple[int, str]
"""Token index just past the value, and the value's canonical text."""


class ValueProblem(ValueError):
    """A canonical text or an answer that its type does not accept; the message says what is accepted."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A value as somebody might write it, and its canonical text."""

    text: str
    canonical: str


# Shapes: regular expressions over tokens. They accept at least every text that the type accepts.


JOINING = frozenset(
    "and or nor but by for from in into on onto at to with without within over under as than then that which who where"
    " when while if is are was were be the an this these those their each every not no only except between against via"
    " of per".split()
)
"""English words of two letters and more that join the parts of a sentence, folded."""

BREAKING = frozenset(".,;:!?\"'`\u201e\u00ab\u00bb")
"""Marks that end a clause or begin or end a quotation, folded."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """One token: one of `literals` (folded), or of `classes`.

    Classes are `word` (letters), `letter` (one letter), `content` (letters, save `JOINING`), `digits`, `digits1` to
    `digits4` (so many digits), `mark` (any other single character), `sign` (any of those, save `BREAKING`) and `any`.
    `glued` says whether the token touches the one before it; None is either.
    """

    literals: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    glued: bool | None = None


@dataclass(frozen=True, slots=True)
class Seq:
    """Each of `items`, in order."""

    items: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Alt:
    """Any one of `items`; an empty `Seq` among them makes it optional."""

    items: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Star:
    """`item`, any number of times, none included."""

    item: Shape


Shape = Symbol | Seq | Alt | Star


def lit(*tokens: str, glued: bool | None = None) -> Symbol:
    """Any one of these tokens, given folded."""
    return Symbol(literals=frozenset(tokens), glued=glued)


def cls(*classes: str, glued: bool | None = None) -> Symbol:
    """Any token of these classes."""
    return Symbol(classes=frozenset(classes), glued=glued)


def seq(*items: Shape) -> Seq:
    """Each, in order."""
    return Seq(items)


def alt(*items: Shape) -> Alt:
    """Any one."""
    return Alt(items)


def opt(item: Shape) -> Alt:
    """The item or nothing."""
    return Alt((item, Seq(())))


def plus(item: Shape) -> Seq:
    """The item, once or more."""
    return Seq((item, Star(item)))


ANYTHING = plus(cls("any"))


class ValueType(ABC):
    """A type of argument or answer.

    Attributes:
        name: the type as a document writes it, e.g. `integer` or `list[integer]`.
        key: tells this type from any other with different readings; equal to `name` unless the type is parametrised by
            more than its name (a vocabulary, units, a schema). Patterns of many procedures share work by it.
        first: the folded first characters with which a text of the type may begin, or None for any. Only a filter: it
            must never exclude a text that `scan` accepts.
        openers: the first tokens with which a text of the type may begin, or None for any; as `first`, only a filter.
        exact: whether `shape` accepts nothing that `scan` refuses.
        separate: whether no word or number outside of a value touches a word or number at its beginning.
        greedy: whether none touches one at its end.
        summary: what the type is, in a sentence.
        python: what `solve` receives.
        accepts: texts that are values of the type.
        rejects: texts that are none, or that have several readings.
    """

    name: str
    key: str
    first: frozenset[str] | None = None
    openers: Collection[str] | None = None
    exact: bool = True
    separate: bool = False
    greedy: bool = False
    summary: str
    python: str
    accepts: tuple[str, ...]
    rejects: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<value type {self.key}>"

    @abstractmethod
    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        """All readings of a value that begins at token `start`, which is below `len(text)`.

        Each reading ends at a token boundary. Two readings may end at one place with different canonical texts: then
        the text is ambiguous.
        """

    @abstractmethod
    def check(self, canonical: str) -> None:
        """Raise `ValueProblem` unless this is a canonical text of the type."""

    @abstractmethod
    def to_tagged(self, canonical: str) -> object:
        """The value as tagged JSON, the form in which it enters the sandbox. Exact; never a float."""

    @abstractmethod
    def from_tagged(self, tagged: object) -> str:
        """The canonical text of an answer that left the sandbox as tagged JSON; `ValueProblem` if it is of another
        type.
        """

    @abstractmethod
    def shape(self) -> Shape:
        """A regular expression over tokens that accepts every text which `scan` accepts."""

    @abstractmethod
    def samples(self, random: random.Random) -> Iterator[Sample]:
        """Values without end: first the boundaries of the type, then ordinary ones. Each text has the canonical text
        as its
        only reading."""

    def readings(self, text: str, region: str | None = None) -> tuple[str, ...]:
        """The distinct canonical texts of `text` as a whole; empty if it is no value of the type."""
        cut = Text(text, region)
        if not len(cut):
            return ()
        return tuple(dict.fromkeys(value for end, value in self.scan(cut, 0) if end == len(cut)))

    def equal(self, left: str, right: str) -> bool:
        """Whether two canonical texts are the same value (`1.50` and `1.5`)."""
        return left == right

    def within(self, canonical: str, minimum: str | None, maximum: str | None) -> bool:
        """Whether a value lies in closed bounds; `ValueProblem` if the type has no order."""
        if minimum is None and maximum is None:
            return True
        raise ValueProblem(f"values of type {self.name} have no order, so they cannot have a minimum or a maximum")
