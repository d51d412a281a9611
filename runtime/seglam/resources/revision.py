"""ProcedureRevision: one immutable version of a procedure, made by the operator."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from seglam.procedures.document import DEPLOYMENT_FIELDS, Digest, Model, Short, Spec
from seglam.resources.base import ATOMIC, Reported, Resource, ResourceName, Status, Text, User, rules

MAX_DETAIL = 16 * 1024
GateName = Literal["static", "examples", "differential", "match", "agreement"]


class Content(Spec):
    """A spec without the fields that say where and how it runs: what the digest is made of."""

    sandbox: None = Field(default=None, exclude=True)
    review_policy: None = Field(default=None, exclude=True)
    after_shadow: None = Field(default=None, exclude=True)
    activation: None = Field(default=None, exclude=True)

    @classmethod
    def of(cls, spec: Spec) -> Content:
        """The content of a procedure's spec; its digest is the spec's."""
        return cls.model_validate({name: value for name, value in spec if name not in DEPLOYMENT_FIELDS})


class ProcedureRevisionSpec(Model):
    """An immutable document with its digest and authors."""

    model_config = ConfigDict(
        json_schema_extra=rules(("self == oldSelf", "a revision is immutable; edit the ReasoningProcedure"), **ATOMIC)
    )

    procedure: ResourceName = Field(description="Name of the ReasoningProcedure that this is a revision of.")
    digest: Digest = Field(description="SHA-256 of the document's canonical form.")
    authors: list[User] = Field(
        max_length=64, description="Everybody who wrote part of the document: user names, and model:ID for a model."
    )
    document: Content = Field(description="The procedure, without fields that say where and how it runs.")


class GateEvidence(Reported):
    """What one gate found."""

    gate: GateName = Field(description="The gate.")
    passed: bool = Field(description="Whether the revision passed it.")
    summary: Text = Field(description="What was found, in one sentence.")
    detail: Annotated[str, StringConstraints(max_length=MAX_DETAIL)] | None = Field(
        default=None, description="Everything that was found, as JSON text."
    )
    by: Literal["operator", "compilation"] = Field(
        description="Who ran the gate: the operator itself, or the compilation that proposed the revision."
    )


class ProcedureRevisionStatus(Status):
    """Evidence about the revision, and whether it is served."""

    evidence: list[GateEvidence] | None = Field(
        default=None, max_length=10, description="What the gates found, in the order in which they ran."
    )
    engines: list[Short] | None = Field(
        default=None, max_length=4, description="Digests of the engine builds that the gates ran on."
    )

    def implementation(self) -> tuple[str | None, str | None]:
        """The verifier's implementation, if the evidence holds all of it, and the digest of the revision whose
        implementation holds for this one too, where an extension left code and values as they were.
        """
        code = base = None
        for each in self.evidence or ():
            if each.gate != "differential" or not each.passed or each.detail is None:
                continue
            detail = json.loads(each.detail)
            found, elder = detail.get("implementation"), detail.get("base")
            if isinstance(found, str) and "implementation" not in detail.get("cut", ()):
                code = found
            base = elder if isinstance(elder, str) else base
        return code, base


class ProcedureRevision(Resource):
    """One immutable version of a procedure, named by the digest of its content."""

    kind: Literal["ProcedureRevision"] = "ProcedureRevision"
    spec: ProcedureRevisionSpec = Field(description="The document, its digest and authors; immutable.")
    status: ProcedureRevisionStatus = Field(
        default_factory=ProcedureRevisionStatus, description="Evidence about the revision, and whether it is served."
    )
