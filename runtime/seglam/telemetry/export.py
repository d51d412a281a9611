"""The OpenTelemetry SDK with OTLP over HTTP. Imported only when something is exported."""

from __future__ import annotations

import os
from collections.abc import Callable

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def providers(service_name: str) -> tuple[TracerProvider, MeterProvider, Callable[[], None]]:
    """Providers that export in threads of their own, and a function that flushes and stops them."""
    resource = Resource.create({} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: service_name})
    traces = TracerProvider(resource=resource)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    metrics = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource=resource)

    def stop() -> None:
        traces.shutdown()
        metrics.shutdown()

    return traces, metrics, stop
