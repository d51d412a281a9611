"""The metrics' instruments, made once for a meter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from opentelemetry.metrics import Counter, Histogram, Meter
from opentelemetry.util.types import AttributeValue

from seglam.telemetry import names
from seglam.telemetry.tallied import BOUNDS, Kind

_SLOW = [0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0]
# The conventions' advice for token usage.
_TOKENS = [4.0**power for power in range(14)]


@dataclass(frozen=True, slots=True)
class Instruments:
    """Instruments of what happens seldom. Durations are in seconds."""

    model_calls: Counter
    model_duration: Histogram
    tokens: Histogram
    compilations: Counter
    compilation_duration: Histogram
    checks: Counter

    @classmethod
    def of(cls, meter: Meter) -> Self:
        """The instruments of a meter."""

        def seconds(name: str, what: str, bounds: list[float]) -> Histogram:
            return meter.create_histogram(name, "s", what, explicit_bucket_boundaries_advisory=bounds)

        return cls(
            model_calls=meter.create_counter(names.MODEL_CALLS, "{call}", "Calls of models, by role and purpose."),
            model_duration=seconds(names.MODEL_DURATION, "Time of a model's call.", _SLOW),
            tokens=meter.create_histogram(
                names.TOKENS,
                "{token}",
                "Tokens of a model's call, by kind.",
                explicit_bucket_boundaries_advisory=_TOKENS,
            ),
            compilations=meter.create_counter(names.COMPILATIONS, "{compilation}", "Compilations by outcome."),
            compilation_duration=seconds(names.COMPILATION_DURATION, "Time of a compilation.", _SLOW),
            checks=meter.create_counter(names.CHECKS, "{check}", "Sampled hits that were checked again, by outcome."),
        )


class Direct:
    """Counts answers with the instruments of a meter that an application has of its own."""

    def __init__(self, meter: Meter) -> None:
        def seconds(name: str) -> Histogram:
            return meter.create_histogram(name, "s", TEXTS[name], explicit_bucket_boundaries_advisory=list(BOUNDS))

        self._requests = meter.create_counter(names.REQUESTS, "{request}", TEXTS[names.REQUESTS])
        self._hits = meter.create_counter(names.HITS, "{request}", TEXTS[names.HITS])
        self._request = seconds(names.REQUEST_DURATION)
        self._lookup = seconds(names.LOOKUP_DURATION)
        self._execution = seconds(names.EXECUTION_DURATION)

    def add(self, kind: Kind, request_s: float, lookup_s: float, run_s: float, span: tuple[int, int] | None) -> None:
        """See `seglam.telemetry.tallied.Answers`."""
        self._requests.add(1, attributes(**{names.OUTCOME: kind.outcome, names.REASON: kind.reason}))
        if kind.outcome == "hit":
            self._hits.add(1, attributes(**{names.PROCEDURE: kind.procedure}))
        self._request.record(request_s, attributes(**{names.OUTCOME: kind.outcome}))
        if lookup_s:
            self._lookup.record(lookup_s, attributes(**{names.OUTCOME: bound(kind)}))
        if run_s:
            self._execution.record(
                run_s, attributes(**{names.PROCEDURE: kind.procedure, names.ERROR_TYPE: kind.reason})
            )


TEXTS = {
    names.REQUESTS: "Requests by outcome and reason.",
    names.HITS: "Requests answered by a procedure, by its name.",
    names.REQUEST_DURATION: "Time of a request, by outcome.",
    names.LOOKUP_DURATION: "Time to decide a request.",
    names.EXECUTION_DURATION: "Time of a call in the sandbox.",
}
"""Descriptions of the metrics of answers."""


def bound(kind: Kind) -> str:
    """What the lookup decided of an answer of this kind."""
    return "miss" if kind.procedure is None else "hit"


def attributes(**stated: str | None) -> dict[str, AttributeValue]:
    """Attributes without those that are None."""
    return {name: value for name, value in stated.items() if value is not None}
