"""Spans and metrics of the loop. Off, and free, until `configure` finds an endpoint or `use` is called."""

from __future__ import annotations

from seglam.telemetry import names
from seglam.telemetry.metrics import (
    count_compilation,
    count_execution,
    count_lookup,
    count_model_call,
    count_request,
)
from seglam.telemetry.spans import (
    SpanReference,
    chat,
    compilation,
    execution,
    failed,
    gate,
    lookup,
    reference,
    request,
    review,
    served,
    trace_headers,
    values_allowed,
)
from seglam.telemetry.state import TelemetryError, active, configure, meter, shutdown, tracer, use

__all__ = [
    "SpanReference",
    "TelemetryError",
    "active",
    "chat",
    "compilation",
    "configure",
    "count_compilation",
    "count_execution",
    "count_lookup",
    "count_model_call",
    "count_request",
    "execution",
    "failed",
    "gate",
    "lookup",
    "meter",
    "names",
    "reference",
    "request",
    "review",
    "served",
    "shutdown",
    "trace_headers",
    "tracer",
    "use",
    "values_allowed",
]
