"""Spans and metrics of the loop. Off, and free, until `configure` finds an endpoint or `use` is called."""

from __future__ import annotations

from seglam.telemetry import afterwards, names
from seglam.telemetry.collector import Collector, exported_to
from seglam.telemetry.logs import configure_logs
from seglam.telemetry.metrics import (
    count_answer,
    count_check,
    count_compilation,
    count_hit,
    count_model_call,
)
from seglam.telemetry.spans import (
    SpanReference,
    activation,
    carrier,
    chat,
    compilation,
    due,
    execution,
    failed,
    gate,
    importing,
    lookup,
    recording,
    reference,
    request,
    review,
    served,
    trace_headers,
    under,
    values_allowed,
    verification,
)
from seglam.telemetry.state import TelemetryError, active, configure, meter, shutdown, tracer, use

__all__ = [
    "Collector",
    "SpanReference",
    "TelemetryError",
    "activation",
    "active",
    "afterwards",
    "carrier",
    "chat",
    "compilation",
    "configure",
    "configure_logs",
    "count_answer",
    "count_check",
    "count_compilation",
    "count_hit",
    "count_model_call",
    "due",
    "execution",
    "exported_to",
    "failed",
    "gate",
    "importing",
    "lookup",
    "meter",
    "names",
    "recording",
    "reference",
    "request",
    "review",
    "served",
    "shutdown",
    "trace_headers",
    "tracer",
    "under",
    "use",
    "values_allowed",
    "verification",
]
