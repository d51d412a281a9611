"""ReasoningProcedure: what people, GitOps and compilations write."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from seglam.procedures.document import MAX_DOCUMENT_BYTES, Digest, Spec
from seglam.resources.base import Count, Name, Resource, Status, rules


def _sum(list_: str, item: str) -> str:
    """CEL for the sum of `item`, in which `i` stands for one member of a list that may be absent."""
    return f"(has({list_}) ? {list_}.map(i, {item}).sum() : 0)"


def _characters() -> str:
    """CEL for the characters of a spec's texts, nearly all of what makes it large. Other names of vocabularies count
    as one each, since adding up their texts is beyond what the API server computes.
    """
    texts = " + ".join(f"(has(i.{name}) ? size(i.{name}) : 0)" for name in ("request", "value"))
    inputs = "(has(i.inputs) ? i.inputs.map(j, size(j.text)).sum() : 0)"
    context = "(has(i.context) ? i.context.map(j, size(j.value)).sum() : 0)"
    example = f"{texts} + size(i.answer) + i.arguments.map(j, size(j.value)).sum() + {inputs} + {context}"
    member = "size(j.value) + (has(j.names) ? size(j.names) : 0)"
    return " + ".join(
        (
            "size(self.code)",
            _sum("self.match.patterns", "size(i.text)"),
            _sum("self.match.refuse", "size(i)"),
            _sum("self.rules", "size(i.text)"),
            _sum("self.vocabularies", f"i.values.map(j, {member}).sum()"),
            _sum("self.examples", example),
        )
    )


PROCEDURE_RULES = rules(
    (
        f"{_characters()} <= {MAX_DOCUMENT_BYTES}",
        f"the document is larger than {MAX_DOCUMENT_BYTES // 1024} KiB; give data as inputs of requests instead",
    ),
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
