"""What is said of an import: the gate's steps and the conditions."""

from __future__ import annotations

from typing import Any

from seglam.operator.gather.imports import ImportRead
from seglam.operator.policies.chain import Verdict
from seglam.operator.policies.imports import reason_of
from seglam.operator.reconcile.deciding import Decided
from seglam.operator.reconcile.releases import Taken
from seglam.operator.status import condition
from seglam.resources.conditions import MAX_MESSAGE, ConditionType, Reason
from seglam.resources.imports import MAX_STEPS, DecisionStep


def steps_of(decided: Decided) -> list[DecisionStep]:
    if not decided.steps:
        step = DecisionStep(
            name="source", passed=decided.ruling.allowed, code=decided.ruling.code, message=_cut(decided.ruling.words)
        )
        return [step]
    return [
        DecisionStep(name=each.name, passed=each.passed, code=each.code, message=_cut(each.words))
        for each in decided.steps[:MAX_STEPS]
    ]


def verified(read: ImportRead, taken: Taken) -> Any:
    """The condition Verified: what the gate said last."""
    if taken.decided is not None:
        ruling = taken.decided.ruling
        reason = Reason.VERIFIED if ruling.allowed else reason_of(ruling.code)
        return condition(ConditionType.VERIFIED, ruling.allowed, reason, ruling.words)
    return read.status.condition(ConditionType.VERIFIED)


def reachable(taken: Taken) -> Any:
    if taken.unreachable:
        return condition(ConditionType.REACHABLE, False, Reason.SOURCE_UNREACHABLE, taken.unreachable)
    return condition(ConditionType.REACHABLE, True, Reason.SOURCE_REACHABLE, "everything that was asked for came")


def stalled(verdict: Verdict) -> Any:
    return condition(
        ConditionType.STALLED,
        verdict.stalled,
        verdict.reason if verdict.stalled else Reason.PROGRESSING,
        verdict.message if verdict.stalled else "nothing waits for an edit",
    )


def required(missing: tuple[str, ...]) -> Any:
    """The condition RequirementsMet: whether other imports of the namespace have what the pack requires."""
    if missing:
        words = f"no import of this namespace has accepted {', '.join(missing)}; make one (nothing waits for it)"
        return condition(ConditionType.REQUIREMENTS_MET, False, Reason.REQUIREMENT_MISSING, _cut(words))
    return condition(ConditionType.REQUIREMENTS_MET, True, Reason.REQUIREMENTS_MET, "what the pack requires is there")


def plain(model: Any) -> dict[str, Any]:
    plain: dict[str, Any] = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return plain


def _cut(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"
