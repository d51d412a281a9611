"""The trace of a Job: it belongs to the request that missed, and goes to the collector through the gateway.

A Job's pod reaches nothing but the gateway, which takes spans of the compilation's own trace only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from seglam import telemetry
from seglam.compiler.job.settings import JobSettings
from seglam.telemetry import SpanReference

TRACEPARENT = "TRACEPARENT"


@contextmanager
def traced(settings: JobSettings, environ: Mapping[str, str]) -> Iterator[None]:
    """Record meanwhile, if `TRACEPARENT` names a trace that is recorded. What cannot be sent is said and not missed."""
    parent = environ.get(TRACEPARENT, "")
    if SpanReference.parse(parent) is None or not int(parent[-2:], 16) & 1:
        yield
        return
    try:
        token = settings.token.read_text(encoding="ascii").strip()
        os.environ.update(
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"https://{settings.gateway}{settings.prefix}/telemetry",
                "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{token}",
                "OTEL_EXPORTER_OTLP_CERTIFICATE": str(settings.authority),
                "OTEL_EXPORTER_OTLP_TIMEOUT": "5",
                "OTEL_METRICS_EXPORTER": "none",
                "OTEL_LOGS_EXPORTER": "none",
            }
        )
        telemetry.configure("seglam-compile")
    except (telemetry.TelemetryError, OSError) as problem:
        sys.stderr.write(f"seglam.compiler.job: the trace is not recorded: {problem}\n")
        yield
        return
    try:
        with telemetry.under(parent):
            yield
    finally:
        telemetry.shutdown()
