"""ProcedureCounterexample: somebody says that a revision answers a request wrongly, and what was found out.

Unlike all other kinds it holds a user's request: whoever states a counterexample states it for reviewers to read.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from seglam.procedures.document import Asked, Digest, Model
from seglam.resources.base import ATOMIC, DECISIONS_STAY, Resource, ResourceName, Status, Text, User, list_map, rules

MAX_ANSWER = 4096
"""Characters of an answer that a status shows."""
MAX_JUDGEMENTS = 64
STOPPING = ("Confirmed", "Doubtful")
"""States that stop their revision."""
Answer = Annotated[str, StringConstraints(max_length=131072)]
Shown = Annotated[str, StringConstraints(max_length=MAX_ANSWER)]


class Judgement(Model):
    """One person's decision about a counterexample. It is never changed or removed."""

    model_config = ConfigDict(json_schema_extra=rules(("self == oldSelf", "a decision that was made does not change")))

    reviewer: User = Field(description="User name of the person who decides; it must be your own.")
    decision: Literal["Confirm", "Dismiss"] = Field(
        description="Confirm, which its sender cannot, stops the revision; Dismiss overrules what programs found."
    )
    reason: Text | None = Field(default=None, description="Why, for those who read the record.")
    rule_changed: bool | None = Field(
        default=None,
        description="With Confirm: the revision was right once, so that the answers of its examples hold no longer.",
    )


class ProcedureCounterexampleSpec(Model):
    """What was asked, what the right answer is, and what people decided about that."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.expected) != (has(self.noAnswer) && self.noAnswer)",
                "state either expected, the right answer, or noAnswer: true",
            ),
            (
                "self.procedure == oldSelf.procedure && self.digest == oldSelf.digest && self.sender == oldSelf.sender "
                "&& self.asked == oldSelf.asked && has(self.expected) == has(oldSelf.expected) "
                "&& (!has(self.expected) || self.expected == oldSelf.expected)",
                "only decisions of a counterexample change",
            ),
            DECISIONS_STAY,
        )
    )

    procedure: ResourceName = Field(description="Name of the ReasoningProcedure.")
    digest: Digest = Field(description="Digest of the revision that answers wrongly.")
    sender: User = Field(description="Who says so; it must be your own name.")
    asked: Asked = Field(description="What was asked, for reviewers to read.", json_schema_extra=ATOMIC)
    expected: Answer | None = Field(default=None, description="The right answer.")
    no_answer: bool | None = Field(default=None, description="True if the request should not have been answered.")
    why: Text | None = Field(default=None, description="Why, for whoever decides.")
    decisions: list[Judgement] | None = Field(
        default=None,
        max_length=MAX_JUDGEMENTS,
        description="Decisions, one for each person and kind of decision; they are only added.",
        json_schema_extra=list_map("reviewer", "decision"),
    )


class ProcedureCounterexampleStatus(Status):
    """What was found out."""

    state: Literal["Open", "Confirmed", "Doubtful", "Refuted", "Dismissed"] | None = Field(
        default=None,
        description="Confirmed and Doubtful stop the revision; Open and Doubtful wait for a reviewer.",
    )
    examined: Literal["Open", "Confirmed", "Doubtful", "Refuted"] | None = Field(
        default=None, description="What the two implementations amount to, before people decide."
    )
    found: Text | None = Field(default=None, description="What the two implementations gave, in words.")
    given: Shown | None = Field(default=None, description="What the revision answers, its beginning.")
    verified: Shown | None = Field(
        default=None, description="What the verifier's implementation answers, its beginning."
    )


class ProcedureCounterexample(Resource):
    """Somebody says that a revision answers a request wrongly. It holds that request."""

    kind: Literal["ProcedureCounterexample"] = "ProcedureCounterexample"
    spec: ProcedureCounterexampleSpec = Field(
        description="What was asked, what the right answer is, and what people decided about that."
    )
    status: ProcedureCounterexampleStatus = Field(
        default_factory=ProcedureCounterexampleStatus, description="What was found out."
    )
