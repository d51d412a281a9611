"""Counting. Each function returns at once while telemetry is off."""

from __future__ import annotations

from opentelemetry.util.types import AttributeValue

from seglam.telemetry import names
from seglam.telemetry.state import active


def count_request(outcome: str, reason: str | None, procedure: str | None, seconds: float) -> None:
    """One request that was answered or not."""
    on = active()
    if on is None:
        return
    attributes = {names.OUTCOME: outcome} if reason is None else {names.OUTCOME: outcome, names.REASON: reason}
    on.instruments.requests.add(1, attributes)
    on.instruments.request_duration.record(seconds, {names.OUTCOME: outcome})
    if outcome == "hit" and procedure is not None:
        on.instruments.hits.add(1, {names.PROCEDURE: procedure})


def count_lookup(hit: bool, seconds: float) -> None:
    """One decision of the index."""
    on = active()
    if on is not None:
        on.instruments.lookup_duration.record(seconds, {names.OUTCOME: "hit" if hit else "miss"})


def count_execution(procedure: str, fault: str | None, seconds: float) -> None:
    """One call in the sandbox. `fault` is the kind of fault, if it gave no answer."""
    on = active()
    if on is None:
        return
    attributes = {names.PROCEDURE: procedure}
    on.instruments.execution_duration.record(
        seconds, attributes if fault is None else {**attributes, names.ERROR_TYPE: fault}
    )


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
