"""The spans of a hit that was answered where nothing may wait: made from what was measured, after it was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import time_ns

from opentelemetry.trace import SpanKind, set_span_in_context

from seglam.telemetry import names
from seglam.telemetry.spans import (
    SpanReference,
    execution_attributes,
    execution_links,
    reference,
    request_attributes,
)
from seglam.telemetry.state import active


@dataclass(frozen=True, slots=True)
class Hit:
    """A hit as it was answered. `answer` and `arguments` are sent only where values may be; times are in microseconds.

    Attributes:
        identity: of the request.
        compiled, reviewed, imported: the spans of its revision.
        took_us: from its beginning until now; `lookup_us` and `run_us` are parts of it, in this order.
    """

    tenant: str
    identity: str
    text: str | None
    procedure: str
    digest: str
    arguments: Mapping[str, str]
    answer: str
    engine: str
    mode: str
    fuel: int
    took_us: float
    lookup_us: float
    run_us: float
    compiled: SpanReference | None = None
    reviewed: SpanReference | None = None
    imported: SpanReference | None = None


def answered(hit: Hit) -> SpanReference | None:
    """Record the spans of a hit, as `spans.request`, `lookup` and `execution` would have; where its request's can be
    found. None if nothing is recorded."""
    on = active()
    if on is None:
        return None
    ended = time_ns()
    began = ended - round(hit.took_us * 1000)
    looked = began + round(hit.lookup_us * 1000)
    request = on.tracer.start_span(
        names.SPAN_REQUEST,
        kind=SpanKind.SERVER,
        attributes={
            **request_attributes(on, hit.tenant, hit.text),
            names.REQUEST_ID: hit.identity,
            names.OUTCOME: "hit",
        },
        start_time=began,
    )
    if not request.is_recording():
        return None
    within = set_span_in_context(request)
    on.tracer.start_span(names.SPAN_LOOKUP, within, start_time=began).end(looked)
    attributes = {
        **execution_attributes(on, hit.procedure, hit.digest, hit.arguments),
        names.ENGINE: hit.engine,
        names.SANDBOX_MODE: hit.mode,
        names.FUEL: hit.fuel,
    }
    if on.values:
        attributes[names.TOOL_RESULT] = hit.answer
    on.tracer.start_span(
        f"{names.SPAN_EXECUTION} {hit.procedure}",
        within,
        attributes=attributes,
        links=execution_links(hit.compiled, hit.reviewed, hit.imported),
        start_time=looked,
    ).end(looked + round(hit.run_us * 1000))
    request.end(ended)
    return reference(request)
