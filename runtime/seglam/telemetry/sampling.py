"""Which spans are recorded, by the standard variables `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`."""

from __future__ import annotations

import os
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState, get_current_span
from opentelemetry.util.types import Attributes

from seglam.telemetry import names

_RATIOS = ("traceidratio", "parentbased_traceidratio")
_NONE = ("always_off", "parentbased_always_off")


def share() -> float:
    """The share of requests without a caller's trace that the variables ask for, from 0 to 1."""
    sampler = os.environ.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    if sampler in _NONE:
        return 0.0
    if sampler not in _RATIOS:
        return 1.0
    try:
        stated = float(os.environ.get("OTEL_TRACES_SAMPLER_ARG", "1"))
    except ValueError:
        return 1.0  # as the SDK, which logs it
    return min(max(stated, 0.0), 1.0)


class Sampling(Sampler):
    """The sampler that the variables name, but for two kinds of spans.

    Those that provenance refers to are always recorded. A request without a caller's trace that gets here was drawn
    already (`seglam.telemetry.spans.request`).
    """

    def __init__(self, stated: Sampler | None = None) -> None:
        self._stated = stated or TracerProvider(shutdown_on_exit=False).sampler

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """See the SDK."""
        parent = get_current_span(parent_context).get_span_context()
        if name in names.RARE or (name == names.SPAN_REQUEST and not parent.is_valid):
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, parent.trace_state)
        # What belongs to a recorded span of ours is recorded with it, whatever its trace was drawn for.
        if parent.is_valid and not parent.is_remote and get_current_span(parent_context).is_recording():
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, parent.trace_state)
        return self._stated.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """Its name."""
        return f"Seglam({self._stated.get_description()})"
