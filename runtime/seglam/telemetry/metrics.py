"""Counting. Each function returns at once while telemetry is off."""

from __future__ import annotations

from opentelemetry.trace import get_current_span
from opentelemetry.util.types import AttributeValue

from seglam.telemetry import names
from seglam.telemetry.state import active
from seglam.telemetry.tallied import Kind


def count_answer(
    outcome: str, reason: str | None, procedure: str | None, *, request_s: float, lookup_s: float, run_s: float
) -> None:
    """One request that was answered or not; called inside its span, so that histograms can point to it.

    Args:
        procedure: what was run, also if it gave no answer.
        request_s, lookup_s, run_s: seconds of the whole, of the decision and of the call in the sandbox; 0 for what
            was not done.
    """
    on = active()
    if on is None:
        return
    found = get_current_span().get_span_context()
    span = (found.trace_id, found.span_id) if found.trace_flags.sampled else None
    on.answers.add(Kind(outcome, reason, procedure), request_s, lookup_s, run_s, span)


def count_model_call(
    model: str,
    role: str,
    purpose: str,
    *,
    input_tokens: int,
    output_tokens: int,
    seconds: float,
    recorded: bool = False,
    error: str | None = None,
) -> None:
    """One call of a model, or one recorded completion that stood in for it. `error` is a short stable word."""
    on = active()
    if on is None:
        return
    common: dict[str, AttributeValue] = {names.OPERATION: "chat", names.REQUEST_MODEL: model}
    counted: dict[str, AttributeValue] = {**common, names.ROLE: role, names.PURPOSE: purpose, names.RECORDED: recorded}
    on.instruments.model_calls.add(1, counted if error is None else {**counted, names.ERROR_TYPE: error})
    if recorded:
        return
    on.instruments.model_duration.record(seconds, common if error is None else {**common, names.ERROR_TYPE: error})
    on.instruments.tokens.record(input_tokens, {**common, names.TOKEN_TYPE: "input"})
    on.instruments.tokens.record(output_tokens, {**common, names.TOKEN_TYPE: "output"})


def count_compilation(outcome: str, seconds: float) -> None:
    """One compilation that ended."""
    on = active()
    if on is not None:
        on.instruments.compilations.add(1, {names.COMPILATION_OUTCOME: outcome})
        on.instruments.compilation_duration.record(seconds, {names.COMPILATION_OUTCOME: outcome})
