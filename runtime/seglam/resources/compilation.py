"""ProcedureCompilation: a type of request that missed, by its fingerprint, and what came of it.

It holds hashes and a reference, never the user's text: whoever may list compilations learns nothing of the requests.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from seglam.procedures.document import Digest, Identifier, Line, Model, Short, TypeName
from seglam.resources.base import ATOMIC, Count, Name, Reported, Resource, ResourceName, Status, Text, Time, User, rules

CompilationOutcome = Literal[
    "Proposed", "Extended", "NotCompilable", "Rejected", "NoCompletion", "ModelFailed", "Budget", "KnownByNow", "Failed"
]


class Reference(Model):
    """Where the request itself waits."""

    model_config = ConfigDict(json_schema_extra=ATOMIC)

    host: Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f.:]{2,45}$", max_length=45)] = Field(
        description="Address of the gateway pod that keeps the request."
    )
    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$", max_length=64)] = Field(
        description="What the gateway knows the request by."
    )


class ProcedureCompilationSpec(Model):
    """What is to be compiled."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("self.fingerprint == oldSelf.fingerprint", "the fingerprint names the compilation and is immutable"),
            ("self.attempt >= oldSelf.attempt", "attempt only grows"),
            ("self.attempt > oldSelf.attempt || self == oldSelf", "the spec changes only with a greater attempt"),
        )
    )

    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$", max_length=32)] = Field(
        description="Fingerprint of the request's type: numbers and quoted parts are masked before it is made."
    )
    request_digest: Digest = Field(description="SHA-256 of the request that missed.")
    requester: User = Field(description="Who asked; an author of what is compiled.")
    attempt: Annotated[int, Field(ge=1, le=1_000_000)] = Field(description="Number of the attempt; a new one grows it.")
    reference: Reference = Field(description="Where the request itself waits.")
    traceparent: (
        Annotated[str, StringConstraints(pattern=r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$", max_length=55)] | None
    ) = Field(default=None, description="W3C trace context of the request that missed.")


class NegativeParameter(Reported):
    """A slot of a negative entry's patterns."""

    name: Identifier = Field(description="Name of the slot.")
    type: TypeName = Field(description="Value type of the slot.")


class NegativeEntry(Reported):
    """A type that no code can answer: the model is not asked again before the entry expires."""

    reason: Text = Field(description="Why no code can answer requests of this type.")
    model: Short = Field(description="Model that said so.")
    expires: Time = Field(description="When the model may be asked again.", json_schema_extra={"format": "date-time"})
    patterns: list[Line] | None = Field(default=None, max_length=64, description="Templates of the type.")
    parameters: list[NegativeParameter] | None = Field(
        default=None, max_length=32, description="Slots of the templates."
    )


class Call(Reported):
    """One call of a model."""

    role: Short = Field(description="author or verifier.")
    purpose: Short = Field(description="What was asked for, such as implementation or contrasts.")
    model: Short = Field(description="The model.")
    input_tokens: Count = Field(description="Tokens that were sent, as the endpoint counted them.")
    output_tokens: Count = Field(description="Tokens that came back, as the endpoint counted them.")


class ProcedureCompilationStatus(Status):
    """What came of the compilation."""

    attempt: Count | None = Field(default=None, description="The attempt that this status describes.")
    outcome: CompilationOutcome | None = Field(default=None, description="How the attempt ended; absent until then.")
    message: Text | None = Field(default=None, description="How it ended, for people.")
    procedure: ResourceName | None = Field(default=None, description="Procedure that was proposed or extended.")
    digest: Digest | None = Field(default=None, description="Digest of the proposed revision.")
    negative: NegativeEntry | None = Field(
        default=None, description="Set when no code can answer the type.", json_schema_extra=ATOMIC
    )
    calls: list[Call] | None = Field(default=None, max_length=64, description="Calls of models, in their order.")
    job: Name | None = Field(default=None, description="Job that does the work, in the compile namespace.")
    started_at: Time | None = Field(
        default=None, description="When the attempt began.", json_schema_extra={"format": "date-time"}
    )
    finished_at: Time | None = Field(
        default=None, description="When the attempt ended.", json_schema_extra={"format": "date-time"}
    )
    retry_after: Time | None = Field(
        default=None, description="When a new attempt may be made.", json_schema_extra={"format": "date-time"}
    )


class ProcedureCompilation(Resource):
    """A type of request that missed, and the work of compiling it. It never holds the request's text."""

    kind: Literal["ProcedureCompilation"] = "ProcedureCompilation"
    spec: ProcedureCompilationSpec = Field(description="What is to be compiled.")
    status: ProcedureCompilationStatus = Field(
        default_factory=ProcedureCompilationStatus, description="What came of the compilation."
    )
