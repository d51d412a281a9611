"""Conditions as a value: set one, keep when it last changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from seglam.resources.base import Condition

Clock = Callable[[], datetime]
State = Literal["True", "False", "Unknown"]
MAX_MESSAGE = 1024


class ConditionType(StrEnum):
    """The conditions that SEGLAM's kinds have."""

    READY = "Ready"
    SERVING = "Serving"
    STALLED = "Stalled"
    VERIFIED = "Verified"
    ACTIVE = "Active"
    REACHABLE = "Reachable"
    REQUIREMENTS_MET = "RequirementsMet"


class Reason(StrEnum):
    """Reasons of conditions. Programs and alert rules may rely on them."""

    # ReasoningProcedure and ProcedureRevision
    ACTIVE = "Active"
    VERIFYING = "Verifying"
    VERIFIED = "Verified"
    AWAITING_REVIEW = "AwaitingReview"
    REJECTED = "Rejected"
    QUARANTINED = "Quarantined"
    VERIFICATION_FAILED = "VerificationFailed"
    INVALID = "Invalid"
    AUTHOR_UNKNOWN = "AuthorUnknown"
    OVERLAPS = "Overlaps"
    RUNNERS_NOT_READY = "RunnersNotReady"
    SERVING = "Serving"
    NOTHING_APPROVED = "NothingApproved"
    PIN_NOT_APPROVED = "PinNotApproved"
    SUPERSEDED = "Superseded"
    PROGRESSING = "Progressing"
    # ProcedureReview
    PENDING = "Pending"
    APPROVED = "Approved"
    # ProcedureCompilation
    WAITING = "Waiting"
    COMPILING = "Compiling"
    FINISHED = "Finished"
    FAILED = "Failed"
    # ProcedureCounterexample
    OPEN = "Open"
    CONFIRMED = "Confirmed"
    DOUBTFUL = "Doubtful"
    REFUTED = "Refuted"
    DISMISSED = "Dismissed"
    # RunnerPool
    AVAILABLE = "Available"
    EGRESS_NOT_BLOCKED = "EgressNotBlocked"
    SCALED_TO_ZERO = "ScaledToZero"
    # PackImport, TrustPolicy and TrustRoot; what the gate of packs says stands beside these as its own codes
    IMPORTED = "Imported"
    REQUIREMENTS_MET = "RequirementsMet"
    REQUIREMENT_MISSING = "RequirementMissing"
    PACK_REFUSED = "PackRefused"
    VERSION_MISSING = "VersionMissing"
    DOWNGRADE = "Downgrade"
    SOURCE_MISSING = "SourceMissing"
    SOURCE_UNREACHABLE = "SourceUnreachable"
    SOURCE_REACHABLE = "SourceReachable"
    SIGNING_FAILED = "SigningFailed"
    ROOT_MISSING = "RootMissing"
    ACCEPTED = "Accepted"
    # all
    NOT_OWNED = "NotOwned"


def timestamp(moment: datetime) -> str:
    """A moment as the API server writes it: UTC, whole seconds. A moment without a zone is refused by ValueError."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def with_condition(
    conditions: Sequence[Condition] | None,
    type_: str,
    status: State | bool,
    reason: str,
    message: str,
    *,
    generation: int | None,
    clock: Clock,
) -> list[Condition]:
    """`conditions` with one of them set, in the same order; a new one comes last.

    `lastTransitionTime` is kept while the status stays, so that setting the same again gives an equal list. Messages
    are cut to 1,024 characters.
    """
    state: State = ("True" if status else "False") if isinstance(status, bool) else status
    text = message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"
    before = next((each for each in conditions or () if each.type == type_), None)
    since = before.last_transition_time if before and before.status == state else timestamp(clock())
    condition = Condition(
        type=str(type_),
        status=state,
        reason=str(reason),
        message=text,
        last_transition_time=since,
        observed_generation=generation,
    )
    if before is None:
        return [*(conditions or ()), condition]
    return [condition if each.type == type_ else each for each in conditions or ()]
