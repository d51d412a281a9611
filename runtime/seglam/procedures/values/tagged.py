"""Bases of the types that keep one text, and what they share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from seglam.procedures.text import Text
from seglam.procedures.values.base import ValueProblem, ValueType


def after_word(text: Text, start: int) -> bool:
    """Whether a letter or digit touches token `start` on its left."""
    position = text.start(start)
    return position > 0 and text.text[position - 1].isalnum()


class AsWritten(ValueType):
    """Base of the types whose canonical text, tagged form and Python object are one string.

    Attributes:
        expected: what the type accepts, for messages.
    """

    summary: str
    python = "str"
    accepts: tuple[str, ...]
    rejects: tuple[str, ...]
    expected: str

    @abstractmethod
    def valid(self, canonical: str) -> bool:
        """Whether this is a canonical text of the type."""

    def check(self, canonical: str) -> None:
        if not self.valid(canonical):
            raise ValueProblem(f"{canonical[:80]!r} is no {self.name}; expected {self.expected}")

    def to_tagged(self, canonical: str) -> object:
        self.check(canonical)
        return canonical

    def from_tagged(self, tagged: object) -> str:
        if not isinstance(tagged, str):
            raise ValueProblem(f"{described(tagged)} is no {self.name}; expected {self.expected}, as a string")
        self.check(tagged)
        return tagged


def described(tagged: object) -> str:
    """A short description of any tagged value, for messages."""
    match tagged:
        case str():
            return repr(tagged[:80])
        case dict() if len(tagged) == 1:
            return f"an object with {str(next(iter(tagged)))[:80]!r}"
        case None | bool():
            return str(tagged)
        case int() if tagged.bit_length() < 256:
            return str(tagged)
    return f"a value of type {type(tagged).__name__}"


def well_formed(text: str) -> bool:
    """Whether a string is Unicode text, without lone surrogates."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


class Tagged(ValueType):
    """Base of the types whose tagged form is a one-key object that holds the canonical text.

    Attributes:
        tag: key of the tagged form.
        expected: what the type accepts, for messages.
    """

    summary: str
    python: str
    accepts: tuple[str, ...]
    rejects: tuple[str, ...]
    tag: str
    expected: str

    @abstractmethod
    def valid(self, canonical: str) -> bool:
        """Whether this is a canonical text of the type."""

    def check(self, canonical: str) -> None:
        if not self.valid(canonical):
            raise ValueProblem(f"{canonical[:80]!r} is no {self.name}; expected {self.expected}")

    def to_tagged(self, canonical: str) -> object:
        self.check(canonical)
        return {self.tag: canonical}

    def from_tagged(self, tagged: object) -> str:
        content = tagged.get(self.tag) if isinstance(tagged, Mapping) and len(tagged) == 1 else None
        if not isinstance(content, str):
            form = f"{{{self.tag!r}: ...}}"
            raise ValueProblem(f"{described(tagged)} is no {self.name}; expected {form} with {self.expected}")
        self.check(content)
        return content
