"""ReasoningProcedure: what people, GitOps and compilations write."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from seglam.procedures.document import Digest, Spec
from seglam.resources.base import Count, Name, Resource, Status, rules

PROCEDURE_RULES = rules(
    (
        "!has(self.activation) || self.activation.mode != 'Pinned' || has(self.activation.digest)",
        "activation.mode Pinned needs activation.digest",
    ),
    (
        "!has(self.reviewPolicy) || self.reviewPolicy != 'AfterShadow' || has(self.afterShadow)",
        "reviewPolicy AfterShadow needs afterShadow",
    ),
    (
        "has(self.match.patterns) || has(self.match.structured)",
        "match needs patterns or structured, else no request can reach the procedure",
    ),
)


class ReasoningProcedureStatus(Status):
    """What the operator made of the procedure."""

    digest: Digest | None = Field(default=None, description="Digest of the current spec, deployment fields left out.")
    active_digest: Digest | None = Field(
        default=None, description="Digest of the revision that is served; absent when none is."
    )
    active: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$", max_length=12)] | None = Field(
        default=None, description="The first 12 digits of activeDigest, for people and columns."
    )
    revisions: Count | None = Field(default=None, description="Number of revisions that are kept.")
    review: Name | None = Field(
        default=None, description="Name of the ProcedureReview that decides about the current spec."
    )


class ReasoningProcedure(Resource):
    """Reviewed code that answers one type of request, with the patterns that bind requests to it."""

    kind: Literal["ReasoningProcedure"] = "ReasoningProcedure"
    spec: Spec = Field(description="The procedure itself.", json_schema_extra=PROCEDURE_RULES)
    status: ReasoningProcedureStatus = Field(
        default_factory=ReasoningProcedureStatus, description="What the operator made of the procedure."
    )
