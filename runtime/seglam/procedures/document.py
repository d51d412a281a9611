"""The procedure document: the same YAML is a file, a member of a pack and a Kubernetes resource.

Every argument, answer and vocabulary value is a string in its value type's canonical text, and maps are lists of name
and value: API servers turn long integers into floats and drop nulls, and YAML readers disagree on `NO`, `on` and
`0o17`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

API_VERSION = "seglam.dev/v1alpha1"
KIND = "ReasoningProcedure"
MAX_CODE_BYTES = 64 * 1024
MAX_DOCUMENT_BYTES = 192 * 1024
"""Client-side apply keeps a copy in an annotation, and annotations end at 256 KiB."""

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$", max_length=63)]
ResourceName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", max_length=63)]
RuleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$", max_length=63)]
TypeName = Annotated[str, StringConstraints(pattern=r"^[a-z]+(\[[a-z]+\])?$", max_length=63)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Short = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$", max_length=71)]


class Model(BaseModel):
    """Base of all parts: unknown fields are refused, instances do not change, names are camelCase in documents."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)


class NamedValue(Model):
    """One entry of a map that is kept as a list."""

    name: Identifier = Field(description="Name of the entry.")
    value: str = Field(max_length=65536, description="Canonical text of the value, always a string.")


class Input(Model):
    """A file that is attached to a request."""

    name: Short = Field(description="Name of the attached input, such as sales.csv.")
    media_type: Short = Field(description="Media type of the input: text/csv, application/json or text/plain.")
    text: str = Field(max_length=131072, description="The input's text.")


class VocabularyValue(Model):
    """One member of a vocabulary."""

    value: Short = Field(description="The canonical value, which is what the code receives.")
    names: list[Short] | None = Field(default=None, max_length=64, description="Other names that mean this value.")


class Vocabulary(Model):
    """A closed set of values; a text outside it is a miss, never a guess."""

    name: Identifier = Field(description="Name by which parameters refer to the vocabulary.")
    values: list[VocabularyValue] = Field(
        min_length=1, max_length=2000, description="The members. No name may stand for two of them."
    )


class Rule(Model):
    """A part that several patterns share; `<name>` in a pattern stands for it."""

    name: RuleName = Field(description="Name by which patterns refer to the rule.")
    text: Line = Field(description="The part, in the notation of patterns; it may hold parameters.")


class Parameter(Model):
    """One typed argument of the procedure."""

    name: Identifier = Field(description="Name of the argument, in patterns and in the code.")
    type: TypeName = Field(
        description="Value type, such as integer, vocabulary or list[decimal]; see the value types page."
    )
    vocabulary: Identifier | None = Field(
        default=None,
        description="Vocabulary of the values, for the types vocabulary, list[vocabulary] and records.",
    )
    units: list[Short] | None = Field(default=None, max_length=64, description="Units that a quantity may have.")
    origin: Literal["pattern", "input", "context"] | None = Field(
        default=None,
        description="Where the value comes from: a pattern (default), an attached input, or the request's context. A "
        "pattern's slot for a parameter of origin input stands for the name of the attached file.",
    )
    key: Short | None = Field(
        default=None,
        description="Origin input: media type of the only attached input. Origin context: the entry's name (now).",
    )
    source_as: Identifier | None = Field(
        default=None,
        description="Name of an extra argument of type text that carries what the request wrote for this value.",
    )
    minimum: Short | None = Field(
        default=None, description="Least value that is accepted, as canonical text; less is a miss."
    )
    maximum: Short | None = Field(
        default=None, description="Greatest value that is accepted, as canonical text; more is a miss."
    )
    one_of: list[Short] | None = Field(
        default=None,
        max_length=256,
        description="The only values that are accepted, as canonical texts; another is a miss.",
    )
    description: Line | None = Field(
        default=None, description="What the argument means, for readers and for the verifier."
    )

    @property
    def in_patterns(self) -> bool:
        """Whether the value comes from a pattern, and neither from an input nor from the context."""
        return self.origin in (None, "pattern")


class Returns(Model):
    """Type of the answer, and what must hold of every answer before it is served."""

    type: TypeName = Field(description="Value type of the answer.")
    vocabulary: Identifier | None = Field(default=None, description="Vocabulary of the answer, for type vocabulary.")
    minimum: Short | None = Field(default=None, description="Least answer that may be served.")
    maximum: Short | None = Field(default=None, description="Greatest answer that may be served.")
    one_of: list[Short] | None = Field(default=None, max_length=256, description="The only answers that may be served.")
    max_length: Annotated[int, Field(ge=1, le=1048576)] | None = Field(
        default=None, description="Greatest length of the answer's text, in characters."
    )
    description: Line | None = Field(default=None, description="Form and meaning of the answer.")


class Pattern(Model):
    """A sentence template that matches a whole request or nothing."""

    text: Line = Field(
        description="Template: [optional], (one|other), {parameter}, <rule>; a backslash takes a character as it is."
    )
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=63)] | None = (
        Field(default=None, description="BCP 47 language of the template's words.")
    )


class StructuredField(Model):
    """A member that a structured request must have."""

    pointer: Short = Field(description="RFC 6901 JSON pointer to the member.")
    equals: Short | None = Field(
        default=None, description="JSON text that the member must equal; makes it a discriminator."
    )
    parameter: Identifier | None = Field(default=None, description="Parameter that the member's value is bound to.")


class Structured(Model):
    """The shape of structured (JSON) requests; a member that is not listed is a miss."""

    fields: list[StructuredField] = Field(
        min_length=1, max_length=64, description="All members of the value: discriminators and parameters."
    )


class Match(Model):
    """Patterns for texts, a shape for structured requests, and what must miss."""

    patterns: list[Pattern] | None = Field(
        default=None, max_length=512, description="Sentence templates; one that matches is enough."
    )
    structured: Structured | None = Field(
        default=None, description="Shape of structured requests that the procedure answers."
    )
    refuse: list[Line] | None = Field(
        default=None,
        max_length=128,
        description="Requests near this type that must miss, with {parameter} where any value of it may stand.",
    )


class Asked(Model):
    """A request as a document states it: a text or a structured value."""

    request: Annotated[str, StringConstraints(max_length=65536)] | None = Field(
        default=None, description="The request's text."
    )
    value: Annotated[str, StringConstraints(max_length=65536)] | None = Field(
        default=None, description="The structured request, as JSON text."
    )
    inputs: list[Input] | None = Field(default=None, max_length=8, description="Inputs attached to the request.")
    context: list[NamedValue] | None = Field(
        default=None, max_length=16, description="The request's context, such as now and locale."
    )


class Example(Asked):
    """A request with its arguments and answer; run at every verification."""

    arguments: list[NamedValue] = Field(
        max_length=32, description="The arguments that the request binds, as canonical texts."
    )
    answer: str = Field(max_length=131072, description="The answer, as canonical text.")


class Limits(Model):
    """What one call may use."""

    fuel: Annotated[int, Field(ge=1_000_000, le=1_000_000_000_000)] | None = Field(
        default=None,
        description="WebAssembly instructions that a call may use, about 10 thousand million a second.",
    )
    memory_mib: Annotated[int, Field(ge=14, le=1024)] | None = Field(
        default=None,
        alias="memoryMiB",
        description="Memory that an instance may use, in MiB, interpreter included (about 14).",
    )


class SandboxSettings(Model):
    """Where the procedure runs; not part of the digest."""

    isolation: Literal["pooled", "dedicated"] | None = Field(
        default=None,
        description="Whether the procedure shares runner pods with others of its tenant or has its own.",
    )
    runtime_class_name: Short | None = Field(default=None, description="RuntimeClass of dedicated pods, as in a pod.")


class AfterShadow(Model):
    """When shadow runs admit a revision without a person."""

    samples: Annotated[int, Field(ge=1, le=1_000_000)] = Field(description="Shadow runs to count before a decision.")
    agreement: Short = Field(description="Least share of agreeing runs, as a decimal such as 0.999.")


class Activation(Model):
    """Which approved revision is served; not part of the digest."""

    mode: Literal["Newest", "Pinned"] = Field(
        description="Newest serves the newest approved revision, Pinned the one named."
    )
    digest: Digest | None = Field(default=None, description="The pinned revision's digest.")


class Spec(Model):
    """Everything that a procedure is and how it is deployed."""

    summary: Short = Field(description="What the procedure answers, in one sentence.")
    parameters: list[Parameter] | None = Field(default=None, max_length=32, description="Typed arguments.")
    vocabularies: list[Vocabulary] | None = Field(
        default=None, max_length=16, description="Closed sets of values that parameters use."
    )
    rules: list[Rule] | None = Field(
        default=None,
        max_length=128,
        description="Parts that patterns share. Shared rules are copied here, so that the digest fixes their meaning.",
    )
    returns: Returns = Field(description="What the procedure answers.")
    match: Match = Field(description="Which requests the procedure answers.")
    code: Annotated[str, StringConstraints(min_length=1)] = Field(
        max_length=MAX_CODE_BYTES,
        description="Python that defines solve(...), with one argument for each parameter.",
    )
    examples: list[Example] | None = Field(
        default=None, max_length=64, description="Requests with their arguments and answers."
    )
    limits: Limits | None = Field(default=None, description="What one call may use.")
    sandbox: SandboxSettings | None = Field(
        default=None, description="Where the procedure runs; not part of the digest."
    )
    review_policy: Literal["Manual", "AfterShadow"] | None = Field(
        default=None,
        description="How a revision is admitted: by a reviewer (the default) or after shadow runs. Not in the digest.",
    )
    after_shadow: AfterShadow | None = Field(
        default=None, description="Conditions of AfterShadow. Not part of the digest."
    )
    activation: Activation | None = Field(default=None, description="Which revision is served. Not part of the digest.")


DEPLOYMENT_FIELDS = frozenset({"sandbox", "review_policy", "after_shadow", "activation"})
"""Fields of `Spec` that say where and how, not what; they are not in the canonical form."""


class Metadata(Model):
    """Names the procedure; as in any Kubernetes object, other members are kept but not read."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: ResourceName = Field(description="Name of the procedure.")


class ReasoningProcedure(Model):
    """The document."""

    api_version: Literal["seglam.dev/v1alpha1"] = Field(description="Version of the document's format.")
    kind: Literal["ReasoningProcedure"] = Field(description="Kind of the document.")
    metadata: Metadata = Field(description="Name of the procedure.")
    spec: Spec = Field(description="The procedure itself.")
