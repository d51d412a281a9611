"""What a procedure computes, as a second programmer needs it: summary, arguments, vocabularies, form of the answer.

It holds neither patterns nor code. A verifier's recorded implementation is used only for the very same signature.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785

from seglam.procedures.document import Parameter, Returns, Spec


@dataclass(frozen=True, slots=True)
class Signature:
    """A procedure without its patterns and code. `canonical` is RFC 8785 JSON of all that a verifier is told."""

    summary: str
    parameters: tuple[Parameter, ...]
    vocabularies: Mapping[str, tuple[str, ...]]
    returns: Returns

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of all arguments of `solve`."""
        own = [parameter.name for parameter in self.parameters]
        return (*own, *(parameter.source_as for parameter in self.parameters if parameter.source_as))

    @property
    def returns_type(self) -> str:
        """Type of the answer."""
        return self.returns.type

    @property
    def parameter_lines(self) -> tuple[str, ...]:
        """Each parameter as compact JSON, as a prompt shows it."""
        return tuple(_line(parameter) for parameter in self.parameters)

    @property
    def returns_line(self) -> str:
        """The answer's declaration as compact JSON."""
        return _line(self.returns)

    @property
    def canonical(self) -> str:
        """The whole signature as canonical JSON, to compare byte by byte."""
        value: dict[str, Any] = {
            "summary": self.summary,
            "parameters": [_plain(parameter) for parameter in self.parameters],
            "vocabularies": {name: list(values) for name, values in self.vocabularies.items()},
            "returns": _plain(self.returns),
        }
        return rfc8785.dumps(value).decode()

    def __str__(self) -> str:
        parts = [f"{p.name}: {p.type}" + (f" of {p.vocabulary}" if p.vocabulary else "") for p in self.parameters]
        return f"({', '.join(parts)}) -> {self.returns.type}"


def signature_of(spec: Spec) -> Signature:
    """The signature of a procedure; vocabularies with their values, without other names."""
    return Signature(
        spec.summary,
        tuple(spec.parameters or ()),
        {each.name: tuple(member.value for member in each.values) for each in spec.vocabularies or ()},
        spec.returns,
    )


def _plain(part: Parameter | Returns) -> dict[str, object]:
    return part.model_dump(mode="json", by_alias=True, exclude_none=True)


def _line(part: Parameter | Returns) -> str:
    return json.dumps(_plain(part), ensure_ascii=False)
