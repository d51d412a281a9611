"""The shapes of what models reply: as small as each question allows, and JSON throughout."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from seglam.procedures.document import (
    MAX_CODE_BYTES,
    Identifier,
    Input,
    Line,
    Parameter,
    ResourceName,
    Returns,
    Rule,
    Short,
    TypeName,
    Vocabulary,
)


def _texts(value: Any) -> Any:
    """Whole numbers become strings: every value of a document is one, and models forget the quotes."""
    if isinstance(value, dict):
        return {key: _texts(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)


class _Reply(_Part):
    @model_validator(mode="before")
    @classmethod
    def _read_numbers(cls, value: Any) -> Any:
        return _texts(value)


class PatternReply(_Part):
    """A pattern that names its language."""

    text: Line
    language: str | None = None


class ExampleReply(_Part):
    """A request with its arguments by name and its answer, all as canonical texts, as far as the author is certain."""

    request: str = Field(min_length=1, max_length=65536)
    inputs: list[Input] = Field(default_factory=list, max_length=8)
    arguments: dict[str, str] = Field(default_factory=dict)
    answer: str | None = None


class ProcedureReply(_Part):
    """A new procedure."""

    name: ResourceName
    summary: Short
    parameters: list[Parameter] = Field(default_factory=list, max_length=32)
    vocabularies: list[Vocabulary] = Field(default_factory=list, max_length=16)
    rules: list[Rule] = Field(default_factory=list, max_length=64)
    returns: Returns
    patterns: list[Line | PatternReply] = Field(min_length=1, max_length=512)
    refuse: list[Line] = Field(default_factory=list, max_length=128)
    code: str = Field(min_length=1, max_length=MAX_CODE_BYTES)
    examples: list[ExampleReply] = Field(default_factory=list, max_length=16)
    arguments: dict[str, str] = Field(default_factory=dict)
    answer: str | None = None


class ExtensionReply(_Part):
    """Additions to a known procedure. `code` is given only where the code must know members that it did not."""

    procedure: ResourceName
    patterns: list[Line | PatternReply] = Field(default_factory=list, max_length=512)
    vocabularies: list[Vocabulary] = Field(default_factory=list, max_length=16)
    rules: list[Rule] = Field(default_factory=list, max_length=64)
    refuse: list[Line] = Field(default_factory=list, max_length=128)
    code: str | None = Field(default=None, min_length=1, max_length=MAX_CODE_BYTES)
    arguments: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _adds(self) -> Self:
        if not self.patterns and not self.vocabularies and not self.rules:
            raise ValueError("an extension adds patterns, alternatives of rules or vocabulary values")
        return self


class LooseParameter(_Part):
    """A slot of a pattern that answers nothing; opaque text may stand anywhere."""

    name: Identifier
    type: TypeName


class NotCompilableReply(_Part):
    """Why no code can answer requests of this type, and which requests those are."""

    reason: Short
    parameters: list[LooseParameter] = Field(default_factory=list, max_length=32)
    patterns: list[Line] = Field(default_factory=list, max_length=64)


class AuthorReply(_Reply):
    """What an author decides about a request that missed; the part of the decision's name is given, no other."""

    decision: Literal["procedure", "extend", "not-compilable"]
    procedure: ProcedureReply | None = None
    extend: ExtensionReply | None = None
    not_compilable: NotCompilableReply | None = None

    @model_validator(mode="after")
    def _one_part(self) -> Self:
        parts = {
            "procedure": self.procedure,
            "extend": self.extend,
            "not-compilable": self.not_compilable,
        }
        given = [name for name, part in parts.items() if part is not None]
        if given != [self.decision]:
            field = "notCompilable" if self.decision == "not-compilable" else self.decision
            raise ValueError(f"decision {self.decision!r} needs the member {field!r} and none of the other parts")
        return self


class AliasReply(_Reply):
    """Patterns that a known procedure lacks; none if no procedure computes what was asked.

    `wordings` are requests that the author imagines, with slots for values, before it writes patterns for them.
    `vocabularies` are further names of values that the procedure has.
    """

    wordings: list[Line] = Field(default_factory=list, max_length=64)
    procedure: ResourceName | None = None
    patterns: list[Line | PatternReply] = Field(default_factory=list, max_length=64)
    rules: list[Rule] = Field(default_factory=list, max_length=64)
    vocabularies: list[Vocabulary] = Field(default_factory=list, max_length=16)
    why: str = ""

    @model_validator(mode="after")
    def _names_both_or_none(self) -> Self:
        if (self.procedure is None) != (not self.patterns and not self.vocabularies):
            raise ValueError("give the procedure's name and its new patterns or names of values, or null and none")
        return self

    @property
    def extension(self) -> AuthorReply | None:
        """The same as an author's reply; None if nothing is added."""
        if self.procedure is None:
            return None
        extend = ExtensionReply(
            procedure=self.procedure, patterns=self.patterns, rules=self.rules, vocabularies=self.vocabularies
        )
        return AuthorReply(decision="extend", extend=extend)


class CaseReply(_Part):
    """A case that can be checked by hand."""

    arguments: dict[str, str]
    answer: str
    why: str = ""


class ReadingReply(_Part):
    """One way to understand the request, and what the request says about it."""

    reading: str
    fixed_by: str | None = Field(
        default=None, description="The words of the request or summary that choose or exclude it; null if none do."
    )
    guarded: bool = Field(
        default=False, description="Whether your solve calls refuse for the arguments on which it would matter."
    )


class ImplementationReply(_Reply):
    """A verifier's own implementation of a procedure that it knows by its signature only."""

    readings: list[ReadingReply] = Field(default_factory=list, max_length=32)
    code: str = Field(min_length=1, max_length=MAX_CODE_BYTES)
    properties: str | None = Field(
        default=None,
        max_length=MAX_CODE_BYTES,
        description="Python that defines check(arguments, answer) -> str | None; null if there is none.",
    )
    cases: list[CaseReply] = Field(default_factory=list, max_length=5)


class JudgementReply(_Part):
    """The verdict on one pair of sentences."""

    pair: str = Field(description="The pair's number.")
    verdict: Literal["same", "different", "unsure"]
    why: str = ""


class ContrastsReply(_Reply):
    """The verdicts on all pairs."""

    judgements: list[JudgementReply] = Field(default_factory=list, max_length=512)
