"""What a lookup returns: a hit or a miss, each with an explanation that a person can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from seglam.procedures.revision import Revision


class MissReason(StrEnum):
    """Why no revision answers a request."""

    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"
    VALUE_REJECTED = "value-rejected"
    GUARD = "guard"
    TOO_LARGE = "too-large"


class Binding(NamedTuple):
    """A revision and the arguments that a request binds to its parameters.

    `arguments` are canonical texts by parameter name, with the extra arguments of `sourceAs`. `pattern` is the index of
    the pattern that matched, or None for a structured request.
    """

    revision: Revision
    arguments: Mapping[str, str]
    pattern: int | None

    def tagged(self) -> dict[str, object]:
        """The arguments as tagged JSON, the form in which they enter the sandbox."""
        types = self.revision.argument_types
        return {name: types[name].to_tagged(value) for name, value in self.arguments.items()}

    def shown(self) -> str:
        """The arguments for a person, long ones cut."""
        cut = [f"{name}={value if len(value) <= 60 else value[:57] + '...'}" for name, value in self.arguments.items()]
        return ", ".join(cut)


class Hit(NamedTuple):
    """A request that binds to exactly one active revision."""

    binding: Binding

    @property
    def explanation(self) -> str:
        """Which pattern explains the request, and the arguments; made when somebody asks, not on every hit."""
        revision, _, pattern = binding = self.binding
        patterns = revision.spec.match.patterns
        call = f"{revision.name}({binding.shown()})"
        if pattern is None or not patterns:
            return f"the members of the request are those of {call}"
        return f"pattern {pattern} explains every word: {patterns[pattern].text!r} gives {call}"


@dataclass(frozen=True, slots=True)
class Near:
    """A revision that a miss comes close to; a proposal for a person or a compiler, never a decision."""

    revision: Revision
    pattern: int
    difference: str


@dataclass(frozen=True, slots=True)
class Miss:
    """A request that binds to no revision, or to more than one."""

    reason: MissReason
    explanation: str
    bindings: tuple[Binding, ...] = ()
    near: tuple[Near, ...] = ()
