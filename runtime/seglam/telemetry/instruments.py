"""The metrics' instruments, made once for a meter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from opentelemetry.metrics import Counter, Histogram, Meter

from seglam.telemetry import names

# Lookups and runs take microseconds, model calls minutes.
_FAST = [0.000005, 0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.005, 0.02, 0.1, 1.0, 10.0]
_SLOW = [0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0]
# The conventions' advice for token usage.
_TOKENS = [4.0**power for power in range(14)]


@dataclass(frozen=True, slots=True)
class Instruments:
    """All instruments. Durations are in seconds."""

    requests: Counter
    hits: Counter
    request_duration: Histogram
    lookup_duration: Histogram
    execution_duration: Histogram
    model_calls: Counter
    model_duration: Histogram
    tokens: Histogram
    compilations: Counter
    compilation_duration: Histogram

    @classmethod
    def of(cls, meter: Meter) -> Self:
        """The instruments of a meter."""

        def seconds(name: str, what: str, bounds: list[float]) -> Histogram:
            return meter.create_histogram(name, "s", what, explicit_bucket_boundaries_advisory=bounds)

        return cls(
            requests=meter.create_counter(names.REQUESTS, "{request}", "Requests by outcome and reason."),
            hits=meter.create_counter(names.HITS, "{request}", "Requests answered by a procedure, by its name."),
            request_duration=seconds(names.REQUEST_DURATION, "Time of a request, by outcome.", _FAST),
            lookup_duration=seconds(names.LOOKUP_DURATION, "Time to decide a request.", _FAST),
            execution_duration=seconds(names.EXECUTION_DURATION, "Time of a call in the sandbox.", _FAST),
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
        )
