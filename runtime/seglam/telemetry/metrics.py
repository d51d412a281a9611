"""Counting. Each function returns at once while telemetry is off."""

from __future__ import annotations

from functools import lru_cache

from opentelemetry.util.types import AttributeValue

from seglam.telemetry import names
from seglam.telemetry.spans import SpanReference
from seglam.telemetry.state import active
from seglam.telemetry.tallied import MOST, Kind


def count_answer(
    outcome: str,
    reason: str | None,
    procedure: str | None,
    *,
    request_s: float,
    lookup_s: float,
    run_s: float,
    span: SpanReference | None = None,
) -> None:
    """One request that was answered or not.

    Args:
        procedure: what was run, also if it gave no answer.
        request_s, lookup_s, run_s: seconds of the whole, of the decision and of the call in the sandbox; 0 for what
            was not done.
        span: of the request, if it is recorded; histograms point to it.
    """
    on = active()
    if on is None:
        return
    where = None if span is None else (int(span.trace_id, 16), int(span.span_id, 16))
    on.answers.add(Kind(outcome, reason, procedure), request_s, lookup_s, run_s, where)


def count_hit(procedure: str, request_s: float, lookup_s: float, run_s: float, span: SpanReference | None) -> None:
    """One hit that was answered without `spans.request`, and is drawn thereby; the rest as in `count_answer`."""
    on = active()
    if on is not None:
        on.draw.taken()
        where = None if span is None else (int(span.trace_id, 16), int(span.span_id, 16))
        on.answers.add(_hit_of(procedure), request_s, lookup_s, run_s, where)


@lru_cache(MOST)
def _hit_of(procedure: str) -> Kind:
    return Kind("hit", None, procedure)


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


def count_check(outcome: str, procedure: str) -> None:
    """One hit that was checked again: agreed, wrong, undecided, unverifiable, or spent where it spent the budget."""
    on = active()
    if on is not None:
        on.instruments.checks.add(1, {names.OUTCOME: outcome, names.PROCEDURE: procedure})
