"""ProcedureReview: the queue of what waits for a person, and the record of who decided what."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from seglam.procedures.document import Digest, Model
from seglam.resources.base import DECISIONS_STAY, Resource, ResourceName, Status, Text, User, list_map, rules

MAX_DECISIONS = 64
Verdict = Literal["Approve", "Reject", "Quarantine"]


class Decision(Model):
    """One person's decision. A person may add another of a different kind later, but never change or remove one."""

    model_config = ConfigDict(json_schema_extra=rules(("self == oldSelf", "a decision that was made does not change")))

    reviewer: User = Field(description="User name of the person who decides; it must be your own.")
    decision: Verdict = Field(
        description="Approve serves the revision; Reject does not; Quarantine stops it wherever it is served, for good."
    )
    reason: Text | None = Field(default=None, description="Why, for those who read the record.")


class ProcedureReviewSpec(Model):
    """What is decided about, and the decisions."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "self.procedure == oldSelf.procedure && self.digest == oldSelf.digest "
                "&& self.authors == oldSelf.authors",
                "procedure, digest and authors of a review are immutable",
            ),
            DECISIONS_STAY,
        )
    )

    procedure: ResourceName = Field(description="Name of the ReasoningProcedure.")
    digest: Digest = Field(description="Digest of the revision that is decided about.")
    authors: list[User] = Field(max_length=64, description="The revision's authors, none of whom can approve it.")
    decisions: list[Decision] | None = Field(
        default=None,
        max_length=MAX_DECISIONS,
        description="Decisions, one for each person and kind of decision; they are only added.",
        json_schema_extra=list_map("reviewer", "decision"),
    )


class ProcedureReviewStatus(Status):
    """What the decisions amount to."""

    state: Literal["Pending", "Approved", "Rejected", "Quarantined"] | None = Field(
        default=None, description="What the decisions amount to. Quarantined wins over all others."
    )
    gates: Annotated[str, StringConstraints(pattern=r"^\d{1,2}/\d{1,2}$", max_length=5)] | None = Field(
        default=None, description="How many of the gates the revision passed, such as 5/5."
    )


class ProcedureReview(Resource):
    """The decision about one revision: opened by the operator, decided by people."""

    kind: Literal["ProcedureReview"] = "ProcedureReview"
    spec: ProcedureReviewSpec = Field(description="What is decided about, and the decisions.")
    status: ProcedureReviewStatus = Field(
        default_factory=ProcedureReviewStatus, description="What the decisions amount to."
    )
